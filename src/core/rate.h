/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RATE_H
#define RATE_H

/*
 * A token bucket: so many events a second, and as many at once. All zero is a
 * full one. It knows nothing of what is counted.
 */

#include "core.h"

struct rate {
	usec_t spent_until; /* the events so far use up the time until then */
};

/* May one more pass at @now? Counts it if so. @per_second: 1 … 1 000 000. */
bool rate_allows(struct rate *r, usec_t now, uint32_t per_second);

#endif
