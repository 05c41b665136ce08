/* SPDX-License-Identifier: Apache-2.0 */
#include "pmtu_plan.h"

#include <assert.h>
#include <string.h>

/*
 * MTUs that paths have, in descending order: switches with jumbo frames, less
 * VXLAN over them, clouds (AWS 9001, and 8500 between its networks; Google
 * 8896 and 1460), POS and FDDI (RFC 1191's table), Wi-Fi, baby giants;
 * Ethernet 1500, PPPoE 1492 (RFC 2516), IP in IP 1480, GRE 1476, VXLAN 1450,
 * WireGuard over IPv4 1440 and IPv6 1420, IPsec and mobile networks 1400 and
 * 1380, 1300, IPv6's minimum 1280 (RFC 8200).
 */
static const uint16_t common[] = { 9216, 9001, 9000, 8950, 8900, 8896,
				   8500, 4470, 4352, 2304, 1600, 1500,
				   1492, 1480, 1476, 1460, 1450, 1440,
				   1420, 1400, 1380, 1300, 1280 };
#define N_COMMON (sizeof(common) / sizeof(common[0]))
#define ETHERNET_MTU 1500U

uint32_t pmtu_floor(const struct pmtu *m)
{
	return m->config.floor < m->ceiling ? m->config.floor : m->ceiling;
}

uint32_t pmtu_base(const struct pmtu *m)
{
	return m->config.base < m->ceiling ? m->config.base : m->ceiling;
}

static const struct pmtu_rung *find(const struct pmtu *m, uint32_t size)
{
	uint8_t i;

	for (i = 0; i < m->n_rungs; i++) {
		if (m->rungs[i].size == size)
			return &m->rungs[i];
	}
	return NULL;
}

static uint8_t n_lost(const struct pmtu *m, uint32_t size)
{
	const struct pmtu_rung *r = find(m, size);

	return r ? r->n_lost : 0;
}

bool pmtu_is_base_lost(const struct pmtu *m)
{
	return m->low < pmtu_base(m) &&
	       n_lost(m, pmtu_base(m)) >= PMTU_MAX_PROBES;
}

/* The smallest that was lost above what is acknowledged. */
static uint32_t upper(const struct pmtu *m)
{
	uint32_t high = m->ceiling + 1;
	uint8_t i;

	for (i = 0; i < m->n_rungs; i++) {
		const struct pmtu_rung *r = &m->rungs[i];

		if (r->size > m->low && r->size < high && r->n_lost)
			high = r->size;
	}
	return high;
}

/* Below the result first, then the furthest above. */
static uint8_t least_telling(const struct pmtu *m)
{
	uint8_t i, worst = 0;

	for (i = 1; i < m->n_rungs; i++) {
		const uint16_t a = m->rungs[i].size, b = m->rungs[worst].size;

		if (a < m->low ? (a < b || b > m->low)
			       : (b >= m->low && a > b && a != m->low))
			worst = i;
	}
	return worst;
}

struct pmtu_rung *pmtu_rung(struct pmtu *m, uint16_t size)
{
	struct pmtu_rung *r = NULL;
	uint8_t i;

	for (i = 0; i < m->n_rungs && !r; i++) {
		if (m->rungs[i].size == size)
			r = &m->rungs[i];
	}
	if (r)
		return r;
	i = m->n_rungs;
	if (i == PMTU_RUNGS)
		i = least_telling(m);
	else
		m->n_rungs++;
	r = &m->rungs[i];
	memset(r, 0, sizeof(*r));
	r->size = size;
	return r;
}

/* Once a round, and only what may be sent and tells something. */
static void add(struct pmtu *m, uint32_t size)
{
	uint8_t i;

	if (size <= m->low || size > m->ceiling || m->n_round == PMTU_MAX_ROUND)
		return;
	for (i = 0; i < m->n_round; i++) {
		if (m->round[i] == size)
			return;
	}
	m->round[m->n_round++] = (uint16_t)size;
}

static void add_within(struct pmtu *m, uint32_t size, uint32_t high)
{
	if (size < high)
		add(m, size);
}

static void first_round(struct pmtu *m)
{
	const uint32_t base = pmtu_base(m);

	add(m, m->ceiling);
	if (m->is_raising) {
		add(m, m->low + 1);
		add(m, base);
		return;
	}
	if (m->ceiling > ETHERNET_MTU)
		add(m, ETHERNET_MTU);
	add(m, m->plpmtu);
	add(m, m->hint);
	/* Last into the round is first on the wire. */
	add(m, base);
}

/* Spread over those of the common ones that lie between. */
static void add_common(struct pmtu *m, uint32_t high, uint32_t n)
{
	size_t first = 0, end, i, count;

	while (first < N_COMMON && common[first] >= high)
		first++;
	for (end = first; end < N_COMMON && common[end] > m->low; end++)
		;
	count = end - first;
	if (count <= n) {
		for (i = first; i < end; i++)
			add(m, common[i]);
		return;
	}
	for (i = 1; i <= n; i++)
		add(m, common[first + i * count / (n + 1)]);
}

static void add_evenly(struct pmtu *m, uint32_t high, uint32_t n)
{
	const uint32_t gap = high - m->low;
	uint32_t i;

	for (i = 1; i <= n; i++)
		add_within(m, m->low + gap * i / (n + 1), high);
}

static void next_round(struct pmtu *m, uint32_t high)
{
	/* All of them arrived: was it by chance that the next was lost? */
	const bool is_doubted = m->low == m->top && high <= m->ceiling &&
				n_lost(m, high) < PMTU_MAX_PROBES;
	const uint32_t n = PMTU_PARALLEL - is_doubted;

	if (is_doubted)
		add(m, high);
	if (m->low == m->hint || m->low == m->plpmtu)
		add_within(m, m->low + 1, high);
	if (m->hint > m->low)
		add_within(m, m->hint, high);
	if (m->n_round < n)
		add_common(m, high, n - m->n_round);
	if (m->n_round > (is_doubted ? 1 : 0))
		return;
	add_evenly(m, high, n);
}

static bool is_low_common(const struct pmtu *m)
{
	size_t i;

	for (i = 0; i < N_COMMON; i++) {
		if (common[i] == m->low)
			return true;
	}
	return m->low == pmtu_base(m);
}

static bool has_common(const struct pmtu *m, uint32_t high)
{
	size_t i;

	for (i = 0; i < N_COMMON; i++) {
		if (common[i] > m->low && common[i] < high)
			return true;
	}
	return false;
}

bool pmtu_plan(struct pmtu *m)
{
	const uint32_t high = upper(m);
	uint8_t i;

	m->n_round = 0;
	if (m->low >= m->ceiling)
		return false;
	if (!m->n_rungs)
		first_round(m);
	else if (m->state == PMTU_BASE && m->low < pmtu_base(m))
		add(m, pmtu_base(m));
	else if (high == m->low + 1 && n_lost(m, high) < PMTU_MAX_PROBES)
		add(m, high);
	else if (high == m->low + 1)
		return false;
	else if (is_low_common(m) && !has_common(m, high))
		add(m, m->low + 1); /* just what was acknowledged? */
	else
		next_round(m, high);
	assert(m->n_round);
	for (m->top = 0, i = 0; i < m->n_round; i++) {
		if (m->round[i] > m->top)
			m->top = m->round[i];
	}
	return true;
}
