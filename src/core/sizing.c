/* SPDX-License-Identifier: Apache-2.0 */
#include "sizing.h"

#include "alloc.h"
#include "sleeve_wire.h"
#include "way.h"
#include "wire.h"

#define FLOOR_V4 576U
#define BASE_V4 1200U
#define FLOOR_V6 1280U /* RFC 8200 section 5 */
#define IP4_SIZE 20U
#define IP6_SIZE 40U
#define UDP_SIZE 8U
#define VXLAN_SIZE 8U
/* All peers together: a host that joins a large cluster makes no burst. */
#define PROBES_PER_SEC 2000U
#define BLOCK_US (10 * USEC_PER_MS)

uint32_t sizing_overhead(const struct ip *remote, enum path_kind kind)
{
	const uint32_t ip = ip_is_v4(remote) ? IP4_SIZE : IP6_SIZE;

	return ip + UDP_SIZE +
	       (kind == PATH_FASTDP ? VXLAN_SIZE
				    : SLEEVE_HEADER_SIZE + SLEEVE_FRAME_SIZE);
}

static const struct ip *remote_of(const struct peer *p, enum path_kind kind)
{
	return kind == PATH_FASTDP ? &p->remote.ip : &p->sleeve.endpoint.ip;
}

/* The largest frame of a container that fits. */
static uint32_t frame_of(const struct peer *p, enum path_kind kind)
{
	const uint32_t overhead = sizing_overhead(remote_of(p, kind), kind);
	const uint32_t size = p->pmtu[kind].usable;

	return size > overhead + ETH_HEADER_SIZE ? size - overhead
						 : ETH_HEADER_SIZE;
}

uint32_t sizing_mtu(const struct peer *p)
{
	enum path_kind kind;

	if (!p->link_mtu || !peer_carrier(p, &kind))
		return 0;
	return frame_of(p, kind) - ETH_HEADER_SIZE;
}

uint32_t sizing_narrowest(const struct engine *e)
{
	uint32_t least = 0;

	EACH_PEER(&e->peers, node) {
		const struct peer *p = PEER_OF(node);
		const uint32_t mtu = p->has_choice ? sizing_mtu(p) : 0;

		if (mtu && (!least || mtu < least))
			least = mtu;
	}
	return least;
}

void sizing_init(struct engine *e, usec_t now, struct peer *p)
{
	const struct pmtu_config config = { .floor = FLOOR_V4,
					    .base = BASE_V4,
					    .is_capped = e->config.is_capped,
					    .raise_us =
						    e->config.pmtu_raise_us };
	int i;

	for (i = 0; i < N_PATHS; i++)
		pmtu_init(&p->pmtu[i], now, &config);
}

struct narrow {
	struct table_node node;
	struct ip ip;
	uint32_t max_frame;
};

static uint64_t hash_of(const struct engine *e, const struct ip *ip)
{
	return core_hash(ip, sizeof(*ip), e->config.seed);
}

static struct narrow *find_narrow(const struct engine *e, const struct ip *ip)
{
	struct table_node *node = table_first(&e->narrow, hash_of(e, ip));

	for (; node; node = table_next(node)) {
		struct narrow *n = CONTAINER_OF(node, struct narrow, node);

		if (ip_equal(&n->ip, ip))
			return n;
	}
	return NULL;
}

void sizing_found(struct engine *e, const struct flow_match *m,
		  const struct flow_actions *a)
{
	struct narrow *n;

	/* Copies for many have the least of all. */
	if ((RECIRC_STAGE(m->recirc_id) >= STAGE_PEERS &&
	     RECIRC_STAGE(m->recirc_id) < STAGE_LONG) ||
	    a->n < 2 || a->list[0].type != FLOW_CHECK_LEN ||
	    a->list[1].type != FLOW_SET_TUNNEL || e->narrow.n >= MAX_PEERS ||
	    find_narrow(e, &a->list[1].tunnel.dst))
		return;
	n = core_alloc(sizeof(*n));
	n->ip = a->list[1].tunnel.dst;
	n->max_frame = a->list[0].max_size;
	table_add(&e->narrow, &n->node, hash_of(e, &n->ip));
}

void sizing_forget_found(struct engine *e)
{
	struct table_node *node;
	size_t pos = 0;

	while ((node = table_walk(&e->narrow, &pos, NULL))) {
		table_remove(&e->narrow, node);
		free(CONTAINER_OF(node, struct narrow, node));
		pos = 0;
	}
	table_free(&e->narrow);
}

void sizing_place(struct engine *e, usec_t now, struct peer *p)
{
	const struct narrow *narrow;
	int i;

	for (i = 0; i < N_PATHS; i++) {
		const struct ip *remote = remote_of(p, (enum path_kind)i);

		if (ip_is_zero(remote) || ip_is_v4(remote))
			pmtu_set_base(&p->pmtu[i], now, FLOOR_V4, BASE_V4);
		else
			pmtu_set_base(&p->pmtu[i], now, FLOOR_V6, FLOOR_V6);
	}
	narrow = find_narrow(e, &p->remote.ip);
	if (narrow && !p->link_mtu)
		p->max_frame = narrow->max_frame;
	sizing_settle(e, p);
}

void sizing_follow(struct engine *e, usec_t now, struct peer *p)
{
	int i;

	/* What is not known to fit the link is not sent at all. */
	for (i = 0; i < N_PATHS; i++) {
		if (p->paths[i].state == PATH_UP && p->link_mtu)
			pmtu_start(&p->pmtu[i], now);
		else
			pmtu_stop(&p->pmtu[i], now);
	}
	sizing_settle(e, p);
}

/* The last life's result, until this one has its own. */
static void expect(struct peer *p, usec_t now)
{
	if (!p->max_frame)
		return;
	pmtu_expect(&p->pmtu[PATH_FASTDP], now, p->link_mtu,
		    p->max_frame + sizing_overhead(&p->remote.ip, PATH_FASTDP));
}

void sizing_egress(struct engine *e, usec_t now, struct peer *p,
		   const struct event *ev)
{
	const uint32_t route = ev->egress.route_mtu;
	const uint32_t link = ev->egress.link_mtu;
	const bool has_grown = p->route_mtu && route > p->route_mtu;
	const bool is_first = !p->link_mtu;
	int i;

	p->link_mtu = link;
	p->route_mtu = route;
	if (is_first)
		expect(p, now);
	for (i = 0; i < N_PATHS; i++) {
		pmtu_set_link(&p->pmtu[i], now, link);
		if (route && route < link)
			pmtu_hint(&p->pmtu[i], now, route);
		if (has_grown)
			pmtu_raise(&p->pmtu[i], now);
	}
	sizing_settle(e, p);
}

void sizing_hint(struct engine *e, usec_t now, const struct event *ev)
{
	const enum path_kind kind = ev->hint.path;

	if (kind >= N_PATHS)
		return;
	EACH_PEER(&e->peers, node) {
		struct peer *p = PEER_OF(node);

		if (!ip_equal(remote_of(p, kind), &ev->hint.ip))
			continue;
		pmtu_hint(&p->pmtu[kind], now, ev->hint.mtu);
		sizing_settle(e, p);
		list_append(&e->peers.by_due, &p->by_due);
	}
}

void sizing_overlay(struct engine *e, uint32_t mtu)
{
	e->overlay_mtu = mtu;
	EACH_PEER(&e->peers, node)
		sizing_settle(e, PEER_OF(node));
}

void sizing_acked(struct engine *e, usec_t now, struct peer *p,
		  enum path_kind kind, uint64_t seq)
{
	if (!pmtu_acked(&p->pmtu[kind], now, seq)) {
		e->counters.n_bad_probes++;
		return;
	}
	e->counters.n_mtu_probes_acked++;
	sizing_settle(e, p);
}

static bool put_fastdp(struct engine *e, struct peer *p, uint64_t seq,
		       uint32_t size, struct action *ret)
{
	const struct probe probe = { .is_sized = true,
				     .from = e->config.id,
				     .to = p->hello.id,
				     .cookie = p->paths[PATH_FASTDP].cookie,
				     .seq = seq };
	const uint32_t overhead = sizing_overhead(&p->remote.ip, PATH_FASTDP);
	struct flow_tunnel tunnel;
	size_t frame = PROBE_MIN_SIZE;

	if (!way_tunnel(p, VNI_PROBE, &tunnel))
		return false;
	if (size > overhead + PROBE_MIN_SIZE)
		frame = size - overhead;
	if (!e->probe)
		e->probe = core_alloc(PMTU_MAX_SIZE);
	wire_put_probe(&probe, e->probe, frame);
	flow_actions_clear(&e->actions);
	flow_set_tunnel(&e->actions, &tunnel);
	flow_output(&e->actions, PORT_NO_VXLAN);
	ret->type = ACTION_EXECUTE;
	ret->execute.frame = e->probe;
	ret->execute.size = frame;
	ret->execute.in_port = PORT_NO_NONE;
	ret->execute.actions = &e->actions;
	ret->execute.vni = VNI_NONE;
	ret->execute.peer_id = p->hello.id;
	return true;
}

static bool put_sleeve(const struct peer *p, uint64_t seq, uint32_t size,
		       struct action *ret)
{
	ret->type = ACTION_SLEEVE_BEAT;
	ret->beat.place = p->sleeve;
	ret->beat.cookie = p->paths[PATH_SLEEVE].cookie;
	ret->beat.seq = seq;
	ret->beat.size = size;
	return true;
}

bool sizing_poll(struct engine *e, usec_t now, struct peer *p,
		 enum path_kind kind, struct action *ret)
{
	struct pmtu *m = &p->pmtu[kind];
	uint64_t seq;
	uint32_t size;

	if (m->state == PMTU_DISABLED || pmtu_deadline(m) > now)
		return false;
	if (!rate_allows(&e->probe_rate, now, PROBES_PER_SEC)) {
		pmtu_block(m, now + BLOCK_US);
		return false;
	}
	if (!pmtu_poll(m, now, p->paths[kind].rtt_us, &seq, &size))
		return false;
	e->counters.n_mtu_probes_sent++;
	return kind == PATH_FASTDP ? put_fastdp(e, p, seq, size, ret)
				   : put_sleeve(p, seq, size, ret);
}

usec_t sizing_deadline(const struct peer *p)
{
	usec_t at = USEC_NEVER;
	int i;

	for (i = 0; i < N_PATHS; i++) {
		if (pmtu_deadline(&p->pmtu[i]) < at)
			at = pmtu_deadline(&p->pmtu[i]);
	}
	return at;
}

static void note_result(struct engine *e, struct peer *p, enum path_kind kind)
{
	const struct pmtu *m = &p->pmtu[kind];
	struct note *n;

	if ((m->state != PMTU_COMPLETE && m->state != PMTU_ERROR) ||
	    m->plpmtu == p->noted_plpmtu[kind])
		return;
	p->noted_plpmtu[kind] = m->plpmtu;
	n = engine_note(e, NOTE_PATH_MTU);
	n->peer_id = p->hello.id;
	n->path = kind;
	n->reason = m->reason;
	n->count = m->plpmtu;
}

/* 0: all that containers send fits, or flows cannot tell. */
static uint32_t wanted_max_frame(const struct engine *e, const struct peer *p)
{
	const uint32_t frame = frame_of(p, PATH_FASTDP);

	if (!e->config.has_check_len)
		return 0;
	if (!p->link_mtu || !e->overlay_mtu)
		return p->max_frame; /* as the last life had it */
	return frame < e->overlay_mtu + ETH_HEADER_SIZE ? frame : 0;
}

void sizing_settle(struct engine *e, struct peer *p)
{
	const uint32_t usable = p->pmtu[PATH_SLEEVE].usable;
	const uint32_t max_frame = wanted_max_frame(e, p);
	int i;

	for (i = 0; i < N_PATHS; i++)
		note_result(e, p, (enum path_kind)i);
	if (p->sleeve.plpmtu != usable || p->sleeve.link_mtu != p->link_mtu) {
		p->sleeve.plpmtu = usable;
		p->sleeve.link_mtu = p->link_mtu;
		e->sleeve_changed = true;
	}
	if (p->max_frame == max_frame)
		return;
	p->max_frame = max_frame;
	if (e->is_started)
		pipeline_peer_frames(&e->pipeline, p);
}

void sizing_view(const struct peer *p, enum path_kind kind,
		 struct path_view *ret)
{
	const struct pmtu *m = &p->pmtu[kind];

	ret->plpmtu = p->link_mtu ? m->usable : m->plpmtu;
	ret->pmtu_state = m->state;
	ret->pmtu_since = m->since;
	ret->pmtu_reason = m->reason;
	ret->pmtu_changed_at = m->changed_at;
	ret->link_mtu = p->link_mtu;
	ret->route_mtu = p->route_mtu;
	ret->n_mtu_probes = m->n_sent;
	ret->n_mtu_probes_acked = m->n_acked;
	ret->n_rungs = m->n_rungs;
	memcpy(ret->rungs, m->rungs, sizeof(ret->rungs));
}
