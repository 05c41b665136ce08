/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline.h"

#include <assert.h>

#include "alloc.h"
#include "wire.h"

#define TUNNEL_TTL 64

static struct flow_match match_of(uint32_t recirc_id, uint32_t fields)
{
	struct flow_match m;

	memset(&m, 0, sizeof(m));
	m.recirc_id = recirc_id;
	m.fields = fields;
	return m;
}

static struct flow_match unicast_match(uint32_t recirc_id,
				       const struct mac *mac)
{
	struct flow_match m = match_of(recirc_id, FLOW_ETH_DST);

	m.eth_dst = *mac;
	return m;
}

struct flow_match pipeline_source_match(port_no_t port_no,
					const struct mac *mac)
{
	struct flow_match m = match_of(0, FLOW_IN_PORT | FLOW_ETH_SRC);

	m.in_port = port_no;
	m.eth_src = *mac;
	return m;
}

static struct flow_match arrival_match(const struct ip *peer, vni_t vni)
{
	struct flow_match m =
		match_of(0, FLOW_IN_PORT | FLOW_TUN_SRC | FLOW_TUN_ID);

	m.in_port = PORT_NO_VXLAN;
	m.tun_src = *peer;
	m.tun_id = vni;
	return m;
}

static struct flow_match probe_match(const struct ip *peer,
				     const struct mac *dst)
{
	struct flow_match m = arrival_match(peer, VNI_PROBE);

	m.fields |= FLOW_ETH_DST;
	m.eth_dst = *dst;
	return m;
}

static struct flow_match request_match(uint32_t recirc_id, const struct ip *ip)
{
	struct flow_match m =
		match_of(recirc_id, FLOW_ETH_GROUP | FLOW_ETH_TYPE);

	if (ip_is_v4(ip)) {
		m.fields |= FLOW_ARP_OP | FLOW_ARP_TIP;
		m.eth_type = ETH_TYPE_ARP;
		m.arp_op = ARP_REQUEST;
	} else {
		m.fields |= FLOW_IP_PROTO | FLOW_ICMP6_TYPE | FLOW_ND_TARGET;
		m.eth_type = ETH_TYPE_IPV6;
		m.ip_proto = IP_PROTO_ICMP6;
		m.icmp6_type = ND_SOLICITATION;
	}
	m.ip = *ip;
	return m;
}

bool pipeline_tunnel(const struct peer *p, vni_t vni, struct flow_tunnel *ret)
{
	enum path_kind carrier;

	if (!peer_carrier(p, &carrier) || carrier != PATH_FASTDP)
		return false;
	memset(ret, 0, sizeof(*ret));
	ret->tun_id = vni;
	ret->dst = p->remote.ip;
	ret->src = p->local.ip;
	ret->dst_port = p->hello.vxlan_port;
	ret->ttl = TUNNEL_TTL;
	return true;
}

static bool to_peer(const struct peer *p, vni_t vni, struct flow_actions *ret)
{
	struct flow_tunnel tunnel;

	return pipeline_tunnel(p, vni, &tunnel) &&
	       flow_set_tunnel(ret, &tunnel) && flow_output(ret, PORT_NO_VXLAN);
}

bool pipeline_to_owner(struct pipeline *pl, const struct claim *c,
		       struct flow_actions *ret)
{
	const struct peer *p;

	flow_actions_clear(ret);
	if (c->owner == pl->self)
		return flow_output(ret, c->port_no);
	p = peers_find(pl->peers, c->owner);
	return p && to_peer(p, c->vni, ret);
}

void pipeline_mac(struct pipeline *pl, vni_t vni, const struct mac *mac)
{
	const struct claim *c = directory_find_mac(pl->directory, vni, mac);
	const struct flow_match local = unicast_match(RECIRC_LOCAL(vni), mac);
	const struct flow_match remote = unicast_match(RECIRC_REMOTE(vni), mac);

	if (c && pipeline_to_owner(pl, c, &pl->scratch))
		flowset_want(pl->flows, &local, &pl->scratch);
	else
		flowset_unwant(pl->flows, &local);
	if (c && c->owner == pl->self)
		flowset_want(pl->flows, &remote, &pl->scratch);
	else
		flowset_unwant(pl->flows, &remote);
}

/* Flows for one in_port each would overlap the steady one for all. */
static void evict_requests(struct pipeline *pl, const struct list *list,
			   uint32_t recirc_id, const struct ip *ip)
{
	struct list *node = list->next, *next;

	for (; node != list; node = next) {
		const struct flow_slot *slot =
			CONTAINER_OF(node, struct flow_slot, of_kind);
		struct flow_match m = slot->match;

		next = node->next;
		if (m.recirc_id == recirc_id && (m.fields & FLOW_IN_PORT) &&
		    (m.fields & (FLOW_ARP_TIP | FLOW_ND_TARGET)) &&
		    ip_equal(&m.ip, ip))
			flowset_evict(pl->flows, &m);
	}
}

void pipeline_ip(struct pipeline *pl, vni_t vni, const struct ip *ip)
{
	const struct claim *c = directory_find_ip(pl->directory, vni, ip);
	const struct flow_match local = request_match(RECIRC_LOCAL(vni), ip);
	const struct flow_match remote = request_match(RECIRC_REMOTE(vni), ip);

	if (c && pipeline_to_owner(pl, c, &pl->scratch)) {
		evict_requests(pl, &pl->flows->lazy, RECIRC_LOCAL(vni), ip);
		evict_requests(pl, &pl->flows->inherited, RECIRC_LOCAL(vni),
			       ip);
		flowset_want(pl->flows, &local, &pl->scratch);
	} else {
		flowset_unwant(pl->flows, &local);
	}
	if (c && c->owner == pl->self)
		flowset_want(pl->flows, &remote, &pl->scratch);
	else
		flowset_unwant(pl->flows, &remote);
}

static bool has_tunnel_to(const struct flow_slot *slot, const struct ip *peer)
{
	uint32_t i;

	for (i = 0; slot && i < slot->actions.n; i++) {
		const struct flow_action *a = &slot->actions.list[i];

		if (a->type == FLOW_SET_TUNNEL && ip_equal(&a->tunnel.dst, peer))
			return true;
	}
	return false;
}

/*
 * A peer of the last life that has not told us yet what it has takes part
 * where it did: a restart must not cut it off.
 */
static bool takes_part(struct pipeline *pl, const struct peer *p, vni_t vni)
{
	const uint32_t n_chunks = MAX_PEERS / FLOW_PEERS_PER_CHUNK;
	uint32_t i;

	if (directory_is_member(pl->directory, p->hello.id, vni, 0))
		return true;
	for (i = 0; !p->has_snapshot && i < n_chunks; i++) {
		const struct flow_match m = match_of(RECIRC_PEERS(vni, i), 0);

		if (has_tunnel_to(flowset_find(pl->flows, &m), &p->remote.ip))
			return true;
	}
	return false;
}

static int by_id(const void *a, const void *b)
{
	const struct peer *const *p = a, *const *q = b;

	if ((*p)->hello.id == (*q)->hello.id)
		return 0;
	return (*p)->hello.id < (*q)->hello.id ? -1 : 1;
}

static size_t members(struct pipeline *pl, vni_t vni,
		      const struct peer *ret[MAX_PEERS])
{
	struct flow_tunnel tunnel;
	size_t n = 0;

	EACH_PEER(pl->peers, node) {
		const struct peer *p = PEER_OF(node);

		if (takes_part(pl, p, vni) && pipeline_tunnel(p, vni, &tunnel))
			ret[n++] = p;
	}
	qsort(ret, n, sizeof(ret[0]), by_id);
	return n;
}

/* Copies of group frames: shared by all ports and classes of the network. */
static bool peers_of_network(struct pipeline *pl, vni_t vni)
{
	const struct peer *list[MAX_PEERS];
	const size_t n = members(pl, vni, list);
	size_t i, chunk;

	for (chunk = 0; chunk < MAX_PEERS / FLOW_PEERS_PER_CHUNK; chunk++) {
		const struct flow_match m =
			match_of(RECIRC_PEERS(vni, chunk), 0);
		const size_t first = chunk * FLOW_PEERS_PER_CHUNK;
		const size_t end = first + FLOW_PEERS_PER_CHUNK;

		flow_actions_clear(&pl->scratch);
		for (i = first; i < n && i < end; i++)
			to_peer(list[i], vni, &pl->scratch);
		if (n > end)
			flow_recirc(&pl->scratch, RECIRC_PEERS(vni, chunk + 1));
		if (first < n)
			flowset_want(pl->flows, &m, &pl->scratch);
		else
			flowset_unwant(pl->flows, &m);
	}
	return n > 0;
}

static bool has_peers(struct pipeline *pl, vni_t vni)
{
	const struct flow_match m = match_of(RECIRC_PEERS(vni, 0), 0);
	const struct flow_slot *slot = flowset_find(pl->flows, &m);

	return slot && (slot->is_wanted || slot->state == SLOT_INHERITED);
}

void pipeline_flood(struct pipeline *pl, vni_t vni, port_no_t except,
		    bool to_peers, struct flow_actions *ret)
{
	flow_actions_clear(ret);
	EACH_PORT(pl->ports, node) {
		const struct port *port = &PORT_OF(node)->port;

		if (port->vni == vni && port->port_no != except)
			flow_output(ret, port->port_no);
	}
	if (to_peers && has_peers(pl, vni))
		flow_recirc(ret, RECIRC_PEERS(vni, 0));
}

void pipeline_flood_trusted(struct pipeline *pl, vni_t vni, port_no_t except,
			    bool to_peers, struct flow_actions *ret)
{
	flow_actions_clear(ret);
	EACH_PORT(pl->ports, node) {
		const struct port *port = &PORT_OF(node)->port;

		if (port->vni == vni && port->port_no != except &&
		    port->is_trusted)
			flow_output(ret, port->port_no);
	}
	if (!to_peers)
		return;
	EACH_PEER(pl->peers, node) {
		const struct peer *p = PEER_OF(node);

		if (directory_is_member(pl->directory, p->hello.id, vni,
					ENTRY_TRUSTED))
			to_peer(p, vni, ret);
	}
}

static void arrival(struct pipeline *pl, const struct peer *p, vni_t vni)
{
	const struct flow_match m = arrival_match(&p->remote.ip, vni);

	if (ip_is_zero(&p->remote.ip))
		return;
	if (!p->hello.can_fastdp || !ports_has_network(pl->ports, vni)) {
		flowset_unwant(pl->flows, &m);
		return;
	}
	flow_actions_clear(&pl->scratch);
	flow_recirc(&pl->scratch, RECIRC_REMOTE(vni));
	flowset_want(pl->flows, &m, &pl->scratch);
}

static void update_lazy(struct pipeline *pl, vni_t vni)
{
	struct list *node = pl->flows->lazy.next, *next;

	for (; node != &pl->flows->lazy; node = next) {
		struct flow_slot *slot =
			CONTAINER_OF(node, struct flow_slot, of_kind);
		struct flow_match m = slot->match;

		next = node->next;
		if (RECIRC_STAGE(m.recirc_id) == STAGE_FIRST ||
		    RECIRC_VNI(m.recirc_id) != vni)
			continue;
		if (pipeline_lazy(pl, &m, &pl->scratch))
			flowset_update_lazy(pl->flows, slot, &pl->scratch);
		else
			flowset_unwant(pl->flows, &m);
	}
}

void pipeline_network(struct pipeline *pl, vni_t vni)
{
	peers_of_network(pl, vni);
	EACH_PEER(pl->peers, node)
		arrival(pl, PEER_OF(node), vni);
	update_lazy(pl, vni);
}

void pipeline_port(struct pipeline *pl, const struct port *port)
{
	const struct flow_match m =
		pipeline_source_match(port->port_no, &port->mac);

	flow_actions_clear(&pl->scratch);
	flow_recirc(&pl->scratch, RECIRC_LOCAL(port->vni));
	flowset_want(pl->flows, &m, &pl->scratch);
	pipeline_network(pl, port->vni);
}

void pipeline_port_gone(struct pipeline *pl, const struct port *port)
{
	const struct flow_match source =
		pipeline_source_match(port->port_no, &port->mac);
	struct list *node = pl->flows->lazy.next, *next;

	flowset_unwant(pl->flows, &source);
	for (; node != &pl->flows->lazy; node = next) {
		const struct flow_slot *slot =
			CONTAINER_OF(node, struct flow_slot, of_kind);
		struct flow_match m = slot->match;

		next = node->next;
		if ((m.fields & FLOW_IN_PORT) && m.in_port == port->port_no)
			flowset_unwant(pl->flows, &m);
	}
	pipeline_network(pl, port->vni);
}

/* H: the kernel answers the peer's requests; its replies are for us. */
static void probes(struct pipeline *pl, const struct peer *p)
{
	const struct mac request = PROBE_REQUEST_MAC, reply = PROBE_REPLY_MAC;
	const struct flow_match echo = probe_match(&p->remote.ip, &request);
	const struct flow_match answer = probe_match(&p->remote.ip, &reply);
	struct flow_tunnel tunnel;

	flow_actions_clear(&pl->scratch);
	if (!p->hello.can_fastdp || !pipeline_tunnel(p, VNI_PROBE, &tunnel))
		return;
	if (p->is_h_copied)
		flow_userspace(&pl->scratch);
	flow_set_eth_dst(&pl->scratch, &reply);
	flow_set_tunnel(&pl->scratch, &tunnel);
	flow_output(&pl->scratch, PORT_NO_VXLAN);
	flowset_want(pl->flows, &echo, &pl->scratch);
	flow_actions_clear(&pl->scratch);
	flow_userspace(&pl->scratch);
	flowset_want(pl->flows, &answer, &pl->scratch);
}

static void serve(struct pipeline *pl, const struct peer *p)
{
	probes(pl, p);
	EACH_PORT(pl->ports, node)
		arrival(pl, p, PORT_OF(node)->port.vni);
}

void pipeline_peer(struct pipeline *pl, struct peer *p)
{
	const struct claim *c = NULL;
	struct directory_walk walk = { 0 };
	vni_t vni;
	size_t i;

	serve(pl, p);
	while ((c = directory_walk_owner(pl->directory, p->hello.id, c))) {
		pipeline_mac(pl, c->vni, &c->mac);
		for (i = 0; i < c->n_ips; i++)
			pipeline_ip(pl, c->vni, &c->ips[i].ip);
	}
	while (directory_walk_networks(pl->directory, p->hello.id, &walk, &vni))
		pipeline_network(pl, vni);
}

void pipeline_peer_gone(struct pipeline *pl, const struct peer *p)
{
	const struct mac request = PROBE_REQUEST_MAC, reply = PROBE_REPLY_MAC;
	struct flow_match m = probe_match(&p->remote.ip, &request);

	if (ip_is_zero(&p->remote.ip))
		return;
	flowset_unwant(pl->flows, &m);
	m = probe_match(&p->remote.ip, &reply);
	flowset_unwant(pl->flows, &m);
	EACH_PORT(pl->ports, node) {
		m = arrival_match(&p->remote.ip, PORT_OF(node)->port.vni);
		flowset_unwant(pl->flows, &m);
	}
	/* Another identity may have taken over the address. */
	EACH_PEER(pl->peers, peer_node) {
		const struct peer *other = PEER_OF(peer_node);

		if (other != p && ip_equal(&other->remote.ip, &p->remote.ip))
			serve(pl, other);
	}
}

/* The lowest VNI above @after with copies to @ip. */
static vni_t next_copies(const struct pipeline *pl, const struct ip *ip,
			 vni_t after)
{
	const struct table_node *node = NULL;
	vni_t best = VNI_NONE;
	size_t pos = 0;

	while ((node = table_walk(&pl->flows->table, &pos, node))) {
		const struct flow_slot *slot =
			CONTAINER_OF(node, struct flow_slot, node);
		const vni_t vni = RECIRC_VNI(slot->match.recirc_id);

		if (slot->is_wanted && vni > after &&
		    (best == VNI_NONE || vni < best) &&
		    RECIRC_STAGE(slot->match.recirc_id) >= STAGE_PEERS &&
		    has_tunnel_to(slot, ip))
			best = vni;
	}
	return best;
}

void pipeline_copies(struct pipeline *pl, const struct ip *ip)
{
	vni_t vni = VNI_NONE;

	while ((vni = next_copies(pl, ip, vni)) != VNI_NONE)
		pipeline_network(pl, vni);
}

bool pipeline_asked_ip(const struct frame *f, struct ip *ret)
{
	if (f->has_arp && f->arp_op == ARP_REQUEST)
		*ret = f->arp_tip;
	else if (f->has_nd && f->icmp6_type == ND_SOLICITATION)
		*ret = f->nd_target;
	else
		return false;
	return true;
}

/* As the kernel's key has it: eight bits, and 0 for what is longer or odd. */
static void arp_match(const struct frame *f, struct flow_match *m)
{
	m->fields |= FLOW_ARP_OP;
	m->arp_op = f->has_arp && f->arp_op < 256 ? f->arp_op : 0;
	if (m->arp_op == ARP_REQUEST) {
		m->fields |= FLOW_ARP_TIP;
		m->ip = f->arp_tip;
	}
}

static bool ip6_match(const struct frame *f, struct flow_match *m)
{
	if (!f->has_ip6)
		return false;
	m->fields |= FLOW_IP_PROTO;
	m->ip_proto = f->ip_proto;
	if (f->ip_proto != IP_PROTO_ICMP6)
		return true;
	if (!f->has_icmp6)
		return false;
	m->fields |= FLOW_ICMP6_TYPE;
	m->icmp6_type = f->icmp6_type;
	if (f->icmp6_type != ND_SOLICITATION)
		return true;
	m->fields |= FLOW_ND_TARGET;
	m->ip = f->nd_target;
	return f->has_nd;
}

bool pipeline_group_match(const struct frame *f, uint32_t recirc_id,
			  port_no_t in_port, struct flow_match *ret)
{
	struct flow_match m = match_of(recirc_id, FLOW_ETH_GROUP | FLOW_ETH_TYPE);

	/* Below 0x600 it is a length (IEEE 802.3). */
	m.eth_type = f->eth_type < 0x600 ? FLOW_ETH_TYPE_LLC : f->eth_type;
	if (RECIRC_STAGE(recirc_id) == STAGE_LOCAL) {
		m.fields |= FLOW_IN_PORT;
		m.in_port = in_port;
	}
	if (f->eth_type == ETH_TYPE_ARP)
		arp_match(f, &m);
	if (f->eth_type == ETH_TYPE_IPV6 && !ip6_match(f, &m))
		return false;
	*ret = m;
	return true;
}

static bool lazy_group(struct pipeline *pl, const struct flow_match *match,
		       struct flow_actions *ret)
{
	const vni_t vni = RECIRC_VNI(match->recirc_id);
	const bool is_local = RECIRC_STAGE(match->recirc_id) == STAGE_LOCAL;
	const bool is_request =
		(match->fields & (FLOW_ARP_TIP | FLOW_ND_TARGET)) != 0;

	if (is_local && !ports_find(pl->ports, match->in_port))
		return false;
	if (is_request && directory_find_ip(pl->directory, vni, &match->ip)) {
		/* Its owner is elsewhere, and so the others are not asked. */
		flow_actions_clear(ret);
		return !is_local;
	}
	pipeline_flood(pl, vni, is_local ? match->in_port : PORT_NO_NONE,
		       is_local, ret);
	return true;
}

bool pipeline_lazy(struct pipeline *pl, const struct flow_match *match,
		   struct flow_actions *ret)
{
	const uint32_t stage = RECIRC_STAGE(match->recirc_id);

	if (stage == STAGE_LOCAL || stage == STAGE_REMOTE) {
		if (match->fields & FLOW_ETH_GROUP)
			return lazy_group(pl, match, ret);
		flow_actions_clear(ret);
		return !directory_find_mac(pl->directory,
					   RECIRC_VNI(match->recirc_id),
					   &match->eth_dst) ||
		       stage == STAGE_REMOTE;
	}
	flow_actions_clear(ret);
	return stage == STAGE_FIRST;
}
