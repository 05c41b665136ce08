/* SPDX-License-Identifier: Apache-2.0 */
#include "rtnl_feed.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "nl.h"

#define DATAGRAMS_A_CALL 64

int rtnl_feed_open(int netns_fd, uint32_t groups, int size,
		   struct rtnl_feed *ret)
{
	CLEAN_FD int fd = rtnl_socket(netns_fd, SOCK_NONBLOCK, groups);
	struct nlmsghdr *buffer;

	if (fd < 0)
		return fd;
	/* The second is for who may not exceed the system's limit. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) <
		    0 &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) < 0)
		return -errno;
	buffer = malloc(RTNL_BUFFER_SIZE);
	if (!buffer)
		return -ENOMEM;
	*ret = (struct rtnl_feed){ .fd = STEAL_FD(fd), .buffer = buffer };
	return 0;
}

void rtnl_feed_close(struct rtnl_feed *f)
{
	close(f->fd);
	free(f->buffer);
}

/* The next event of the datagram in the buffer. */
static bool take_event(struct rtnl_feed *f, rtnl_feed_fn *decode, void *ret)
{
	while (f->next && nl_is_message(f->next, f->left)) {
		const struct nlmsghdr *nlh = f->next;

		f->next = mnl_nlmsg_next(nlh, &f->left);
		if (decode(nlh, ret))
			return true;
	}
	f->next = NULL;
	return false;
}

int rtnl_feed_next(struct rtnl_feed *f, rtnl_feed_fn *decode, void *ret)
{
	ssize_t n;
	int i;

	for (i = 0; i < DATAGRAMS_A_CALL; i++) {
		if (take_event(f, decode, ret))
			return 1;
		n = rtnl_receive(f->fd, f->buffer);
		if (n == -EAGAIN)
			return 0;
		if (n == -EMSGSIZE) /* one event lost is events lost */
			return -ENOBUFS;
		if (n < 0)
			return (int)n;
		f->next = f->buffer;
		f->left = (int)n;
	}
	/* The descriptor stays readable: the rest at the caller's next turn. */
	return take_event(f, decode, ret) ? 1 : 0;
}
