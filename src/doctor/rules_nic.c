/* SPDX-License-Identifier: Apache-2.0 */

/* Cards that packets to peers leave by, and their offloads. */

#include <stdio.h>
#include <string.h>

#include "chain.h"
#include "judges.h"

struct verdicts {
	char cannot[400]; /* what should be on, and cannot be */
	size_t n_bad;
};

static const struct facts_feature *find_feature(const struct facts_nic *nic,
						const char *name)
{
	size_t i;

	for (i = 0; i < nic->n_features; i++) {
		if (strcmp(nic->features[i].name, name) == 0)
			return &nic->features[i];
	}
	return NULL;
}

/* Any of those that are as good. */
static bool is_on_otherwise(const struct facts_nic *nic, const json_t *rule)
{
	const struct facts_feature *feature;
	json_t *name;
	size_t i;

	json_array_foreach(json_object_get(rule, "or"), i, name) {
		const char *text = json_string_value(name);

		feature = text ? find_feature(nic, text) : NULL;
		if (feature && feature->is_on)
			return true;
	}
	return false;
}

static void note_cannot(struct verdicts *v, const char *name)
{
	const size_t n = strlen(v->cannot);

	snprintf(v->cannot + n, sizeof(v->cannot) - n, "%s%s", n ? ", " : "",
		 name);
}

static void judge_feature(const struct facts_nic *nic, const json_t *rule,
			  struct verdicts *v, struct findings *ret)
{
	const char *name = data_text(rule, "name");
	const struct facts_feature *feature = find_feature(nic, name);
	const bool is_wanted = json_is_true(json_object_get(rule, "want"));
	enum severity severity = SEVERITY_NOTE;
	struct finding *item;
	char remedy[256];

	if (!feature || feature->is_on == is_wanted ||
	    (is_wanted && is_on_otherwise(nic, rule)))
		return;
	if (is_wanted && feature->is_fixed) {
		note_cannot(v, name);
		return;
	}
	v->n_bad++;
	severity_parse(data_text(rule, "severity"), &severity);
	item = findings_add(ret, GROUP_NIC, severity, name, nic->ifname);
	finding_title(item, "%s: %s", nic->ifname, data_text(rule, "title"));
	finding_evidence(item, "%s is %s%s", name,
			 feature->is_on ? "on" : "off",
			 feature->is_fixed ? " (fixed)" : "");
	if (nic->driver[0])
		finding_evidence(item, ", driver %s", nic->driver);
	finding_consequence(item, "%s", data_text(rule, "consequence"));
	data_remedy(data_text(rule, "remedy"), nic->ifname, remedy,
		    sizeof(remedy));
	finding_remedy(item, "%s", remedy);
}

static void say_rest(const struct facts_nic *nic, const struct verdicts *v,
		     struct findings *ret)
{
	struct finding *item;

	if (v->cannot[0]) {
		item = findings_add(ret, GROUP_NIC, SEVERITY_NOTE, "nic-cannot",
				    nic->ifname);
		finding_title(item, "%s has not every offload that helps",
			      nic->ifname);
		finding_evidence(item, "driver %s, off and fixed: %s",
				 nic->driver[0] ? nic->driver : "unknown",
				 v->cannot);
		finding_consequence(item, "the CPU does it: right, but slower");
		finding_remedy(item, "nothing to be done but another card or "
				     "a newer driver");
	} else if (!v->n_bad) {
		item = findings_add(ret, GROUP_NIC, SEVERITY_OK, "nic",
				    nic->ifname);
		finding_title(item, "%s: offloads are as they should be",
			      nic->ifname);
		finding_evidence(item, "driver %s", nic->driver);
	}
}

static void judge_features(const struct facts_nic *nic,
			   const struct doctor_data *data, struct findings *ret)
{
	struct verdicts v = { .n_bad = 0 };
	struct finding *item;
	json_t *rule;
	size_t i;

	if (!nic->has_features) {
		item = findings_add(ret, GROUP_NIC, SEVERITY_NOTE,
				    "nic-unknown", nic->ifname);
		finding_title(item, "%s tells nothing of its offloads",
			      nic->ifname);
		finding_evidence(item, "the ethtool ioctl is refused");
		finding_consequence(item, "LRO and UFO may be on");
		finding_remedy(item, "see what 'ethtool -k %s' says",
			       nic->ifname);
		return;
	}
	json_array_foreach(data->features, i, rule)
		judge_feature(nic, rule, &v, ret);
	say_rest(nic, &v, ret);
}

static void judge_link(const struct facts_link *link, bool is_top,
		       struct findings *ret)
{
	struct finding *item;

	if (link->is_up && link->has_carrier)
		return;
	item = findings_add(ret, GROUP_NIC,
			    is_top ? SEVERITY_ERROR : SEVERITY_WARNING,
			    "nic-down", link->ifname);
	finding_title(item, "%s, which packets to peers leave by, is down",
		      link->ifname);
	finding_evidence(item, "%s",
			 link->is_up ? "it is up, without a carrier"
				     : "it is set down");
	finding_consequence(item, "nothing leaves by it");
	if (link->is_up)
		finding_remedy(item, "see its cable or the other end");
	else
		finding_remedy(item, "ip link set %s up", link->ifname);
}

/* Tools show what the card has not filled in yet. */
static void note_captures(const struct facts *f, struct findings *ret)
{
	struct finding *item;
	size_t i, j;

	for (i = 0; i < f->n_nics; i++) {
		const struct facts_nic *nic = &f->nics[i];

		for (j = 0; j < nic->n_features; j++) {
			if (nic->features[j].is_on &&
			    strncmp(nic->features[j].name, "tx-checksum", 11) ==
				    0)
				break;
		}
		if (j == nic->n_features)
			continue;
		item = findings_add(ret, GROUP_NIC, SEVERITY_NOTE,
				    "nic-capture", nic->ifname);
		finding_title(item, "captures on this host show wrong "
				    "checksums, which is normal");
		finding_evidence(item, "%s of %s is on", nic->features[j].name,
				 nic->ifname);
		finding_consequence(item, "tcpdump says \"cksum incorrect\" of "
					  "packets that leave: the card fills "
					  "the sum in after the capture");
		finding_remedy(item, "nothing; judge checksums where packets "
				     "arrive");
		return;
	}
}

void rules_nic(const struct facts *f, const struct doctor_data *data,
	       struct findings *ret)
{
	const struct facts_link *link;
	struct chain chain;
	size_t i, j;

	for (i = 0; i < f->n_nics; i++) {
		chain_of(f, f->nics[i].ifname, &chain);
		link = facts_link(f, f->nics[i].ifname);
		/* Of what is made of software no offload is missed. */
		if (chain.n <= 1 && !(link && link->kind[0]))
			judge_features(&f->nics[i], data, ret);
		if (!link)
			continue;
		for (j = 0; j < f->n_egress; j++) {
			if (strcmp(f->egress[j].ifname, link->ifname) == 0)
				break;
		}
		judge_link(link, j < f->n_egress, ret);
	}
	note_captures(f, ret);
}
