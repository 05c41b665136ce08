/* SPDX-License-Identifier: Apache-2.0 */
#include "rtnl.h"

#include <errno.h>
#include <sys/socket.h>

#include "rtnl_internal.h"

int rtnl_addr_decode(const struct nlmsghdr *nlh, struct rtnl_addr *ret)
{
	const struct nlattr *tb[IFA_MAX + 1];
	const struct ifaddrmsg *ifa;
	struct rtnl_addr addr = { 0 };
	int rc;

	rc = rtnl_attrs(nlh, sizeof(*ifa), tb, IFA_MAX);
	if (rc)
		return rc;
	ifa = mnl_nlmsg_get_payload(nlh);
	if (ifa->ifa_family != AF_INET && ifa->ifa_family != AF_INET6)
		return -ENOMSG;
	/* With a point-to-point peer IFA_ADDRESS is the peer's. */
	if (!rtnl_get_ip(tb[IFA_LOCAL], ifa->ifa_family, &addr.ip) &&
	    !rtnl_get_ip(tb[IFA_ADDRESS], ifa->ifa_family, &addr.ip))
		return -EBADMSG;
	if (ifa->ifa_index == 0 ||
	    ifa->ifa_prefixlen > (ifa->ifa_family == AF_INET ? 32 : 128))
		return -EBADMSG;
	addr.ifindex = ifa->ifa_index;
	addr.prefix_len = ifa->ifa_prefixlen;
	addr.flags = ifa->ifa_flags;
	rtnl_get_u32(tb[IFA_FLAGS], &addr.flags);
	*ret = addr;
	return 0;
}

static void put_broadcast(struct nlmsghdr *nlh, const struct ip *ip,
			  unsigned int prefix_len)
{
	unsigned int i, host_bits = 32 - prefix_len;
	uint8_t b[4];

	for (i = 0; i < 4; i++) {
		unsigned int below = (3 - i) * 8;
		unsigned int mask = 0;

		if (host_bits >= below + 8)
			mask = 0xff;
		else if (host_bits > below)
			mask = (1U << (host_bits - below)) - 1;
		b[i] = (uint8_t)(ip->b[12 + i] | mask);
	}
	mnl_attr_put(nlh, IFA_BROADCAST, sizeof(b), b);
}

static struct nlmsghdr *addr_request(struct rtnl *r, uint16_t type,
				     uint16_t flags, uint32_t ifindex,
				     const struct ip *ip, uint8_t prefix_len)
{
	struct nlmsghdr *nlh = rtnl_request(r, type, flags);
	struct ifaddrmsg *ifa;

	ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));
	ifa->ifa_family = (uint8_t)rtnl_family(ip);
	ifa->ifa_prefixlen = prefix_len;
	ifa->ifa_index = ifindex;
	rtnl_put_ip(nlh, IFA_LOCAL, ip);
	rtnl_put_ip(nlh, IFA_ADDRESS, ip);
	return nlh;
}

int rtnl_addr_add(struct rtnl *r, uint32_t ifindex, const struct ip *ip,
		  uint8_t prefix_len, bool nodad)
{
	struct ifaddrmsg *ifa;
	struct nlmsghdr *nlh;

	if (prefix_len > (ip_is_v4(ip) ? 32 : 128))
		return -EINVAL;
	nlh = addr_request(r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, ifindex,
			   ip, prefix_len);
	/* RFC 3021: a /31 has no broadcast address, and a /32 neither. */
	if (ip_is_v4(ip) && prefix_len < 31)
		put_broadcast(nlh, ip, prefix_len);
	if (!ip_is_v4(ip) && nodad) {
		ifa = mnl_nlmsg_get_payload(nlh);
		ifa->ifa_flags = IFA_F_NODAD;
	}
	return rtnl_transact(r, NULL, NULL);
}

int rtnl_addr_delete(struct rtnl *r, uint32_t ifindex, const struct ip *ip,
		     uint8_t prefix_len)
{
	addr_request(r, RTM_DELADDR, 0, ifindex, ip, prefix_len);
	return rtnl_transact(r, NULL, NULL);
}

static int list_addr(const struct nlmsghdr *nlh, void *arg)
{
	struct rtnl_addr *item, addr;

	if (nlh->nlmsg_type != RTM_NEWADDR || rtnl_addr_decode(nlh, &addr))
		return 0;
	item = rtnl_list_add(arg);
	if (!item)
		return -E2BIG;
	*item = addr;
	return 0;
}

int rtnl_addr_list(struct rtnl *r, uint32_t ifindex,
		   struct rtnl_addr **ret_list, size_t *ret_n)
{
	struct rtnl_list list = { .item_size = sizeof(struct rtnl_addr) };
	struct rtnl_addr *items;
	size_t i, n = 0;
	int rc;

	rc = rtnl_dump(r, RTM_GETADDR, sizeof(struct ifaddrmsg), list_addr,
		       &list);
	if (rc)
		return rc;
	items = list.items;
	for (i = 0; i < list.n; i++) {
		if (ifindex == 0 || items[i].ifindex == ifindex)
			items[n++] = items[i];
	}
	*ret_list = items;
	*ret_n = n;
	return 0;
}
