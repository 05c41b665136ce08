/* SPDX-License-Identifier: Apache-2.0 */
#include "route.h"

#include <errno.h>
#include <sys/socket.h>

#include "rtnl_internal.h"

void route_mask(struct ip *ip, uint8_t prefix_len)
{
	unsigned int bits = prefix_len + (ip_is_v4(ip) ? 96U : 0);
	unsigned int i;

	for (i = 0; i < sizeof(ip->b); i++) {
		if (bits >= 8 * (i + 1))
			continue;
		if (bits <= 8 * i)
			ip->b[i] = 0;
		else
			ip->b[i] &= (uint8_t)(0xff << (8 * (i + 1) - bits));
	}
}

static void put_metrics(struct nlmsghdr *nlh, const struct route *route)
{
	struct nlattr *nest;

	if (!route->mtu && !route->advmss)
		return;
	nest = mnl_attr_nest_start(nlh, RTA_METRICS);
	if (route->mtu)
		mnl_attr_put_u32(nlh, RTAX_MTU, route->mtu);
	if (route->advmss)
		mnl_attr_put_u32(nlh, RTAX_ADVMSS, route->advmss);
	mnl_attr_nest_end(nlh, nest);
}

int route_add(struct rtnl *r, uint32_t ifindex, const struct route *route)
{
	struct nlmsghdr *nlh;
	struct rtmsg *rtm;

	if (route->has_gateway &&
	    rtnl_family(&route->gateway) != rtnl_family(&route->dst))
		return -EINVAL;
	nlh = rtnl_request(r, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
	rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	rtm->rtm_family = (uint8_t)rtnl_family(&route->dst);
	rtm->rtm_dst_len = route->prefix_len;
	rtm->rtm_protocol = RTPROT_STATIC;
	rtm->rtm_type = RTN_UNICAST;
	rtm->rtm_table = RT_TABLE_MAIN;
	if (route->has_scope)
		rtm->rtm_scope = route->scope;
	else if (!route->has_gateway && ip_is_v4(&route->dst))
		rtm->rtm_scope = RT_SCOPE_LINK;
	if (route->prefix_len > 0)
		rtnl_put_ip(nlh, RTA_DST, &route->dst);
	if (route->has_gateway)
		rtnl_put_ip(nlh, RTA_GATEWAY, &route->gateway);
	mnl_attr_put_u32(nlh, RTA_OIF, ifindex);
	if (route->priority)
		mnl_attr_put_u32(nlh, RTA_PRIORITY, route->priority);
	if (route->table)
		mnl_attr_put_u32(nlh, RTA_TABLE, route->table);
	put_metrics(nlh, route);
	return rtnl_transact(r, NULL, NULL);
}

static int collect(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *tb[RTA_MAX + 1];
	const struct rtmsg *rtm;
	struct route route = { 0 };
	struct route *item;

	if (nlh->nlmsg_type != RTM_NEWROUTE ||
	    rtnl_attrs(nlh, sizeof(*rtm), tb, RTA_MAX))
		return 0;
	rtm = mnl_nlmsg_get_payload(nlh);
	if ((rtm->rtm_family != AF_INET && rtm->rtm_family != AF_INET6) ||
	    rtm->rtm_type != RTN_UNICAST ||
	    rtm->rtm_dst_len > (rtm->rtm_family == AF_INET ? 32 : 128))
		return 0;
	/* No destination: the default route, all zeroes. */
	if (!tb[RTA_DST] && rtm->rtm_dst_len == 0)
		route.dst = rtm->rtm_family == AF_INET
				    ? ip_from_v4((const uint8_t[4]){ 0 })
				    : (struct ip){ { 0 } };
	else if (!rtnl_get_ip(tb[RTA_DST], rtm->rtm_family, &route.dst))
		return 0;
	route.prefix_len = rtm->rtm_dst_len;
	route_mask(&route.dst, route.prefix_len);
	route.has_gateway = rtnl_get_ip(tb[RTA_GATEWAY], rtm->rtm_family,
					&route.gateway);
	rtnl_get_u32(tb[RTA_OIF], &route.ifindex);
	route.table = rtm->rtm_table;
	rtnl_get_u32(tb[RTA_TABLE], &route.table);
	rtnl_get_u32(tb[RTA_PRIORITY], &route.priority);
	item = rtnl_list_add(arg);
	if (!item)
		return -E2BIG;
	*item = route;
	return 0;
}

int route_list(struct rtnl *r, struct route **ret_list, size_t *ret_n)
{
	struct rtnl_list list = { .item_size = sizeof(struct route) };
	int rc = rtnl_dump(r, RTM_GETROUTE, sizeof(struct rtmsg), collect,
			   &list);

	if (rc)
		return rc;
	*ret_list = list.items;
	*ret_n = list.n;
	return 0;
}
