/* SPDX-License-Identifier: Apache-2.0 */
#include "peer.h"

#include <assert.h>

#include "alloc.h"

#define SETTLE_US (2 * USEC_PER_SEC)
#define SETTLE_MAX_US (60 * USEC_PER_SEC)
/* One that holds for so long is believed again. */
#define TRUST_AFTER_US (120 * USEC_PER_SEC)
/* So many heartbeats on fastdp are waited for at the beginning. */
#define EXPECTED_PROBES 3U
#define HINTS_PAUSE_US (200 * USEC_PER_MS)

void peers_init(struct peers *ps, uint64_t seed)
{
	memset(ps, 0, sizeof(*ps));
	ps->seed = seed;
	ps->round = 1;
	list_init(&ps->all);
	list_init(&ps->by_turn);
	list_init(&ps->by_hint);
	list_init(&ps->by_due);
}

void peers_free(struct peers *ps)
{
	assert(!ps->table.n && !ps->sessions.n && !ps->ips.n);
	table_free(&ps->table);
	table_free(&ps->ips);
	table_free(&ps->sessions);
}

struct peer *peers_find(const struct peers *ps, peer_id_t id)
{
	struct table_node *node =
		table_first(&ps->table, core_hash(&id, sizeof(id), ps->seed));
	struct peer *p;

	for (; node; node = table_next(node)) {
		p = CONTAINER_OF(node, struct peer, node);
		if (p->hello.id == id)
			return p;
	}
	return NULL;
}

static uint64_t hash_session(const struct peers *ps, session_t session)
{
	return core_hash(&session, sizeof(session), ps->seed);
}

struct peer *peers_find_session(const struct peers *ps, session_t session)
{
	struct table_node *node = table_first(&ps->sessions,
					      hash_session(ps, session));
	struct peer *p;

	for (; node; node = table_next(node)) {
		p = CONTAINER_OF(node, struct peer, by_session);
		if (p->session == session)
			return p;
	}
	return NULL;
}

void peers_set_session(struct peers *ps, struct peer *p, session_t session)
{
	if (p->session)
		table_remove(&ps->sessions, &p->by_session);
	p->session = session;
	if (session)
		table_add(&ps->sessions, &p->by_session,
			  hash_session(ps, session));
}

static uint64_t hash_ip(const struct peers *ps, const struct ip *ip)
{
	return core_hash(ip->b, sizeof(ip->b), ps->seed);
}

void peers_set_remote(struct peers *ps, struct peer *p,
		      const struct endpoint *remote)
{
	if (!ip_equal(&p->remote.ip, &remote->ip)) {
		table_remove(&ps->ips, &p->by_ip);
		table_add(&ps->ips, &p->by_ip, hash_ip(ps, &remote->ip));
	}
	p->remote = *remote;
}

struct peer *peers_next_at(const struct peers *ps, const struct ip *ip,
			   const struct peer *last)
{
	struct table_node *node = last ? table_next(&last->by_ip)
				       : table_first(&ps->ips, hash_ip(ps, ip));

	for (; node; node = table_next(node)) {
		struct peer *p = CONTAINER_OF(node, struct peer, by_ip);

		if (ip_equal(&p->remote.ip, ip))
			return p;
	}
	return NULL;
}

struct peer *peers_find_ip(const struct peers *ps, const struct ip *ip)
{
	struct peer *first = NULL, *p = NULL;

	while ((p = peers_next_at(ps, ip, p))) {
		if (!first || p->number < first->number)
			first = p;
	}
	return first;
}

struct peer *peers_add(struct peers *ps, peer_id_t id, usec_t now,
		       usec_t interval_us, int timer_kind)
{
	struct peer *p;
	int i;

	if (ps->table.n >= MAX_PEERS)
		return NULL;
	p = core_alloc(sizeof(*p));
	p->hello.id = id;
	p->number = ps->n_added++;
	p->session_since = now;
	p->session_reason = REASON_STARTING;
	p->forget_at = USEC_NEVER;
	p->choice_since = now;
	p->choice_reason = REASON_STARTING;
	p->settle_us = SETTLE_US;
	p->sleeve.peer_id = id;
	list_init(&p->by_hint);
	list_init(&p->by_due);
	list_init(&p->all);
	list_init(&p->by_turn);
	list_init(&p->feed.all);
	timer_init(&p->timer, timer_kind);
	for (i = 0; i < N_PATHS; i++)
		path_init(&p->paths[i], now, interval_us);
	list_append(&ps->all, &p->all);
	peers_quiet(ps, p);
	table_add(&ps->table, &p->node, core_hash(&id, sizeof(id), ps->seed));
	table_add(&ps->ips, &p->by_ip, hash_ip(ps, &p->remote.ip));
	return p;
}

void peers_remove(struct peers *ps, struct peer *p)
{
	peers_set_session(ps, p, 0);
	table_remove(&ps->table, &p->node);
	table_remove(&ps->ips, &p->by_ip);
	list_remove(&p->all);
	peers_owe_to(ps, p);
	list_remove(&p->by_turn);
	list_remove(&p->by_hint);
	list_remove(&p->by_due);
}

void peer_free(struct peer *p)
{
	if (!p)
		return;
	assert(!p->timer.index);
	free(p);
}

struct peer *peers_turn(const struct peers *ps)
{
	return ps->n_quiet < ps->table.n
		       ? CONTAINER_OF(ps->by_turn.next, struct peer, by_turn)
		       : NULL;
}

void peers_quiet(struct peers *ps, struct peer *p)
{
	list_append(&ps->by_turn, &p->by_turn);
	p->quiet_round = ps->round;
	ps->n_quiet++;
}

void peers_owe(struct peers *ps)
{
	ps->round++;
	ps->n_quiet = 0;
}

void peers_owe_to(struct peers *ps, struct peer *p)
{
	if (p->quiet_round != ps->round)
		return;
	p->quiet_round = 0;
	ps->n_quiet--;
	list_prepend(&ps->by_turn, &p->by_turn);
}

void peers_hints_due(struct peers *ps, usec_t now)
{
	if (ps->hint_limit == ps->hint_change)
		return;
	ps->hint_limit = ps->hint_change;
	ps->hints_at = now + HINTS_PAUSE_US;
	peers_owe(ps);
}

void peers_hint(struct peers *ps, usec_t now, struct peer *p)
{
	p->hint_change = ++ps->hint_change;
	list_append(&ps->by_hint, &p->by_hint);
	if (now >= ps->hints_at)
		peers_hints_due(ps, now);
}

static struct peer *hinted(struct list *node)
{
	return CONTAINER_OF(node, struct peer, by_hint);
}

uint32_t peers_next_hints(struct peers *ps, struct peer *to,
			  struct peer_hint *ret, uint32_t max)
{
	struct list *node = &ps->by_hint;
	uint32_t n = 0;

	if (to->hints_sent >= ps->hint_limit)
		return 0;
	while (node->prev != &ps->by_hint &&
	       hinted(node->prev)->hint_change > to->hints_sent)
		node = node->prev;
	for (; node != &ps->by_hint && n < max; node = node->next) {
		const struct peer *p = hinted(node);

		if (p->hint_change > ps->hint_limit)
			break;
		to->hints_sent = p->hint_change;
		if (p == to)
			continue;
		ret[n].id = p->hello.id;
		ret[n].control.ip = p->remote.ip;
		ret[n].control.port = p->hello.control_port;
		n++;
	}
	if (n < max)
		to->hints_sent = ps->hint_limit;
	return n;
}

static bool is_up(const struct peer *p, enum path_kind kind)
{
	return p->paths[kind].state == PATH_UP;
}

usec_t peer_choice_deadline(const struct peer *p)
{
	if (!p->has_choice || p->choice != PATH_SLEEVE ||
	    !is_up(p, PATH_FASTDP))
		return USEC_NEVER;
	return p->paths[PATH_FASTDP].since + p->settle_us;
}

/*
 * Fastdp was not answered yet. It will be in a moment, and a move to sleeve and
 * back is spared; unless sleeve has answered what was sent a good while after
 * fastdp's first.
 */
static bool is_expected(const struct peer *p)
{
	const struct path *fastdp = &p->paths[PATH_FASTDP];

	return fastdp->state == PATH_PROBING &&
	       !(is_up(p, PATH_SLEEVE) &&
		 fastdp->n_waiting >= EXPECTED_PROBES &&
		 p->paths[PATH_SLEEVE].alive_at >=
			 fastdp->since + fastdp->interval_us);
}

static bool best(const struct peer *p, usec_t now, enum path_kind *ret)
{
	const bool is_waiting = is_up(p, PATH_SLEEVE) &&
				peer_choice_deadline(p) != USEC_NEVER &&
				now < peer_choice_deadline(p);

	if (is_up(p, PATH_FASTDP) && !is_waiting) {
		*ret = PATH_FASTDP;
		return true;
	}
	if (is_expected(p) || !is_up(p, PATH_SLEEVE))
		return false;
	*ret = PATH_SLEEVE;
	return true;
}

static void settle(struct peer *p, usec_t now, bool had, enum path_kind old)
{
	if (!had || !p->has_choice)
		return;
	if (old == PATH_SLEEVE) {
		p->returned_at = now;
	} else if (now - p->returned_at < TRUST_AFTER_US && p->returned_at) {
		p->settle_us *= 2;
		if (p->settle_us > SETTLE_MAX_US)
			p->settle_us = SETTLE_MAX_US;
	} else {
		p->settle_us = SETTLE_US;
	}
}

static enum reason why_not_fastdp(const struct path *fastdp)
{
	if (fastdp->state == PATH_UP)
		return REASON_SETTLING;
	return fastdp->state == PATH_PROBING ? REASON_NO_ANSWER
					     : fastdp->reason;
}

/* Of no path at all: why not the one that there could be. */
static enum reason why_none(const struct peer *p)
{
	const enum reason reason = p->paths[PATH_FASTDP].reason;

	if (reason == REASON_NO_FASTDP_HERE || reason == REASON_NO_FASTDP_THERE)
		return p->paths[PATH_SLEEVE].reason;
	return reason;
}

bool peer_choose(struct peer *p, usec_t now)
{
	const bool had = p->has_choice;
	const enum path_kind old = p->choice;
	enum path_kind kind = PATH_FASTDP;

	p->has_choice = best(p, now, &kind);
	if (p->has_choice)
		p->choice = kind;
	/* On sleeve, what matters is why not on fastdp. */
	if (!p->has_choice)
		p->choice_reason = why_none(p);
	else if (kind == PATH_SLEEVE)
		p->choice_reason = why_not_fastdp(&p->paths[PATH_FASTDP]);
	else
		p->choice_reason = p->paths[kind].reason;
	if (had == p->has_choice && (!had || old == p->choice))
		return false;
	settle(p, now, had, old);
	p->choice_since = now;
	return true;
}

/*
 * With no path up the packets go on where they went: a path that works in
 * spite of all is better than none, and one that comes back needs no flow
 * changed.
 */
bool peer_carrier(const struct peer *p, enum path_kind *ret)
{
	if (p->has_choice)
		*ret = p->choice;
	else if (p->hello.can_fastdp)
		*ret = PATH_FASTDP;
	else if (p->hello.can_sleeve)
		*ret = PATH_SLEEVE;
	else
		return false;
	return !ip_is_zero(&p->remote.ip);
}

void peer_view(const struct peer *p, struct peer_view *ret)
{
	int i;

	memset(ret, 0, sizeof(*ret));
	ret->id = p->hello.id;
	ret->name = p->hello.name;
	ret->nickname = p->hello.nickname;
	ret->software = p->hello.software;
	ret->local = p->local;
	ret->remote.ip = p->remote.ip;
	ret->remote.port = p->hello.vxlan_port;
	ret->control_port = p->hello.control_port;
	ret->has_session = p->session != 0;
	ret->session_since = p->session_since;
	ret->session_reason = p->session_reason;
	ret->has_path = p->has_choice;
	ret->path = p->choice;
	ret->since = p->choice_since;
	ret->reason = p->choice_reason;
	ret->n_too_big = p->n_too_big;
	ret->n_groups_lost = p->n_groups_lost;
	ret->n_fragmented = p->n_fragmented;
	ret->n_fragments = p->n_fragments;
	for (i = 0; i < N_PATHS; i++)
		path_view(&p->paths[i], &ret->paths[i]);
	if (ret->has_path)
		ret->state = PEER_UP;
	else if (ret->has_session &&
		 p->paths[PATH_FASTDP].state == PATH_PROBING)
		ret->state = PEER_CONNECTING;
	else
		ret->state = PEER_DOWN;
}
