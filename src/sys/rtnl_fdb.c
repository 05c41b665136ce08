/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/neighbour.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "rtnl_bridge.h"
#include "rtnl_feed.h"

#define GROUPS (RTMGRP_LINK | RTMGRP_NEIGH)
#define RECEIVE_BUFFER (4 << 20)

static struct nlmsghdr *request(struct rtnl *r, uint16_t type, uint16_t flags,
				uint32_t ifindex, const struct mac *mac,
				struct ndmsg **ret_ndm)
{
	struct nlmsghdr *nlh = rtnl_request(r, type, flags);
	struct ndmsg *ndm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ndm));

	ndm->ndm_family = AF_BRIDGE;
	ndm->ndm_ifindex = (int)ifindex;
	ndm->ndm_flags = NTF_MASTER;
	mnl_attr_put(nlh, NDA_LLADDR, sizeof(mac->b), mac->b);
	*ret_ndm = ndm;
	return nlh;
}

int rtnl_fdb_put(struct rtnl *r, uint32_t ifindex, const struct mac *mac,
		 enum rtnl_fdb_type type)
{
	struct ndmsg *ndm;

	request(r, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, ifindex, mac,
		&ndm);
	ndm->ndm_state = type == RTNL_FDB_LEARNT ? NUD_REACHABLE : NUD_NOARP;
	if (type == RTNL_FDB_STICKY)
		ndm->ndm_flags |= NTF_STICKY;
	return rtnl_transact(r, NULL, NULL);
}

int rtnl_fdb_delete(struct rtnl *r, uint32_t ifindex, const struct mac *mac)
{
	struct ndmsg *ndm;

	request(r, RTM_DELNEIGH, 0, ifindex, mac, &ndm);
	return rtnl_transact(r, NULL, NULL);
}

static enum rtnl_fdb_type type_of(const struct ndmsg *ndm)
{
	if (ndm->ndm_state & NUD_PERMANENT)
		return RTNL_FDB_LOCAL;
	if (ndm->ndm_flags & NTF_STICKY)
		return RTNL_FDB_STICKY;
	return ndm->ndm_state & NUD_NOARP ? RTNL_FDB_STATIC : RTNL_FDB_LEARNT;
}

bool rtnl_fdb_decode(const struct nlmsghdr *nlh, struct rtnl_fdb *ret)
{
	const struct nlattr *tb[NDA_MASTER + 1];
	const struct ndmsg *ndm;
	struct rtnl_fdb fdb;

	if (rtnl_attrs(nlh, sizeof(*ndm), tb, NDA_MASTER))
		return false;
	ndm = mnl_nlmsg_get_payload(nlh);
	memset(&fdb, 0, sizeof(fdb));
	if (ndm->ndm_family != AF_BRIDGE || ndm->ndm_ifindex <= 0 ||
	    !rtnl_get_mac(tb[NDA_LLADDR], &fdb.mac) ||
	    !rtnl_get_u32(tb[NDA_MASTER], &fdb.bridge))
		return false;
	fdb.ifindex = (uint32_t)ndm->ndm_ifindex;
	fdb.type = type_of(ndm);
	*ret = fdb;
	return true;
}

struct listing {
	struct rtnl_list list;
	uint32_t bridge;
};

static int list_fdb(const struct nlmsghdr *nlh, void *arg)
{
	struct listing *l = arg;
	struct rtnl_fdb *item, fdb;

	if (nlh->nlmsg_type != RTM_NEWNEIGH || !rtnl_fdb_decode(nlh, &fdb) ||
	    fdb.bridge != l->bridge)
		return 0;
	item = rtnl_list_add(&l->list);
	if (!item)
		return -E2BIG;
	*item = fdb;
	return 0;
}

int rtnl_fdb_list(struct rtnl *r, uint32_t bridge, struct rtnl_fdb **ret_list,
		  size_t *ret_n)
{
	struct listing l = { .list = { .item_size = sizeof(struct rtnl_fdb),
				       .max = RTNL_MAX_FDB },
			     .bridge = bridge };
	struct ifinfomsg *ifi;
	struct nlmsghdr *nlh;
	int rc;

	/* The kernel tells this header from a struct ndmsg by its size. */
	nlh = rtnl_request(r, RTM_GETNEIGH, NLM_F_DUMP);
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_family = AF_BRIDGE;
	mnl_attr_put_u32(nlh, IFLA_MASTER, bridge);
	rc = rtnl_transact(r, list_fdb, &l);
	/* -EAGAIN: it changed meanwhile; changes are told by the watch. */
	if (rc && rc != -EAGAIN) {
		free(l.list.items);
		return rc;
	}
	*ret_list = l.list.items;
	*ret_n = l.list.n;
	return 0;
}

struct rtnl_bridge_watch {
	struct rtnl_feed feed;
};

int rtnl_bridge_watch_open(struct rtnl_bridge_watch **ret)
{
	struct rtnl_bridge_watch *w = malloc(sizeof(*w));
	int rc;

	if (!w)
		return -ENOMEM;
	rc = rtnl_feed_open(-1, GROUPS, RECEIVE_BUFFER, &w->feed);
	if (rc) {
		free(w);
		return rc;
	}
	*ret = w;
	return 0;
}

void rtnl_bridge_watch_close(struct rtnl_bridge_watch *w)
{
	if (!w)
		return;
	rtnl_feed_close(&w->feed);
	free(w);
}

int rtnl_bridge_watch_fd(const struct rtnl_bridge_watch *w)
{
	return w->feed.fd;
}

static bool decode_link(const struct nlmsghdr *nlh,
			struct rtnl_bridge_event *ev)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifi) ||
	    ifi->ifi_index <= 0)
		return false;
	ev->ifindex = (uint32_t)ifi->ifi_index;
	if (nlh->nlmsg_type == RTM_NEWLINK)
		ev->type = RTNL_BRIDGE_LINK_DOWN;
	else if (ifi->ifi_family == AF_BRIDGE)
		ev->type = RTNL_BRIDGE_PORT_GONE;
	else
		ev->type = RTNL_BRIDGE_LINK_GONE;
	return nlh->nlmsg_type == RTM_DELLINK || !(ifi->ifi_flags & IFF_UP);
}

bool rtnl_bridge_event_decode(const struct nlmsghdr *nlh, void *ret)
{
	struct rtnl_bridge_event *ev = ret;

	memset(ev, 0, sizeof(*ev));
	switch (nlh->nlmsg_type) {
	case RTM_NEWNEIGH:
		ev->type = RTNL_BRIDGE_FDB;
		return rtnl_fdb_decode(nlh, &ev->fdb);
	case RTM_DELNEIGH:
		ev->type = RTNL_BRIDGE_FDB_GONE;
		return rtnl_fdb_decode(nlh, &ev->fdb);
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return decode_link(nlh, ev);
	default:
		return false;
	}
}

int rtnl_bridge_watch_next(struct rtnl_bridge_watch *w,
			   struct rtnl_bridge_event *ret)
{
	struct rtnl_bridge_event ev;
	const int rc = rtnl_feed_next(&w->feed, rtnl_bridge_event_decode, &ev);

	if (rc > 0)
		*ret = ev;
	return rc;
}
