/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline.h"

#include <assert.h>

#include "alloc.h"
#include "arrival.h"
#include "group.h"
#include "matches.h"
#include "way.h"
#include "wire.h"

/* What is longer than a narrow peer takes comes up. */
static bool to_owner_checked(struct pipeline *pl, const struct claim *c,
			     struct flow_actions *ret)
{
	const struct peer *p = c->owner == pl->self
				       ? NULL
				       : peers_find(pl->peers, c->owner);
	const uint32_t max = p ? way_max_frame(pl, p, c->vni) : 0;

	if (!max)
		return way_to_owner(pl, c, ret);
	flow_actions_clear(ret);
	return flow_check_len(ret, max, RECIRC_LONG(c->vni)) &&
	       way_to_peer(pl, p, c->vni, ret);
}

static bool is_wanted(const struct pipeline *pl, const struct flow_match *m)
{
	const struct flow_slot *slot = flowset_find(pl->flows, m);

	return slot && slot->is_wanted;
}

/* E, and D: to a container of ours (@c), or no longer (NULL). */
static void deliver(struct pipeline *pl, vni_t vni, const struct mac *mac,
		    const struct claim *c)
{
	const struct flow_match m = match_unicast(RECIRC_REMOTE(vni), mac);
	const struct flow_slot *slot = flowset_find(pl->flows, &m);

	if (c) {
		flowset_want(pl->flows, &m, &pl->scratch);
		arrival_of_mac(pl, vni, mac, c->port_no);
	} else if (slot && slot->is_wanted) {
		flowset_unwant(pl->flows, &m);
		arrival_mac_gone(pl, vni, mac);
	}
}

void pipeline_mac(struct pipeline *pl, vni_t vni, const struct mac *mac)
{
	const struct claim *c = directory_find_mac(pl->directory, vni, mac);
	const struct flow_match local = match_unicast(RECIRC_LOCAL(vni), mac);

	if (pl->is_bridge)
		return;
	if (c && to_owner_checked(pl, c, &pl->scratch))
		flowset_want(pl->flows, &local, &pl->scratch);
	else
		flowset_unwant(pl->flows, &local);
	deliver(pl, vni, mac, c && c->owner == pl->self ? c : NULL);
}

void pipeline_ip(struct pipeline *pl, vni_t vni, const struct ip *ip)
{
	const struct claim *c = directory_find_ip(pl->directory, vni, ip);
	const struct flow_match local = match_request(RECIRC_LOCAL(vni), ip);
	const struct flow_match remote = match_request(RECIRC_REMOTE(vni), ip);

	if (pl->is_bridge)
		return;
	if (c && way_to_owner(pl, c, &pl->scratch))
		flowset_want(pl->flows, &local, &pl->scratch);
	else
		flowset_unwant(pl->flows, &local);
	if (c && c->owner == pl->self)
		flowset_want(pl->flows, &remote, &pl->scratch);
	else
		flowset_unwant(pl->flows, &remote);
}

/* D of all peers: when @vni gets its first port, or has lost its last. */
static void arrivals(struct pipeline *pl, vni_t vni)
{
	EACH_PEER(pl->peers, node)
		arrival_of_peer(pl, PEER_OF(node), vni);
}

static void want_source(struct pipeline *pl, const struct port *port)
{
	const struct flow_match m = match_source(port->port_no, &port->mac);

	flow_actions_clear(&pl->scratch);
	flow_recirc(&pl->scratch, RECIRC_LOCAL(port->vni));
	flowset_want(pl->flows, &m, &pl->scratch);
}

void pipeline_port(struct pipeline *pl, const struct port *port)
{
	const struct flow_match flood = match_flood(port->vni, PORT_NO_VXLAN);

	if (pl->is_bridge)
		return;
	if (!is_wanted(pl, &flood))
		arrival_network_new(pl, port->vni);
	want_source(pl, port);
	arrivals(pl, port->vni);
	group_network(pl, port->vni);
}

void pipeline_port_gone(struct pipeline *pl, const struct port *port)
{
	const struct flow_match source = match_source(port->port_no,
						      &port->mac);
	const struct flow_match flood = match_flood(port->vni, port->port_no);
	struct list *node = pl->flows->lazy.next, *next;

	if (pl->is_bridge)
		return;
	flowset_unwant(pl->flows, &source);
	flowset_unwant(pl->flows, &flood);
	for (; node != &pl->flows->lazy; node = next) {
		const struct flow_slot *slot =
			CONTAINER_OF(node, struct flow_slot, of_kind);
		struct flow_match m = slot->match;

		next = node->next;
		if ((m.fields & FLOW_IN_PORT) && m.in_port == port->port_no)
			flowset_unwant(pl->flows, &m);
	}
	arrivals(pl, port->vni);
	group_network(pl, port->vni);
}

/* The kernel sends it back; @limit: no more than its beginning. */
static void echo(struct pipeline *pl, const struct peer *p,
		 const struct mac *dst, const struct flow_tunnel *tunnel,
		 uint32_t limit)
{
	const struct mac reply = PROBE_REPLY_MAC;
	const struct flow_match m = match_probe(&p->remote.ip, dst);

	flow_actions_clear(&pl->scratch);
	if (p->is_h_copied && limit)
		flow_trunc(&pl->scratch, limit);
	if (p->is_h_copied)
		flow_userspace(&pl->scratch);
	flow_set_eth_dst(&pl->scratch, &reply);
	flow_set_tunnel(&pl->scratch, tunnel);
	if (limit)
		flow_trunc(&pl->scratch, limit);
	flow_output(&pl->scratch, PORT_NO_VXLAN);
	flowset_want(pl->flows, &m, &pl->scratch);
}

/* H: the kernel answers the peer's requests; its replies are for us. */
static void probes(struct pipeline *pl, const struct peer *p)
{
	const struct mac request = PROBE_REQUEST_MAC, reply = PROBE_REPLY_MAC;
	const struct mac sized = PROBE_SIZED_MAC;
	const struct flow_match answer = match_probe(&p->remote.ip, &reply);
	struct flow_tunnel tunnel;

	flow_actions_clear(&pl->scratch);
	if (!p->hello.can_fastdp || !way_tunnel(p, VNI_PROBE, &tunnel))
		return;
	/* First, for the search begins when a heartbeat is answered. */
	echo(pl, p, &sized, &tunnel, pl->has_no_trunc ? 0 : PROBE_MIN_SIZE);
	echo(pl, p, &request, &tunnel, 0);
	flow_actions_clear(&pl->scratch);
	flow_userspace(&pl->scratch);
	flowset_want(pl->flows, &answer, &pl->scratch);
}

void pipeline_no_trunc(struct pipeline *pl)
{
	if (pl->has_no_trunc)
		return;
	pl->has_no_trunc = true;
	EACH_PEER(pl->peers, node)
		probes(pl, PEER_OF(node));
}

static void serve(struct pipeline *pl, const struct peer *p)
{
	const struct mac reply = PROBE_REPLY_MAC;
	const struct flow_match answer = match_probe(&p->remote.ip, &reply);

	if (p->hello.can_fastdp && !is_wanted(pl, &answer))
		arrival_peer_new(pl, p);
	probes(pl, p);
	EACH_NETWORK(pl->ports, vni)
	arrival_of_peer(pl, p, vni);
}

void pipeline_peer(struct pipeline *pl, struct peer *p)
{
	const struct claim *c = NULL;
	const struct list *last = NULL;
	vni_t vni;
	size_t i;

	if (pl->is_bridge)
		return;
	serve(pl, p);
	while ((c = directory_walk_owner(pl->directory, p->hello.id, c))) {
		pipeline_mac(pl, c->vni, &c->mac);
		for (i = 0; i < c->n_ips; i++)
			pipeline_ip(pl, c->vni, &c->ips[i].ip);
	}
	while (directory_walk_networks(pl->directory, p->hello.id, &last, &vni))
		group_changed(pl, vni);
}

void pipeline_peer_frames(struct pipeline *pl, const struct peer *p)
{
	const struct claim *c = NULL;
	const struct list *last = NULL;
	vni_t vni;

	while ((c = directory_walk_owner(pl->directory, p->hello.id, c)))
		pipeline_mac(pl, c->vni, &c->mac);
	while (directory_walk_networks(pl->directory, p->hello.id, &last, &vni))
		group_changed(pl, vni);
}

void pipeline_peer_gone(struct pipeline *pl, const struct peer *p)
{
	const struct mac request = PROBE_REQUEST_MAC, reply = PROBE_REPLY_MAC;
	const struct mac sized = PROBE_SIZED_MAC;
	struct flow_match m = match_probe(&p->remote.ip, &request);
	const struct peer *other = NULL;

	if (pl->is_bridge || ip_is_zero(&p->remote.ip))
		return;
	flowset_unwant(pl->flows, &m);
	m = match_probe(&p->remote.ip, &sized);
	flowset_unwant(pl->flows, &m);
	m = match_probe(&p->remote.ip, &reply);
	flowset_unwant(pl->flows, &m);
	arrival_peer_gone(pl, p);
	/* Another identity may have taken over the address. */
	while ((other = peers_next_at(pl->peers, &p->remote.ip, other))) {
		if (other != p)
			serve(pl, other);
	}
}

void pipeline_again(struct pipeline *pl)
{
	if (pl->is_bridge || !arrival_choose(pl))
		return;
	EACH_NETWORK(pl->ports, vni)
	arrivals(pl, vni);
}

void pipeline_start(struct pipeline *pl)
{
	if (pl->is_bridge)
		return;
	arrival_choose(pl);
	EACH_PEER(pl->peers, peer_node)
		pipeline_peer(pl, PEER_OF(peer_node));
	EACH_PORT(pl->ports, port_node)
		want_source(pl, &PORT_OF(port_node)->port);
	EACH_NETWORK(pl->ports, vni)
	group_network(pl, vni);
}
