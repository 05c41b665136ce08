/* SPDX-License-Identifier: Apache-2.0 */
#include "rtnl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "rtnl_internal.h"

/* Whatever is written to it, what was learnt is void. */
#define FLUSH_V4 "/proc/sys/net/ipv4/route/flush"

/* A route that is there to refuse: as the send would. */
static int refusal_of(uint8_t type)
{
	switch (type) {
	case RTN_BLACKHOLE:
		return -EINVAL;
	case RTN_UNREACHABLE:
		return -EHOSTUNREACH;
	case RTN_PROHIBIT:
		return -EACCES;
	case RTN_THROW:
		return -ENETUNREACH;
	default:
		return 0;
	}
}

/* A gateway of the other family: struct rtvia, RFC 8950. */
static void decode_via(const struct nlattr *attr, struct ip *ret)
{
	const uint8_t *p;
	uint16_t family;
	size_t size;

	if (!attr)
		return;
	p = mnl_attr_get_payload(attr);
	size = mnl_attr_get_payload_len(attr);
	if (size < sizeof(family))
		return;
	memcpy(&family, p, sizeof(family));
	p += sizeof(family);
	size -= sizeof(family);
	if (family == AF_INET && size == 4)
		*ret = ip_from_v4(p);
	else if (family == AF_INET6 && size == 16)
		*ret = ip_from_v6(p);
}

/* An exception of IPv4 has an end; one of IPv6 is a copy of its route. */
static bool is_learnt(const struct rtmsg *rtm, const struct nlattr *attr)
{
	struct rta_cacheinfo info;

	if (rtm->rtm_family == AF_INET6)
		return rtm->rtm_flags & RTM_F_CLONED;
	if (!attr || mnl_attr_get_payload_len(attr) < sizeof(info))
		return false;
	memcpy(&info, mnl_attr_get_payload(attr), sizeof(info));
	return info.rta_expires != 0;
}

int rtnl_route_decode(const struct nlmsghdr *nlh, struct rtnl_route *ret)
{
	const struct nlattr *metrics[RTAX_MTU + 1];
	const struct nlattr *tb[RTA_MAX + 1];
	struct rtnl_route route = { 0 };
	const struct rtmsg *rtm;
	int rc;

	rc = rtnl_attrs(nlh, sizeof(*rtm), tb, RTA_MAX);
	if (rc)
		return rc;
	rtm = mnl_nlmsg_get_payload(nlh);
	if (rtm->rtm_family != AF_INET && rtm->rtm_family != AF_INET6)
		return -ENOMSG;
	rc = refusal_of(rtm->rtm_type);
	if (rc)
		return rc;
	if (!rtnl_get_u32(tb[RTA_OIF], &route.ifindex) || route.ifindex == 0)
		return -EBADMSG;
	rtnl_get_ip(tb[RTA_PREFSRC], rtm->rtm_family, &route.src);
	if (!rtnl_get_ip(tb[RTA_GATEWAY], rtm->rtm_family, &route.gateway))
		decode_via(tb[RTA_VIA], &route.gateway);
	rtnl_nested(tb[RTA_METRICS], metrics, RTAX_MTU);
	rtnl_get_u32(metrics[RTAX_MTU], &route.mtu);
	route.is_learnt = route.mtu && is_learnt(rtm, tb[RTA_CACHEINFO]);
	route.table = rtm->rtm_table;
	rtnl_get_u32(tb[RTA_TABLE], &route.table);
	route.is_local = rtm->rtm_type == RTN_LOCAL;
	*ret = route;
	return 0;
}

struct one_route {
	struct rtnl_route route;
	bool found;
};

static int answer_route(const struct nlmsghdr *nlh, void *arg)
{
	struct one_route *one = arg;
	int rc;

	if (nlh->nlmsg_type != RTM_NEWROUTE)
		return 0;
	rc = rtnl_route_decode(nlh, &one->route);
	one->found = one->found || rc == 0;
	return rc == -ENOMSG ? 0 : rc;
}

int rtnl_route_get(struct rtnl *r, const struct ip *dst, const struct ip *src,
		   struct rtnl_route *ret)
{
	struct one_route one = { 0 };
	struct nlmsghdr *nlh;
	struct rtmsg *rtm;
	int rc;

	if (src && rtnl_family(src) != rtnl_family(dst))
		return -EINVAL;
	nlh = rtnl_request(r, RTM_GETROUTE, 0);
	rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	rtm->rtm_family = (uint8_t)rtnl_family(dst);
	rtm->rtm_dst_len = ip_is_v4(dst) ? 32 : 128;
	rtnl_put_ip(nlh, RTA_DST, dst);
	if (src) {
		rtm->rtm_src_len = rtm->rtm_dst_len;
		rtnl_put_ip(nlh, RTA_SRC, src);
	}
	rc = rtnl_transact(r, answer_route, &one);
	if (rc)
		return rc;
	if (!one.found)
		return -EBADMSG;
	*ret = one.route;
	/* With a source asked for the kernel leaves it out of the answer. */
	if (src && ip_is_zero(&ret->src))
		ret->src = *src;
	return 0;
}

static int forget_v4(void)
{
	CLEAN_FD int fd = open(FLUSH_V4, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return write(fd, "1", 1) == 1 ? 0 : -errno;
}

static int forget_v6(struct rtnl *r, const struct ip *dst,
		     const struct rtnl_route *route)
{
	struct nlmsghdr *nlh = rtnl_request(r, RTM_DELROUTE, 0);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	int rc;

	rtm->rtm_family = AF_INET6;
	rtm->rtm_dst_len = 128;
	rtm->rtm_flags = RTM_F_CLONED; /* the copy, never the route itself */
	rtm->rtm_table = RT_TABLE_UNSPEC;
	rtnl_put_ip(nlh, RTA_DST, dst);
	mnl_attr_put_u32(nlh, RTA_TABLE, route->table);
	mnl_attr_put_u32(nlh, RTA_OIF, route->ifindex);
	rc = rtnl_transact(r, NULL, NULL);
	return rc == -ESRCH || rc == -ENOENT ? 0 : rc; /* it had gone */
}

int rtnl_route_forget(struct rtnl *r, const struct ip *dst,
		      const struct rtnl_route *route)
{
	return ip_is_v4(dst) ? forget_v4() : forget_v6(r, dst, route);
}
