/* SPDX-License-Identifier: Apache-2.0 */
#include "member.h"

#include <assert.h>

#include "alloc.h"
#include "carry.h"
#include "group.h"
#include "health.h"
#include "sizing.h"

/* What comes within it may have been dialled before each knew of the other. */
#define SESSION_SETTLED_US (5 * USEC_PER_SEC)

bool member_is_removed(const struct engine *e, peer_id_t id)
{
	uint32_t i;

	for (i = 0; i < e->n_removed; i++) {
		if (e->removed[i] == id)
			return true;
	}
	return false;
}

/* Flows of MACs that we no longer have are found by the peers there are. */
static void before_gone(struct engine *e, usec_t now)
{
	if (e->is_started)
		engine_refresh(e, now);
}

/* What is still wanted must have been said by now. */
void member_release(struct engine *e, usec_t now, const struct ip *ip)
{
	if (!flowset_has_inherited(&e->flows, ip))
		return;
	if (e->is_started) {
		engine_refresh(e, now);
		group_run(&e->pipeline, now, true);
	}
	flowset_release(&e->flows, ip);
	group_released(&e->pipeline);
}

static void drop_session(struct engine *e, usec_t now, struct peer *p,
			 enum reason reason)
{
	peers_set_session(&e->peers, p, 0);
	p->session_since = now;
	p->session_reason = reason;
	p->n_heard = 0;
	p->owes_leave = false;
	p->owes_token = false;
	p->was_refused = false;
	p->forget_at = now + e->config.hold_us;
	list_remove(&p->by_hint);
	feed_close(&e->announce, &p->feed);
	health_arm(e, p);
}

/* There is room now for what was refused: it is told in the next session. */
static void hear_again(struct engine *e, usec_t now)
{
	EACH_PEER(&e->peers, node) {
		struct peer *p = PEER_OF(node);

		if (!p->was_refused || !p->session || e->n_closes == MAX_CLOSES)
			continue;
		engine_close(e, p->session, REASON_LIMIT);
		drop_session(e, now, p, REASON_LIMIT);
	}
}

void member_forget(struct engine *e, usec_t now, struct peer *p,
		   enum reason reason)
{
	struct note *n = engine_note(e, NOTE_PEER_DOWN);
	struct ip ip = p->remote.ip;

	n->peer_id = p->hello.id;
	n->reason = reason;
	before_gone(e, now);
	pipeline_peer_gone(&e->pipeline, p);
	feed_close(&e->announce, &p->feed);
	timerq_set(&e->timers, &p->timer, USEC_NEVER);
	peers_remove(&e->peers, p);
	e->sleeve_changed = true;
	directory_drop_owner(e->directory, now, p->hello.id);
	group_told(&e->pipeline, &ip);
	member_release(e, now, &ip);
	targets_disconnected(&e->targets, now, p->hello.id, USEC_NEVER);
	targets_forget(&e->targets, p->hello.id, reason == REASON_NO_ANSWER);
	peer_free(p);
	health_pace(e);
	e->peers_changed = true;
	hear_again(e, now);
}

static void set_place(struct engine *e, usec_t now, struct peer *p,
		      const struct event *ev)
{
	const struct hello *hello = ev->session.hello;
	const struct ip old = p->remote.ip;
	const bool is_moved = !ip_equal(&p->remote.ip,
					&ev->session.remote.ip) ||
			      !ip_equal(&p->local.ip, &ev->session.local.ip) ||
			      p->hello.vxlan_port != hello->vxlan_port ||
			      p->hello.can_fastdp != hello->can_fastdp;

	if (is_moved && !ip_is_zero(&p->remote.ip)) {
		before_gone(e, now);
		pipeline_peer_gone(&e->pipeline, p);
		path_stop(&p->paths[PATH_FASTDP], now, REASON_STARTING);
	}
	p->hello = *hello;
	p->local = ev->session.local;
	peers_set_remote(&e->peers, p, &ev->session.remote);
	health_start(e, now, p);
	if (!is_moved || !e->is_started)
		return;
	pipeline_peer(&e->pipeline, p);
	if (ip_is_zero(&old))
		return;
	/* What the last life left for its old place waits for nobody now. */
	group_told(&e->pipeline, &old);
	if (!peers_find_ip(&e->peers, &old))
		member_release(e, now, &old);
}

static struct peer *find_or_add(struct engine *e, usec_t now, peer_id_t id)
{
	struct peer *p = peers_find(&e->peers, id);

	if (p)
		return p;
	p = peers_add(&e->peers, id, now, e->interval_us, TIMER_PEER);
	if (!p) {
		engine_limit(e, "peers");
		return NULL;
	}
	sizing_init(e, now, p);
	health_pace(e);
	return p;
}

/* Whoever comes back dials: the others wait for their next attempt. */
static void dial_again(struct engine *e, usec_t now, const struct peer *p)
{
	const struct endpoint where = { .ip = p->remote.ip,
					.port = p->hello.control_port };

	if (!e->config.has_discovery || !where.port)
		return;
	if (!targets_discover(&e->targets, now, p->hello.id, &where))
		engine_limit(e, "targets");
}

void member_remembered(struct engine *e, usec_t now, const struct event *ev)
{
	const peer_id_t id = ev->session.hello->id;
	struct peer *p;

	if (id == e->config.id || id == PEER_ID_NONE ||
	    member_is_removed(e, id))
		return;
	p = find_or_add(e, now, id);
	if (!p)
		return;
	p->forget_at = now + e->config.hold_us;
	set_place(e, now, p, ev);
	health_arm(e, p);
	dial_again(e, now, p);
}

static bool is_dialled_by_lower(const struct engine *e, bool by_us,
				peer_id_t id)
{
	return by_us == (e->config.id < id);
}

static void note_clone(struct engine *e, const struct event *ev)
{
	struct note *n = engine_note(e, NOTE_CLONED);

	n->peer_id = ev->session.hello->id;
	n->endpoint = ev->session.remote;
}

/* The port that the dialling side has, the same seen from either end. */
static uint16_t dialling_port(bool is_by_us, const struct endpoint *local,
			      const struct endpoint *remote)
{
	return is_by_us ? local->port : remote->port;
}

/*
 * There is a session with this peer already. REASON_NONE: the new one takes
 * its place; else why the new one is closed. Both ends must come to the same
 * verdict, in whichever order the sessions come up there.
 */
static enum reason compare(struct engine *e, usec_t now, const struct peer *p,
			   const struct event *ev)
{
	const bool by_us = ev->session.target != 0;
	const peer_id_t id = p->hello.id;

	if (p->hello.instance != ev->session.hello->instance) {
		/* From the same address it is the old one, started again. */
		if (ip_equal(&p->remote.ip, &ev->session.remote.ip))
			return REASON_NONE;
		note_clone(e, ev);
		return REASON_CLONED;
	}
	/* Nobody dials whom it has a session with: the old one must be dead. */
	if (now - p->session_since >= SESSION_SETTLED_US)
		return REASON_NONE;
	/* Both dialled: both keep the one that the lower id has dialled. */
	if (by_us != p->is_dialled_by_us)
		return is_dialled_by_lower(e, by_us, id) ? REASON_NONE
							 : REASON_DUPLICATE;
	/* One dialled twice, by two of our names. */
	if (dialling_port(by_us, &ev->session.local, &ev->session.remote) <
	    dialling_port(by_us, &p->local, &p->remote))
		return REASON_DUPLICATE;
	return REASON_NONE;
}

static enum reason refused_for(struct engine *e, usec_t now,
			       const struct event *ev)
{
	const struct hello *hello = ev->session.hello;
	struct peer *p = peers_find(&e->peers, hello->id);

	if (hello->id == e->config.id && hello->instance == e->config.instance)
		return REASON_OURSELVES;
	if (hello->id == e->config.id) {
		note_clone(e, ev);
		return REASON_CLONED;
	}
	if (member_is_removed(e, hello->id))
		return REASON_REMOVED;
	return p && p->session ? compare(e, now, p, ev) : REASON_NONE;
}

static void target_told(struct engine *e, usec_t now, const struct event *ev,
			enum reason reason)
{
	struct target *t = targets_find(&e->targets, ev->session.target);

	if (!t)
		return;
	if (reason == REASON_NONE || reason == REASON_DUPLICATE)
		target_answers(&e->targets, t, ev->session.hello->id);
	else
		target_failed(&e->targets, now, t, reason);
}

/* Its daemon: nobody else answers for the token that it gave out. */
static bool is_answering(const struct peer *p)
{
	return p->paths[PATH_SLEEVE].state == PATH_UP;
}

/*
 * A host that was installed anew has another identity at the old address. Its
 * kernel answers for both, so that the old one would never be forgotten. Who
 * answers still may be another host behind the same NAT.
 */
static void forget_predecessors(struct engine *e, usec_t now,
				const struct event *ev)
{
	const struct ip *ip = &ev->session.remote.ip;
	struct peer *p = peers_next_at(&e->peers, ip, NULL), *next;

	for (; p; p = next) {
		next = peers_next_at(&e->peers, ip, p);
		if (p->hello.id == ev->session.hello->id || p->session)
			continue;
		if (is_answering(p))
			p->has_heir = true;
		else
			member_forget(e, now, p, REASON_LEFT);
	}
}

void member_session_up(struct engine *e, usec_t now, const struct event *ev)
{
	enum reason reason = refused_for(e, now, ev);
	struct peer *p = NULL;
	bool is_new;

	if (reason == REASON_NONE) {
		forget_predecessors(e, now, ev);
		p = find_or_add(e, now, ev->session.hello->id);
		if (!p)
			reason = REASON_LIMIT;
	}
	target_told(e, now, ev, reason);
	if (reason == REASON_DUPLICATE)
		targets_connected(&e->targets, ev->session.hello->id);
	if (!p) {
		engine_close(e, ev->session.session, reason);
		return;
	}
	if (p->session) {
		engine_close(e, p->session, REASON_DUPLICATE);
		drop_session(e, now, p, REASON_DUPLICATE);
	} else {
		engine_note(e, NOTE_PEER_UP)->peer_id = p->hello.id;
	}
	peers_set_session(&e->peers, p, ev->session.session);
	p->session_since = now;
	p->session_reason = REASON_NONE;
	p->is_dialled_by_us = ev->session.target != 0;
	p->is_ready = true;
	p->has_heir = false;
	p->forget_at = USEC_NEVER;
	p->hints_sent = 0;
	is_new = p->hello.instance != ev->session.hello->instance;
	if (is_new && !ip_equal(&p->remote.ip, &ev->session.remote.ip))
		targets_doubt(&e->targets, now, p->hello.id,
			      ev->session.target);
	set_place(e, now, p, ev);
	carry_session(e, p, is_new);
	if (is_new)
		health_start(e, now, p); /* no token yet: sleeve must wait */
	feed_open(&e->announce, &p->feed);
	peers_hint(&e->peers, now, p);
	if (e->peers.hint_limit < e->peers.hint_change)
		timerq_set(&e->timers, &e->peers.hint_timer, e->peers.hints_at);
	targets_connected(&e->targets, p->hello.id);
	peers_owe_to(&e->peers, p);
	e->peers_changed = true;
}

static bool has_successor(const struct engine *e, const struct peer *p,
			  usec_t since)
{
	const struct peer *other = NULL;

	while ((other = peers_next_at(&e->peers, &p->remote.ip, other))) {
		/* Two behind one NAT have different ports there. */
		if (other != p && other->session &&
		    other->session_since >= since &&
		    other->sleeve.endpoint.port == p->sleeve.endpoint.port)
			return true;
	}
	return false;
}

void member_session_down(struct engine *e, usec_t now, const struct event *ev)
{
	struct peer *p = peers_find_session(&e->peers, ev->down.session);
	bool is_replaced;
	usec_t lasted_us;
	struct note *n;

	if (!p)
		return;
	/* The end of the old session may come after the new one has begun. */
	is_replaced = has_successor(e, p, p->session_since);
	lasted_us = now - p->session_since;
	drop_session(e, now, p, ev->down.reason);
	targets_disconnected(&e->targets, now, p->hello.id, lasted_us);
	n = engine_note(e, NOTE_PEER_DOWN);
	n->peer_id = p->hello.id;
	n->reason = ev->down.reason;
	if (is_replaced && is_answering(p))
		p->has_heir = true;
	else if (is_replaced)
		member_forget(e, now, p, REASON_LEFT);
}

void member_removed(struct engine *e, usec_t now, peer_id_t id)
{
	struct peer *p = peers_find(&e->peers, id);

	if (!member_is_removed(e, id)) {
		if (e->n_removed == MAX_REMOVED)
			engine_limit(e, "removed peers");
		else
			e->removed[e->n_removed++] = id;
	}
	e->targets_changed = true;
	if (!p)
		return;
	if (p->session)
		engine_close(e, p->session, REASON_REMOVED);
	member_forget(e, now, p, REASON_REMOVED);
}

void member_allowed(struct engine *e, peer_id_t id)
{
	uint32_t i;

	for (i = 0; i < e->n_removed; i++) {
		if (e->removed[i] != id)
			continue;
		e->removed[i] = e->removed[--e->n_removed];
		e->targets_changed = true;
		return;
	}
}

void member_leave_all(struct engine *e)
{
	EACH_PEER(&e->peers, node)
		PEER_OF(node)->owes_leave = PEER_OF(node)->session != 0;
	peers_owe(&e->peers);
}

/* The kernel of a peer whose daemon is away answers for it: it is kept. */
static bool is_alive(const struct peer *p)
{
	int i;

	for (i = 0; i < N_PATHS; i++) {
		if (p->paths[i].state == PATH_UP)
			return true;
	}
	return p->session != 0;
}

/* Its daemon answered when another one's session began, and does not now. */
static bool is_succeeded(const struct engine *e, const struct peer *p)
{
	return p->has_heir && !p->session && !is_answering(p) &&
	       has_successor(e, p, 0);
}

void member_timer(struct engine *e, usec_t now, struct peer *p)
{
	health_expire(e, now, p);
	if (is_succeeded(e, p)) {
		member_forget(e, now, p, REASON_LEFT);
		return;
	}
	if (now >= p->forget_at) {
		if (!is_alive(p)) {
			member_forget(e, now, p, REASON_NO_ANSWER);
			return;
		}
		p->forget_at = now + e->config.hold_us;
	}
	list_append(&e->peers.by_due, &p->by_due);
	health_arm(e, p);
}
