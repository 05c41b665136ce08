/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PMTU_PLAN_H
#define PMTU_PLAN_H

/*
 * Which sizes the search of a path tries next, by what it knows (its ladder,
 * its bounds). For pmtu.c alone.
 */

#include "pmtu_state.h"

/* Of the family, but never above the link. */
uint32_t pmtu_floor(const struct pmtu *m);
uint32_t pmtu_base(const struct pmtu *m);

/* The base was lost as often as it takes. */
bool pmtu_is_base_lost(const struct pmtu *m);

/* The rung of @size; made, at the cost of one that tells nothing any more. */
struct pmtu_rung *pmtu_rung(struct pmtu *m, uint16_t size);

/* Fills the round. False: there is nothing left to try. */
bool pmtu_plan(struct pmtu *m);

#endif
