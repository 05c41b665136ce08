/* SPDX-License-Identifier: Apache-2.0 */
#include "rtnl.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/veth.h>
#include <string.h>
#include <sys/socket.h>

#include "rtnl_internal.h"

bool rtnl_ifname_is_valid(const char *ifname)
{
	size_t n = strnlen(ifname, IF_NAMESIZE);
	size_t i;

	if (n == 0 || n >= IF_NAMESIZE)
		return false;
	if (strcmp(ifname, ".") == 0 || strcmp(ifname, "..") == 0)
		return false;
	for (i = 0; i < n; i++) {
		unsigned char c = (unsigned char)ifname[i];

		if (c <= ' ' || c == '/' || c == ':' || c == 0x7f)
			return false;
	}
	return true;
}

static void decode_kind(const struct nlattr *info, struct rtnl_link *link)
{
	const struct nlattr *tb[IFLA_INFO_KIND + 1];

	rtnl_nested(info, tb, IFLA_INFO_KIND);
	rtnl_get_string(tb[IFLA_INFO_KIND], link->kind, sizeof(link->kind));
}

int rtnl_link_decode(const struct nlmsghdr *nlh, struct rtnl_link *ret)
{
	const struct nlattr *tb[IFLA_MAX + 1];
	struct rtnl_link link = { .peer_netnsid = -1 };
	const struct ifinfomsg *ifi;
	uint32_t nsid;
	int rc;

	rc = rtnl_attrs(nlh, sizeof(*ifi), tb, IFLA_MAX);
	if (rc)
		return rc;
	ifi = mnl_nlmsg_get_payload(nlh);
	/* AF_BRIDGE: a port joined or left a bridge; the link is as it was. */
	if (ifi->ifi_family != AF_UNSPEC)
		return -ENOMSG;
	if (ifi->ifi_index <= 0 ||
	    !rtnl_get_string(tb[IFLA_IFNAME], link.ifname,
			     sizeof(link.ifname)) ||
	    link.ifname[0] == '\0')
		return -EBADMSG;
	link.ifindex = (uint32_t)ifi->ifi_index;
	link.flags = ifi->ifi_flags;
	rtnl_get_u32(tb[IFLA_MTU], &link.mtu);
	rtnl_get_mac(tb[IFLA_ADDRESS], &link.mac);
	rtnl_get_u32(tb[IFLA_MASTER], &link.master_ifindex);
	decode_kind(tb[IFLA_LINKINFO], &link);
	/* Of other kinds it is the link below, not a peer. */
	if (strcmp(link.kind, "veth") == 0) {
		rtnl_get_u32(tb[IFLA_LINK], &link.peer_ifindex);
		if (rtnl_get_u32(tb[IFLA_LINK_NETNSID], &nsid))
			link.peer_netnsid = (int32_t)nsid;
	}
	*ret = link;
	return 0;
}

struct one_link {
	struct rtnl_link *ret;
	bool found;
};

static int answer_link(const struct nlmsghdr *nlh, void *arg)
{
	struct one_link *one = arg;
	int rc;

	if (nlh->nlmsg_type != RTM_NEWLINK)
		return 0;
	rc = rtnl_link_decode(nlh, one->ret);
	one->found = one->found || rc == 0;
	return rc == -ENOMSG ? 0 : rc;
}

static struct nlmsghdr *link_request(struct rtnl *r, uint16_t type,
				     uint16_t flags, uint32_t ifindex)
{
	struct nlmsghdr *nlh = rtnl_request(r, type, flags);
	struct ifinfomsg *ifi;

	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_family = AF_UNSPEC;
	ifi->ifi_index = (int)ifindex;
	return nlh;
}

static int get_link(struct rtnl *r, struct rtnl_link *ret)
{
	struct rtnl_link link;
	struct one_link one = { .ret = &link };
	int rc = rtnl_transact(r, answer_link, &one);

	if (rc)
		return rc;
	if (!one.found)
		return -EBADMSG;
	*ret = link;
	return 0;
}

int rtnl_link_by_name(struct rtnl *r, const char *ifname, struct rtnl_link *ret)
{
	struct nlmsghdr *nlh;

	if (!rtnl_ifname_is_valid(ifname))
		return -ENODEV;
	nlh = link_request(r, RTM_GETLINK, 0, 0);
	mnl_attr_put_strz(nlh, IFLA_IFNAME, ifname);
	return get_link(r, ret);
}

int rtnl_link_by_index(struct rtnl *r, uint32_t ifindex, struct rtnl_link *ret)
{
	if (ifindex == 0 || ifindex > INT32_MAX)
		return -ENODEV;
	link_request(r, RTM_GETLINK, 0, ifindex);
	return get_link(r, ret);
}

static int list_link(const struct nlmsghdr *nlh, void *arg)
{
	struct rtnl_link *item, link;

	/* One odd message does not hide the other links. */
	if (nlh->nlmsg_type != RTM_NEWLINK || rtnl_link_decode(nlh, &link))
		return 0;
	item = rtnl_list_add(arg);
	if (!item)
		return -E2BIG;
	*item = link;
	return 0;
}

int rtnl_link_list(struct rtnl *r, struct rtnl_link **ret_list, size_t *ret_n)
{
	struct rtnl_list list = { .item_size = sizeof(struct rtnl_link) };
	int rc;

	rc = rtnl_dump(r, RTM_GETLINK, sizeof(struct ifinfomsg), list_link,
		       &list);
	if (rc)
		return rc;
	*ret_list = list.items;
	*ret_n = list.n;
	return 0;
}

static void put_end(struct nlmsghdr *nlh, const char *ifname,
		    const struct mac *mac, uint32_t mtu)
{
	mnl_attr_put_strz(nlh, IFLA_IFNAME, ifname);
	if (!mac_is_zero(mac))
		mnl_attr_put(nlh, IFLA_ADDRESS, sizeof(mac->b), mac->b);
	mnl_attr_put_u32(nlh, IFLA_MTU, mtu);
}

int rtnl_veth_create(struct rtnl *r, const struct rtnl_veth *veth)
{
	struct nlattr *info, *data, *peer;
	struct nlmsghdr *nlh;

	if (!rtnl_ifname_is_valid(veth->ifname) ||
	    !rtnl_ifname_is_valid(veth->peer_ifname))
		return -EINVAL;
	nlh = link_request(r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
	put_end(nlh, veth->ifname, &veth->mac, veth->mtu);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(nlh, VETH_INFO_PEER);
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	put_end(nlh, veth->peer_ifname, &veth->peer_mac, veth->mtu);
	if (veth->peer_netns_fd >= 0)
		mnl_attr_put_u32(nlh, IFLA_NET_NS_FD,
				 (uint32_t)veth->peer_netns_fd);
	mnl_attr_nest_end(nlh, peer);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
	return rtnl_transact(r, NULL, NULL);
}

int rtnl_link_set_up(struct rtnl *r, uint32_t ifindex, bool up)
{
	struct nlmsghdr *nlh = link_request(r, RTM_NEWLINK, 0, ifindex);
	struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);

	ifi->ifi_change = IFF_UP;
	ifi->ifi_flags = up ? IFF_UP : 0;
	return rtnl_transact(r, NULL, NULL);
}

int rtnl_link_set_mtu(struct rtnl *r, uint32_t ifindex, uint32_t mtu)
{
	struct nlmsghdr *nlh = link_request(r, RTM_NEWLINK, 0, ifindex);

	mnl_attr_put_u32(nlh, IFLA_MTU, mtu);
	return rtnl_transact(r, NULL, NULL);
}

int rtnl_link_set_mac(struct rtnl *r, uint32_t ifindex, const struct mac *mac)
{
	struct nlmsghdr *nlh = link_request(r, RTM_NEWLINK, 0, ifindex);

	mnl_attr_put(nlh, IFLA_ADDRESS, sizeof(mac->b), mac->b);
	return rtnl_transact(r, NULL, NULL);
}

int rtnl_link_set_no_address(struct rtnl *r, uint32_t ifindex)
{
	struct nlmsghdr *nlh = link_request(r, RTM_NEWLINK, 0, ifindex);
	struct nlattr *spec = mnl_attr_nest_start(nlh, IFLA_AF_SPEC);
	struct nlattr *v6 = mnl_attr_nest_start(nlh, AF_INET6);

	mnl_attr_put_u8(nlh, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(nlh, v6);
	mnl_attr_nest_end(nlh, spec);
	return rtnl_transact(r, NULL, NULL);
}

int rtnl_link_set_announced(struct rtnl *r, uint32_t ifindex)
{
	struct nlmsghdr *nlh = link_request(r, RTM_NEWLINK, 0, ifindex);
	struct nlattr *spec = mnl_attr_nest_start(nlh, IFLA_AF_SPEC);
	struct nlattr *v4 = mnl_attr_nest_start(nlh, AF_INET);
	struct nlattr *conf = mnl_attr_nest_start(nlh, IFLA_INET_CONF);

	mnl_attr_put_u32(nlh, IPV4_DEVCONF_ARP_NOTIFY, 1);
	mnl_attr_nest_end(nlh, conf);
	mnl_attr_nest_end(nlh, v4);
	mnl_attr_nest_end(nlh, spec);
	return rtnl_transact(r, NULL, NULL);
}

int rtnl_link_delete(struct rtnl *r, uint32_t ifindex)
{
	/* Index 0 names no link, and the kernel would look for other keys. */
	if (ifindex == 0)
		return -ENODEV;
	link_request(r, RTM_DELLINK, 0, ifindex);
	return rtnl_transact(r, NULL, NULL);
}
