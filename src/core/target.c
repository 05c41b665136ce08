/* SPDX-License-Identifier: Apache-2.0 */
#include "target.h"

#include "alloc.h"

#define BACKOFF_FIRST_US (250 * USEC_PER_MS)
/* A session that ends sooner was refused. */
#define LASTING_US USEC_PER_SEC
#define BACKOFF_MAX_US (30 * USEC_PER_SEC)
/* Nothing changes by itself there: an operator must act. */
#define BACKOFF_HOPELESS_US (60 * USEC_PER_SEC)
/* Nobody tells twice of a peer: it is dialled for a day, seldom after a while. */
#define DISCOVERED_PATIENCE 12U
#define DISCOVERED_PAUSE_US (120 * USEC_PER_SEC)
#define DISCOVERED_MAX_FAILURES 720U
#define HURRY_PAUSE_US (10 * USEC_PER_SEC)

void targets_init(struct targets *ts, struct timerq *timers, int timer_kind,
		  uint64_t seed)
{
	memset(ts, 0, sizeof(*ts));
	list_init(&ts->all);
	ts->timers = timers;
	ts->timer_kind = timer_kind;
	ts->seed = seed;
	ts->random = seed;
}

static struct target *target_of(struct list *node)
{
	return CONTAINER_OF(node, struct target, all);
}

static void set_due(struct targets *ts, struct target *t, bool is_due)
{
	if (t->is_due != is_due)
		ts->n_due = is_due ? ts->n_due + 1 : ts->n_due - 1;
	t->is_due = is_due;
}

static uint64_t hash_peer(const struct targets *ts, peer_id_t id)
{
	return core_hash(&id, sizeof(id), ts->seed);
}

static uint64_t hash_place(const struct targets *ts, const char *host,
			   uint16_t port)
{
	return core_hash(host, strlen(host), ts->seed + port);
}

static void set_place(struct targets *ts, struct target *t, const char *host,
		      uint16_t port)
{
	memcpy(t->host, host, strlen(host) + 1);
	t->port = port;
	table_add(&ts->by_place, &t->by_place, hash_place(ts, host, port));
}

void target_answers(struct targets *ts, struct target *t, peer_id_t id)
{
	if (t->peer_id == id)
		return;
	if (t->peer_id != PEER_ID_NONE)
		table_remove(&ts->by_peer, &t->by_peer);
	t->peer_id = id;
	if (id != PEER_ID_NONE)
		table_add(&ts->by_peer, &t->by_peer, hash_peer(ts, id));
}

void targets_remove(struct targets *ts, struct target *t)
{
	set_due(ts, t, false);
	timerq_set(ts->timers, &t->timer, USEC_NEVER);
	target_answers(ts, t, PEER_ID_NONE);
	table_remove(&ts->by_place, &t->by_place);
	list_remove(&t->all);
	ts->n--;
	free(t);
}

void targets_free(struct targets *ts)
{
	while (!list_is_empty(&ts->all))
		targets_remove(ts, target_of(ts->all.next));
	table_free(&ts->by_peer);
	table_free(&ts->by_place);
}

uint64_t targets_random(struct targets *ts, uint64_t range)
{
	ts->random = core_hash(&ts->random, sizeof(ts->random), ts->n + 1);
	return range ? ts->random % range : 0;
}

/* The discovered one that has failed most often makes room. */
static bool drop_worst(struct targets *ts)
{
	struct target *worst = NULL;
	struct list *node;

	for (node = ts->all.next; node != &ts->all; node = node->next) {
		struct target *t = target_of(node);

		if (t->is_discovered && t->state == TARGET_IDLE &&
		    t->n_failures > DISCOVERED_PATIENCE &&
		    (!worst || t->n_failures > worst->n_failures))
			worst = t;
	}
	if (worst)
		targets_remove(ts, worst);
	return worst != NULL;
}

static struct target *make(struct targets *ts, usec_t now)
{
	struct target *t;

	if (ts->n >= MAX_TARGETS && !drop_worst(ts))
		return NULL;
	t = core_alloc(sizeof(*t));
	t->id = ++ts->last_id;
	timer_init(&t->timer, ts->timer_kind);
	list_init(&t->all);
	list_append(&ts->all, &t->all);
	ts->n++;
	timerq_set(ts->timers, &t->timer, now);
	return t;
}

struct target *targets_find(const struct targets *ts, target_t id)
{
	struct list *node;

	for (node = ts->all.next; node != &ts->all; node = node->next) {
		if (target_of(node)->id == id)
			return target_of(node);
	}
	return NULL;
}

struct target *targets_find_host(const struct targets *ts, const char *host,
				 uint16_t port)
{
	struct table_node *node = table_first(&ts->by_place,
					      hash_place(ts, host, port));

	for (; node; node = table_next(node)) {
		struct target *t = CONTAINER_OF(node, struct target, by_place);

		if (t->port == port && strcmp(t->host, host) == 0)
			return t;
	}
	return NULL;
}

struct target *targets_add(struct targets *ts, usec_t now, const char *host,
			   uint16_t port, bool is_configured)
{
	struct target *t = targets_find_host(ts, host, port);
	const size_t length = strlen(host);

	if (!length || length >= MAX_HOST || !port)
		return NULL;
	if (!t) {
		t = make(ts, now);
		if (!t)
			return NULL;
		set_place(ts, t, host, port);
	}
	t->is_discovered = false;
	t->is_configured |= is_configured;
	if (t->state == TARGET_IDLE) {
		/* Whoever asks again does not want to wait. */
		t->n_failures = 0;
		timerq_set(ts->timers, &t->timer, now);
	}
	return t;
}

static size_t put_group(char *p, unsigned int v, unsigned int base)
{
	static const char digits[] = "0123456789abcdef";
	unsigned int rest = v / base;
	size_t n = rest ? put_group(p, rest, base) : 0;

	p[n] = digits[v % base];
	return n + 1;
}

/* RFC 5952, but for the compression of zeros: resolvers read both. */
void ip_text(const struct ip *ip, char ret[MAX_HOST])
{
	const bool is_v4 = ip_is_v4(ip);
	size_t i, n = 0;

	if (is_v4) {
		for (i = 12; i < 16; i++) {
			n += put_group(ret + n, ip->b[i], 10);
			ret[n++] = '.';
		}
	} else {
		for (i = 0; i < 16; i += 2) {
			n += put_group(ret + n,
				       (unsigned int)ip->b[i] << 8 |
					       ip->b[i + 1],
				       16);
			ret[n++] = ':';
		}
	}
	ret[n - 1] = '\0';
}

static usec_t jitter(struct targets *ts, usec_t pause)
{
	return pause * 3 / 4 + targets_random(ts, pause / 2);
}

/* Somebody says that it is there: now, and not when its pause is over. */
static void hurry(struct targets *ts, usec_t now, struct target *t)
{
	if (t->state != TARGET_IDLE || t->is_due || !t->n_failures ||
	    (t->hurried_at && now - t->hurried_at < HURRY_PAUSE_US) ||
	    t->timer.at < now + BACKOFF_FIRST_US)
		return;
	t->hurried_at = now;
	timerq_set(ts->timers, &t->timer, now + jitter(ts, BACKOFF_FIRST_US));
}

struct target *targets_discover(struct targets *ts, usec_t now, peer_id_t id,
				const struct endpoint *where)
{
	struct table_node *node = table_first(&ts->by_peer, hash_peer(ts, id));
	char host[MAX_HOST];
	struct target *t;

	for (; node; node = table_next(node)) {
		t = CONTAINER_OF(node, struct target, by_peer);
		if (t->peer_id == id && !t->is_discovered) {
			hurry(ts, now, t);
			return t;
		}
	}
	ip_text(&where->ip, host);
	t = targets_find_host(ts, host, where->port);
	if (t) {
		hurry(ts, now, t);
		return t;
	}
	t = make(ts, now);
	if (!t)
		return NULL;
	set_place(ts, t, host, where->port);
	target_answers(ts, t, id);
	t->is_discovered = true;
	return t;
}

void targets_forget(struct targets *ts, peer_id_t id, bool is_silent)
{
	struct list *node = ts->all.next, *next;

	for (; node != &ts->all; node = next) {
		struct target *t = target_of(node);

		next = node->next;
		if (t->peer_id != id)
			continue;
		if (t->is_discovered && !is_silent)
			targets_remove(ts, t);
		else
			target_answers(ts, t, PEER_ID_NONE);
	}
}

void targets_connected(struct targets *ts, peer_id_t id)
{
	struct list *node;

	for (node = ts->all.next; node != &ts->all; node = node->next) {
		struct target *t = target_of(node);

		if (t->peer_id != id)
			continue;
		t->state = TARGET_CONNECTED;
		set_due(ts, t, false);
		t->reason = REASON_NONE;
		timerq_set(ts->timers, &t->timer, USEC_NEVER);
	}
}

static usec_t backoff(struct targets *ts, const struct target *t)
{
	usec_t pause = BACKOFF_FIRST_US;
	uint32_t i;

	if (t->reason == REASON_OURSELVES || t->reason == REASON_VERSION)
		return BACKOFF_HOPELESS_US;
	if (t->is_discovered && t->n_failures > DISCOVERED_PATIENCE)
		return jitter(ts, DISCOVERED_PAUSE_US);
	for (i = 1; i < t->n_failures && pause < BACKOFF_MAX_US; i++)
		pause *= 2;
	if (pause > BACKOFF_MAX_US)
		pause = BACKOFF_MAX_US;
	return jitter(ts, pause);
}

void targets_disconnected(struct targets *ts, usec_t now, peer_id_t id,
			  usec_t lasted_us)
{
	struct list *node;

	for (node = ts->all.next; node != &ts->all; node = node->next) {
		struct target *t = target_of(node);
		usec_t pause;

		if (t->peer_id != id || t->state != TARGET_CONNECTED)
			continue;
		t->state = TARGET_IDLE;
		if (lasted_us < LASTING_US) {
			t->n_failures++;
			pause = backoff(ts, t);
		} else {
			t->n_failures = 0;
			pause = jitter(ts, BACKOFF_FIRST_US / 4);
		}
		timerq_set(ts->timers, &t->timer, now + pause);
	}
}

void targets_doubt(struct targets *ts, usec_t now, peer_id_t id,
		   target_t except)
{
	struct list *node;

	targets_disconnected(ts, now, id, USEC_NEVER);
	for (node = ts->all.next; node != &ts->all; node = node->next) {
		struct target *t = target_of(node);

		if (t->peer_id == id && t->id != except)
			target_answers(ts, t, PEER_ID_NONE);
	}
}

void targets_say(struct targets *ts, usec_t now, struct target *t, peer_id_t id)
{
	target_answers(ts, t, id);
	if (t->state != TARGET_CONNECTED)
		return;
	t->state = TARGET_IDLE;
	timerq_set(ts->timers, &t->timer,
		   now + jitter(ts, BACKOFF_FIRST_US / 4));
}

bool target_failed(struct targets *ts, usec_t now, struct target *t,
		   enum reason reason)
{
	const bool is_news = t->reason != reason;

	if (t->state == TARGET_CONNECTED)
		return false; /* the peer dialled us meanwhile */
	t->state = TARGET_IDLE;
	t->reason = reason;
	t->n_failures++;
	if (t->is_discovered && t->n_failures > DISCOVERED_MAX_FAILURES) {
		targets_remove(ts, t);
		return false;
	}
	timerq_set(ts->timers, &t->timer, now + backoff(ts, t));
	return is_news;
}

void target_timer(struct targets *ts, struct target *t)
{
	set_due(ts, t, t->state == TARGET_IDLE);
}

struct target *targets_poll(struct targets *ts)
{
	struct list *node;

	for (node = ts->all.next; ts->n_due && node != &ts->all;
	     node = node->next) {
		struct target *t = target_of(node);

		if (!t->is_due)
			continue;
		set_due(ts, t, false);
		t->state = TARGET_DIALLING;
		return t;
	}
	return NULL;
}

void target_view(const struct target *t, struct target_view *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->id = t->id;
	ret->host = t->host;
	ret->port = t->port;
	ret->is_configured = t->is_configured;
	ret->is_discovered = t->is_discovered;
	ret->peer_id = t->peer_id;
	ret->has_session = t->state == TARGET_CONNECTED;
	ret->next_dial = t->timer.at;
	ret->n_failures = t->state == TARGET_CONNECTED ? 0 : t->n_failures;
	ret->reason = t->reason;
}
