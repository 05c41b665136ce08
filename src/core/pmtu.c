/* SPDX-License-Identifier: Apache-2.0 */
#include "pmtu.h"

#include <assert.h>
#include <string.h>

#include "pmtu_plan.h"

#define PROBE_TIMER_MIN_US (20 * USEC_PER_MS)
#define PROBE_TIMER_MAX_US (500 * USEC_PER_MS)
/* A hint is worth one confirmation each so often, be they forged. */
#define HINT_PAUSE_US (100 * USEC_PER_MS)
#define RAISE_FACTOR 4U
#define LOWEST_FLOOR 68U

const char *pmtu_state_text(enum pmtu_state s)
{
	static const char *const text[] = { "disabled", "base", "searching",
					    "complete", "error" };

	return text[s];
}

bool pmtu_is_seq(uint64_t seq)
{
	return seq >= PMTU_FIRST_SEQ;
}

static bool is_searching(const struct pmtu *m)
{
	return m->state == PMTU_BASE || m->state == PMTU_SEARCHING ||
	       (m->state == PMTU_ERROR && m->confirm_at == USEC_NEVER);
}

void pmtu_check(const struct pmtu *m)
{
	assert(m->n_rungs <= PMTU_RUNGS && m->n_round <= PMTU_MAX_ROUND);
	assert(m->n_flights <= PMTU_MAX_ROUND);
	assert(m->plpmtu <= m->ceiling && m->usable <= m->ceiling);
	assert(m->low <= m->ceiling);
	assert(m->state != PMTU_COMPLETE || m->plpmtu >= pmtu_base(m));
	(void)m; /* without asserts nobody asks */
}

static void move(struct pmtu *m, usec_t now, enum pmtu_state state)
{
	if (m->state != state)
		m->since = now;
	m->state = state;
}

static void become(struct pmtu *m, usec_t now, uint32_t size,
		   enum reason reason)
{
	if (m->plpmtu == size)
		return;
	m->plpmtu = size;
	m->reason = reason;
	m->changed_at = now;
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/*
 * Before anything is known: what the link carries, since most paths carry that
 * too, and an answer with too small a number is kept for minutes.
 */
static void settle_usable(struct pmtu *m)
{
	uint32_t size = m->plpmtu ? m->plpmtu : m->ceiling;

	if (is_searching(m) && m->grace_at == USEC_NEVER)
		size = m->low;
	if (m->state == PMTU_BASE && m->grace_at == USEC_NEVER &&
	    size < pmtu_base(m))
		size = pmtu_base(m);
	m->usable = least(size, m->ceiling);
}

static void forget_probes(struct pmtu *m)
{
	m->n_flights = 0;
	m->n_round = 0;
}

static void search(struct pmtu *m, usec_t now, bool is_raising)
{
	forget_probes(m);
	m->is_raising = is_raising;
	m->top = 0;
	m->n_unconfirmed = 0;
	m->raise_at = USEC_NEVER;
	m->confirm_at = USEC_NEVER;
	m->n_rungs = 0;
	m->low = is_raising ? m->plpmtu : pmtu_floor(m);
	m->grace_at = is_raising ? USEC_NEVER : now + PMTU_GRACE_US;
	if (!is_raising)
		move(m, now, PMTU_BASE);
	else if (m->low >= pmtu_base(m))
		move(m, now, PMTU_SEARCHING);
	pmtu_plan(m);
}

/* Found to be so; @m's probes are all answered or lost. */
static void finish(struct pmtu *m, usec_t now)
{
	enum reason reason = REASON_MTU_FOUND;

	if (m->plpmtu && m->low < m->plpmtu)
		reason = REASON_MTU_HOLE;
	else if (m->plpmtu && m->low > m->plpmtu)
		reason = REASON_MTU_RAISED;
	if (!m->is_raising || m->low > m->plpmtu)
		m->raise_gap = PMTU_QUICK_RAISE_US;
	become(m, now, m->low, reason);
	move(m, now, m->low >= pmtu_base(m) ? PMTU_COMPLETE : PMTU_ERROR);
	forget_probes(m);
	m->grace_at = USEC_NEVER;
	m->confirm_at = now + m->confirm_us;
	if (m->raise_gap > m->config.raise_us)
		m->raise_gap = m->config.raise_us;
	m->raise_at = m->low < m->ceiling ? now + m->raise_gap : USEC_NEVER;
	/* What lies below the base is no lasting state: it is asked often. */
	if (m->state == PMTU_COMPLETE)
		m->raise_gap *= RAISE_FACTOR;
}

void pmtu_init(struct pmtu *m, usec_t now, const struct pmtu_config *config)
{
	assert(config->floor >= LOWEST_FLOOR && config->floor <= config->base);
	memset(m, 0, sizeof(*m));
	m->config = *config;
	if (!m->config.raise_us)
		m->config.raise_us = PMTU_RAISE_US;
	m->since = m->changed_at = now;
	m->reason = REASON_STARTING;
	m->seq = PMTU_FIRST_SEQ;
	m->confirm_us = PMTU_CONFIRM_US;
	m->confirm_at = m->raise_at = m->grace_at = USEC_NEVER;
	m->ceiling = config->base;
	settle_usable(m);
}

void pmtu_start(struct pmtu *m, usec_t now)
{
	if (m->state == PMTU_DISABLED)
		search(m, now, false);
	settle_usable(m);
}

void pmtu_stop(struct pmtu *m, usec_t now)
{
	forget_probes(m);
	memset(m->sent, 0, sizeof(m->sent));
	m->confirm_at = m->raise_at = m->grace_at = USEC_NEVER;
	move(m, now, PMTU_DISABLED);
	settle_usable(m);
}

/* Flights and rungs of a size that may no longer be sent. */
static void drop_above(struct pmtu *m, uint32_t size)
{
	uint8_t i, n = 0;

	m->n_round = 0;
	for (i = 0; i < m->n_flights; i++) {
		if (m->flights[i].size <= size)
			m->flights[n++] = m->flights[i];
	}
	m->n_flights = n;
	for (i = n = 0; i < m->n_rungs; i++) {
		if (m->rungs[i].size <= size)
			m->rungs[n++] = m->rungs[i];
	}
	m->n_rungs = n;
}

static void bound(struct pmtu *m, usec_t now, uint32_t ceiling)
{
	const uint32_t old = m->ceiling;

	m->ceiling = ceiling;
	if (ceiling < old) {
		drop_above(m, ceiling);
		m->low = least(m->low, ceiling);
		if (m->plpmtu > ceiling)
			become(m, now, ceiling, REASON_MTU_LINK);
		if (m->raise_at != USEC_NEVER && m->plpmtu == ceiling)
			m->raise_at = USEC_NEVER;
	}
	if (ceiling > old && !is_searching(m) && m->state != PMTU_DISABLED)
		search(m, now, true);
	if (m->state == PMTU_COMPLETE && m->plpmtu < pmtu_base(m))
		search(m, now, false);
	settle_usable(m);
	pmtu_check(m);
}

static uint32_t ceiling_of(const struct pmtu *m)
{
	const uint32_t most = m->config.is_capped || !m->link_mtu
				      ? m->config.base
				      : PMTU_MAX_SIZE;
	const uint32_t size = m->link_mtu ? least(m->link_mtu, most) : most;

	return size < LOWEST_FLOOR ? LOWEST_FLOOR : size;
}

void pmtu_set_link(struct pmtu *m, usec_t now, uint32_t link_mtu)
{
	m->link_mtu = link_mtu;
	bound(m, now, ceiling_of(m));
}

void pmtu_expect(struct pmtu *m, usec_t now, uint32_t link_mtu, uint32_t size)
{
	pmtu_set_link(m, now, link_mtu);
	if (m->state != PMTU_DISABLED || m->plpmtu || size > m->ceiling)
		return;
	m->plpmtu = size;
	settle_usable(m);
	pmtu_check(m);
}

void pmtu_set_base(struct pmtu *m, usec_t now, uint32_t floor, uint32_t base)
{
	if (m->config.base == base && m->config.floor == floor)
		return;
	assert(floor >= LOWEST_FLOOR && floor <= base);
	m->config.floor = floor;
	m->config.base = base;
	bound(m, now, ceiling_of(m));
}

void pmtu_hint(struct pmtu *m, usec_t now, uint32_t mtu)
{
	if (mtu >= pmtu_floor(m) && mtu < m->ceiling)
		m->hint = mtu;
	if (m->confirm_at == USEC_NEVER || (mtu && mtu >= m->plpmtu))
		return;
	/* The last confirmation was confirm_us before the next one. */
	if (m->confirm_at > now + HINT_PAUSE_US && !m->n_flights &&
	    m->confirm_at - m->confirm_us + HINT_PAUSE_US <= now)
		m->confirm_at = now;
}

void pmtu_raise(struct pmtu *m, usec_t now)
{
	if (m->raise_at != USEC_NEVER)
		m->raise_at = now;
}

void pmtu_pace(struct pmtu *m, usec_t now, usec_t confirm_us)
{
	m->confirm_us = confirm_us ? confirm_us : PMTU_CONFIRM_US;
	if (m->confirm_at != USEC_NEVER && m->confirm_at > now + m->confirm_us)
		m->confirm_at = now + m->confirm_us;
}

void pmtu_join(struct pmtu *m, usec_t now, usec_t slack_us)
{
	if (m->confirm_at != USEC_NEVER && m->confirm_at > now &&
	    m->confirm_at - now <= slack_us && !m->n_flights)
		m->confirm_at = now;
}

void pmtu_block(struct pmtu *m, usec_t until)
{
	m->blocked_until = until;
}

/* RFC 8899 PROBE_TIMER; longer for each that was lost before. */
static usec_t probe_timer(usec_t rtt_us, uint32_t n_lost)
{
	usec_t t = 3 * rtt_us;

	if (t < PROBE_TIMER_MIN_US)
		t = PROBE_TIMER_MIN_US;
	if (t > PROBE_TIMER_MAX_US)
		t = PROBE_TIMER_MAX_US;
	return t << least(n_lost, PMTU_MAX_PROBES - 1);
}

static void lost(struct pmtu *m, usec_t now, uint16_t size)
{
	struct pmtu_rung *r = pmtu_rung(m, size);

	r->at = now;
	if (r->n_lost < UINT8_MAX)
		r->n_lost++;
	if (!is_searching(m) && size == m->plpmtu)
		m->n_unconfirmed++;
}

/* Those whose answer would tell nothing are not waited for. */
static void expire(struct pmtu *m, usec_t now)
{
	uint8_t i, n = 0;

	for (i = 0; i < m->n_flights; i++) {
		if (is_searching(m) && m->flights[i].size <= m->low)
			continue;
		if (m->flights[i].lost_at <= now)
			lost(m, now, m->flights[i].size);
		else
			m->flights[n++] = m->flights[i];
	}
	m->n_flights = n;
}

/* The round is over. */
static void go_on(struct pmtu *m, usec_t now)
{
	if (m->state == PMTU_BASE && m->low >= pmtu_base(m))
		move(m, now, PMTU_SEARCHING);
	if (m->state == PMTU_BASE && pmtu_is_base_lost(m))
		move(m, now, PMTU_ERROR);
	if (m->state == PMTU_ERROR && m->low >= pmtu_base(m))
		move(m, now, PMTU_SEARCHING);
	if (!pmtu_plan(m))
		finish(m, now);
}

static void confirm(struct pmtu *m, usec_t now)
{
	if (m->n_unconfirmed >= PMTU_MAX_PROBES) {
		m->hint = m->hint < m->plpmtu ? m->hint : 0;
		search(m, now, false);
		return;
	}
	if (now >= m->raise_at && !m->n_unconfirmed) {
		search(m, now, true);
		return;
	}
	if (now >= m->confirm_at || m->n_unconfirmed) {
		m->round[0] = (uint16_t)m->plpmtu;
		m->n_round = 1;
		m->confirm_at = now + m->confirm_us;
	}
}

static void send(struct pmtu *m, usec_t now, usec_t rtt_us, uint64_t *ret_seq,
		 uint32_t *ret_size)
{
	const uint16_t size = m->round[--m->n_round];
	struct pmtu_rung *r = pmtu_rung(m, size);
	const uint32_t n_lost = is_searching(m) ? r->n_lost : m->n_unconfirmed;

	assert(size <= m->ceiling);
	r->at = now;
	if (r->n_sent < UINT8_MAX)
		r->n_sent++;
	m->flights[m->n_flights].size = size;
	m->flights[m->n_flights].seq = m->seq;
	m->flights[m->n_flights++].lost_at = now + probe_timer(rtt_us, n_lost);
	m->sent[m->seq % PMTU_WINDOW] = size;
	m->n_sent++;
	*ret_seq = m->seq++;
	*ret_size = size;
}

bool pmtu_poll(struct pmtu *m, usec_t now, usec_t rtt_us, uint64_t *ret_seq,
	       uint32_t *ret_size)
{
	bool is_owed;

	if (m->state == PMTU_DISABLED || now < m->blocked_until)
		return false;
	if (now >= m->grace_at)
		m->grace_at = USEC_NEVER;
	expire(m, now);
	if (!m->n_round && !m->n_flights && is_searching(m))
		go_on(m, now);
	if (!m->n_round && !m->n_flights && !is_searching(m))
		confirm(m, now);
	is_owed = m->n_round > 0;
	if (is_owed)
		send(m, now, rtt_us, ret_seq, ret_size);
	settle_usable(m);
	pmtu_check(m);
	return is_owed;
}

/* The size that @seq had, once. */
static uint16_t take(struct pmtu *m, uint64_t seq)
{
	uint16_t size;
	uint8_t i, n = 0;

	if (!pmtu_is_seq(seq) || seq >= m->seq || m->seq - seq > PMTU_WINDOW)
		return 0;
	size = m->sent[seq % PMTU_WINDOW];
	m->sent[seq % PMTU_WINDOW] = 0;
	for (i = 0; i < m->n_flights; i++) {
		if (m->flights[i].seq != seq)
			m->flights[n++] = m->flights[i];
	}
	m->n_flights = n;
	return size;
}

bool pmtu_acked(struct pmtu *m, usec_t now, uint64_t seq)
{
	const uint16_t size = take(m, seq);
	struct pmtu_rung *r;

	if (!size || m->state == PMTU_DISABLED)
		return false;
	m->n_acked++;
	/* The link has become narrower in the meantime. */
	if (size > m->ceiling)
		return true;
	r = pmtu_rung(m, size);
	r->is_acked = true;
	r->at = now;
	if (is_searching(m)) {
		if (size > m->low)
			m->low = size;
	} else if (size > m->plpmtu) {
		/* Late, when the search had given it up. */
		become(m, now, size, REASON_MTU_RAISED);
		search(m, now, true);
	} else if (size == m->plpmtu) {
		m->n_unconfirmed = 0;
	}
	settle_usable(m);
	pmtu_check(m);
	return true;
}

usec_t pmtu_deadline(const struct pmtu *m)
{
	usec_t at = m->grace_at;
	uint8_t i;

	if (m->state == PMTU_DISABLED)
		return USEC_NEVER;
	if (m->n_round || (!m->n_flights && is_searching(m)))
		at = 0;
	if (!m->n_flights && m->n_unconfirmed)
		at = 0;
	for (i = 0; i < m->n_flights; i++) {
		if (m->flights[i].lost_at < at)
			at = m->flights[i].lost_at;
	}
	if (!m->n_flights && m->confirm_at < at)
		at = m->confirm_at;
	if (!m->n_flights && m->raise_at < at)
		at = m->raise_at;
	return at > m->blocked_until ? at : m->blocked_until;
}
