/* SPDX-License-Identifier: Apache-2.0 */
#include "miss.h"

#include "alloc.h"
#include "arrival.h"
#include "group.h"
#include "health.h"
#include "learn.h"
#include "matches.h"
#include "oversize.h"
#include "way.h"

#define GROUP_AGE_US (60 * USEC_PER_SEC)
#define DROP_AGE_US (10 * USEC_PER_SEC)
#define LEARNT_AGE_US (300 * USEC_PER_SEC)
/* An unknown destination is looked for behind trusted ports this often. */
#define SEARCH_AGE_US (1 * USEC_PER_SEC)

/*
 * Packets a second that go on although no flow could be made for them. Each is
 * a miss at every peer too, where those of all ports meet.
 */
#define SLOW_OF_PORT 100
#define SLOW_OF_PEERS 1000

static void drop_lazily(struct engine *e, usec_t now,
			const struct flow_match *match, port_no_t asked_by,
			usec_t age_us, bool is_extended)
{
	flow_actions_clear(&e->actions);
	if (!flowset_want_lazy(&e->flows, now, match, &e->actions, asked_by,
			       age_us, is_extended))
		engine_limit(e, "lazy flows");
}

/* Of a packet that no stage has told a network yet. */
static vni_t vni_of_first(const struct engine *e, const struct event *ev)
{
	const struct local_port *p = ports_find(&e->ports, ev->upcall.in_port);

	return p ? p->port.vni : ev->upcall.tun_id;
}

static void goes_on(struct engine *e, const struct event *ev)
{
	const vni_t vni = ev->upcall.recirc_id
				  ? RECIRC_VNI(ev->upcall.recirc_id)
				  : vni_of_first(e, ev);

	engine_packet(e, vni, ev->upcall.frame, ev->upcall.size,
		      ev->upcall.in_port, &e->actions);
}

/* The next one like it comes up too. */
static void goes_on_slowly(struct engine *e, usec_t now, const struct event *ev)
{
	struct local_port *p = ports_find(&e->ports, ev->upcall.in_port);

	if (p ? rate_allows(&p->slow, now, SLOW_OF_PORT)
	      : rate_allows(&e->slow, now, SLOW_OF_PEERS))
		goes_on(e, ev);
	else
		e->counters.n_upcalls_dropped++;
}

static bool is_tagged(const struct frame *f)
{
	return f->eth_type == FLOW_ETH_TYPE_VLAN ||
	       f->eth_type == FLOW_ETH_TYPE_QINQ;
}

/* A stranger, a network that this host has no part in, or a tag. */
static void from_tunnel(struct engine *e, usec_t now, const struct event *ev,
			const struct frame *f)
{
	const struct peer *p = peers_find_ip(&e->peers, &ev->upcall.tun_src);
	struct flow_match m;

	if (is_tagged(f)) {
		m = match_arrival(&ev->upcall.tun_src, ev->upcall.tun_id);
		m.fields |= FLOW_ETH_TYPE;
		m.eth_type = f->eth_type;
		drop_lazily(e, now, &m, PORT_NO_VXLAN, DROP_AGE_US, true);
		return;
	}
	m = arrival_miss(&e->pipeline, &ev->upcall.tun_src, ev->upcall.tun_id,
			 f);
	if (!p || !p->hello.can_fastdp ||
	    !ports_has_network(&e->ports, ev->upcall.tun_id)) {
		drop_lazily(e, now, &m, PORT_NO_VXLAN, DROP_AGE_US, true);
		return;
	}
	/* To a MAC that is not ours: the next stage knows what to do. */
	flow_actions_clear(&e->actions);
	flow_recirc(&e->actions, RECIRC_REMOTE(ev->upcall.tun_id));
	if (!flowset_want_lazy(&e->flows, now, &m, &e->actions, PORT_NO_VXLAN,
			       DROP_AGE_US, true))
		engine_limit(e, "lazy flows");
	goes_on_slowly(e, now, ev);
}

/* False: the port has no place for it. */
static bool learn(struct engine *e, usec_t now, struct local_port *p,
		  const struct mac *mac)
{
	const struct claim *c = directory_find_claim(e->directory, p->port.vni,
						     mac, e->config.id);
	const struct flow_match m = match_source(p->port.port_no, mac);
	const bool is_moved = c && c->port_no != p->port.port_no;

	if (is_moved) {
		const struct flow_match old = match_source(c->port_no, mac);

		flowset_unwant(&e->flows, &old);
	}
	flow_actions_clear(&e->actions);
	flow_recirc(&e->actions, RECIRC_LOCAL(p->port.vni));
	if (!flowset_want_lazy(&e->flows, now, &m, &e->actions, p->port.port_no,
			       LEARNT_AGE_US, true)) {
		engine_limit(e, "lazy flows");
		/* Where it was it has no flow any more that would age. */
		if (is_moved)
			engine_disown(e, now, p->port.vni, mac);
		return false;
	}
	engine_own(e, now, &p->port, mac, true);
	return true;
}

/* Tags of containers are not carried: a network is what keeps them apart. */
static void drop_tagged(struct engine *e, usec_t now, port_no_t port_no,
			const struct frame *f)
{
	struct flow_match m;

	memset(&m, 0, sizeof(m));
	m.fields = FLOW_IN_PORT | FLOW_ETH_TYPE;
	m.in_port = port_no;
	m.eth_type = f->eth_type;
	drop_lazily(e, now, &m, port_no, DROP_AGE_US, true);
}

static void from_port(struct engine *e, usec_t now, const struct event *ev,
		      const struct frame *f)
{
	struct local_port *p = ports_find(&e->ports, ev->upcall.in_port);
	bool has_flow = true;
	struct flow_match m;
	struct note *n;

	if (!p)
		return;
	if (is_tagged(f)) {
		drop_tagged(e, now, p->port.port_no, f);
		return;
	}
	if (!mac_equal(&f->src, &p->port.mac)) {
		if (!learn_may(e, p, &f->src)) {
			e->counters.n_foreign_macs++;
			m = match_source(p->port.port_no, &f->src);
			if (!flowset_find(&e->flows, &m)) {
				n = engine_note(e, NOTE_FOREIGN_MAC);
				n->port_no = p->port.port_no;
				n->mac = f->src;
				n->vni = p->port.vni;
			}
			/* A trusted port's may be learnt some day. */
			drop_lazily(e, now, &m, p->port.port_no, DROP_AGE_US,
				    !p->port.is_trusted);
			return;
		}
		has_flow = learn(e, now, p, &f->src);
		engine_refresh(e, now);
	}
	flow_actions_clear(&e->actions);
	flow_recirc(&e->actions, RECIRC_LOCAL(p->port.vni));
	if (has_flow)
		goes_on(e, ev);
	else
		goes_on_slowly(e, now, ev);
}

/* Among the trusted ports, by the actions that are laid out. */
static void search(struct engine *e, usec_t now, const struct event *ev,
		   const struct flow_match *m)
{
	static const struct flow_actions nothing;

	if (flowset_want_lazy(&e->flows, now, m, &nothing, ev->upcall.in_port,
			      SEARCH_AGE_US, false)) {
		goes_on(e, ev);
		return;
	}
	engine_limit(e, "lazy flows");
	goes_on_slowly(e, now, ev);
}

static void unknown_unicast(struct engine *e, usec_t now,
			    const struct event *ev, const struct frame *f)
{
	const vni_t vni = RECIRC_VNI(ev->upcall.recirc_id);
	const bool is_local = RECIRC_STAGE(ev->upcall.recirc_id) == STAGE_LOCAL;
	struct flow_match m;

	e->counters.n_unknown_macs++;
	group_flood_trusted(&e->pipeline, vni,
			    is_local ? ev->upcall.in_port : PORT_NO_NONE,
			    is_local, &e->actions);
	memset(&m, 0, sizeof(m));
	m.fields = FLOW_ETH_DST;
	m.recirc_id = ev->upcall.recirc_id;
	m.eth_dst = f->dst;
	if (e->actions.n) {
		search(e, now, ev, &m);
		return;
	}
	drop_lazily(e, now, &m, ev->upcall.in_port, DROP_AGE_US, true);
}

/* For a narrow peer: that is seen to. */
static bool is_too_long(struct engine *e, usec_t now, const struct event *ev,
			const struct claim *c)
{
	struct peer *p = peers_find(&e->peers, c->owner);
	const uint32_t max = p ? way_max_frame(&e->pipeline, p, c->vni) : 0;

	if (!max || ev->upcall.size <= max)
		return false;
	oversize_frame(e, now, ev, c, p, max);
	return true;
}

static void to_unicast(struct engine *e, usec_t now, const struct event *ev,
		       const struct frame *f)
{
	const vni_t vni = RECIRC_VNI(ev->upcall.recirc_id);
	const uint32_t stage = RECIRC_STAGE(ev->upcall.recirc_id);
	const bool is_local = stage == STAGE_LOCAL || stage == STAGE_LONG;
	const struct claim *c = directory_find_mac(e->directory, vni, &f->dst);

	if (c && is_local && is_too_long(e, now, ev, c))
		return;
	/* Split horizon: what came from a peer goes to no other. */
	if (c && (is_local || c->owner == e->config.id) &&
	    way_to_owner(&e->pipeline, c, &e->actions)) {
		goes_on(e, ev);
		return;
	}
	/* Whom a flow thought too narrow has gone meanwhile. */
	if (stage != STAGE_LONG)
		unknown_unicast(e, now, ev, f);
}

static void to_group(struct engine *e, usec_t now, const struct event *ev,
		     const struct frame *f)
{
	const uint32_t recirc_id = ev->upcall.recirc_id;
	const vni_t vni = RECIRC_VNI(recirc_id);
	const bool is_local = RECIRC_STAGE(recirc_id) == STAGE_LOCAL;
	const struct claim *c = NULL;
	struct flow_match m;
	struct ip ip;

	if (group_asked_ip(f, &ip))
		c = directory_find_ip(e->directory, vni, &ip);
	if (c && (is_local || c->owner == e->config.id)) {
		/* Its flow is on the way. */
		if (way_to_owner(&e->pipeline, c, &e->actions))
			goes_on(e, ev);
		return;
	}
	m = group_match(f, recirc_id);
	group_class(&e->pipeline, &m, &e->actions);
	/* One that goes nowhere is asked again: the directory may change. */
	if (!flowset_want_lazy(&e->flows, now, &m, &e->actions,
			       ev->upcall.in_port,
			       e->actions.n ? GROUP_AGE_US : DROP_AGE_US,
			       e->actions.n > 0)) {
		engine_limit(e, "lazy flows");
		goes_on_slowly(e, now, ev);
		return;
	}
	goes_on(e, ev);
}

void miss_upcall(struct engine *e, usec_t now, const struct event *ev)
{
	const uint32_t recirc_id = ev->upcall.recirc_id;
	struct frame f;

	if (!e->is_started ||
	    !frame_parse(ev->upcall.frame, ev->upcall.size, &f))
		return;
	if (recirc_id == 0 && ev->upcall.in_port == PORT_NO_VXLAN &&
	    ev->upcall.tun_id == VNI_PROBE) {
		health_probe(e, now, ev);
		return;
	}
	e->counters.n_upcalls++;
	if (recirc_id == 0 && ev->upcall.in_port == PORT_NO_VXLAN) {
		from_tunnel(e, now, ev, &f);
		return;
	}
	if (recirc_id == 0) {
		from_port(e, now, ev, &f);
		return;
	}
	if (RECIRC_STAGE(recirc_id) == STAGE_LONG) {
		if (mac_is_group(&f.dst))
			oversize_group(e, now, ev, RECIRC_VNI(recirc_id));
		else
			to_unicast(e, now, ev, &f);
		return;
	}
	if (RECIRC_STAGE(recirc_id) != STAGE_LOCAL &&
	    RECIRC_STAGE(recirc_id) != STAGE_REMOTE)
		return;
	if (mac_is_group(&f.dst))
		to_group(e, now, ev, &f);
	else
		to_unicast(e, now, ev, &f);
}

static bool is_learnt_source(const struct engine *e, const struct flow_match *m)
{
	const struct local_port *p;

	if (m->recirc_id || m->fields != (FLOW_IN_PORT | FLOW_ETH_SRC))
		return false;
	p = ports_find(&e->ports, m->in_port);
	return p && p->port.is_trusted && !mac_equal(&p->port.mac, &m->eth_src);
}

/* A learnt MAC lives as long as the flow that it came with. */
static void source_gone(struct engine *e, usec_t now,
			const struct flow_match *m)
{
	const struct claim *c;
	vni_t vni;

	if (!is_learnt_source(e, m))
		return;
	vni = ports_find(&e->ports, m->in_port)->port.vni;
	c = directory_find_claim(e->directory, vni, &m->eth_src, e->config.id);
	if (c && c->port_no == m->in_port)
		engine_disown(e, now, vni, &m->eth_src);
}

void miss_used(struct engine *e, usec_t now, const struct event *ev)
{
	if (flowset_used(&e->flows, now, &ev->used.match, ev->used.is_known,
			 ev->used.idle_us))
		source_gone(e, now, &ev->used.match);
}

void miss_refused(struct engine *e, usec_t now, const struct flow_match *m)
{
	const struct flow_slot *slot = flowset_find(&e->flows, m);

	if (!slot || !slot->is_wanted)
		source_gone(e, now, m);
}

/*
 * A flow to the network's flood was lazy, or is wanted anyhow. One to a peer is
 * F, of an address that the peer has yet to tell us of.
 */
static void adopt(struct engine *e, usec_t now, const struct flow_match *m,
		  bool is_flood)
{
	struct local_port *p;

	if (is_learnt_source(e, m)) {
		p = ports_find(&e->ports, m->in_port);
		/* Its owner may have declared it since. */
		if (learn_may(e, p, &m->eth_src))
			learn(e, now, p, &m->eth_src);
		return;
	}
	if (!(m->fields & FLOW_ETH_GROUP) || !is_flood)
		return;
	if (!ports_has_network(&e->ports, RECIRC_VNI(m->recirc_id)))
		return;
	group_class(&e->pipeline, m, &e->actions);
	flowset_want_lazy(&e->flows, now, m, &e->actions, PORT_NO_VXLAN,
			  GROUP_AGE_US, true);
}

void miss_adopt(struct engine *e, usec_t now)
{
	struct list *node = e->flows.inherited.next, *next;

	for (; node != &e->flows.inherited; node = next) {
		struct flow_slot *slot = CONTAINER_OF(node, struct flow_slot,
						      of_kind);
		struct flow_match m = slot->match;
		const struct flow_actions *a = &slot->actions;

		next = node->next;
		adopt(e, now, &m,
		      a->n == 1 && a->list[0].type == FLOW_RECIRC &&
			      RECIRC_STAGE(a->list[0].recirc_id) ==
				      STAGE_FLOOD);
	}
	engine_refresh(e, now);
}
