/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LINK_END_H
#define LINK_END_H

/*
 * Deletes links without waiting for all of it. The kernel takes a link out of
 * sight at once, and then waits in the caller's name, for ten milliseconds and
 * more, until nobody holds it any more: threads of this wait instead.
 */

#include "core/core.h"
#include "rtnl.h"

struct link_end;

struct link_end *link_end_new(void);
/* Waits for those that are under way; NULL is fine. */
void link_end_free(struct link_end *l);

/*
 * As rtnl_link_delete() on @r, in whose namespace this thread is: when it
 * returns 0 nobody can see the link any more. Threads are started with the
 * first; where there can be none it waits itself.
 */
int link_end_delete(struct link_end *l, struct rtnl *r, uint32_t ifindex)
	WARN_UNUSED;

#endif
