/* SPDX-License-Identifier: Apache-2.0 */
#include "path.h"

#include <assert.h>
#include <string.h>

#define QUICK_DIVISOR 8U
/* So many in a row must be unanswered: a daemon that was stopped for a moment
 * has sent none, and finds no fault with the path. */
#define MIN_WAITING 3U
/* Who comes that late was not running, and answers may lie unread: it is given
 * time to read them, a few times. */
#define LATE_US (20 * USEC_PER_MS)
#define EXCUSE_US (30 * USEC_PER_MS)
#define MAX_EXCUSES 4U
/* So long and no answer, of one that is doubted; longer round trips get more */
#define DOUBT_US (60 * USEC_PER_MS)
#define DOUBT_PROBE_US (15 * USEC_PER_MS)
/* Doubts are taken so often: anybody can send them. */
#define DOUBT_PAUSE_US (100 * USEC_PER_MS)
/* A path that has long been down is asked less often. */
#define SLOW_AFTER_US (30 * USEC_PER_SEC)
#define SLOW_INTERVAL_US (1 * USEC_PER_SEC)

static void move(struct path *p, usec_t now, enum path_state state,
		 enum reason reason)
{
	if (p->state != state)
		p->since = now;
	p->state = state;
	p->reason = reason;
	path_check(p);
}

void path_check(const struct path *p)
{
	assert(p->interval_us > 0);
	assert(p->state != PATH_UP || p->next_probe_at != USEC_NEVER);
	assert(p->state != PATH_UP || p->has_ack);
	(void)p; /* without asserts nobody asks */
}

void path_init(struct path *p, usec_t now, usec_t interval_us)
{
	memset(p, 0, sizeof(*p));
	p->interval_us = interval_us;
	p->next_probe_at = USEC_NEVER;
	p->since = now;
	p->state = PATH_DOWN;
	p->reason = REASON_STARTING;
}

bool path_is_started(const struct path *p)
{
	return p->next_probe_at != USEC_NEVER;
}

void path_start(struct path *p, usec_t now, uint64_t cookie, usec_t jitter_us)
{
	if (path_is_started(p))
		return;
	p->cookie = cookie;
	p->next_probe_at = now + jitter_us;
	p->alive_at = now + jitter_us;
	p->has_ack = false;
	p->n_waiting = 0;
	p->answered = UINT64_MAX;
	move(p, now, PATH_PROBING, REASON_STARTING);
}

void path_stop(struct path *p, usec_t now, enum reason reason)
{
	p->next_probe_at = USEC_NEVER;
	move(p, now, PATH_DOWN, reason);
}

static bool is_answered(const struct path *p, uint64_t seq)
{
	return (p->answered >> (seq % PATH_WINDOW) & 1) != 0;
}

/* And nothing that was sent since is answered. */
static bool is_doubted(const struct path *p)
{
	return p->doubted_at && p->alive_at < p->doubted_at;
}

static usec_t pause_after(const struct path *p, usec_t now)
{
	usec_t quick = p->interval_us / QUICK_DIVISOR;

	if (p->state == PATH_UP && is_doubted(p) && quick > DOUBT_PROBE_US)
		quick = DOUBT_PROBE_US;
	if (p->state == PATH_DOWN && now - p->since > SLOW_AFTER_US &&
	    p->interval_us < SLOW_INTERVAL_US)
		return SLOW_INTERVAL_US;
	if (p->state == PATH_DOWN)
		return p->interval_us;
	if (quick < 2 * p->rtt_us)
		quick = 2 * p->rtt_us;
	return quick < p->interval_us ? quick : p->interval_us;
}

/*
 * Up, and the newest probe has no answer yet: the next one is due early. An
 * answer moves it back (path_acked).
 */
bool path_poll(struct path *p, usec_t now, uint64_t *ret_seq)
{
	if (now < p->next_probe_at)
		return false;
	p->sent_at[p->seq % PATH_WINDOW] = now;
	p->answered &= ~(UINT64_C(1) << (p->seq % PATH_WINDOW));
	*ret_seq = p->seq++;
	p->n_sent++;
	p->n_waiting++;
	p->next_probe_at = now + pause_after(p, now);
	path_check(p);
	return true;
}

static void measure(struct path *p, usec_t rtt)
{
	/* RFC 6298's smoothing, 1/8. */
	p->rtt_us = p->rtt_us ? (7 * p->rtt_us + rtt) / 8 : rtt;
	if (!p->rtt_us)
		p->rtt_us = 1;
}

bool path_acked(struct path *p, usec_t now, uint64_t seq, bool *ret_is_up)
{
	usec_t sent_at;

	*ret_is_up = false;
	if (!path_is_started(p) || seq >= p->seq ||
	    p->seq - seq > PATH_WINDOW || is_answered(p, seq))
		return false;
	sent_at = p->sent_at[seq % PATH_WINDOW];
	p->answered |= UINT64_C(1) << (seq % PATH_WINDOW);
	p->n_acked++;
	if (sent_at > p->alive_at || !p->has_ack)
		p->alive_at = sent_at;
	p->acked = seq;
	p->n_waiting = 0;
	p->n_excuses = 0;
	p->excused_until = 0;
	p->has_ack = true;
	measure(p, now - sent_at);
	if (p->state != PATH_UP) {
		/* Old answers of a long journey do not make a path. */
		if (now - sent_at > p->interval_us * 5 / 2)
			return true;
		p->alive_at = sent_at;
		move(p, now, PATH_UP, REASON_ACKNOWLEDGED);
		*ret_is_up = true;
	}
	if (seq + 1 == p->seq)
		p->next_probe_at = sent_at + p->interval_us;
	if (p->next_probe_at < now)
		p->next_probe_at = now;
	path_check(p);
	return true;
}

static usec_t doubt_time(const struct path *p)
{
	return DOUBT_US > 6 * p->rtt_us ? DOUBT_US : 6 * p->rtt_us;
}

/* An interval for the heartbeat, and time for several more to be answered. */
static usec_t expiry(const struct path *p)
{
	usec_t patience = p->interval_us * 2 / 3, at;

	if (!p->has_ack)
		return p->alive_at + p->interval_us * 5 / 2;
	if (patience < 3 * p->rtt_us)
		patience = 3 * p->rtt_us;
	at = p->alive_at + p->interval_us + patience;
	if (is_doubted(p) && p->doubted_at + doubt_time(p) < at)
		at = p->doubted_at + doubt_time(p);
	return at < p->excused_until ? p->excused_until : at;
}

bool path_expired(struct path *p, usec_t now)
{
	if (!path_is_started(p) || p->state == PATH_DOWN ||
	    p->n_waiting < MIN_WAITING || now < expiry(p))
		return false;
	if (p->has_ack && now - expiry(p) > LATE_US &&
	    p->n_excuses < MAX_EXCUSES) {
		p->n_excuses++;
		p->excused_until = now + EXCUSE_US;
		return false;
	}
	p->last_error = is_doubted(p) ? p->doubt : REASON_NO_ANSWER;
	p->last_error_at = now;
	move(p, now, PATH_DOWN, p->last_error);
	return true;
}

void path_refused(struct path *p, usec_t now, enum reason reason)
{
	p->last_error = reason;
	p->last_error_at = now;
}

void path_pace(struct path *p, usec_t now, usec_t interval_us)
{
	if (p->interval_us == interval_us)
		return;
	p->interval_us = interval_us;
	if (path_is_started(p) && p->next_probe_at > now + interval_us)
		p->next_probe_at = now + interval_us;
	path_check(p);
}

void path_join(struct path *p, usec_t now, usec_t slack_us)
{
	if (p->state == PATH_UP && !p->n_waiting && p->next_probe_at > now &&
	    p->next_probe_at - now <= slack_us)
		p->next_probe_at = now;
}

void path_doubt(struct path *p, usec_t now, enum reason reason)
{
	if (p->state != PATH_UP || now - p->doubted_at < DOUBT_PAUSE_US)
		return;
	p->doubted_at = now;
	p->doubt = reason;
	if (p->next_probe_at > now)
		p->next_probe_at = now;
}

void path_hurry(struct path *p, usec_t now)
{
	if (path_is_started(p) && p->state == PATH_DOWN &&
	    p->next_probe_at > now)
		p->next_probe_at = now;
}

usec_t path_deadline(const struct path *p)
{
	usec_t at = p->next_probe_at;

	if (!path_is_started(p))
		return USEC_NEVER;
	if (p->state != PATH_DOWN && p->n_waiting >= MIN_WAITING &&
	    expiry(p) < at)
		at = expiry(p);
	return at;
}

void path_view(const struct path *p, struct path_view *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->state = p->state;
	ret->since = p->since;
	ret->reason = p->reason;
	ret->last_error = p->last_error;
	ret->last_error_at = p->last_error_at;
	ret->rtt_us = p->state == PATH_UP ? p->rtt_us : 0;
	ret->n_sent = p->n_sent;
	ret->n_acked = p->n_acked;
	ret->n_lost = p->n_sent - p->n_acked;
}
