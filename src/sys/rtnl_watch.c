/* SPDX-License-Identifier: Apache-2.0 */
#include "rtnl.h"

#include <errno.h>
#include <stdlib.h>

#include "rtnl_feed.h"

#define GROUPS                                                   \
	(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | \
	 RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE)
#define RECEIVE_BUFFER (1 << 20)

struct rtnl_watch {
	struct rtnl_feed feed;
};

int rtnl_watch_open_at(int netns_fd, struct rtnl_watch **ret)
{
	struct rtnl_watch *w = malloc(sizeof(*w));
	int rc;

	if (!w)
		return -ENOMEM;
	rc = rtnl_feed_open(netns_fd, GROUPS, RECEIVE_BUFFER, &w->feed);
	if (rc) {
		free(w);
		return rc;
	}
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
	rtnl_feed_close(&w->feed);
	free(w);
}

int rtnl_watch_fd(const struct rtnl_watch *w)
{
	return w->feed.fd;
}

static bool decode_event(const struct nlmsghdr *nlh, void *ret)
{
	struct rtnl_event *ev = ret;

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

int rtnl_watch_next(struct rtnl_watch *w, struct rtnl_event *ret)
{
	struct rtnl_event ev;
	const int rc = rtnl_feed_next(&w->feed, decode_event, &ev);

	if (rc > 0)
		*ret = ev;
	return rc;
}
