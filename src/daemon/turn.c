/* SPDX-License-Identifier: Apache-2.0 */
#include "turn.h"

#include "apply.h"
#include "sys/clock.h"

/* What is left goes on in the next turn: sessions, upcalls and local clients
 * wait no longer than this many flows take. */
#define MAX_ACTIONS_PER_TURN 1024U

/* False: there is more. */
static bool drain(struct daemon *d)
{
	struct action action;
	unsigned int n = 0;

	do {
		while (n++ < MAX_ACTIONS_PER_TURN &&
		       engine_poll(d->engine, clock_monotonic_us(), &action))
			apply_action(d->apply, &action);
	} while (apply_flush(d->apply) && n < MAX_ACTIONS_PER_TURN);
	return n < MAX_ACTIONS_PER_TURN;
}

void daemon_turn(struct daemon *d)
{
	bool is_done;
	usec_t at;

	drain(d);
	control_tick(d->control, clock_monotonic_us());
	/* Events of the tick may have made new work. */
	is_done = drain(d);
	at = engine_deadline(d->engine);
	if (control_deadline(d->control) < at)
		at = control_deadline(d->control);
	if (!is_done)
		at = 0;
	loop_timer_set(d->timer, at);
}
