/* SPDX-License-Identifier: Apache-2.0 */
#include "rate.h"

#include <assert.h>

bool rate_allows(struct rate *r, usec_t now, uint32_t per_second)
{
	usec_t until = r->spent_until;

	assert(per_second > 0 && per_second <= USEC_PER_SEC);
	if (until < now)
		until = now;
	if (until - now >= USEC_PER_SEC)
		return false;
	r->spent_until = until + USEC_PER_SEC / per_second;
	return true;
}
