/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TIMERQ_H
#define TIMERQ_H

/*
 * The one deadline queue of the core: a binary heap of intrusive timers.
 *
 * A timer that is not armed has `at` USEC_NEVER and is in no heap. Equal
 * deadlines come out in the order in which they were armed.
 */

#include "core.h"

struct timer {
	usec_t at;
	uint64_t order;
	size_t index; /* in the heap, plus one; 0: not armed */
	int kind;     /* the owner's, to find what it is in */
};

struct timerq {
	struct timer **heap;
	size_t n, capacity;
	uint64_t order;
};

void timer_init(struct timer *t, int kind);
void timerq_free(struct timerq *q); /* not the timers */

/* Arms, moves, or with USEC_NEVER disarms. */
void timerq_set(struct timerq *q, struct timer *t, usec_t at);

usec_t timerq_deadline(const struct timerq *q); /* USEC_NEVER: none */
/* Takes out one timer that is due; NULL: none is. */
struct timer *timerq_expire(struct timerq *q, usec_t now);

#endif
