/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APPLY_H
#define APPLY_H

/*
 * Actions of the engine -> system calls. Flow operations are gathered and sent
 * together; what the kernel refuses goes back as an event. It decides nothing.
 */

#include "core/engine.h"

struct apply;
struct daemon;

struct apply *apply_new(struct daemon *d);
void apply_free(struct apply *a);

/* Carries it out, or keeps it for the next flush. */
void apply_action(struct apply *a, const struct action *action);

/* The engine hears of a put that failed so. */
void apply_refused(struct daemon *d, const struct flow_match *match, int error);

/* True: something was sent, and the engine may owe more because of it. */
bool apply_flush(struct apply *a);

#endif
