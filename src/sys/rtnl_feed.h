/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RTNL_FEED_H
#define RTNL_FEED_H

/*
 * What the kernel multicasts to one socket, a message at a time. Which
 * messages are events, and of what, only its user knows. Functions return 0 or
 * -errno.
 */

#include "rtnl_internal.h"

struct rtnl_feed {
	int fd;
	int left; /* bytes of the datagram from next on */
	struct nlmsghdr *buffer;
	const struct nlmsghdr *next;
};

/*
 * Of @groups (RTMGRP_*), in the current namespace or in @netns_fd's; @size:
 * bytes that the socket is to hold, as far as the system lets it.
 */
int rtnl_feed_open(int netns_fd, uint32_t groups, int size,
		   struct rtnl_feed *ret) WARN_UNUSED;
void rtnl_feed_close(struct rtnl_feed *f);

/* False: not an event, and *ret may hold anything. */
typedef bool rtnl_feed_fn(const struct nlmsghdr *nlh, void *ret);

/*
 * The next event, as @decode reads it: 1, 0 when there is none now, -ENOBUFS
 * when some were lost, or -errno.
 */
int rtnl_feed_next(struct rtnl_feed *f, rtnl_feed_fn *decode, void *ret)
	WARN_UNUSED;

#endif
