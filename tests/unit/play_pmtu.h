/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PLAY_PMTU_H
#define PLAY_PMTU_H

/*
 * A simulated path for the search of its MTU: time by hand, a size that
 * changes when the test says so, and loss. Included by one file a program.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "core/pmtu.h"

#define MS USEC_PER_MS
#define SEC USEC_PER_SEC
#define MAX_FLYING 64U

/* What a path loses of what fits. */
enum pattern {
	AT_RANDOM, /* per_mille */
	IN_BURSTS, /* now and then four in a row */
	IN_TURN,   /* every fourth */
	N_PATTERNS
};

/* A path: what it carries now, its round trip, how many of 1000 it loses. */
struct play {
	struct pmtu m;
	enum pattern pattern;
	uint32_t n_burst;
	usec_t now, rtt;
	uint32_t mtu, per_mille;
	uint64_t random;
	struct {
		uint64_t seq;
		usec_t at;
	} flying[MAX_FLYING];
	uint32_t n_flying;
	uint32_t n_sent, largest;
	usec_t last_usable_at; /* when what traffic keeps to last changed */
};

static const struct pmtu_config v4 = { .floor = 576, .base = 1200 };
static const struct pmtu_config v6 = { .floor = 1280, .base = 1280 };

static uint64_t draw(struct play *pl)
{
	pl->random ^= pl->random << 13;
	pl->random ^= pl->random >> 7;
	pl->random ^= pl->random << 17;
	return pl->random;
}

static void start(struct play *pl, const struct pmtu_config *config,
		  uint32_t link, uint32_t mtu)
{
	memset(pl, 0, sizeof(*pl));
	pl->now = SEC;
	pl->rtt = 300;
	pl->mtu = mtu;
	pl->random = 88172645463325252U + mtu;
	pmtu_init(&pl->m, pl->now, config);
	pmtu_set_link(&pl->m, pl->now, link);
	pmtu_start(&pl->m, pl->now);
}

static bool is_lost(struct play *pl)
{
	switch (pl->pattern) {
	case IN_BURSTS:
		if (!pl->n_burst && draw(pl) % 1000 < 30)
			pl->n_burst = 4;
		return pl->n_burst && pl->n_burst--;
	case IN_TURN:
		return pl->n_sent % 4 == 0;
	default:
		return draw(pl) % 1000 < pl->per_mille;
	}
}

static void fly(struct play *pl, uint64_t seq, uint32_t size)
{
	pl->n_sent++;
	assert_true(size <= pl->m.ceiling);
	if (size > pl->largest)
		pl->largest = size;
	if (size > pl->mtu || is_lost(pl) || pl->n_flying == MAX_FLYING)
		return;
	pl->flying[pl->n_flying].seq = seq;
	pl->flying[pl->n_flying++].at = pl->now + pl->rtt;
}

static void land(struct play *pl)
{
	uint32_t i, n = 0;

	for (i = 0; i < pl->n_flying; i++) {
		if (pl->flying[i].at > pl->now)
			pl->flying[n++] = pl->flying[i];
		else
			assert_true(
				pmtu_acked(&pl->m, pl->now, pl->flying[i].seq));
	}
	pl->n_flying = n;
}

static usec_t next(const struct play *pl)
{
	usec_t at = pmtu_deadline(&pl->m);
	uint32_t i;

	for (i = 0; i < pl->n_flying; i++) {
		if (pl->flying[i].at < at)
			at = pl->flying[i].at;
	}
	return at > pl->now ? at : pl->now;
}

static void step(struct play *pl)
{
	const uint32_t usable = pl->m.usable;
	uint64_t seq;
	uint32_t size, n = 0;

	land(pl);
	while (pmtu_poll(&pl->m, pl->now, pl->rtt, &seq, &size)) {
		fly(pl, seq, size);
		assert_true(++n <= PMTU_MAX_ROUND);
	}
	assert_true(pmtu_deadline(&pl->m) > pl->now);
	if (pl->m.usable != usable)
		pl->last_usable_at = pl->now;
}

static void run(struct play *pl, usec_t until)
{
	while (next(pl) <= until) {
		pl->now = next(pl);
		step(pl);
	}
	pl->now = until;
}

#endif
