/* SPDX-License-Identifier: Apache-2.0 */
#include "health.h"

#include "alloc.h"
#include "wire.h"

void health_arm(struct engine *e, struct peer *p)
{
	usec_t at = p->forget_at;
	int i;

	for (i = 0; i < N_PATHS; i++) {
		if (path_deadline(&p->paths[i]) < at)
			at = path_deadline(&p->paths[i]);
	}
	/* What is due already must not come as a timer again and again. */
	if (!list_is_empty(&p->by_due))
		at = USEC_NEVER;
	timerq_set(&e->timers, &p->timer, at);
}

static void path_changed(struct engine *e, usec_t now, struct peer *p)
{
	const bool is_down = p->paths[PATH_FASTDP].state == PATH_DOWN;
	const bool is_chosen = peer_choose(p, now);

	/*
	 * Its requests reach us though our own are not answered: it is told
	 * over the session, since the kernel's echo finds no way back.
	 */
	if (is_chosen || p->is_h_copied != is_down) {
		p->is_h_copied = is_down;
		pipeline_peer(&e->pipeline, p);
	}
}

static void note_path(struct engine *e, const struct peer *p, bool is_up)
{
	struct note *n = engine_note(e, is_up ? NOTE_PATH_UP : NOTE_PATH_DOWN);

	n->peer_id = p->hello.id;
	n->path = PATH_FASTDP;
	n->reason = p->paths[PATH_FASTDP].reason;
}

void health_start(struct engine *e, usec_t now, struct peer *p)
{
	struct path *path = &p->paths[PATH_FASTDP];
	uint64_t cookie = targets_random(&e->targets, UINT64_MAX);

	path_stop(&p->paths[PATH_SLEEVE], now, REASON_STARTING);
	if (!e->config.has_fastdp || !p->hello.can_fastdp) {
		path_stop(path, now,
			  e->config.has_fastdp ? REASON_NO_FASTDP_THERE
					       : REASON_NO_FASTDP_HERE);
	} else {
		path_start(path, now, cookie, 0);
	}
	list_append(&e->peers.by_due, &p->by_due);
	path_changed(e, now, p);
	health_arm(e, p);
}

void health_expire(struct engine *e, usec_t now, struct peer *p)
{
	if (!path_expired(&p->paths[PATH_FASTDP], now))
		return;
	path_changed(e, now, p);
	note_path(e, p, false);
}

void health_answered(struct engine *e, usec_t now, struct peer *p,
		     enum path_kind kind, uint64_t seq)
{
	bool is_up;

	if (!path_acked(&p->paths[kind], now, seq, &is_up)) {
		e->counters.n_bad_probes++;
		return;
	}
	e->counters.n_probes_acked++;
	if (is_up) {
		path_changed(e, now, p);
		note_path(e, p, true);
	}
	health_arm(e, p);
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
	p->owes_heard = true;
	p->heard_seq = probe->seq;
	e->owes_messages = true;
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

	if (!pipeline_tunnel(p, VNI_PROBE, &tunnel))
		return false;
	wire_put_probe(&probe, e->frame, PROBE_MIN_SIZE);
	flow_actions_clear(&e->actions);
	flow_set_tunnel(&e->actions, &tunnel);
	flow_output(&e->actions, PORT_NO_VXLAN);
	ret->type = ACTION_EXECUTE;
	ret->execute.frame = e->frame;
	ret->execute.size = PROBE_MIN_SIZE;
	ret->execute.in_port = PORT_NO_NONE;
	ret->execute.actions = &e->actions;
	ret->execute.peer_id = p->hello.id;
	e->counters.n_probes_sent++;
	return true;
}

bool health_poll(struct engine *e, usec_t now, struct action *ret)
{
	struct list *due = &e->peers.by_due;

	while (!list_is_empty(due)) {
		struct peer *p = CONTAINER_OF(due->next, struct peer, by_due);
		uint64_t seq;
		bool is_owed;

		list_remove(&p->by_due);
		is_owed = path_poll(&p->paths[PATH_FASTDP], now, &seq);
		health_arm(e, p);
		if (is_owed && put_probe(e, p, seq, ret))
			return true;
	}
	return false;
}
