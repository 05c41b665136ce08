/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGROUP_H
#define REGROUP_H

/*
 * When the copies of a network's group frames are made anew (group_network()):
 * at the first change at once, then once a pause as long as changes go on. A
 * thousand peers that come in a moment cost a few looks at all of them, not a
 * thousand.
 *
 *   (nothing) ──changed──> STALE ──run──> RESTING ──pause over──> (nothing)
 *                            ^               │
 *                            └────changed────┘ (its run waits for the pause)
 *
 * It knows networks and time, not what is made anew.
 */

#include "list.h"
#include "table.h"
#include "timerq.h"

#define REGROUP_PAUSE_US (20 * USEC_PER_MS)

struct regroup_network {
	struct table_node node;
	struct list stale;
	struct timer timer; /* armed: it rests */
	vni_t vni;
};

struct regroup {
	uint64_t seed;
	struct table table;
	struct list stale;
	struct timerq *timers; /* borrowed */
	int timer_kind;
};

void regroup_init(struct regroup *r, uint64_t seed, struct timerq *timers,
		  int timer_kind);
void regroup_free(struct regroup *r);

void regroup_changed(struct regroup *r, vni_t vni);

/*
 * One that is to be made anew now; with @is_hurried whether it rests or not.
 * False: no more.
 */
bool regroup_next(struct regroup *r, usec_t now, bool is_hurried,
		  vni_t *ret_vni);

/* Its timer came, from the caller's queue: regroup_next() may have it. */
void regroup_timer(struct regroup *r, struct regroup_network *n);

#endif
