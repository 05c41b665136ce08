/* SPDX-License-Identifier: Apache-2.0 */

/* A card that takes packets and sends none; a sender that finds no room. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "chain.h"
#include "judges.h"

static uint64_t grown(uint64_t before, uint64_t after)
{
	return after > before ? after - before : 0;
}

static const struct facts_peer *peer_at(const struct facts *f,
					const char *address)
{
	size_t i;

	for (i = 0; i < f->n_peers; i++) {
		if (strcmp(f->peers[i].address, address) == 0)
			return &f->peers[i];
	}
	return NULL;
}

/* Heartbeats and probes between the samples to peers by this link. */
static uint64_t sent_by(const struct facts *f, const char *ifname)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < f->n_egress; i++) {
		const struct facts_egress *way = &f->egress[i];
		const struct facts_peer *peer;

		if (way->is_local || strcmp(way->ifname, ifname) != 0)
			continue;
		peer = way->peer[0] ? peer_at(f, way->address) : NULL;
		if (!peer)
			continue;
		n += grown(peer->fastdp.sent_before, peer->fastdp.sent_after);
		n += grown(peer->sleeve.sent_before, peer->sleeve.sent_after);
	}
	return n;
}

static bool has_moved(const struct chain *c)
{
	size_t i;

	for (i = 0; i < c->n; i++) {
		if (chain_is_nic(c, i) &&
		    grown(c->links[i]->tx_before, c->links[i]->tx_after))
			return true;
	}
	return false;
}

bool rules_is_wedged(const struct facts *f, const char *ifname)
{
	struct chain chain;

	chain_of(f, ifname, &chain);
	return f->interval_ms && chain.n && sent_by(f, ifname) > 1 &&
	       !has_moved(&chain);
}

static void say_wedged(const struct facts *f, const char *ifname,
		       struct findings *ret)
{
	const struct facts_link *nic;
	struct finding *item;
	struct chain chain;

	chain_of(f, ifname, &chain);
	nic = chain.links[chain.n - 1];
	item = findings_add(ret, GROUP_NIC, SEVERITY_ERROR, "nic-wedged",
			    nic->ifname);
	finding_title(item, "%s takes packets and sends none", nic->ifname);
	finding_evidence(item,
			 "in %u ms the daemon sent %" PRIu64 " packets by it, "
			 "and its counter of sent packets stayed at %" PRIu64
			 "; errors %" PRIu64 ", dropped %" PRIu64,
			 f->interval_ms, sent_by(f, ifname), nic->tx_after,
			 nic->tx_errors, nic->tx_dropped);
	finding_consequence(item, "this host has no network through it, and "
				  "other programs wait for buffers that never "
				  "come back");
	finding_remedy(item,
		       "stop fastdpd; 'ip link set %s down; ip link set %s up'"
		       "; if that does not help, reboot; then install a newer "
		       "kernel, or 'ethtool -K %s ufo off'",
		       nic->ifname, nic->ifname, nic->ifname);
}

static void judge_room(const struct facts *f, struct findings *ret)
{
	static const char *const names[] = { "daemon.sleeve_drop_full",
					     "Udp.SndbufErrors",
					     "Udp6SndbufErrors" };
	const struct facts_counter *counter;
	struct finding *item = NULL;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		counter = facts_counter(f, names[i]);
		if (!counter || !grown(counter->before, counter->after))
			continue;
		if (!item)
			item = findings_add(ret, GROUP_NIC, SEVERITY_WARNING,
					    "nic-no-room", NULL);
		finding_evidence(item, "%s grew by %" PRIu64 " in %u ms. ",
				 names[i],
				 grown(counter->before, counter->after),
				 f->interval_ms);
	}
	if (!item)
		return;
	finding_title(item, "senders find no room for their packets (ENOBUFS)");
	finding_consequence(item, "packets are lost on this host; where the "
				  "card stands still, too, it is wedged");
	finding_remedy(item, "see 'ip -s link' and 'tc -s qdisc' of the card "
			     "for what holds them up");
}

void rules_wedged(const struct facts *f, struct findings *ret)
{
	size_t i, j;

	for (i = 0; i < f->n_egress; i++) {
		for (j = 0; j < i; j++) {
			if (strcmp(f->egress[i].ifname, f->egress[j].ifname) ==
			    0)
				break;
		}
		if (j == i && rules_is_wedged(f, f->egress[i].ifname))
			say_wedged(f, f->egress[i].ifname, ret);
	}
	judge_room(f, ret);
}
