/* SPDX-License-Identifier: Apache-2.0 */
#include "group.h"

#include "alloc.h"
#include "arrival.h"
#include "matches.h"
#include "way.h"

/*
 * A peer of the last life that has not told us yet what it has takes part
 * where it did: a restart must not cut it off.
 */
static bool takes_part(const struct pipeline *pl, const struct peer *p,
		       vni_t vni)
{
	return directory_is_member(pl->directory, p->hello.id, vni, 0) ||
	       (!p->has_snapshot &&
		copied_has(&pl->copied, &p->remote.ip, vni));
}

static int by_place(const void *a, const void *b)
{
	const struct peer *const *p = a, *const *q = b;
	const int order = memcmp((*p)->remote.ip.b, (*q)->remote.ip.b,
				 sizeof((*p)->remote.ip.b));

	if (order || (*p)->hello.vxlan_port == (*q)->hello.vxlan_port)
		return order;
	return (*p)->hello.vxlan_port < (*q)->hello.vxlan_port ? -1 : 1;
}

/* Two identities at one place, an old and a new one: one kernel, one copy. */
static size_t one_of_each_place(const struct peer *list[], size_t n)
{
	size_t i, n_kept = 0;

	qsort(list, n, sizeof(list[0]), by_place);
	for (i = 0; i < n; i++) {
		if (!n_kept || by_place(&list[n_kept - 1], &list[i]) != 0)
			list[n_kept++] = list[i];
	}
	return n_kept;
}

/*
 * Those on fastdp, one of each place; *ret_has_sleeve: there are others, on
 * sleeve. @flags: those alone that have such entries there, unless 0.
 */
static size_t members(struct pipeline *pl, vni_t vni, uint8_t flags,
		      const struct peer *ret[MAX_PEERS], bool *ret_has_sleeve)
{
	size_t n = 0;

	*ret_has_sleeve = false;
	EACH_PEER(pl->peers, node) {
		const struct peer *p = PEER_OF(node);

		if (flags ? !directory_is_member(pl->directory, p->hello.id,
						 vni, flags)
			  : !takes_part(pl, p, vni))
			continue;
		if (way_is_by_tap(pl, p, vni))
			*ret_has_sleeve = true;
		else if (p->hello.can_fastdp && !ip_is_zero(&p->remote.ip))
			ret[n++] = p;
	}
	return one_of_each_place(ret, n);
}

/* Those that take any frame first; returns how many there are, and what the
 * others all take. */
static size_t wide_first(const struct pipeline *pl, vni_t vni,
			 const struct peer *list[], size_t n,
			 uint32_t *ret_max_frame)
{
	const struct peer *narrow[MAX_PEERS];
	size_t i, n_wide = 0, n_narrow = 0;
	uint32_t max, least = 0;

	for (i = 0; i < n; i++) {
		max = way_max_frame(pl, list[i], vni);
		if (!max) {
			list[n_wide++] = list[i];
			continue;
		}
		narrow[n_narrow++] = list[i];
		if (!least || max < least)
			least = max;
	}
	for (i = 0; i < n_narrow; i++)
		list[n_wide + i] = narrow[i];
	*ret_max_frame = least;
	return n_wide;
}

size_t group_narrow(struct pipeline *pl, vni_t vni,
		    const struct peer *ret[MAX_PEERS])
{
	uint32_t max_frame;
	bool has_sleeve;
	const size_t n = members(pl, vni, 0, ret, &has_sleeve);
	const size_t n_wide = wide_first(pl, vni, ret, n, &max_frame);

	memmove(ret, ret + n_wide, (n - n_wide) * sizeof(ret[0]));
	return n - n_wide;
}

/*
 * Copies of group frames: shared by all ports and classes of the network. One
 * goes to sleeve, which makes those for its peers itself. The copies for narrow
 * peers are behind one check of the length, the last chunks with them: what is
 * longer comes up once, for all of these.
 */
static void peers_of_network(struct pipeline *pl, vni_t vni)
{
	const struct peer *list[MAX_PEERS];
	bool has_sleeve;
	const size_t n = members(pl, vni, 0, list, &has_sleeve);
	uint32_t max_frame;
	const size_t n_wide = wide_first(pl, vni, list, n, &max_frame);
	size_t i, chunk;

	for (chunk = 0; chunk < MAX_PEERS / FLOW_PEERS_PER_CHUNK; chunk++) {
		const struct flow_match m = match_of(RECIRC_PEERS(vni, chunk),
						     0);
		const size_t first = chunk * FLOW_PEERS_PER_CHUNK;
		const size_t end = first + FLOW_PEERS_PER_CHUNK;

		flow_actions_clear(&pl->scratch);
		if (!chunk && has_sleeve)
			way_to_tap(pl, vni, &pl->scratch);
		for (i = first; i < n && i < end; i++) {
			if (i == n_wide)
				flow_check_len(&pl->scratch, max_frame,
					       RECIRC_LONG(vni));
			way_to_peer(pl, list[i], vni, &pl->scratch);
		}
		if (n > end)
			flow_recirc(&pl->scratch, RECIRC_PEERS(vni, chunk + 1));
		if (pl->scratch.n)
			flowset_want(pl->flows, &m, &pl->scratch);
		else
			flowset_unwant(pl->flows, &m);
	}
}

static bool has_peers(struct pipeline *pl, vni_t vni)
{
	const struct flow_match m = match_of(RECIRC_PEERS(vni, 0), 0);
	const struct flow_slot *slot = flowset_find(pl->flows, &m);

	return slot && (slot->is_wanted || slot->state == SLOT_INHERITED);
}

void group_flood(struct pipeline *pl, vni_t vni, port_no_t except,
		 struct flow_actions *ret)
{
	flow_actions_clear(ret);
	EACH_PORT(pl->ports, node) {
		const struct port *port = &PORT_OF(node)->port;

		if (port->vni == vni && port->port_no != except)
			flow_output(ret, port->port_no);
	}
}

void group_flood_trusted(struct pipeline *pl, vni_t vni, port_no_t except,
			 bool to_peers, struct flow_actions *ret)
{
	const struct peer *list[MAX_PEERS];
	bool has_sleeve;
	size_t i, n;

	flow_actions_clear(ret);
	EACH_PORT(pl->ports, node) {
		const struct port *port = &PORT_OF(node)->port;

		if (port->vni == vni && port->port_no != except &&
		    port->is_trusted)
			flow_output(ret, port->port_no);
	}
	if (!to_peers)
		return;
	n = members(pl, vni, ENTRY_TRUSTED, list, &has_sleeve);
	for (i = 0; i < n; i++)
		way_to_peer(pl, list[i], vni, ret);
	if (has_sleeve)
		way_to_tap(pl, vni, ret);
}

/* Never back to where it came from; from a peer to no other peer. */
static void flood_from(struct pipeline *pl, vni_t vni, port_no_t in_port)
{
	const struct flow_match m = match_flood(vni, in_port);

	group_flood(pl, vni, in_port, &pl->scratch);
	if (in_port != PORT_NO_VXLAN && !tap_ports_have(pl->taps, in_port) &&
	    has_peers(pl, vni))
		flow_recirc(&pl->scratch, RECIRC_PEERS(vni, 0));
	flowset_want(pl->flows, &m, &pl->scratch);
}

/*
 * Classes that every network has use for; they need no packet to ask. Others,
 * and requests for addresses that nobody has declared, are made when asked for.
 */
static const struct flow_match common_classes[] = {
	{ .fields = FLOW_ETH_TYPE, .eth_type = ETH_TYPE_IPV4 },
	{ .fields = FLOW_ETH_TYPE | FLOW_ARP_OP,
	  .eth_type = ETH_TYPE_ARP,
	  .arp_op = ARP_REPLY },
	{ .fields = FLOW_ETH_TYPE | FLOW_IP_PROTO,
	  .eth_type = ETH_TYPE_IPV6,
	  .ip_proto = IP_PROTO_UDP },
};

/* Of ICMPv6: router solicitation and advertisement, neighbour advertisement
 * (RFC 4861), listener report (RFC 3810). */
static const uint8_t common_icmp6_types[] = { 133, 134, 136, 143 };

static void common_class(struct pipeline *pl, struct flow_match m,
			 uint32_t recirc_id, bool is_wanted)
{
	m.recirc_id = recirc_id;
	m.fields |= FLOW_ETH_GROUP;
	if (is_wanted)
		flowset_want(pl->flows, &m, &pl->scratch);
	else
		flowset_unwant(pl->flows, &m);
}

static void classes(struct pipeline *pl, vni_t vni, uint32_t recirc_id,
		    bool is_wanted)
{
	struct flow_match icmp6 = common_classes[2];
	size_t i;

	flow_actions_clear(&pl->scratch);
	flow_recirc(&pl->scratch, RECIRC_FLOOD(vni));
	for (i = 0; i < sizeof(common_classes) / sizeof(common_classes[0]); i++)
		common_class(pl, common_classes[i], recirc_id, is_wanted);
	icmp6.fields |= FLOW_ICMP6_TYPE;
	icmp6.ip_proto = IP_PROTO_ICMP6;
	for (i = 0; i < sizeof(common_icmp6_types); i++) {
		icmp6.icmp6_type = common_icmp6_types[i];
		common_class(pl, icmp6, recirc_id, is_wanted);
	}
}

/* D': what sleeve's thread hands in has proved where it comes from. */
static void arrival_by_sleeve(struct pipeline *pl, vni_t vni)
{
	const port_no_t tap = tap_ports_get(pl->taps, vni);
	const struct flow_match m = match_tap(tap);

	if (tap == PORT_NO_NONE)
		return;
	flow_actions_clear(&pl->scratch);
	flow_recirc(&pl->scratch, RECIRC_REMOTE(vni));
	flowset_want(pl->flows, &m, &pl->scratch);
	flood_from(pl, vni, tap);
}

void group_network(struct pipeline *pl, vni_t vni)
{
	const bool is_here = ports_has_network(pl->ports, vni);
	const struct flow_match from_peers = match_flood(vni, PORT_NO_VXLAN);

	if (pl->is_bridge)
		return;
	peers_of_network(pl, vni);
	EACH_PORT(pl->ports, port_node) {
		const struct port *port = &PORT_OF(port_node)->port;

		if (port->vni == vni)
			flood_from(pl, vni, port->port_no);
	}
	if (is_here)
		flood_from(pl, vni, PORT_NO_VXLAN);
	else
		flowset_unwant(pl->flows, &from_peers);
	arrival_by_sleeve(pl, vni);
	classes(pl, vni, RECIRC_LOCAL(vni), is_here);
	classes(pl, vni, RECIRC_REMOTE(vni), is_here);
}

void group_tap_gone(struct pipeline *pl, vni_t vni, port_no_t port_no)
{
	const struct flow_match arrival_m = match_tap(port_no);
	const struct flow_match flood = match_flood(vni, port_no);

	flowset_unwant(pl->flows, &arrival_m);
	flowset_unwant(pl->flows, &flood);
}

void group_changed(struct pipeline *pl, vni_t vni)
{
	regroup_changed(&pl->regroup, vni);
}

void group_told(struct pipeline *pl, const struct ip *ip)
{
	const struct peer *p = NULL;
	vni_t vni;

	while ((p = peers_next_at(pl->peers, ip, p))) {
		if (!p->has_snapshot)
			return;
	}
	while (copied_take(&pl->copied, ip, &vni))
		group_changed(pl, vni);
}

/* FLOOD of a port: does it send copies to peers? */
static bool sends_copies(const struct pipeline *pl, const struct port *port)
{
	const struct flow_match m = match_flood(port->vni, port->port_no);
	const struct flow_slot *slot = flowset_find(pl->flows, &m);

	return slot && slot->is_wanted && slot->actions.n &&
	       slot->actions.list[slot->actions.n - 1].type == FLOW_RECIRC;
}

void group_released(struct pipeline *pl)
{
	EACH_PORT(pl->ports, node) {
		const struct port *port = &PORT_OF(node)->port;

		if (sends_copies(pl, port) && !has_peers(pl, port->vni))
			group_changed(pl, port->vni);
	}
}

void group_run(struct pipeline *pl, usec_t now, bool is_hurried)
{
	vni_t vni;

	while (regroup_next(&pl->regroup, now, is_hurried, &vni))
		group_network(pl, vni);
}

bool group_asked_ip(const struct frame *f, struct ip *ret)
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

static void ip6_match(const struct frame *f, struct flow_match *m)
{
	m->fields |= FLOW_IP_PROTO;
	m->ip_proto = f->ip_proto;
	if (f->ip_proto != IP_PROTO_ICMP6)
		return;
	m->fields |= FLOW_ICMP6_TYPE;
	m->icmp6_type = f->icmp6_type;
	if (f->icmp6_type != ND_SOLICITATION)
		return;
	/* The kernel has a zero where there is no target. */
	m->fields |= FLOW_ND_TARGET;
	m->ip = f->nd_target;
}

struct flow_match group_match(const struct frame *f, uint32_t recirc_id)
{
	struct flow_match m = match_of(recirc_id,
				       FLOW_ETH_GROUP | FLOW_ETH_TYPE);

	m.eth_type = f->eth_type ? f->eth_type : FLOW_ETH_TYPE_LLC;
	if (f->eth_type == ETH_TYPE_ARP)
		arp_match(f, &m);
	if (f->eth_type == ETH_TYPE_IPV6)
		ip6_match(f, &m);
	return m;
}

void group_class(struct pipeline *pl, const struct flow_match *match,
		 struct flow_actions *ret)
{
	const vni_t vni = RECIRC_VNI(match->recirc_id);
	const bool is_request = (match->fields &
				 (FLOW_ARP_TIP | FLOW_ND_TARGET)) != 0;

	flow_actions_clear(ret);
	if (!is_request || !directory_find_ip(pl->directory, vni, &match->ip))
		flow_recirc(ret, RECIRC_FLOOD(vni));
}
