/* SPDX-License-Identifier: Apache-2.0 */
#include "underlay.h"

#include <linux/if.h>
#include <stdlib.h>
#include <string.h>

#include "own_link.h"
#include "settings/settings.h"
#include "sys/cleanup.h"

static void take(const struct rtnl_link *link, struct underlay *u)
{
	memcpy(u->ifname, link->ifname, sizeof(u->ifname));
	u->ifindex = link->ifindex;
	u->mtu = link->mtu;
}

/* What the search goes by. */
struct search {
	struct rtnl *rtnl;
	const struct settings *settings;
};

/* An address on lo or on a dummy is announced by routing: packets to peers
 * leave by another link, and the MTU of this one says nothing. */
static bool leaves(const struct rtnl_link *link)
{
	return !(link->flags & IFF_LOOPBACK) && strcmp(link->kind, "dummy");
}

static bool is_way_out(const struct search *s, const struct rtnl_link *link)
{
	return leaves(link) &&
	       !own_link(s->rtnl, link, s->settings->bridge_name);
}

static bool by_address(const struct search *s, struct underlay *u)
{
	CLEAN_FREE struct rtnl_addr *list = NULL;
	struct rtnl_link link;
	size_t i, n = 0;

	if (rtnl_addr_list(s->rtnl, 0, &list, &n))
		return false;
	for (i = 0; i < n; i++) {
		if (!ip_equal(&list[i].ip, &s->settings->local_address) ||
		    rtnl_link_by_index(s->rtnl, list[i].ifindex, &link) ||
		    !is_way_out(s, &link))
			continue;
		take(&link, u);
		return true;
	}
	return false;
}

static bool by_route(const struct search *s, struct underlay *u)
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
		if (rtnl_route_get(s->rtnl, &places[i], NULL, &route) ||
		    rtnl_link_by_index(s->rtnl, route.ifindex, &link) ||
		    !is_way_out(s, &link))
			continue;
		take(&link, u);
		u->is_v6 = i == 1;
		return true;
	}
	return false;
}

/* Kinds of links that lead to containers, or have a way out of their own. */
static bool is_inward(const struct rtnl_link *link)
{
	static const char *const kinds[] = { "veth",   "tun",
					     "vxlan",  "geneve",
					     "gretap", "ip6gretap",
					     "ifb",    "openvswitch" };
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(link->kind, kinds[i]) == 0)
			return true;
	}
	return !leaves(link);
}

static bool leads_nowhere(const struct rtnl_link *bridge,
			  const struct rtnl_link *list, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (list[i].master_ifindex == bridge->ifindex &&
		    !is_inward(&list[i]))
			return false;
	}
	return true;
}

static bool is_candidate(const struct search *s, const struct rtnl_link *link,
			 const struct rtnl_link *list, size_t n)
{
	if (!(link->flags & IFF_UP) || link->master_ifindex ||
	    strcmp(link->kind, "openvswitch") == 0 ||
	    strcmp(link->kind, "vxlan") == 0)
		return false;
	if (strcmp(link->kind, "bridge") == 0 && leads_nowhere(link, list, n))
		return false;
	return is_way_out(s, link);
}

static void by_size(const struct search *s, struct underlay *u)
{
	CLEAN_FREE struct rtnl_link *list = NULL;
	size_t i, n = 0;

	if (rtnl_link_list(s->rtnl, &list, &n))
		return;
	for (i = 0; i < n; i++) {
		if (u->mtu && list[i].mtu >= u->mtu)
			continue;
		if (is_candidate(s, &list[i], list, n))
			take(&list[i], u);
	}
}

void underlay_look(struct rtnl *r, const struct settings *settings,
		   struct underlay *ret)
{
	const struct search s = { .rtnl = r, .settings = settings };
	const struct ip *local = &settings->local_address;
	struct underlay u;

	memset(&u, 0, sizeof(u));
	u.is_v6 = !ip_is_zero(local) && !ip_is_v4(local);
	if (ip_is_zero(local) || !by_address(&s, &u)) {
		if (!by_route(&s, &u))
			by_size(&s, &u);
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
