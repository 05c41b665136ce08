/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BRIDGE_SYNC_H
#define BRIDGE_SYNC_H

/*
 * Directory and ports say which facts should hold in the kernel; those that
 * differ from what is there are told. What came about by itself there is not
 * known here until it is read: bridge_watch.c says when.
 */

#include "bridge_state.h"

/* Reads what is, and compares. */
void bridge_sync_start(struct bridges *b);
/*
 * 0 or -errno: the rules (bridge_guard.h) are not as they should be. It is
 * tried again soon; only who must not go on before needs to know.
 */
int bridge_sync_now(struct bridges *b);
/*
 * What is new of one port, and of nothing else: the cost does not grow with
 * the host. All is compared soon. 0 or -errno as above.
 */
int bridge_sync_port(struct bridges *b, const struct bridge_port *p);
/* Soon, not more often than it is cheap. */
void bridge_sync_later(struct bridges *b);
/* Facts of the last life about peers are kept: not all peers have told yet
 * what they have, and --hold-time is not over. */
bool bridge_sync_waits(const struct bridges *b);
void bridge_sync_read_again(struct bridges *b);

#endif
