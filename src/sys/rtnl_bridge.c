/* SPDX-License-Identifier: Apache-2.0 */
#include "rtnl_bridge.h"

#include <errno.h>
#include <linux/if_bridge.h>
#include <string.h>
#include <sys/socket.h>

#include "rtnl_internal.h"

/* From 6.7 on; older kernels pass over it, older headers lack it. */
#define BR_FDB_MAX_LEARNED 49
#define CENTISECONDS 100U

static struct nlmsghdr *request(struct rtnl *r, uint16_t type, uint16_t flags,
				uint8_t family, uint32_t ifindex)
{
	struct nlmsghdr *nlh = rtnl_request(r, type, flags);
	struct ifinfomsg *ifi;

	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_family = family;
	ifi->ifi_index = (int)ifindex;
	return nlh;
}

int rtnl_bridge_create(struct rtnl *r, const struct rtnl_bridge *b)
{
	struct nlattr *info, *data;
	struct nlmsghdr *nlh;

	if (!rtnl_ifname_is_valid(b->ifname))
		return -EINVAL;
	nlh = request(r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, AF_UNSPEC, 0);
	mnl_attr_put_strz(nlh, IFLA_IFNAME, b->ifname);
	mnl_attr_put(nlh, IFLA_ADDRESS, sizeof(b->mac.b), b->mac.b);
	mnl_attr_put_u32(nlh, IFLA_MTU, b->mtu);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "bridge");
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	mnl_attr_put_u32(nlh, IFLA_BR_FORWARD_DELAY, 0);
	mnl_attr_put_u32(nlh, IFLA_BR_AGEING_TIME, b->ageing_s * CENTISECONDS);
	mnl_attr_put_u32(nlh, IFLA_BR_STP_STATE, 0);
	mnl_attr_put_u8(nlh, IFLA_BR_MCAST_SNOOPING, 0);
	mnl_attr_put_u32(nlh, BR_FDB_MAX_LEARNED, b->max_learnt);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
	return rtnl_transact(r, NULL, NULL);
}

static int take_alias(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *tb[IFLA_MAX + 1];

	if (nlh->nlmsg_type != RTM_NEWLINK)
		return 0;
	if (rtnl_attrs(nlh, sizeof(struct ifinfomsg), tb, IFLA_MAX))
		return -EBADMSG;
	rtnl_get_string(tb[IFLA_IFALIAS], arg, RTNL_ALIAS_SIZE);
	return 0;
}

int rtnl_link_alias(struct rtnl *r, uint32_t ifindex, char ret[RTNL_ALIAS_SIZE])
{
	char alias[RTNL_ALIAS_SIZE] = "";
	int rc;

	request(r, RTM_GETLINK, 0, AF_UNSPEC, ifindex);
	rc = rtnl_transact(r, take_alias, alias);
	if (!rc)
		memcpy(ret, alias, sizeof(alias));
	return rc;
}

int rtnl_link_set_alias(struct rtnl *r, uint32_t ifindex, const char *alias)
{
	struct nlmsghdr *nlh = request(r, RTM_SETLINK, 0, AF_UNSPEC, ifindex);

	if (strlen(alias) >= RTNL_ALIAS_SIZE)
		return -EINVAL;
	mnl_attr_put(nlh, IFLA_IFALIAS, strlen(alias), alias);
	return rtnl_transact(r, NULL, NULL);
}

int rtnl_link_set_silent(struct rtnl *r, uint32_t ifindex)
{
	struct nlmsghdr *nlh = request(r, RTM_SETLINK, 0, AF_UNSPEC, ifindex);
	struct nlattr *spec = mnl_attr_nest_start(nlh, IFLA_AF_SPEC);
	struct nlattr *v6 = mnl_attr_nest_start(nlh, AF_INET6);
	int rc;

	mnl_attr_put_u8(nlh, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(nlh, v6);
	mnl_attr_nest_end(nlh, spec);
	rc = rtnl_transact(r, NULL, NULL);
	return rc == -EAFNOSUPPORT ? 0 : rc; /* without IPv6 it is silent */
}

int rtnl_link_set_arp(struct rtnl *r, uint32_t ifindex, bool has_arp)
{
	struct nlmsghdr *nlh = request(r, RTM_NEWLINK, 0, AF_UNSPEC, ifindex);
	struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);

	ifi->ifi_change = IFF_NOARP;
	ifi->ifi_flags = has_arp ? 0 : IFF_NOARP;
	return rtnl_transact(r, NULL, NULL);
}

int rtnl_link_set_master(struct rtnl *r, uint32_t ifindex, uint32_t master)
{
	struct nlmsghdr *nlh = request(r, RTM_SETLINK, 0, AF_UNSPEC, ifindex);

	mnl_attr_put_u32(nlh, IFLA_MASTER, master);
	return rtnl_transact(r, NULL, NULL);
}

static int take_locked(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *tb[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1];
	const struct nlattr *port[IFLA_BRPORT_LOCKED + 1];
	const struct nlattr *locked;
	bool *ret = arg;

	if (nlh->nlmsg_type != RTM_NEWLINK)
		return 0;
	if (rtnl_attrs(nlh, sizeof(struct ifinfomsg), tb, IFLA_MAX))
		return -EBADMSG;
	rtnl_nested(tb[IFLA_LINKINFO], info, IFLA_INFO_MAX);
	rtnl_nested(info[IFLA_INFO_SLAVE_DATA], port, IFLA_BRPORT_LOCKED);
	locked = port[IFLA_BRPORT_LOCKED];
	*ret = locked && mnl_attr_get_payload_len(locked) == 1 &&
	       mnl_attr_get_u8(locked);
	return 0;
}

int rtnl_bridge_port_set(struct rtnl *r, uint32_t ifindex,
			 const struct rtnl_bridge_port *port)
{
	struct nlmsghdr *nlh = request(r, RTM_SETLINK, 0, AF_BRIDGE, ifindex);
	struct nlattr *nest = mnl_attr_nest_start(nlh, IFLA_PROTINFO);
	bool is_locked = false;
	int rc;

	mnl_attr_put_u8(nlh, IFLA_BRPORT_LEARNING, port->is_learning);
	mnl_attr_put_u8(nlh, IFLA_BRPORT_UNICAST_FLOOD, port->is_flooded);
	mnl_attr_put_u8(nlh, IFLA_BRPORT_MCAST_FLOOD, 1);
	mnl_attr_put_u8(nlh, IFLA_BRPORT_BCAST_FLOOD, 1);
	mnl_attr_put_u8(nlh, IFLA_BRPORT_LOCKED, port->is_locked);
	mnl_attr_nest_end(nlh, nest);
	rc = rtnl_transact(r, NULL, NULL);
	if (rc || !port->is_locked)
		return rc;
	request(r, RTM_GETLINK, 0, AF_UNSPEC, ifindex);
	rc = rtnl_transact(r, take_locked, &is_locked);
	return rc ? rc : is_locked ? 0 : -EOPNOTSUPP;
}
