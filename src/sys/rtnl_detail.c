/* SPDX-License-Identifier: Apache-2.0 */
#include "rtnl_detail.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <string.h>

#include "rtnl_internal.h"

static void decode_vxlan(const struct nlattr *data, struct rtnl_detail *d)
{
	const struct nlattr *tb[IFLA_VXLAN_PORT + 1];
	uint16_t port;

	rtnl_nested(data, tb, IFLA_VXLAN_PORT);
	if (!tb[IFLA_VXLAN_PORT] ||
	    mnl_attr_get_payload_len(tb[IFLA_VXLAN_PORT]) != sizeof(port))
		return;
	memcpy(&port, mnl_attr_get_payload(tb[IFLA_VXLAN_PORT]), sizeof(port));
	d->vxlan_port = ntohs(port);
}

static void decode_bridge_port(const struct nlattr *data, struct rtnl_detail *d)
{
	const struct nlattr *tb[IFLA_BRPORT_MODE + 1];

	rtnl_nested(data, tb, IFLA_BRPORT_MODE);
	if (tb[IFLA_BRPORT_MODE] &&
	    mnl_attr_get_payload_len(tb[IFLA_BRPORT_MODE]) == 1)
		d->is_hairpin = mnl_attr_get_u8(tb[IFLA_BRPORT_MODE]);
}

static void decode_info(const struct nlattr *info, struct rtnl_detail *d)
{
	const struct nlattr *tb[IFLA_INFO_SLAVE_DATA + 1];

	rtnl_nested(info, tb, IFLA_INFO_SLAVE_DATA);
	rtnl_get_string(tb[IFLA_INFO_SLAVE_KIND], d->slave_kind,
			sizeof(d->slave_kind));
	if (strcmp(d->link.kind, "vxlan") == 0)
		decode_vxlan(tb[IFLA_INFO_DATA], d);
	if (strcmp(d->slave_kind, "bridge") == 0)
		decode_bridge_port(tb[IFLA_INFO_SLAVE_DATA], d);
}

/* The kernel may know more counters than this header, or fewer. */
static void decode_stats(const struct nlattr *attr, struct rtnl_detail *d)
{
	struct rtnl_link_stats64 s;
	size_t n;

	if (!attr)
		return;
	n = mnl_attr_get_payload_len(attr);
	memset(&s, 0, sizeof(s));
	memcpy(&s, mnl_attr_get_payload(attr), n < sizeof(s) ? n : sizeof(s));
	d->tx_packets = s.tx_packets;
	d->tx_errors = s.tx_errors;
	d->tx_dropped = s.tx_dropped;
	d->rx_packets = s.rx_packets;
}

int rtnl_detail_decode(const struct nlmsghdr *nlh, struct rtnl_detail *ret)
{
	const struct nlattr *tb[IFLA_MAX + 1];
	struct rtnl_detail d;
	int rc;

	memset(&d, 0, sizeof(d));
	rc = rtnl_link_decode(nlh, &d.link);
	if (!rc)
		rc = rtnl_attrs(nlh, sizeof(struct ifinfomsg), tb, IFLA_MAX);
	if (rc)
		return rc;
	d.has_carrier = d.link.flags & IFF_RUNNING;
	/* Of a veth it is the other end. */
	if (strcmp(d.link.kind, "veth") != 0) {
		rtnl_get_u32(tb[IFLA_LINK], &d.lower_ifindex);
		d.is_lower_elsewhere = tb[IFLA_LINK_NETNSID];
	}
	if (d.lower_ifindex == d.link.ifindex)
		d.lower_ifindex = 0;
	decode_info(tb[IFLA_LINKINFO], &d);
	decode_stats(tb[IFLA_STATS64], &d);
	*ret = d;
	return 0;
}

static int list_detail(const struct nlmsghdr *nlh, void *arg)
{
	struct rtnl_detail *item, detail;

	if (nlh->nlmsg_type != RTM_NEWLINK || rtnl_detail_decode(nlh, &detail))
		return 0;
	item = rtnl_list_add(arg);
	if (!item)
		return -E2BIG;
	*item = detail;
	return 0;
}

int rtnl_detail_list(struct rtnl *r, struct rtnl_detail **ret_list,
		     size_t *ret_n)
{
	struct rtnl_list list = { .item_size = sizeof(struct rtnl_detail) };
	int rc;

	rc = rtnl_dump(r, RTM_GETLINK, sizeof(struct ifinfomsg), list_detail,
		       &list);
	if (rc)
		return rc;
	*ret_list = list.items;
	*ret_n = list.n;
	return 0;
}

static bool decode_prefix(const struct nlmsghdr *nlh, struct rtnl_prefix *ret)
{
	const struct nlattr *tb[RTA_MAX + 1];
	struct rtnl_prefix p = { .len = 0 };
	const struct rtmsg *rtm;
	uint32_t table;

	if (rtnl_attrs(nlh, sizeof(*rtm), tb, RTA_MAX))
		return false;
	rtm = mnl_nlmsg_get_payload(nlh);
	table = rtm->rtm_table;
	rtnl_get_u32(tb[RTA_TABLE], &table);
	if (table != RT_TABLE_MAIN || rtm->rtm_type != RTN_UNICAST ||
	    rtm->rtm_dst_len == 0 || (rtm->rtm_flags & RTM_F_CLONED) ||
	    !rtnl_get_ip(tb[RTA_DST], rtm->rtm_family, &p.ip) ||
	    rtm->rtm_dst_len > (rtm->rtm_family == AF_INET ? 32 : 128))
		return false;
	p.len = rtm->rtm_dst_len;
	rtnl_get_u32(tb[RTA_OIF], &p.ifindex);
	*ret = p;
	return true;
}

static int list_prefix(const struct nlmsghdr *nlh, void *arg)
{
	struct rtnl_prefix *item, prefix;

	if (nlh->nlmsg_type != RTM_NEWROUTE || !decode_prefix(nlh, &prefix))
		return 0;
	item = rtnl_list_add(arg);
	if (!item)
		return -E2BIG;
	*item = prefix;
	return 0;
}

int rtnl_prefix_list(struct rtnl *r, struct rtnl_prefix **ret_list,
		     size_t *ret_n)
{
	struct rtnl_list list = { .item_size = sizeof(struct rtnl_prefix) };
	int rc;

	rc = rtnl_dump(r, RTM_GETROUTE, sizeof(struct rtmsg), list_prefix,
		       &list);
	if (rc)
		return rc;
	*ret_list = list.items;
	*ret_n = list.n;
	return 0;
}
