/* SPDX-License-Identifier: Apache-2.0 */

/* Which path each peer is reached by, and why not by the better one. */

#include <stdio.h>
#include <string.h>

#include "core/reason.h"
#include "judges.h"

static const char *label_of(const struct facts_peer *peer)
{
	return peer->nickname[0] ? peer->nickname : peer->name;
}

static bool is(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static void say_no_path(const struct facts *f, const struct facts_peer *peer,
			struct findings *ret)
{
	struct finding *item;

	item = findings_add(ret, GROUP_PEERS, SEVERITY_ERROR, "peer-no-path",
			    label_of(peer));
	finding_title(item, "no path to %s works", label_of(peer));
	finding_evidence(item, "fastdp: %s (%s); sleeve: %s (%s)",
			 peer->fastdp.state, peer->fastdp.reason,
			 peer->sleeve.state, peer->sleeve.reason);
	finding_consequence(item, "containers here and there do not reach each "
				  "other");
	finding_remedy(item,
		       "open UDP %u and %u in both directions between "
		       "this host and %s, and see that fastdpd runs "
		       "there",
		       f->vxlan_port, f->sleeve_port, peer->address);
}

/* No firewall is to blame for that. */
static void say_no_datapath(const struct facts_peer *peer, struct findings *ret)
{
	struct finding *item;

	item = findings_add(ret, GROUP_PEERS, SEVERITY_NOTE, "peer-bridge",
			    label_of(peer));
	finding_title(item,
		      "%s has no kernel datapath: packets to it take "
		      "sleeve",
		      label_of(peer));
	finding_evidence(item, "fastdp is %s: %s", peer->fastdp.state,
			 peer->fastdp.reason);
	finding_consequence(item, "the daemons carry them: more CPU, less "
				  "throughput, and nothing while one of them "
				  "is away");
	finding_remedy(item,
		       "on %s: 'modprobe openvswitch', then restart fastdpd "
		       "there, without --datapath bridge",
		       label_of(peer));
}

static void say_sleeve(const struct facts *f, const struct facts_peer *peer,
		       struct findings *ret)
{
	struct finding *item;

	if (is(peer->fastdp.reason, reason_text(REASON_NO_FASTDP_THERE))) {
		say_no_datapath(peer, ret);
		return;
	}
	item = findings_add(ret, GROUP_PEERS, SEVERITY_WARNING, "peer-sleeve",
			    label_of(peer));
	finding_title(item, "packets to %s take sleeve, not fastdp",
		      label_of(peer));
	finding_evidence(item, "fastdp is %s: %s%s%s", peer->fastdp.state,
			 peer->fastdp.reason,
			 peer->fastdp.last_error[0] ? "; before: " : "",
			 peer->fastdp.last_error);
	finding_consequence(item, "the daemons carry them: more CPU, less "
				  "throughput, and nothing while one of them "
				  "is away");
	if (is(peer->fastdp.state, "up")) {
		finding_remedy(item,
			       "wait: fastdp is taken again when it has been "
			       "up for some seconds; see 'fastdpctl why %s'",
			       label_of(peer));
		return;
	}
	finding_remedy(item,
		       "open UDP %u in both directions between this "
		       "host and %s, in every firewall between; see "
		       "'fastdpctl why %s'",
		       f->vxlan_port, peer->address, label_of(peer));
}

static void say_control(const struct facts *f, const struct facts_peer *peer,
			struct findings *ret)
{
	struct finding *item;

	item = findings_add(ret, GROUP_PEERS, SEVERITY_WARNING, "peer-control",
			    label_of(peer));
	finding_title(item, "%s is %s", label_of(peer), peer->state);
	finding_evidence(item, "%s",
			 peer->control_reason[0] ? peer->control_reason
						 : peer->reason);
	finding_consequence(item, "what moves or changes there is not heard "
				  "of; what is known goes on");
	finding_remedy(item,
		       "start fastdpd there, and open TCP %u in both "
		       "directions between this host and %s",
		       f->control_port, peer->address);
}

static void judge_ways(const struct facts *f, struct findings *ret)
{
	struct finding *item;
	size_t i;

	for (i = 0; i < f->n_egress; i++) {
		const struct facts_egress *way = &f->egress[i];

		if (!way->error[0] || !way->peer[0])
			continue;
		item = findings_add(ret, GROUP_PEERS, SEVERITY_ERROR,
				    "peer-route", way->peer);
		finding_title(item, "this host has no route to %s", way->peer);
		finding_evidence(item, "%s: %s", way->address, way->error);
		finding_consequence(item, "nothing reaches it from here");
		finding_remedy(item,
			       "ip route get %s, and add the route that "
			       "is missing",
			       way->address);
	}
}

static void say_good(size_t n, struct findings *ret)
{
	struct finding *item;

	item = findings_add(ret, GROUP_PEERS, SEVERITY_OK, "peers", NULL);
	finding_title(item, "%zu peer%s up, on fastdp", n,
		      n == 1 ? " is" : "s are");
}

void rules_peers(const struct facts *f, struct findings *ret)
{
	size_t i, n_good = 0;

	for (i = 0; i < f->n_peers; i++) {
		const struct facts_peer *peer = &f->peers[i];
		const bool is_up = is(peer->state, "up");

		if (is(peer->path, "none"))
			say_no_path(f, peer, ret);
		/* Without a kernel datapath it is as it must be. */
		else if (is(peer->path, "sleeve") &&
			 is(f->daemon.datapath_type, "ovs"))
			say_sleeve(f, peer, ret);
		if (!is_up && !is(peer->path, "none"))
			say_control(f, peer, ret);
		if (is_up && is(peer->path, "fastdp"))
			n_good++;
	}
	judge_ways(f, ret);
	if (n_good)
		say_good(n_good, ret);
}
