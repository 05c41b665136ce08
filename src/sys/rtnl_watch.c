/* SPDX-License-Identifier: Apache-2.0 */
#include "rtnl.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "rtnl_internal.h"

#define GROUPS                                                   \
	(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | \
	 RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE)
#define RECEIVE_BUFFER (1 << 20)
#define DATAGRAMS_A_CALL 64

struct rtnl_watch {
	int fd;
	int left; /* bytes of the datagram from next on */
	struct nlmsghdr *buffer;
	const struct nlmsghdr *next;
};

int rtnl_watch_open_at(int netns_fd, struct rtnl_watch **ret)
{
	static const int size = RECEIVE_BUFFER;
	CLEAN_FD int fd = -1;
	struct rtnl_watch *w;

	fd = rtnl_socket(netns_fd, SOCK_NONBLOCK, GROUPS);
	if (fd < 0)
		return fd;
	/* The second is for who may not exceed the system's limit. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) <
		    0 &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) < 0)
		return -errno;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->buffer = malloc(RTNL_BUFFER_SIZE);
	if (!w->buffer) {
		free(w);
		return -ENOMEM;
	}
	w->fd = STEAL_FD(fd);
	*ret = w;
	return 0;
}

int rtnl_watch_open(struct rtnl_watch **ret)
{
	return rtnl_watch_open_at(-1, ret);
}

void rtnl_watch_close(struct rtnl_watch *w)
{
	if (!w)
		return;
	close(w->fd);
	free(w->buffer);
	free(w);
}

int rtnl_watch_fd(const struct rtnl_watch *w)
{
	return w->fd;
}

static bool decode_event(const struct nlmsghdr *nlh, struct rtnl_event *ev)
{
	switch (nlh->nlmsg_type) {
	case RTM_NEWLINK:
		ev->type = RTNL_LINK_CHANGED;
		return rtnl_link_decode(nlh, &ev->link) == 0;
	case RTM_DELLINK:
		ev->type = RTNL_LINK_GONE;
		return rtnl_link_decode(nlh, &ev->link) == 0;
	case RTM_NEWADDR:
		ev->type = RTNL_ADDR_CHANGED;
		return rtnl_addr_decode(nlh, &ev->addr) == 0;
	case RTM_DELADDR:
		ev->type = RTNL_ADDR_GONE;
		return rtnl_addr_decode(nlh, &ev->addr) == 0;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		ev->type = RTNL_ROUTE_CHANGED;
		return true;
	default:
		return false;
	}
}

/* The next event of the datagram in the buffer. */
static bool take_event(struct rtnl_watch *w, struct rtnl_event *ret)
{
	struct rtnl_event ev;

	while (w->next && mnl_nlmsg_ok(w->next, w->left)) {
		const struct nlmsghdr *nlh = w->next;

		w->next = mnl_nlmsg_next(nlh, &w->left);
		if (decode_event(nlh, &ev)) {
			*ret = ev;
			return true;
		}
	}
	w->next = NULL;
	return false;
}

int rtnl_watch_next(struct rtnl_watch *w, struct rtnl_event *ret)
{
	ssize_t n;
	int i;

	for (i = 0; i < DATAGRAMS_A_CALL; i++) {
		if (take_event(w, ret))
			return 1;
		n = rtnl_receive(w->fd, w->buffer);
		if (n == -EAGAIN)
			return 0;
		if (n == -EMSGSIZE) /* one event lost is events lost */
			return -ENOBUFS;
		if (n < 0)
			return (int)n;
		w->next = w->buffer;
		w->left = (int)n;
	}
	/* The descriptor stays readable: the rest at the caller's next turn. */
	return take_event(w, ret) ? 1 : 0;
}
