/* SPDX-License-Identifier: Apache-2.0 */

/* Packet sizes from the containers down to the card, and to each peer. */

#include <stdio.h>
#include <string.h>

#include "chain.h"
#include "judges.h"

/* What VXLAN adds to a container's packet, and ESP to that. */
#define OVERHEAD_V4 50U
#define OVERHEAD_V6 70U
#define OVERHEAD_ESP 37U
#define IPV6_MIN_MTU 1280U /* RFC 8200 section 5 */
#define CHAIN_TEXT 512U

static uint32_t overhead_of(const struct facts *f,
			    const struct facts_egress *way)
{
	return (strchr(way->address, ':') ? OVERHEAD_V6 : OVERHEAD_V4) +
	       (f->daemon.is_encrypted ? OVERHEAD_ESP : 0);
}

/* Each link once, whatever the number of peers behind it. */
static bool is_first(const struct facts *f, size_t i)
{
	size_t j;

	for (j = 0; j < i; j++) {
		if (strcmp(f->egress[i].ifname, f->egress[j].ifname) == 0)
			return false;
	}
	return f->egress[i].ifname[0] && !f->egress[i].is_local;
}

/* A link below that carries less than the one above hands to it. */
static bool judge_steps(const struct chain *c, const char *text,
			struct findings *ret)
{
	const struct facts_link *lower, *upper;
	struct finding *item;
	bool is_good = true;
	size_t i;

	for (i = 1; i < c->n; i++) {
		lower = c->links[i];
		upper = c->links[c->above[i]];
		if (!lower->mtu || lower->mtu >= upper->mtu)
			continue;
		is_good = false;
		item = findings_add(ret, GROUP_MTU, SEVERITY_ERROR, "mtu-step",
				    lower->ifname);
		finding_title(item,
			      "%s carries %u bytes, %s above it hands "
			      "it %u",
			      lower->ifname, lower->mtu, upper->ifname,
			      upper->mtu);
		finding_evidence(item, "%s", text);
		finding_consequence(item,
				    "what is longer than %u bytes is "
				    "lost there without a word",
				    lower->mtu);
		finding_remedy(item,
			       "ip link set %s mtu %u, if all on that "
			       "network carry it; else ip link set %s "
			       "mtu %u",
			       lower->ifname, upper->mtu, upper->ifname,
			       lower->mtu);
	}
	return is_good;
}

static uint32_t smallest_nic(const struct chain *c)
{
	uint32_t mtu = 0;
	size_t i;

	for (i = 0; i < c->n; i++) {
		if (chain_is_nic(c, i) && (!mtu || c->links[i]->mtu < mtu))
			mtu = c->links[i]->mtu;
	}
	return mtu;
}

static void judge_chain(const struct facts *f, const char *ifname,
			struct findings *ret)
{
	char text[CHAIN_TEXT];
	const struct facts_link *lowest;
	struct finding *item;
	struct chain c;

	chain_of(f, ifname, &c);
	lowest = chain_lowest(&c);
	if (!lowest)
		return;
	chain_print(&c, text, sizeof(text));
	if (!judge_steps(&c, text, ret))
		return;
	if (lowest->mtu < smallest_nic(&c)) {
		item = findings_add(ret, GROUP_MTU, SEVERITY_NOTE,
				    "mtu-chain-narrow", ifname);
		finding_title(item, "%s is narrower than the card below it",
			      lowest->ifname);
		finding_consequence(item,
				    "packets to peers have %u bytes, "
				    "where the card could carry %u",
				    lowest->mtu, smallest_nic(&c));
		finding_remedy(item,
			       "ip link set %s mtu %u, if the network "
			       "carries it; the daemon follows by itself",
			       lowest->ifname, smallest_nic(&c));
	} else {
		item = findings_add(ret, GROUP_MTU, SEVERITY_OK, "mtu-chain",
				    ifname);
		finding_title(item, "%s%s %u bytes", ifname,
			      c.n > 1 ? " and what is below it carry"
				      : " carries",
			      lowest->mtu);
	}
	finding_evidence(item, "%s; lowest is %s", text, lowest->ifname);
}

static enum severity overlay_severity(const struct facts *f)
{
	if (f->config_mtu)
		return SEVERITY_ERROR;
	/* The daemon answers what is too long for one peer, if it can tell. */
	return strcmp(f->has_check_len, "no") == 0 ? SEVERITY_WARNING
						   : SEVERITY_NOTE;
}

static void judge_overlay(const struct facts *f, const struct facts_egress *way,
			  struct findings *ret)
{
	const uint32_t mtu = facts_is_up(f) ? f->daemon.mtu : f->config_mtu;
	const uint32_t overhead = overhead_of(f, way);
	const char *whose = f->config_mtu ? "--mtu" : "automatic";
	struct finding *item;

	if (!mtu || !way->link_mtu)
		return;
	if (mtu + overhead <= way->link_mtu) {
		item = findings_add(ret, GROUP_MTU, SEVERITY_OK, "mtu-overlay",
				    way->ifname);
		finding_title(item, "the containers' MTU %u fits into %s", mtu,
			      way->ifname);
		finding_evidence(item, "%u (%s) and %u of headers are %u of %u",
				 mtu, whose, overhead, mtu + overhead,
				 way->link_mtu);
		return;
	}
	item = findings_add(ret, GROUP_MTU, overlay_severity(f), "mtu-overlay",
			    way->ifname);
	finding_title(item, "the containers' MTU %u does not fit into %s", mtu,
		      way->ifname);
	finding_evidence(item, "%u (%s) and %u of headers are %u, %s has %u",
			 mtu, whose, overhead, mtu + overhead, way->ifname,
			 way->link_mtu);
	finding_consequence(item, "full packets of containers that leave by it "
				  "are answered with \"too big\", or cut where "
				  "they may be, by the daemon and not by the "
				  "kernel");
	if (f->config_mtu)
		finding_remedy(item, "leave --mtu away, or give at most %u",
			       way->link_mtu > overhead
				       ? way->link_mtu - overhead
				       : 0);
	else
		finding_remedy(item,
			       "give the link an MTU of %u if the "
			       "network carries it: ip link set %s mtu "
			       "%u",
			       mtu + overhead, way->ifname, mtu + overhead);
}

static const struct facts_egress *way_to(const struct facts *f,
					 const struct facts_peer *peer)
{
	size_t i;

	for (i = 0; i < f->n_egress; i++) {
		if (f->egress[i].peer[0] &&
		    strcmp(f->egress[i].address, peer->address) == 0)
			return &f->egress[i];
	}
	return NULL;
}

static const char *label_of(const struct facts_peer *peer)
{
	return peer->nickname[0] ? peer->nickname : peer->name;
}

static uint32_t largest_to(const struct facts_peer *peer)
{
	return peer->fastdp.plpmtu > peer->sleeve.plpmtu ? peer->fastdp.plpmtu
							 : peer->sleeve.plpmtu;
}

static void judge_largest(const struct facts_peer *peer,
			  const struct facts_egress *way, struct findings *ret)
{
	struct finding *item;

	item = findings_add(ret, GROUP_MTU, SEVERITY_ERROR, "mtu-largest",
			    label_of(peer));
	finding_title(item, "packets to %s are longer than %s carries",
		      label_of(peer), way->ifname);
	finding_evidence(item, "PLPMTU %u, MTU of %s %u", largest_to(peer),
			 way->ifname, way->link_mtu);
	finding_consequence(item, "the kernel refuses or cuts them; on old "
				  "kernels that wakes faults of cards");
	finding_remedy(item, "restart fastdpd; if it stays, report it with the "
			     "output of 'fastdpctl doctor --json'");
}

static void judge_narrow(const struct facts *f, const struct facts_peer *peer,
			 const struct facts_egress *way, struct findings *ret)
{
	const bool cuts_ipv6 = peer->mtu && peer->mtu < IPV6_MIN_MTU;
	struct finding *item;

	item = findings_add(ret, GROUP_MTU,
			    cuts_ipv6 ? SEVERITY_WARNING : SEVERITY_NOTE,
			    "mtu-peer", label_of(peer));
	finding_title(item, "the path to %s carries %u bytes, not %u",
		      label_of(peer), peer->fastdp.plpmtu, way->link_mtu);
	finding_evidence(item,
			 "found by probing: PLPMTU %u on fastdp, %u on sleeve; "
			 "the kernel holds %u; MTU of %s %u",
			 peer->fastdp.plpmtu, peer->sleeve.plpmtu,
			 way->kernel_mtu, way->ifname, way->link_mtu);
	if (peer->fastdp.ladder[0])
		finding_evidence(item, "; tried: %s", peer->fastdp.ladder);
	finding_consequence(item,
			    "containers may send %u bytes in one packet "
			    "to that peer; longer ones are answered or cut, "
			    "longer broadcasts are cut or lost%s",
			    peer->mtu ? peer->mtu : f->daemon.mtu,
			    cuts_ipv6 ? "; IPv6 wants at least 1280, so the "
					"daemon cuts its packets, at the cost "
					"of CPU"
				      : "");
	finding_remedy(item, "%s the narrow link ('tracepath -n %s')%s",
		       cuts_ipv6 ? "look for"
				 : "nothing, unless the network between should "
				   "carry more: then look for",
		       peer->address,
		       cuts_ipv6 ? ", and have it carry 1330 bytes over IPv4, "
				   "1350 over IPv6"
				 : "");
}

static void judge_stale(const struct facts_peer *peer,
			const struct facts_egress *way, struct findings *ret)
{
	struct finding *item;

	item = findings_add(ret, GROUP_MTU, SEVERITY_WARNING, "mtu-kernel",
			    label_of(peer));
	finding_title(item,
		      "the kernel believes that the path to %s carries "
		      "only %u bytes",
		      label_of(peer), way->kernel_mtu);
	finding_evidence(item, "IP_MTU %u; found by probing: %u",
			 way->kernel_mtu, peer->fastdp.plpmtu);
	finding_consequence(item, "a router's \"too big\", stale or forged, "
				  "keeps longer packets from the tunnel for up "
				  "to ten minutes");
	if (strchr(way->address, ':'))
		finding_remedy(item,
			       "ip -6 route flush cache; if it comes back, "
			       "look for who sends it: tcpdump -ni %s 'icmp6 "
			       "and ip6[40]=2'",
			       way->ifname);
	else
		finding_remedy(item,
			       "ip route flush cache; if it comes back, look "
			       "for who sends it: tcpdump -ni %s 'icmp[0]=3 "
			       "and icmp[1]=4'; sysctl -w "
			       "net/ipv4/ip_no_pmtu_disc=3 has the kernel "
			       "believe none that may be forged",
			       way->ifname);
}

/* RFC 8899 5.2: not even the base gets through. */
static void judge_search(const struct facts_peer *peer,
			 const struct facts_path *path, const char *name,
			 struct findings *ret)
{
	struct finding *item;

	if (strcmp(path->search, "error") != 0)
		return;
	item = findings_add(ret, GROUP_MTU, SEVERITY_WARNING, "mtu-error",
			    label_of(peer));
	finding_title(item, "not even the base size reaches %s by %s",
		      label_of(peer), name);
	finding_evidence(item, "%s; PLPMTU %u; tried: %s", path->search_reason,
			 path->plpmtu, path->ladder);
	finding_consequence(item, "packets to that peer are cut very short, "
				  "and IPv6 in the network does not work");
	finding_remedy(item,
		       "look for what drops longer packets between: "
		       "tracepath -n %s; fragments and DF in firewalls; a "
		       "peer of a version without such probes: upgrade it",
		       peer->address);
}

static void judge_peer(const struct facts *f, const struct facts_peer *peer,
		       struct findings *ret)
{
	const struct facts_egress *way = way_to(f, peer);

	judge_search(peer, &peer->fastdp, "fastdp", ret);
	judge_search(peer, &peer->sleeve, "sleeve", ret);
	if (!way || way->is_local || !way->link_mtu || !largest_to(peer))
		return;
	if (largest_to(peer) > way->link_mtu)
		judge_largest(peer, way, ret);
	else if (way->kernel_mtu && way->kernel_mtu < peer->fastdp.plpmtu)
		judge_stale(peer, way, ret);
	else if (peer->fastdp.plpmtu && peer->fastdp.plpmtu < way->link_mtu &&
		 strcmp(peer->fastdp.state, "up") == 0)
		judge_narrow(f, peer, way, ret);
}

static void say_largest(const struct facts *f, const struct facts_egress *way,
			struct findings *ret)
{
	uint32_t largest = 0;
	struct finding *item;
	size_t i;

	for (i = 0; i < f->n_peers; i++) {
		const struct facts_egress *w = way_to(f, &f->peers[i]);

		if (w && strcmp(w->ifname, way->ifname) == 0 &&
		    largest_to(&f->peers[i]) > largest)
			largest = largest_to(&f->peers[i]);
	}
	if (!largest || largest > way->link_mtu)
		return;
	item = findings_add(ret, GROUP_MTU, SEVERITY_OK, "mtu-largest",
			    way->ifname);
	finding_title(item,
		      "the longest packet that fastdp sends by %s has %u "
		      "of %u bytes",
		      way->ifname, largest, way->link_mtu);
}

void rules_mtu(const struct facts *f, struct findings *ret)
{
	size_t i;

	for (i = 0; i < f->n_egress; i++) {
		if (!is_first(f, i))
			continue;
		judge_chain(f, f->egress[i].ifname, ret);
		/* Where peers are known, other ways do not matter. */
		if (f->egress[i].peer[0] || !f->n_peers) {
			judge_overlay(f, &f->egress[i], ret);
			say_largest(f, &f->egress[i], ret);
		}
	}
	for (i = 0; i < f->n_peers; i++)
		judge_peer(f, &f->peers[i], ret);
}
