/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NEW_NETNS_H
#define NEW_NETNS_H

/* Network namespaces beside the one that a test is in. */

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/netns.h"

/* A descriptor of it. */
static inline int new_namespace(void)
{
	int home, fd;

	assert_int_equal(netns_open_self(&home), 0);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_int_equal(netns_open_self(&fd), 0);
	assert_int_equal(setns(home, CLONE_NEWNET), 0);
	close(home);
	return fd;
}

#endif
