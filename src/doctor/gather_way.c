/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain.h"
#include "gatherers.h"
#include "sys/addr.h"
#include "sys/cleanup.h"
#include "sys/ethtool.h"
#include "sys/pathmtu.h"
#include "sys/rtnl.h"

/* Documentation addresses (RFC 5737, RFC 3849): the default routes' ways. */
static const char *const somewhere[] = { "192.0.2.1", "2001:db8::1" };

static void take_way(struct rtnl *r, const struct ip *ip,
		     struct facts_egress *ret)
{
	struct rtnl_route route;
	struct rtnl_link link;
	uint32_t mtu;
	int rc = rtnl_route_get(r, ip, NULL, &route);

	if (rc) {
		FACTS_SET(ret->error, strerror(-rc));
		return;
	}
	ret->is_local = route.is_local;
	ret->route_mtu = route.mtu;
	if (rtnl_link_by_index(r, route.ifindex, &link) == 0) {
		FACTS_SET(ret->ifname, link.ifname);
		ret->link_mtu = link.mtu;
	}
	if (pathmtu_of(ip, &mtu) == 0)
		ret->kernel_mtu = mtu;
}

static void add_peer_way(struct rtnl *r, const struct facts_peer *peer,
			 struct facts *ret)
{
	struct facts_egress *item;
	struct ip ip;

	if (!addr_parse_ip(peer->address, &ip) || addr_ip_is_any(&ip))
		return;
	item = FACTS_ADD(ret, egress);
	if (!item)
		return;
	FACTS_SET(item->peer, peer->nickname[0] ? peer->nickname : peer->name);
	FACTS_SET(item->address, peer->address);
	take_way(r, &ip, item);
}

static void add_default_way(struct rtnl *r, const char *address,
			    struct facts *ret)
{
	struct facts_egress way, *item;
	struct ip ip;

	memset(&way, 0, sizeof(way));
	if (!addr_parse_ip(address, &ip))
		return;
	take_way(r, &ip, &way);
	/* A host without a default route is a host like any other. */
	if (way.error[0] || way.is_local || !way.ifname[0])
		return;
	item = FACTS_ADD(ret, egress);
	if (item)
		*item = way;
}

/* Neither peers nor a default route: any link that may lead out. */
static void add_links(struct facts *ret)
{
	struct facts_egress *item;
	size_t i;

	for (i = 0; i < ret->n_links; i++) {
		const struct facts_link *link = &ret->links[i];

		if (link->is_loopback || !link->is_up || link->master[0] ||
		    link->kind[0])
			continue;
		item = FACTS_ADD(ret, egress);
		if (!item)
			return;
		FACTS_SET(item->ifname, link->ifname);
		item->link_mtu = link->mtu;
	}
}

void gather_ways(struct facts *ret)
{
	struct rtnl *r;
	size_t i;

	if (rtnl_open(&r))
		return;
	for (i = 0; i < ret->n_peers; i++)
		add_peer_way(r, &ret->peers[i], ret);
	for (i = 0; i < sizeof(somewhere) / sizeof(somewhere[0]); i++)
		add_default_way(r, somewhere[i], ret);
	rtnl_close(r);
	if (!ret->n_egress)
		add_links(ret);
}

static void take_features(int fd, struct facts_nic *ret)
{
	CLEAN_FREE struct ethtool_feature *list = NULL;
	struct facts_feature *item;
	size_t i, n = 0;

	if (ethtool_features(fd, ret->ifname, &list, &n))
		return;
	ret->has_features = true;
	for (i = 0; i < n; i++) {
		item = FACTS_ADD(ret, features);
		if (!item)
			return;
		FACTS_SET(item->name, list[i].name);
		item->is_on = list[i].is_on;
		item->is_fixed = list[i].is_fixed;
	}
}

static void add_nic(int fd, const char *ifname, struct facts *ret)
{
	char driver[ETHTOOL_NAME_SIZE];
	struct facts_nic *item;

	if (facts_nic(ret, ifname))
		return;
	item = FACTS_ADD(ret, nics);
	if (!item)
		return;
	FACTS_SET(item->ifname, ifname);
	if (fd < 0)
		return;
	if (ethtool_driver(fd, ifname, driver) == 0)
		FACTS_SET(item->driver, driver);
	take_features(fd, item);
}

static void add_chain(int fd, const char *ifname, struct facts *ret)
{
	struct chain chain;
	size_t i;

	chain_of(ret, ifname, &chain);
	for (i = 0; i < chain.n; i++)
		add_nic(fd, chain.links[i]->ifname, ret);
}

void gather_nics(struct facts *ret)
{
	CLEAN_FD int fd = -1;
	size_t i;

	if (ethtool_open(&fd))
		fd = -1; /* then their features are not known */
	for (i = 0; i < ret->n_egress; i++) {
		if (!ret->egress[i].is_local)
			add_chain(fd, ret->egress[i].ifname, ret);
	}
}

void gather_nics_of(const char *ifname, struct facts *ret)
{
	CLEAN_FD int fd = -1;
	size_t i;

	if (ethtool_open(&fd))
		fd = -1;
	add_chain(fd, ifname, ret);
	for (i = 0; i < ret->n_links; i++) {
		const struct facts_link *link = &ret->links[i];

		if (link->is_up && !link->is_loopback && !link->kind[0])
			add_nic(fd, link->ifname, ret);
	}
}
