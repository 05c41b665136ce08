/* SPDX-License-Identifier: Apache-2.0 */
#include "arrival.h"

#include "alloc.h"
#include "matches.h"

static const struct mac any_group = { { 1, 0, 0, 0, 0, 0 } };

/* What a packet without a D made: of @peer (NULL: of all) in @vni (VNI_NONE: in
 * all networks). */
static void drop_lazy(struct pipeline *pl, const struct ip *peer, vni_t vni)
{
	struct list *node = pl->flows->lazy.next, *next;

	for (; node != &pl->flows->lazy; node = next) {
		const struct flow_slot *slot =
			CONTAINER_OF(node, struct flow_slot, of_kind);
		struct flow_match m = slot->match;

		next = node->next;
		if (!m.recirc_id && (m.fields & FLOW_TUN_SRC) &&
		    (!peer || ip_equal(&m.tun_src, peer)) &&
		    (vni == VNI_NONE || m.tun_id == vni))
			flowset_unwant(pl->flows, &m);
	}
}

bool arrival_choose(struct pipeline *pl)
{
	const size_t n = pl->peers->table.n *
			 directory_n_owned(pl->directory, pl->self);
	const bool is_wide = pl->is_wide ? n >= ARRIVAL_MIN_WIDE
					 : n > ARRIVAL_MAX_NARROW;

	if (is_wide == pl->is_wide)
		return false;
	pl->is_wide = is_wide;
	drop_lazy(pl, NULL, VNI_NONE); /* their keys have the old form */
	return true;
}

static void want(struct pipeline *pl, const struct flow_match *m,
		 const struct flow_actions *actions, bool is_wanted)
{
	if (is_wanted)
		flowset_want(pl->flows, m, actions);
	else
		flowset_unwant(pl->flows, m);
}

static void to_port(struct pipeline *pl, const struct peer *p, vni_t vni,
		    const struct mac *mac, port_no_t port_no, bool is_wanted)
{
	const struct flow_match m = match_delivery(&p->remote.ip, vni, mac);

	flow_actions_clear(&pl->scratch);
	flow_output(&pl->scratch, port_no);
	want(pl, &m, &pl->scratch, is_wanted);
}

/*
 * One that is news gets its D with its E, when the news is read. With D alone
 * nobody would look for it, should the MAC be gone by then.
 */
static bool has_delivery(const struct pipeline *pl, const struct claim *c)
{
	const struct flow_match m = match_unicast(RECIRC_REMOTE(c->vni),
						  &c->mac);
	const struct flow_slot *slot = flowset_find(pl->flows, &m);

	return slot && slot->is_wanted && !slot->is_lazy &&
	       directory_find_mac(pl->directory, c->vni, &c->mac) == c;
}

static void to_ports(struct pipeline *pl, const struct peer *p, vni_t vni,
		     bool is_wanted)
{
	const struct claim *c = NULL;

	while ((c = directory_walk_owner(pl->directory, pl->self, c))) {
		if (c->vni == vni)
			to_port(pl, p, vni, &c->mac, c->port_no,
				is_wanted && has_delivery(pl, c));
	}
}

void arrival_of_peer(struct pipeline *pl, const struct peer *p, vni_t vni)
{
	const struct flow_match wide = match_arrival(&p->remote.ip, vni);
	const struct flow_match group = match_delivery(&p->remote.ip, vni,
						       &any_group);
	const bool is_wanted = p->hello.can_fastdp &&
			       ports_has_network(pl->ports, vni);
	const bool is_narrow = is_wanted && !pl->is_wide;
	/* Where it is not there, neither is any other narrow one. */
	const bool was_narrow = flowset_find(pl->flows, &group) != NULL;

	if (ip_is_zero(&p->remote.ip))
		return;
	/* Beside it the kernel takes none of the narrow ones. */
	if (is_narrow)
		flowset_clear(pl->flows, &wide);
	flow_actions_clear(&pl->scratch);
	flow_recirc(&pl->scratch, RECIRC_REMOTE(vni));
	want(pl, &wide, &pl->scratch, is_wanted && pl->is_wide);
	want(pl, &group, &pl->scratch, is_narrow);
	if (is_narrow || was_narrow)
		to_ports(pl, p, vni, is_narrow);
}

void arrival_peer_gone(struct pipeline *pl, const struct peer *p)
{
	EACH_NETWORK(pl->ports, vni)
	{
		const struct flow_match wide = match_arrival(&p->remote.ip,
							     vni);
		const struct flow_match group = match_delivery(&p->remote.ip,
							       vni, &any_group);

		flowset_unwant(pl->flows, &wide);
		flowset_unwant(pl->flows, &group);
		to_ports(pl, p, vni, false);
	}
	drop_lazy(pl, &p->remote.ip, VNI_NONE);
}

void arrival_peer_new(struct pipeline *pl, const struct peer *p)
{
	drop_lazy(pl, &p->remote.ip, VNI_NONE);
}

void arrival_network_new(struct pipeline *pl, vni_t vni)
{
	drop_lazy(pl, NULL, vni);
}

void arrival_of_mac(struct pipeline *pl, vni_t vni, const struct mac *mac,
		    port_no_t port_no)
{
	EACH_PEER(pl->peers, node) {
		const struct peer *p = PEER_OF(node);

		if (p->hello.can_fastdp && !ip_is_zero(&p->remote.ip))
			to_port(pl, p, vni, mac, port_no, !pl->is_wide);
	}
}

void arrival_mac_gone(struct pipeline *pl, vni_t vni, const struct mac *mac)
{
	EACH_PEER(pl->peers, node)
		to_port(pl, PEER_OF(node), vni, mac, PORT_NO_NONE, false);
}

struct flow_match arrival_miss(const struct pipeline *pl, const struct ip *peer,
			       vni_t vni, const struct frame *f)
{
	struct flow_match m = pl->is_wide ? match_arrival(peer, vni)
					  : match_delivery(peer, vni, &f->dst);

	return m;
}
