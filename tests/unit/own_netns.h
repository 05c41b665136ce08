/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OWN_NETNS_H
#define OWN_NETNS_H

/* Tests against the running kernel, in namespaces of their own. */

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define SKIP 77 /* of the test driver */

/* A network namespace, and what else @flags (CLONE_NEW*) asks for; without
 * root, as another user's root. False: may not, and that is said. */
static inline bool enter_own_netns(int flags)
{
	if (unshare(CLONE_NEWNET | flags) == 0 ||
	    unshare(CLONE_NEWUSER | CLONE_NEWNET | flags) == 0)
		return true;
	fprintf(stderr, "skipped: may not make namespaces: %s\n",
		strerror(errno));
	return false;
}

#endif
