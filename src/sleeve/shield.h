/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SHIELD_H
#define SHIELD_H

/*
 * While strangers send more than is good, the kernel drops their datagrams
 * before they take room in a socket's queue: those with a token that nobody
 * has, and those whose sequence number is too old (sieve.h). What is dropped
 * would be dropped by the thread, too, but for datagrams that others overtook
 * a second ago or more.
 *
 *            so many in so short a time
 *   down  ───────────────────────────────>  up: renewed ten times a second
 *     <───────────────────────────────────      and with each table
 *       after a while, to see whether it is over; longer when it was not
 */

#include "state.h"

struct shield *shield_new(void); /* NULL: out of memory */
void shield_free(struct shield *s);

/* At the end of each turn. */
void shield_turn(struct worker *w);
/* There is another table, or a peer has another token. */
void shield_renew(struct worker *w);
bool shield_is_up(const struct shield *s);
/* For epoll_wait(): how long the thread may sleep. */
int shield_wait_ms(const struct worker *w);

#endif
