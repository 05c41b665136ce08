/* SPDX-License-Identifier: Apache-2.0 */
#include "pace.h"

void pace_ran(struct pace *p, usec_t begin, usec_t end)
{
	const usec_t max = end + p->pause_max_us + p->at_once_us;

	if (p->paid_at < begin)
		p->paid_at = begin;
	p->paid_at += (end - begin) * p->share;
	if (p->paid_at > max)
		p->paid_at = max;
	p->next_at = p->paid_at - p->at_once_us;
}

usec_t pace_next(const struct pace *p, usec_t now)
{
	return now < p->next_at ? p->next_at : now;
}
