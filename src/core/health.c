/* SPDX-License-Identifier: Apache-2.0 */
#include "health.h"

#include "alloc.h"
#include "sizing.h"
#include "way.h"
#include "wire.h"

#define DEFAULT_BUDGET 1000U
/* What a peer costs in an interval: a heartbeat on each path, and its size
 * confirmed (pmtu.h): on the one in use as often, on the other less. */
#define BEATS_PER_INTERVAL 3U
#define SPARE_FACTOR 10U

void health_pace(struct engine *e)
{
	const usec_t per_sec = e->config.heartbeats_per_sec
				       ? e->config.heartbeats_per_sec
				       : DEFAULT_BUDGET;
	const usec_t least = e->peers.table.n * BEATS_PER_INTERVAL *
			     USEC_PER_SEC / per_sec;

	e->interval_us = e->config.heartbeat_interval_us;
	if (e->interval_us < least)
		e->interval_us = least;
}

/* With each heartbeat or some: a little later than it, which takes it along. */
static usec_t confirm_pause(const struct engine *e)
{
	const usec_t n = PMTU_CONFIRM_US / e->interval_us;

	return (n ? n : 1) * e->interval_us + e->interval_us / 6;
}

/* Each wake-up costs more than what is done in it. */
static void join(const struct engine *e, usec_t now, struct peer *p)
{
	int i;

	for (i = 0; i < N_PATHS; i++) {
		path_join(&p->paths[i], now, e->interval_us / 2);
		pmtu_join(&p->pmtu[i], now, e->interval_us / 4);
	}
}

static void keep_pace(struct engine *e, usec_t now, struct peer *p)
{
	const usec_t confirm = confirm_pause(e);
	int i;

	for (i = 0; i < N_PATHS; i++) {
		const bool is_used = p->has_choice &&
				     p->choice == (enum path_kind)i;

		path_pace(&p->paths[i], now, e->interval_us);
		pmtu_pace(&p->pmtu[i], now,
			  is_used ? confirm : confirm * SPARE_FACTOR);
	}
}

void health_arm(struct engine *e, struct peer *p)
{
	usec_t at = p->forget_at;
	int i;

	if (sizing_deadline(p) < at)
		at = sizing_deadline(p);
	for (i = 0; i < N_PATHS; i++) {
		if (path_deadline(&p->paths[i]) < at)
			at = path_deadline(&p->paths[i]);
	}
	if (peer_choice_deadline(p) < at)
		at = peer_choice_deadline(p);
	/* What is due already must not come as a timer again and again. */
	if (!list_is_empty(&p->by_due))
		at = USEC_NEVER;
	timerq_set(&e->timers, &p->timer, at);
}

static void path_changed(struct engine *e, usec_t now, struct peer *p)
{
	const bool is_down = p->paths[PATH_FASTDP].state == PATH_DOWN;
	const bool is_chosen = peer_choose(p, now);

	sizing_follow(e, now, p);
	keep_pace(e, now, p);
	/*
	 * Its requests reach us though our own are not answered: it is told
	 * over the session, since the kernel's echo finds no way back.
	 */
	if (is_chosen || p->is_h_copied != is_down) {
		p->is_h_copied = is_down;
		pipeline_peer(&e->pipeline, p);
	}
	if (is_chosen) {
		e->sleeve_changed = true;
		engine_note(e, NOTE_CHOICE)->peer_id = p->hello.id;
	}
}

static void note_path(struct engine *e, const struct peer *p,
		      enum path_kind kind)
{
	const struct path *path = &p->paths[kind];
	struct note *n = engine_note(e, path->state == PATH_UP
						? NOTE_PATH_UP
						: NOTE_PATH_DOWN);

	n->peer_id = p->hello.id;
	n->path = kind;
	n->reason = path->reason;
}

/* REASON_NONE: this path can be tried. */
static enum reason obstacle(const struct engine *e, const struct peer *p,
			    enum path_kind kind)
{
	if (kind == PATH_FASTDP) {
		if (!e->config.has_fastdp)
			return REASON_NO_FASTDP_HERE;
		return p->hello.can_fastdp ? REASON_NONE
					   : REASON_NO_FASTDP_THERE;
	}
	if (!e->config.has_sleeve)
		return REASON_NO_SLEEVE_HERE;
	if (!p->hello.can_sleeve)
		return REASON_NO_SLEEVE_THERE;
	return p->sleeve.tx_token ? REASON_NONE : REASON_NO_SESSION;
}

void health_start(struct engine *e, usec_t now, struct peer *p)
{
	int i;

	for (i = 0; i < N_PATHS; i++) {
		const enum reason reason = obstacle(e, p, (enum path_kind)i);

		if (reason == REASON_NONE)
			path_start(&p->paths[i], now,
				   targets_random(&e->targets, UINT64_MAX), 0);
		else
			path_stop(&p->paths[i], now, reason);
	}
	list_append(&e->peers.by_due, &p->by_due);
	sizing_place(e, now, p);
	path_changed(e, now, p);
	health_arm(e, p);
}

void health_expire(struct engine *e, usec_t now, struct peer *p)
{
	int i;

	keep_pace(e, now, p);
	for (i = 0; i < N_PATHS; i++) {
		if (path_expired(&p->paths[i], now))
			note_path(e, p, (enum path_kind)i);
	}
	path_changed(e, now, p);
}

void health_answered(struct engine *e, usec_t now, struct peer *p,
		     enum path_kind kind, uint64_t seq)
{
	bool is_up;

	if (pmtu_is_seq(seq)) {
		sizing_acked(e, now, p, kind, seq);
		health_arm(e, p);
		return;
	}
	if (!path_acked(&p->paths[kind], now, seq, &is_up)) {
		e->counters.n_bad_probes++;
		return;
	}
	e->counters.n_probes_acked++;
	if (is_up)
		note_path(e, p, kind);
	/* At the beginning it matters when the one answers, not the other. */
	if (is_up || !p->has_choice)
		path_changed(e, now, p);
	health_arm(e, p);
}

void health_beat(struct engine *e, usec_t now, const struct event *ev)
{
	struct peer *p = peers_find(&e->peers, ev->beat.peer_id);

	if (p && ev->beat.cookie == p->paths[PATH_SLEEVE].cookie)
		health_answered(e, now, p, PATH_SLEEVE, ev->beat.seq);
	else
		e->counters.n_bad_probes++;
}

static void heard(struct engine *e, const struct probe *probe,
		  const struct event *ev)
{
	struct peer *p = peers_find(&e->peers, probe->from);

	if (!p || !p->session || probe->to != e->config.id ||
	    !ip_equal(&p->remote.ip, &ev->upcall.tun_src)) {
		e->counters.n_bad_probes++;
		return;
	}
	/* Of many that wait the newest tell most. */
	if (p->n_heard == PEER_MAX_HEARD)
		memmove(p->heard, p->heard + 1,
			--p->n_heard * sizeof(p->heard[0]));
	p->heard[p->n_heard++] = probe->seq;
	peers_owe_to(&e->peers, p);
}

void health_egress(struct engine *e, usec_t now, const struct event *ev)
{
	struct peer *p = peers_find(&e->peers, ev->egress.peer_id);
	int i;

	if (!p)
		return;
	for (i = 0; i < N_PATHS; i++) {
		/* The kernel's word may be late: of a carrier, by a second. */
		if (ev->egress.is_up)
			path_hurry(&p->paths[i], now);
		else
			path_doubt(&p->paths[i], now, REASON_UNREACHABLE);
	}
	sizing_egress(e, now, p, ev);
	path_changed(e, now, p);
	health_arm(e, p);
}

void health_unreachable(struct engine *e, usec_t now, const struct event *ev)
{
	const enum path_kind kind = ev->hint.path;

	if (kind >= N_PATHS)
		return;
	EACH_PEER(&e->peers, node) {
		struct peer *p = PEER_OF(node);
		const struct ip *ip = kind == PATH_FASTDP
					      ? &p->remote.ip
					      : &p->sleeve.endpoint.ip;

		if (!ip_equal(ip, &ev->hint.ip))
			continue;
		path_doubt(&p->paths[kind], now, REASON_UNREACHABLE);
		health_arm(e, p);
	}
}

void health_refused(struct engine *e, usec_t now, peer_id_t id,
		    enum path_kind kind)
{
	struct peer *p = peers_find(&e->peers, id);

	if (!p)
		return;
	path_refused(&p->paths[kind], now, REASON_SEND_REFUSED);
	path_doubt(&p->paths[kind], now, REASON_SEND_REFUSED);
	health_arm(e, p);
}

void health_probe(struct engine *e, usec_t now, const struct event *ev)
{
	struct probe probe;
	struct peer *p;

	if (!wire_get_probe(ev->upcall.frame, ev->upcall.size, &probe)) {
		e->counters.n_bad_probes++;
		return;
	}
	if (!probe.is_reply) {
		heard(e, &probe, ev);
		return;
	}
	p = peers_find(&e->peers, probe.to);
	if (!p || probe.from != e->config.id ||
	    probe.cookie != p->paths[PATH_FASTDP].cookie ||
	    !ip_equal(&p->remote.ip, &ev->upcall.tun_src)) {
		e->counters.n_bad_probes++;
		return;
	}
	health_answered(e, now, p, PATH_FASTDP, probe.seq);
}

static bool put_probe(struct engine *e, struct peer *p, uint64_t seq,
		      struct action *ret)
{
	const struct probe probe = { .from = e->config.id,
				     .to = p->hello.id,
				     .cookie = p->paths[PATH_FASTDP].cookie,
				     .seq = seq };
	struct flow_tunnel tunnel;

	if (!way_tunnel(p, VNI_PROBE, &tunnel))
		return false;
	wire_put_probe(&probe, e->frame, PROBE_MIN_SIZE);
	flow_actions_clear(&e->actions);
	flow_set_tunnel(&e->actions, &tunnel);
	flow_output(&e->actions, PORT_NO_VXLAN);
	ret->type = ACTION_EXECUTE;
	ret->execute.frame = e->frame;
	ret->execute.size = PROBE_MIN_SIZE;
	ret->execute.in_port = PORT_NO_NONE;
	ret->execute.vni = VNI_NONE;
	ret->execute.actions = &e->actions;
	ret->execute.peer_id = p->hello.id;
	e->counters.n_probes_sent++;
	return true;
}

static void put_beat(struct engine *e, const struct peer *p, uint64_t seq,
		     struct action *ret)
{
	ret->type = ACTION_SLEEVE_BEAT;
	ret->beat.place = p->sleeve;
	ret->beat.cookie = p->paths[PATH_SLEEVE].cookie;
	ret->beat.seq = seq;
	e->counters.n_probes_sent++;
}

/* It stays due while it owes another one. */
static bool poll_peer(struct engine *e, usec_t now, struct peer *p,
		      struct action *ret)
{
	uint64_t seq;

	if (path_poll(&p->paths[PATH_FASTDP], now, &seq)) {
		join(e, now, p);
		if (put_probe(e, p, seq, ret))
			return true;
	}
	if (path_poll(&p->paths[PATH_SLEEVE], now, &seq)) {
		join(e, now, p);
		put_beat(e, p, seq, ret);
		return true;
	}
	return sizing_poll(e, now, p, PATH_FASTDP, ret) ||
	       sizing_poll(e, now, p, PATH_SLEEVE, ret);
}

bool health_poll(struct engine *e, usec_t now, struct action *ret)
{
	struct list *due = &e->peers.by_due;

	while (!list_is_empty(due)) {
		struct peer *p = CONTAINER_OF(due->next, struct peer, by_due);

		if (poll_peer(e, now, p, ret))
			return true;
		list_remove(&p->by_due);
		sizing_settle(e, p);
		health_arm(e, p);
	}
	return false;
}
