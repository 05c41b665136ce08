/* SPDX-License-Identifier: Apache-2.0 */
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gatherers.h"
#include "sys/addr.h"
#include "sys/cleanup.h"
#include "sys/netns.h"
#include "sys/rtnl_detail.h"

struct listing {
	struct rtnl_detail *links;
	size_t n;
};

static const char *name_of(const struct listing *l, uint32_t ifindex)
{
	size_t i;

	for (i = 0; i < l->n && ifindex; i++) {
		if (l->links[i].link.ifindex == ifindex)
			return l->links[i].link.ifname;
	}
	return "";
}

static void take_link(const struct listing *l, const struct rtnl_detail *d,
		      struct facts_link *ret)
{
	const struct rtnl_link *link = &d->link;

	FACTS_SET(ret->ifname, link->ifname);
	FACTS_SET(ret->kind, link->kind);
	FACTS_SET(ret->master, name_of(l, link->master_ifindex));
	if (d->is_lower_elsewhere)
		ret->is_lower_elsewhere = true;
	else
		FACTS_SET(ret->lower, name_of(l, d->lower_ifindex));
	if (link->peer_netnsid >= 0)
		ret->is_peer_elsewhere = true;
	else
		FACTS_SET(ret->peer, name_of(l, link->peer_ifindex));
	ret->is_up = link->flags & IFF_UP;
	ret->has_carrier = d->has_carrier;
	ret->is_loopback = link->flags & IFF_LOOPBACK;
	ret->is_hairpin = d->is_hairpin;
	ret->mtu = link->mtu;
	ret->vxlan_port = d->vxlan_port;
	ret->tx_before = ret->tx_after = d->tx_packets;
	ret->tx_errors = d->tx_errors;
	ret->tx_dropped = d->tx_dropped;
}

static void take_routes(struct rtnl *r, const struct listing *l,
			struct facts *ret)
{
	CLEAN_FREE struct rtnl_prefix *list = NULL;
	char text[ADDR_PREFIX_SIZE];
	struct facts_prefix *item;
	size_t i, n = 0;

	if (rtnl_prefix_list(r, &list, &n)) {
		ret->has_too_many_routes = true;
		return;
	}
	for (i = 0; i < n; i++) {
		item = FACTS_ADD(ret, routes);
		if (!item) {
			ret->has_too_many_routes = true;
			return;
		}
		FACTS_SET(item->prefix,
			  addr_print_prefix(&list[i].ip, list[i].len, text));
		FACTS_SET(item->ifname, name_of(l, list[i].ifindex));
	}
}

void gather_links(struct facts *ret)
{
	CLEAN_FREE struct rtnl_detail *list = NULL;
	struct listing l = { .n = 0 };
	struct facts_link *item;
	struct rtnl *r;
	size_t i;

	if (rtnl_open(&r))
		return;
	if (rtnl_detail_list(r, &list, &l.n) == 0) {
		l.links = list;
		for (i = 0; i < l.n; i++) {
			item = FACTS_ADD(ret, links);
			if (item)
				take_link(&l, &list[i], item);
		}
		take_routes(r, &l, ret);
	}
	rtnl_close(r);
}

static void take_again(const struct rtnl_detail *d, struct facts *ret)
{
	size_t i;

	for (i = 0; i < ret->n_links; i++) {
		if (strcmp(ret->links[i].ifname, d->link.ifname) == 0)
			ret->links[i].tx_after = d->tx_packets;
	}
}

void gather_links_again(struct facts *ret)
{
	CLEAN_FREE struct rtnl_detail *list = NULL;
	struct rtnl *r;
	size_t i, n = 0;

	if (rtnl_open(&r))
		return;
	if (rtnl_detail_list(r, &list, &n))
		n = 0; /* the first sample stands for both */
	for (i = 0; i < n; i++)
		take_again(&list[i], ret);
	rtnl_close(r);
}

uint32_t gather_container_mtu(const char *path, const char *id,
			      const char *ifname)
{
	struct rtnl_link link = { .mtu = 0 };
	char found[NETNS_ID_SIZE];
	CLEAN_FD int fd = -1;
	struct rtnl *r;

	if (netns_open(path, &fd, NULL) || netns_id(fd, found) ||
	    strcmp(found, id) != 0 || rtnl_open_at(fd, &r))
		return 0;
	if (rtnl_link_by_name(r, ifname, &link))
		link.mtu = 0;
	rtnl_close(r);
	return link.mtu;
}
