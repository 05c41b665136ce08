/* SPDX-License-Identifier: Apache-2.0 */

/* Settings of the kernel that change what becomes of packets. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "judges.h"

/* Fragments wait in memory for the rest: room for 64 large datagrams. */
#define FRAGMENTS_LOW (4 * 1024 * 1024)
#define FRAGMENTS_TOO_LOW (256 * 1024)
/* ip_no_pmtu_disc: "too big" counts if the protocol can verify it. */
#define PMTU_VERIFIED 3

/* The names of those that are on, with blanks between. */
static bool filters_on(const struct facts *f, char *ret, size_t size)
{
	static const char *const names[] = { "iptables", "ip6tables",
					     "arptables" };
	char name[96];
	int64_t value;
	size_t i, n = 0;

	ret[0] = '\0';
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(name, sizeof(name), "net/bridge/bridge-nf-call-%s",
			 names[i]);
		if (!facts_sysctl(f, name, &value) || !value)
			continue;
		snprintf(ret + n, size - n, "%s%s=%" PRId64, n ? " " : "", name,
			 value);
		n = strlen(ret);
	}
	return n;
}

static void judge_filter(const struct facts *f, struct findings *ret)
{
	const bool is_bridge = strcmp(f->daemon.datapath_type, "bridge") == 0;
	struct finding *item;
	char on[256];

	if (!filters_on(f, on, sizeof(on)))
		return;
	item = findings_add(ret, GROUP_SYSCTL,
			    is_bridge ? SEVERITY_WARNING : SEVERITY_NOTE,
			    "bridge-nf", NULL);
	finding_title(item, "the host's packet filter sees what Linux bridges "
			    "forward");
	finding_evidence(item, "%s", on);
	if (is_bridge) {
		finding_consequence(item, "rules and connection tracking for "
					  "the host drop containers' packets, "
					  "and each packet costs more");
		finding_remedy(item, "set them to 0 with sysctl -w, unless "
				     "another network (Kubernetes) needs them");
	} else {
		finding_consequence(item, "the openvswitch datapath is not "
					  "touched by it; a bridge datapath "
					  "would be");
		finding_remedy(item, "nothing, with openvswitch");
	}
}

static enum severity limit_severity(int64_t value)
{
	return value < FRAGMENTS_TOO_LOW ? SEVERITY_WARNING : SEVERITY_NOTE;
}

static void judge_limit(const struct facts *f, const char *high,
			const char *low, struct findings *ret)
{
	struct finding *item;
	int64_t value, below;

	if (!facts_sysctl(f, high, &value))
		return;
	if (facts_sysctl(f, low, &below) && below > value) {
		item = findings_add(ret, GROUP_SYSCTL, SEVERITY_WARNING,
				    "fragments-order", high);
		finding_title(item, "the limits of fragments are the wrong way "
				    "round");
		finding_evidence(item, "%s = %" PRId64 ", %s = %" PRId64, high,
				 value, low, below);
		finding_consequence(item, "some kernels then throw fragments "
					  "away all the time");
		finding_remedy(item, "sysctl -w %s=%" PRId64, low,
			       value * 3 / 4);
	}
	if (value >= FRAGMENTS_LOW)
		return;
	item = findings_add(ret, GROUP_SYSCTL, limit_severity(value),
			    "fragments-limit", high);
	finding_title(item, "little memory for fragments of packets");
	finding_evidence(item, "%s = %" PRId64, high, value);
	finding_consequence(item, "when it is full, all further fragments are "
				  "lost, those of containers and of other "
				  "programs; fastdp's own packets are never "
				  "fragmented");
	finding_remedy(item, "sysctl -w %s=%d", high, FRAGMENTS_LOW);
}

static void judge_reassembly(const struct facts *f, struct findings *ret)
{
	static const char *const names[] = { "Ip.ReasmFails", "Ip6ReasmFails" };
	const struct facts_counter *c;
	enum severity severity;
	struct finding *item;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		c = facts_counter(f, names[i]);
		if (!c || !c->after)
			continue;
		severity = c->after > c->before ? SEVERITY_WARNING
						: SEVERITY_NOTE;
		item = findings_add(ret, GROUP_SYSCTL, severity,
				    "fragments-lost", names[i]);
		finding_title(item, "packets were lost because fragments of "
				    "them were missing");
		finding_evidence(item, "%s: %" PRIu64, names[i], c->after);
		if (c->after > c->before)
			finding_evidence(item, ", %" PRIu64 " of them in %u ms",
					 c->after - c->before, f->interval_ms);
		finding_consequence(item, "somebody sends longer packets to "
					  "this host than the way carries; "
					  "it is not fastdp, whose packets "
					  "have DF set");
		finding_remedy(item,
			       "find who sends fragments: tcpdump -ni any '%s'",
			       i ? "ip6[6] = 44" : "ip[6:2] & 0x3fff != 0");
	}
}

static void judge_pmtu(const struct facts *f, struct findings *ret)
{
	struct finding *item;
	int64_t value;

	if (!facts_sysctl(f, "net/ipv4/ip_no_pmtu_disc", &value) || !value)
		return;
	item = findings_add(ret, GROUP_SYSCTL,
			    value == PMTU_VERIFIED ? SEVERITY_NOTE
						   : SEVERITY_WARNING,
			    "no-pmtu-disc", NULL);
	finding_evidence(item, "net/ipv4/ip_no_pmtu_disc = %" PRId64, value);
	if (value == PMTU_VERIFIED) {
		finding_title(item, "only TCP believes \"too big\" here");
		finding_consequence(item, "forged ones do nothing to tunnels; "
					  "fastdp needs none, other programs "
					  "that use UDP may");
		finding_remedy(item, "nothing");
		return;
	}
	finding_title(item, "path MTU discovery is switched off");
	finding_consequence(item, "the host's own packets are sent without DF "
				  "and cut on the way");
	finding_remedy(item, "sysctl -w net/ipv4/ip_no_pmtu_disc=0");
}

/* The daemon keeps forged "too big" from the kernel where that can. */
static void judge_guard(const struct facts *f, struct findings *ret)
{
	struct finding *item;
	int64_t value = 0;

	facts_sysctl(f, "net/ipv4/ip_no_pmtu_disc", &value);
	if (strcmp(f->daemon.has_guard, "no") != 0)
		return;
	item = findings_add(ret, GROUP_SYSCTL, SEVERITY_NOTE, "icmp-guard",
			    NULL);
	finding_title(item, "forged ICMP \"too big\" reaches the kernel");
	finding_evidence(item, "%s; net/ipv4/ip_no_pmtu_disc = %" PRId64,
			 f->daemon.guard_missing, value);
	finding_consequence(item,
			    "who can send such packets to this host has "
			    "it tell containers a smaller MTU, or cut "
			    "its packets, for up to half a second each "
			    "time%s",
			    value == PMTU_VERIFIED ? "; over IPv6 alone, "
						     "with that setting"
						   : "");
	finding_remedy(item, "a kernel of 5.12 or later with nf_tables (inet) "
			     "and nfnetlink_log, then restart fastdpd; or, "
			     "for IPv4, sysctl -w net/ipv4/ip_no_pmtu_disc=3");
}

/* The larger of "all" and the link's is what counts. */
static void judge_rp_filter(const struct facts *f, struct findings *ret)
{
	char name[96];
	struct finding *item;
	int64_t all = 0, value;
	size_t i, j;

	facts_sysctl(f, "net/ipv4/conf/all/rp_filter", &all);
	for (i = 0; i < f->n_egress; i++) {
		const char *ifname = f->egress[i].ifname;

		for (j = 0; j < i; j++) {
			if (strcmp(f->egress[j].ifname, ifname) == 0)
				break;
		}
		snprintf(name, sizeof(name), "net/ipv4/conf/%s/rp_filter",
			 ifname);
		if (j < i || !ifname[0] || !facts_sysctl(f, name, &value))
			continue;
		if ((all > value ? all : value) != 1)
			continue;
		item = findings_add(ret, GROUP_SYSCTL, SEVERITY_NOTE,
				    "rp-filter", ifname);
		finding_title(item,
			      "%s drops what would not be answered "
			      "through it (strict rp_filter)",
			      ifname);
		finding_evidence(item, "all %" PRId64 ", %s %" PRId64, all,
				 ifname, value);
		finding_consequence(item, "with more than one way to a peer, "
					  "its packets are lost without a "
					  "word; with one it is fine");
		finding_remedy(item,
			       "sysctl -w %s=2, on hosts with several "
			       "ways",
			       name);
	}
}

static void judge_forward(const struct facts *f, struct findings *ret)
{
	struct finding *item;
	int64_t value;

	if (!facts_sysctl(f, "net/ipv4/ip_forward", &value) || value)
		return;
	item = findings_add(ret, GROUP_SYSCTL, SEVERITY_NOTE, "ip-forward",
			    NULL);
	finding_title(item, "this host does not forward IPv4");
	finding_evidence(item, "net/ipv4/ip_forward = 0");
	finding_consequence(item, "containers reach each other, and not the "
				  "world through this host");
	finding_remedy(item, "sysctl -w net/ipv4/ip_forward=1, if they shall");
}

void rules_sysctl(const struct facts *f, struct findings *ret)
{
	const size_t n = ret->n;
	struct finding *item;

	judge_filter(f, ret);
	judge_limit(f, "net/ipv4/ipfrag_high_thresh",
		    "net/ipv4/ipfrag_low_thresh", ret);
	judge_limit(f, "net/ipv6/ip6frag_high_thresh",
		    "net/ipv6/ip6frag_low_thresh", ret);
	judge_reassembly(f, ret);
	judge_pmtu(f, ret);
	judge_guard(f, ret);
	judge_rp_filter(f, ret);
	judge_forward(f, ret);
	if (ret->n != n || !f->n_sysctls)
		return;
	item = findings_add(ret, GROUP_SYSCTL, SEVERITY_OK, "sysctl", NULL);
	finding_title(item, "the kernel's settings are as they should be");
}
