/* SPDX-License-Identifier: Apache-2.0 */
#include "session.h"

#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "nat.h"
#include "net.h"

enum letter_type { LETTER_HELLO, LETTER_MESSAGE, LETTER_END };

/* What is on its way to one end; what its message points to follows. */
struct letter {
	struct letter *next;
	usec_t at;
	enum letter_type type;
	enum reason reason;
	struct hello hello;
	struct message message;
	struct entry entries[];
};

enum end_state { END_OPENING, END_UP, END_OVER };

struct end {
	uint32_t host;
	uint64_t life; /* of the host's daemon */
	session_t session;
	target_t target;
	enum end_state state;
	struct letter *first, **last;
	usec_t last_at;
};

struct conn {
	struct end ends[2]; /* the one that dialled first */
	uint16_t port;	    /* short-lived, of the dialling end */
	usec_t blocked_since;
	bool is_over;
};

struct sessions {
	struct conn **list;
	size_t n, n_first; /* those before n_first are over */
};

static void watch(struct sim *sim, void *ctx, uint64_t arg);

struct sessions *sessions_new(struct sim *sim)
{
	sim_post(sim, sim->now, watch, NULL, 0);
	return sim_alloc(sizeof(struct sessions));
}

static void drop_letters(struct end *end)
{
	struct letter *l;

	while ((l = end->first)) {
		end->first = l->next;
		free(l);
	}
	end->last = &end->first;
}

void sessions_free(struct sessions *ss)
{
	size_t i;

	for (i = 0; i < ss->n; i++) {
		drop_letters(&ss->list[i]->ends[0]);
		drop_letters(&ss->list[i]->ends[1]);
		free(ss->list[i]);
	}
	free(ss->list);
	free(ss);
}

static struct host *host_at(const struct sim *sim, const struct end *end)
{
	struct host *h = sim->hosts[end->host];

	return h->engine && h->life == end->life ? h : NULL;
}

/* Ends one end, and says so to its engine. */
static void finish(struct sim *sim, struct end *end, enum reason reason)
{
	struct host *h = host_at(sim, end);
	struct event ev = { .type = EVENT_SESSION_DOWN };
	const enum end_state old = end->state;

	end->state = END_OVER;
	drop_letters(end);
	if (!h || old == END_OVER)
		return;
	if (old == END_UP) {
		ev.down.session = end->session;
		ev.down.reason = reason;
	} else if (end->target) {
		ev.type = EVENT_DIAL_FAILED;
		ev.dial.target = end->target;
		ev.dial.reason = reason;
	} else {
		return;
	}
	host_event(h, &ev);
}

static void pump(struct sim *sim, void *ctx, uint64_t arg);

static void post(struct sim *sim, struct conn *c, unsigned int to,
		 struct letter *l)
{
	struct end *end = &c->ends[to];
	const struct end *from = &c->ends[!to];
	uint64_t i;

	l->at = sim->now + net_latency(sim, from->host, end->host);
	if (l->at < end->last_at)
		l->at = end->last_at;
	end->last_at = l->at;
	*end->last = l;
	end->last = &l->next;
	for (i = sim->sessions->n; sim->sessions->list[i - 1] != c; i--)
		;
	sim_post(sim, l->at, pump, NULL, (i - 1) * 2 + to);
}

static struct letter *make(enum letter_type type, size_t n_entries)
{
	struct letter *l =
		sim_alloc(sizeof(*l) + n_entries * sizeof(l->entries[0]));

	l->type = type;
	return l;
}

static void end_other(struct sim *sim, struct conn *c, unsigned int other,
		      enum reason reason)
{
	struct letter *l;

	if (c->ends[other].state == END_OVER)
		return;
	l = make(LETTER_END, 0);
	l->reason = reason;
	post(sim, c, other, l);
}

static void up(struct sim *sim, struct conn *c, unsigned int at,
	       const struct hello *hello)
{
	struct end *end = &c->ends[at];
	struct host *h = sim->hosts[end->host];
	struct host *other = sim->hosts[c->ends[!at].host];
	struct event ev = { .type = EVENT_SESSION_UP };

	end->state = END_UP;
	end->session = ++h->last_session;
	ev.session.session = end->session;
	ev.session.target = end->target;
	ev.session.hello = hello;
	ev.session.local.ip = h->ip;
	ev.session.remote.ip = *nat_seen_ip(other);
	/* The dialling end has the short-lived port. */
	ev.session.local.port = at ? HOST_CONTROL_PORT : c->port;
	ev.session.remote.port = at ? c->port : HOST_CONTROL_PORT;
	host_session_up(h, &ev);
}

/* As control/handshake.h has it: both keep to the highest that both speak. */
static bool is_common(const struct hello *a, const struct hello *b)
{
	return a->version_min <= b->version_max &&
	       b->version_min <= a->version_max;
}

static void take_hello(struct sim *sim, struct conn *c, unsigned int at,
		       const struct letter *l)
{
	struct end *end = &c->ends[at];
	struct host *h = sim->hosts[end->host];
	struct letter *answer;

	if (at == 1) {
		if (!h->engine) {
			end->state = END_OVER;
			end_other(sim, c, 0, REASON_REFUSED);
			return;
		}
		if (!is_common(&h->hello, &l->hello)) {
			end->state = END_OVER;
			end_other(sim, c, 0, REASON_VERSION);
			return;
		}
		end->life = h->life;
		answer = make(LETTER_HELLO, 0);
		answer->hello = h->hello;
		post(sim, c, 0, answer);
	} else if (!host_at(sim, end)) {
		/* Who dialled has gone: its kernel knows of nothing. */
		end->state = END_OVER;
		end_other(sim, c, 1, REASON_CLOSED);
		return;
	}
	up(sim, c, at, &l->hello);
}

static void take_letter(struct sim *sim, struct conn *c, unsigned int at,
			struct letter *l)
{
	struct end *end = &c->ends[at];
	struct event ev = { .type = EVENT_MESSAGE };

	switch (l->type) {
	case LETTER_HELLO:
		if (end->state == END_OPENING)
			take_hello(sim, c, at, l);
		break;
	case LETTER_MESSAGE:
		if (end->state != END_UP || !host_at(sim, end))
			break;
		ev.message.session = end->session;
		ev.message.message = &l->message;
		host_event(sim->hosts[end->host], &ev);
		break;
	case LETTER_END:
		finish(sim, end, l->reason);
		c->is_over = true;
		break;
	}
}

/* Everything that has come to one end, in order. */
static void pump(struct sim *sim, void *ctx, uint64_t arg)
{
	struct conn *c = sim->sessions->list[arg / 2];
	struct end *end = &c->ends[arg % 2];
	struct letter *l;

	(void)ctx;
	if (!net_has_control(sim, c->ends[0].host, c->ends[1].host)) {
		if (end->first && end->state != END_OVER)
			sim_post(sim, sim->now + 100 * USEC_PER_MS, pump, NULL,
				 arg);
		return;
	}
	while ((l = end->first) && l->at <= sim->now) {
		end->first = l->next;
		if (!end->first)
			end->last = &end->first;
		take_letter(sim, c, (unsigned int)(arg % 2), l);
		free(l);
	}
}

/* Its host lost power, and is back without it: whoever asks is told so. */
static bool is_forgotten(const struct sim *sim, const struct end *end)
{
	return end->state == END_UP && !host_at(sim, end);
}

/* One end is over, and the other has not heard of it. */
static bool is_half_open(const struct conn *c)
{
	const struct end *p = &c->ends[0], *q = p + 1;

	return (p->state == END_OVER && q->state != END_OVER && !q->first) ||
	       (q->state == END_OVER && p->state != END_OVER && !p->first);
}

static void watch_one(struct sim *sim, struct conn *c)
{
	if (c->ends[0].state == END_OVER && c->ends[1].state == END_OVER) {
		c->is_over = true;
		return;
	}
	if (net_has_control(sim, c->ends[0].host, c->ends[1].host)) {
		if (is_forgotten(sim, &c->ends[0]) ||
		    is_forgotten(sim, &c->ends[1])) {
			c->is_over = true;
			finish(sim, &c->ends[0], REASON_CLOSED);
			finish(sim, &c->ends[1], REASON_CLOSED);
			return;
		}
		if (!is_half_open(c)) {
			c->blocked_since = USEC_NEVER;
			return;
		}
	}
	if (c->blocked_since == USEC_NEVER)
		c->blocked_since = sim->now;
	if (sim->now - c->blocked_since < SESSION_TIMEOUT_US)
		return;
	c->is_over = true;
	finish(sim, &c->ends[0], REASON_TIMED_OUT);
	finish(sim, &c->ends[1], REASON_TIMED_OUT);
}

/* Keepalive: both ends notice a network that stays silent. */
static void watch(struct sim *sim, void *ctx, uint64_t arg)
{
	struct sessions *ss = sim->sessions;
	size_t i;

	(void)ctx;
	(void)arg;
	for (i = ss->n_first; i < ss->n; i++) {
		if (!ss->list[i]->is_over)
			watch_one(sim, ss->list[i]);
	}
	while (ss->n_first < ss->n && ss->list[ss->n_first]->is_over)
		ss->n_first++;
	sim_post(sim, sim->now + 500 * USEC_PER_MS, watch, NULL, 0);
}

static void dial_fails(struct sim *sim, void *ctx, uint64_t arg)
{
	(void)arg;
	finish(sim, ctx, REASON_UNREACHABLE);
}

void session_dial(struct sim *sim, struct host *h, target_t target,
		  const char *host, uint16_t port)
{
	struct sessions *ss = sim->sessions;
	const struct host *to = host_of_text(sim, host);
	const struct end self = { .host = h->index,
				  .life = h->life,
				  .target = target };
	struct letter *l;
	struct conn *c;

	if (!to || port != HOST_CONTROL_PORT || nat_is_behind(to)) {
		struct end *end = sim_alloc(sizeof(*end));

		*end = self;
		end->last = &end->first;
		sim_post(sim, sim->now + 1000, dial_fails, end, 0);
		return;
	}
	c = sim_alloc(sizeof(*c));
	c->ends[0] = self;
	c->ends[0].last = &c->ends[0].first;
	c->ends[1].host = to->index;
	c->ends[1].last = &c->ends[1].first;
	c->blocked_since = USEC_NEVER;
	c->port = (uint16_t)(32768 + sim_random(sim, 28000));
	ss->list = realloc(ss->list, (ss->n + 1) * sizeof(struct conn *));
	if (!ss->list)
		abort();
	ss->list[ss->n++] = c;
	l = make(LETTER_HELLO, 0);
	l->hello = h->hello;
	post(sim, c, 1, l);
}

static struct conn *find(const struct sim *sim, const struct host *h,
			 session_t session, unsigned int *ret_at)
{
	const struct sessions *ss = sim->sessions;
	size_t i;

	for (i = ss->n; i > ss->n_first; i--) {
		for (*ret_at = 0; *ret_at < 2; ++*ret_at) {
			const struct end *end = &ss->list[i - 1]->ends[*ret_at];

			if (end->host == h->index && end->life == h->life &&
			    end->session == session && end->state == END_UP)
				return ss->list[i - 1];
		}
	}
	return NULL;
}

void session_send(struct sim *sim, struct host *h, session_t session,
		  const struct message *m)
{
	unsigned int at;
	struct conn *c = find(sim, h, session, &at);
	const size_t n = m->type == MESSAGE_ENTRIES  ? m->entries.n
			 : m->type == MESSAGE_PEERS  ? m->peers.n
			 : m->type == MESSAGE_BLOCKS ? m->blocks.n
						     : 0;
	struct letter *l;

	if (!c)
		return;
	_Static_assert(sizeof(struct peer_hint) <= sizeof(struct entry),
		       "hints fit where entries do");
	_Static_assert(sizeof(struct block) <= sizeof(struct entry),
		       "and so do blocks");
	l = make(LETTER_MESSAGE, n);
	l->message = *m;
	if (m->type == MESSAGE_ENTRIES) {
		memcpy(l->entries, m->entries.list, n * sizeof(struct entry));
		l->message.entries.list = l->entries;
	} else if (m->type == MESSAGE_PEERS) {
		memcpy(l->entries, m->peers.list, n * sizeof(struct peer_hint));
		l->message.peers.list = (struct peer_hint *)(void *)l->entries;
	} else if (m->type == MESSAGE_BLOCKS && n) {
		memcpy(l->entries, m->blocks.list, n * sizeof(struct block));
		l->message.blocks.list = (struct block *)(void *)l->entries;
	}
	post(sim, c, !at, l);
}

void session_close(struct sim *sim, struct host *h, session_t session,
		   enum reason reason)
{
	unsigned int at;
	struct conn *c = find(sim, h, session, &at);

	if (!c)
		return;
	end_other(sim, c, !at, REASON_CLOSED);
	finish(sim, &c->ends[at], reason);
}

void session_kill(struct sim *sim, struct host *h)
{
	const struct sessions *ss = sim->sessions;
	unsigned int at;
	size_t i;

	for (i = ss->n_first; i < ss->n; i++) {
		for (at = 0; at < 2; at++) {
			struct end *end = &ss->list[i]->ends[at];

			if (end->host != h->index || end->life != h->life ||
			    end->state == END_OVER)
				continue;
			end->state = END_OVER;
			drop_letters(end);
			end_other(sim, ss->list[i], !at, REASON_CLOSED);
		}
	}
}

void session_break(struct sim *sim, uint32_t at, uint32_t other)
{
	const struct sessions *ss = sim->sessions;
	const size_t n = ss->n;
	size_t i;

	for (i = ss->n_first; i < n; i++) {
		struct end *p = &ss->list[i]->ends[0], *q = p + 1;

		if (p->host == at && q->host == other)
			finish(sim, p, REASON_CLOSED);
		else if (p->host == other && q->host == at)
			finish(sim, q, REASON_CLOSED);
	}
}

unsigned int session_count(const struct sim *sim, uint32_t a, uint32_t b)
{
	const struct sessions *ss = sim->sessions;
	unsigned int n = 0;
	size_t i;

	for (i = ss->n_first; i < ss->n; i++) {
		const struct end *p = &ss->list[i]->ends[0], *q = p + 1;

		if (p->state != END_UP || q->state != END_UP)
			continue;
		if ((p->host == a && q->host == b) ||
		    (p->host == b && q->host == a))
			n++;
	}
	return n;
}
