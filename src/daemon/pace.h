/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PACE_H
#define PACE_H

/*
 * Work that grows with the host, as the comparison of all entries: it takes one
 * @share-th of the processor at most, and never waits longer than
 * @pause_max_us. What others took of it meanwhile makes nobody wait. @at_once_us
 * of time may be owed before it waits: then some runs may follow each other. It
 * knows no clock.
 */

#include "core/core.h"

struct pace {
	unsigned int share;
	usec_t pause_max_us, at_once_us;
	usec_t paid_at; /* what was done is its share then */
	usec_t next_at; /* not before */
};

/* One run has ended @now, and had @spent of the processor. */
void pace_ran(struct pace *p, usec_t now, usec_t spent);
/* When the next one may be, at @now or later. */
usec_t pace_next(const struct pace *p, usec_t now);

#endif
