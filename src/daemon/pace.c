/* SPDX-License-Identifier: Apache-2.0 */
#include "pace.h"

void pace_ran(struct pace *p, usec_t now, usec_t spent)
{
	const usec_t max = now + p->pause_max_us + p->at_once_us;
	const usec_t begin = now > spent ? now - spent : 0;

	if (p->paid_at < begin)
		p->paid_at = begin;
	p->paid_at += spent * p->share;
	if (p->paid_at > max)
		p->paid_at = max;
	p->next_at = p->paid_at - p->at_once_us;
}

usec_t pace_next(const struct pace *p, usec_t now)
{
	return now < p->next_at ? p->next_at : now;
}
