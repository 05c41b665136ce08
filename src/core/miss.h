/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MISS_H
#define MISS_H

/*
 * Packets that no flow wanted. What the directory knows has its flows before
 * any packet asks; so a miss is a race with one of those, a broadcast of a
 * class not seen lately, an unknown destination, or somebody who has no
 * business here. Each gets an answer that keeps the next packet in the kernel.
 */

#include "engine_state.h"

void miss_upcall(struct engine *e, usec_t now, const struct event *ev);
/* Answer to a query about a lazy flow. */
void miss_used(struct engine *e, usec_t now, const struct event *ev);
/* The kernel did not take a flow. */
void miss_refused(struct engine *e, usec_t now, const struct flow_match *m);
/* The lazy flows of the last life that still make sense. */
void miss_adopt(struct engine *e, usec_t now);

#endif
