/* SPDX-License-Identifier: Apache-2.0 */
#include "underlay.h"

#include <linux/if.h>
#include <stdlib.h>
#include <string.h>

#include "sys/cleanup.h"

static void take(const struct rtnl_link *link, struct underlay *u)
{
	memcpy(u->ifname, link->ifname, sizeof(u->ifname));
	u->ifindex = link->ifindex;
	u->mtu = link->mtu;
}

/* An address on lo or on a dummy is announced by routing: packets to peers
 * leave by another link, and the MTU of this one says nothing. */
static bool is_way_out(const struct rtnl_link *link)
{
	return !(link->flags & IFF_LOOPBACK) && strcmp(link->kind, "dummy");
}

static bool by_address(struct rtnl *r, const struct ip *local,
		       struct underlay *u)
{
	CLEAN_FREE struct rtnl_addr *list = NULL;
	struct rtnl_link link;
	size_t i, n = 0;

	if (rtnl_addr_list(r, 0, &list, &n))
		return false;
	for (i = 0; i < n; i++) {
		if (!ip_equal(&list[i].ip, local) ||
		    rtnl_link_by_index(r, list[i].ifindex, &link) ||
		    !is_way_out(&link))
			continue;
		take(&link, u);
		return true;
	}
	return false;
}

static bool by_route(struct rtnl *r, struct underlay *u)
{
	/* Addresses for documentation (RFC 5737, RFC 3849): only a default
	 * route leads there, and nothing is sent. */
	static const uint8_t v4[4] = { 192, 0, 2, 1 };
	static const uint8_t v6[16] = { 0x20, 0x01, 0x0d, 0xb8 };
	const struct ip places[2] = { ip_from_v4(v4), ip_from_v6(v6) };
	struct rtnl_route route;
	struct rtnl_link link;
	int i;

	for (i = 0; i < 2; i++) {
		if (rtnl_route_get(r, &places[i], NULL, &route) ||
		    rtnl_link_by_index(r, route.ifindex, &link) ||
		    !is_way_out(&link))
			continue;
		take(&link, u);
		u->is_v6 = i == 1;
		return true;
	}
	return false;
}

static bool is_candidate(const struct rtnl_link *link)
{
	return (link->flags & IFF_UP) && is_way_out(link) &&
	       !link->master_ifindex && strcmp(link->kind, "openvswitch") &&
	       strcmp(link->kind, "vxlan");
}

static void by_size(struct rtnl *r, struct underlay *u)
{
	CLEAN_FREE struct rtnl_link *list = NULL;
	size_t i, n = 0;

	if (rtnl_link_list(r, &list, &n))
		return;
	for (i = 0; i < n; i++) {
		if (is_candidate(&list[i]) && (!u->mtu || list[i].mtu < u->mtu))
			take(&list[i], u);
	}
}

void underlay_look(struct rtnl *r, const struct ip *local, struct underlay *ret)
{
	struct underlay u;

	memset(&u, 0, sizeof(u));
	u.is_v6 = !ip_is_zero(local) && !ip_is_v4(local);
	if (ip_is_zero(local) || !by_address(r, local, &u)) {
		if (!by_route(r, &u))
			by_size(r, &u);
	}
	if (!u.mtu)
		u.mtu = UNDERLAY_DEFAULT_MTU;
	*ret = u;
}

bool underlay_again(struct rtnl *r, struct underlay *u)
{
	struct rtnl_link link;

	if (!u->ifindex || rtnl_link_by_index(r, u->ifindex, &link))
		return false;
	take(&link, u);
	return true;
}

uint32_t underlay_overhead(const struct underlay *u)
{
	return u->is_v6 ? VXLAN_OVERHEAD_V6 : VXLAN_OVERHEAD_V4;
}

uint32_t underlay_overlay_mtu(const struct underlay *u, uint32_t wish)
{
	const uint32_t overhead = underlay_overhead(u);
	const uint32_t largest = u->mtu > 576 + overhead ? u->mtu - overhead
							 : 576;

	if (wish)
		return wish;
	/* An IPv4 packet is never longer, and links of 65536 exist. */
	return largest < 65485 ? largest : 65485;
}
