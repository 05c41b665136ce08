/* SPDX-License-Identifier: Apache-2.0 */

/* rtnetlink against the running kernel, in network namespaces of the test's
 * own; needs root or user namespaces. */

#include "sys/rtnl.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "own_netns.h"
#include "rtnl_hosts.h"
#include "sys/link_end.h"
#include "sys/rtnl_internal.h"

static size_t count_links(struct rtnl *r)
{
	struct rtnl_link *list;
	size_t n;

	assert_int_equal(rtnl_link_list(r, &list, &n), 0);
	free(list);
	return n;
}

static void test_names(void **state)
{
	(void)state;
	assert_true(rtnl_ifname_is_valid("eth0"));
	assert_true(rtnl_ifname_is_valid("fd0123456789abc"));
	assert_false(rtnl_ifname_is_valid("fd0123456789abcd"));
	assert_false(rtnl_ifname_is_valid(""));
	assert_false(rtnl_ifname_is_valid("."));
	assert_false(rtnl_ifname_is_valid(".."));
	assert_false(rtnl_ifname_is_valid("a b"));
	assert_false(rtnl_ifname_is_valid("a/b"));
	assert_false(rtnl_ifname_is_valid("a:b"));
	assert_false(rtnl_ifname_is_valid("a\tb"));
	assert_false(rtnl_ifname_is_valid("a\n"));
}

static void test_link_lookup(void **state)
{
	struct rtnl_link link, before = { .ifindex = 99 };

	(void)state;
	assert_int_equal(rtnl_link_by_name(a, "lo", &link), 0);
	assert_string_equal(link.ifname, "lo");
	assert_int_equal(link.mtu, 65536);
	assert_true(link.flags & IFF_LOOPBACK);
	assert_false(link.flags & IFF_UP);
	assert_string_equal(link.kind, "");
	assert_int_equal(link.peer_ifindex, 0);
	assert_int_equal(rtnl_link_by_index(a, link.ifindex, &link), 0);
	assert_string_equal(link.ifname, "lo");

	link = before;
	assert_int_equal(rtnl_link_by_name(a, "absent", &link), -ENODEV);
	assert_int_equal(rtnl_link_by_name(a, "much-too-long-a-name", &link),
			 -ENODEV);
	assert_int_equal(rtnl_link_by_index(a, 4711, &link), -ENODEV);
	assert_int_equal(rtnl_link_by_index(a, 0, &link), -ENODEV);
	assert_int_equal(rtnl_link_by_index(a, UINT32_MAX, &link), -ENODEV);
	assert_memory_equal(&link, &before, sizeof(link));
}

static void test_veth_across_namespaces(void **state)
{
	struct rtnl_link near, far;
	uint32_t ifindex = make_pair();

	(void)state;
	assert_int_equal(rtnl_link_by_index(a, ifindex, &near), 0);
	assert_int_equal(rtnl_link_by_name(b, "fd0", &far), 0);
	assert_int_equal(rtnl_link_by_name(a, "fd0", &near), -ENODEV);
	assert_int_equal(rtnl_link_by_name(b, "eth0", &near), -ENODEV);
	assert_string_equal(near.kind, "veth");
	assert_string_equal(far.kind, "veth");
	assert_memory_equal(&near.mac, &mac_1, sizeof(mac_1));
	assert_memory_equal(&far.mac, &mac_2, sizeof(mac_2));
	assert_int_equal(near.mtu, 1450);
	assert_int_equal(far.mtu, 1450);
	assert_int_equal(near.peer_ifindex, far.ifindex);
	assert_int_equal(far.peer_ifindex, near.ifindex);
	assert_true(near.peer_netnsid >= 0);
	assert_false((near.flags | far.flags) & IFF_UP);

	assert_int_equal(rtnl_link_delete(a, ifindex), 0);
	assert_int_equal(rtnl_link_by_name(b, "fd0", &far), -ENODEV);
	assert_int_equal(rtnl_link_delete(a, ifindex), -ENODEV);
	assert_int_equal(rtnl_link_delete(a, 0), -ENODEV);
}

/* In the namespace of this thread: as many as come, and one that has gone. */
static void test_links_end(void **state)
{
	struct link_end *l = link_end_new();
	struct rtnl_veth veth = { .peer_ifname = "fd0",
				  .peer_netns_fd = ns_b,
				  .mtu = 1450 };
	uint32_t indices[8], i;
	char ifname[16], peer[16];
	struct rtnl_link link;
	struct rtnl *here;

	(void)state;
	assert_int_equal(rtnl_open(&here), 0);
	for (i = 0; i < 8; i++) {
		snprintf(ifname, sizeof(ifname), "eth%u", i);
		snprintf(peer, sizeof(peer), "fd%u", i);
		veth.ifname = ifname;
		veth.peer_ifname = peer;
		assert_int_equal(rtnl_veth_create(here, &veth), 0);
		assert_int_equal(rtnl_link_by_name(here, ifname, &link), 0);
		indices[i] = link.ifindex;
	}
	for (i = 0; i < 8; i++) {
		assert_int_equal(link_end_delete(l, here, indices[i]), 0);
		assert_int_equal(rtnl_link_by_index(here, indices[i], &link),
				 -ENODEV);
		assert_int_equal(link_end_delete(l, here, indices[i]), 0);
	}
	link_end_free(l);
	assert_int_equal(count_links(b), 1);
	link_end_free(link_end_new());
	rtnl_close(here);
}

static void test_veth_name_taken(void **state)
{
	struct rtnl_veth veth = { .ifname = "eth0",
				  .peer_ifname = "other",
				  .peer_netns_fd = ns_b,
				  .mtu = 1400 };
	uint32_t ifindex = make_pair();

	(void)state;
	assert_int_equal(rtnl_veth_create(a, &veth), -EEXIST);
	veth.ifname = "eth1";
	veth.peer_ifname = "fd0";
	assert_int_equal(rtnl_veth_create(a, &veth), -EEXIST);
	assert_int_equal(count_links(a), 2);
	assert_int_equal(count_links(b), 2);
	veth.ifname = "bad name";
	assert_int_equal(rtnl_veth_create(a, &veth), -EINVAL);
	assert_int_equal(rtnl_link_delete(a, ifindex), 0);
}

static void test_veth_without_macs(void **state)
{
	struct rtnl_veth veth = { .ifname = "x0",
				  .peer_ifname = "x1",
				  .peer_netns_fd = -1,
				  .mtu = 9000 };
	struct rtnl_link near, far;

	(void)state;
	assert_int_equal(rtnl_veth_create(a, &veth), 0);
	assert_int_equal(rtnl_link_by_name(a, "x0", &near), 0);
	assert_int_equal(rtnl_link_by_name(a, "x1", &far), 0);
	assert_int_equal(near.peer_ifindex, far.ifindex);
	assert_int_equal(near.peer_netnsid, -1);
	assert_false(mac_is_zero(&near.mac));
	assert_false(mac_equal(&near.mac, &far.mac));
	assert_int_equal(far.mtu, 9000);
	assert_int_equal(rtnl_link_delete(a, near.ifindex), 0);
}

static void test_link_set(void **state)
{
	uint32_t ifindex = make_pair();
	struct rtnl_link near, far;

	(void)state;
	assert_int_equal(rtnl_link_by_name(b, "fd0", &far), 0);
	assert_int_equal(rtnl_link_set_mtu(a, ifindex, 1300), 0);
	assert_int_equal(rtnl_link_set_mac(a, ifindex, &mac_2), 0);
	assert_int_equal(rtnl_link_set_up(a, ifindex, true), 0);
	assert_int_equal(rtnl_link_set_up(b, far.ifindex, true), 0);
	assert_int_equal(rtnl_link_by_index(a, ifindex, &near), 0);
	assert_int_equal(near.mtu, 1300);
	assert_memory_equal(&near.mac, &mac_2, sizeof(mac_2));
	assert_true(near.flags & IFF_UP);
	assert_true(near.flags & IFF_RUNNING);
	assert_int_equal(rtnl_link_set_up(a, ifindex, false), 0);
	assert_int_equal(rtnl_link_by_index(a, ifindex, &near), 0);
	assert_false(near.flags & IFF_UP);
	assert_int_equal(rtnl_link_set_mtu(a, ifindex, 10), -EINVAL);
	assert_int_equal(rtnl_link_set_up(a, 4711, true), -ENODEV);
	assert_int_equal(rtnl_link_delete(b, far.ifindex), 0);
	assert_int_equal(count_links(a), 1);
}

static void test_many_links(void **state)
{
	struct rtnl_veth veth = { .peer_netns_fd = ns_b, .mtu = 1500 };
	char name[IF_NAMESIZE];
	struct rtnl_link *list;
	size_t i, j, n, found = 0;

	(void)state;
	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "v%zu", i);
		veth.ifname = veth.peer_ifname = name;
		assert_int_equal(rtnl_veth_create(a, &veth), 0);
	}
	assert_int_equal(rtnl_link_list(a, &list, &n), 0);
	assert_int_equal(n, 101);
	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "v%zu", i);
		for (j = 0; j < n; j++)
			found += strcmp(list[j].ifname, name) == 0;
	}
	assert_int_equal(found, 100);
	for (i = 0; i < n; i++) {
		if (list[i].kind[0])
			assert_int_equal(rtnl_link_delete(a, list[i].ifindex),
					 0);
	}
	free(list);
	assert_int_equal(count_links(a), 1);
}

static const struct rtnl_addr *find_addr(const struct rtnl_addr *list, size_t n,
					 const struct ip *ip)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (ip_equal(&list[i].ip, ip))
			return &list[i];
	}
	return NULL;
}

static void test_addresses(void **state)
{
	struct ip v4 = ip4(10, 32, 0, 1), v6 = ip6(1), slow = ip6(2);
	uint32_t ifindex = make_pair();
	const struct rtnl_addr *found;
	struct rtnl_addr *list;
	size_t n;

	(void)state;
	assert_int_equal(rtnl_addr_add(a, ifindex, &v4, 24, false), 0);
	assert_int_equal(rtnl_addr_add(a, ifindex, &v6, 64, true), 0);
	assert_int_equal(rtnl_addr_add(a, ifindex, &slow, 64, false), 0);
	assert_int_equal(rtnl_addr_add(a, ifindex, &v4, 24, false), -EEXIST);
	assert_int_equal(rtnl_addr_add(a, ifindex, &v6, 64, true), -EEXIST);
	assert_int_equal(rtnl_addr_add(a, ifindex, &v4, 33, false), -EINVAL);
	assert_int_equal(rtnl_addr_add(a, ifindex, &v6, 129, false), -EINVAL);
	assert_int_equal(rtnl_addr_add(a, 4711, &v4, 24, false), -ENODEV);
	assert_int_equal(rtnl_link_set_up(a, ifindex, true), 0);

	assert_int_equal(rtnl_addr_list(a, ifindex, &list, &n), 0);
	found = find_addr(list, n, &v4);
	assert_non_null(found);
	assert_int_equal(found->prefix_len, 24);
	assert_int_equal(found->ifindex, ifindex);
	found = find_addr(list, n, &v6);
	assert_non_null(found);
	assert_int_equal(found->prefix_len, 64);
	assert_true(found->flags & IFA_F_NODAD);
	assert_false(found->flags & IFA_F_TENTATIVE);
	found = find_addr(list, n, &slow);
	assert_non_null(found);
	assert_false(found->flags & IFA_F_NODAD);
	free(list);

	assert_int_equal(rtnl_addr_list(a, ifindex + 1000, &list, &n), 0);
	assert_int_equal(n, 0);
	free(list);
	assert_int_equal(rtnl_addr_delete(a, ifindex, &v4, 24), 0);
	assert_int_equal(rtnl_addr_delete(a, ifindex, &v4, 24), -EADDRNOTAVAIL);
	assert_int_equal(rtnl_addr_delete(a, ifindex, &v6, 64), 0);
	assert_int_equal(rtnl_addr_list(a, 0, &list, &n), 0);
	assert_null(find_addr(list, n, &v4));
	assert_null(find_addr(list, n, &v6));
	free(list);
	assert_int_equal(rtnl_link_delete(a, ifindex), 0);
}

struct broadcast_seen {
	uint8_t b[4];
	bool has;
};

static int see_broadcast(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *tb[IFA_MAX + 1];
	struct broadcast_seen *seen = arg;

	if (rtnl_attrs(nlh, sizeof(struct ifaddrmsg), tb, IFA_MAX) ||
	    !tb[IFA_BROADCAST])
		return 0;
	memcpy(seen->b, mnl_attr_get_payload(tb[IFA_BROADCAST]), 4);
	seen->has = true;
	return 0;
}

static void expect_broadcast(struct ip ip, uint8_t len, const uint8_t *want)
{
	struct broadcast_seen seen = { 0 };
	uint32_t ifindex = make_pair();
	struct nlmsghdr *nlh;

	assert_int_equal(rtnl_addr_add(a, ifindex, &ip, len, false), 0);
	nlh = rtnl_request(a, RTM_GETADDR, NLM_F_DUMP);
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifaddrmsg));
	assert_int_equal(rtnl_transact(a, see_broadcast, &seen), 0);
	assert_int_equal(seen.has, want != NULL);
	if (want)
		assert_memory_equal(seen.b, want, 4);
	assert_int_equal(rtnl_link_delete(a, ifindex), 0);
}

static void test_broadcast(void **state)
{
	static const uint8_t c[4] = { 10, 32, 0, 255 };
	static const uint8_t b12[4] = { 10, 47, 255, 255 };
	static const uint8_t b30[4] = { 10, 32, 0, 3 };
	static const uint8_t b23[4] = { 10, 32, 1, 255 };

	(void)state;
	expect_broadcast(ip4(10, 32, 0, 1), 24, c);
	expect_broadcast(ip4(10, 32, 0, 1), 12, b12);
	expect_broadcast(ip4(10, 32, 0, 1), 30, b30);
	expect_broadcast(ip4(10, 32, 0, 1), 23, b23);
	expect_broadcast(ip4(10, 32, 0, 1), 31, NULL);
	expect_broadcast(ip4(10, 32, 0, 1), 32, NULL);
}

static void add_route(uint32_t ifindex, const struct ip *dst, uint8_t len,
		      const struct ip *gateway, uint32_t mtu, uint8_t type)
{
	struct nlmsghdr *nlh = rtnl_request(a, RTM_NEWROUTE,
					    NLM_F_CREATE | NLM_F_EXCL);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	struct nlattr *nest;

	rtm->rtm_family = (uint8_t)rtnl_family(dst);
	rtm->rtm_dst_len = len;
	rtm->rtm_table = RT_TABLE_MAIN;
	rtm->rtm_protocol = RTPROT_STATIC;
	rtm->rtm_type = type;
	rtnl_put_ip(nlh, RTA_DST, dst);
	if (gateway)
		rtnl_put_ip(nlh, RTA_GATEWAY, gateway);
	if (ifindex)
		mnl_attr_put_u32(nlh, RTA_OIF, ifindex);
	if (mtu) {
		nest = mnl_attr_nest_start(nlh, RTA_METRICS);
		mnl_attr_put_u32(nlh, RTAX_MTU, mtu);
		mnl_attr_nest_end(nlh, nest);
	}
	assert_int_equal(rtnl_transact(a, NULL, NULL), 0);
}

static void test_routes(void **state)
{
	struct ip near = ip4(10, 32, 0, 2), gateway = ip4(10, 32, 0, 254);
	struct ip far = ip4(198, 51, 100, 1), own = ip4(10, 32, 0, 1);
	struct ip second = ip4(10, 32, 0, 7), dark = ip4(203, 0, 113, 1);
	struct ip stranger = ip4(192, 0, 2, 77);
	struct rtnl_route route, before = { .ifindex = 99 };
	uint32_t ifindex = make_routed_pair();

	(void)state;
	assert_int_equal(rtnl_route_get(a, &near, NULL, &route), 0);
	assert_int_equal(route.ifindex, ifindex);
	assert_true(ip_equal(&route.src, &own));
	assert_true(ip_is_zero(&route.gateway));
	assert_int_equal(route.mtu, 0);
	assert_false(route.is_local);

	assert_int_equal(rtnl_route_get(a, &near, &second, &route), 0);
	assert_true(ip_equal(&route.src, &second));
	assert_int_equal(rtnl_route_get(a, &own, NULL, &route), 0);
	assert_true(route.is_local);

	route = before;
	assert_int_equal(rtnl_route_get(a, &far, NULL, &route), -ENETUNREACH);
	assert_true(rtnl_route_get(a, &near, &stranger, &route) < 0);
	assert_memory_equal(&route, &before, sizeof(route));
	add_route(ifindex, &far, 32, &gateway, 1280, RTN_UNICAST);
	assert_int_equal(rtnl_route_get(a, &far, NULL, &route), 0);
	assert_true(ip_equal(&route.gateway, &gateway));
	assert_int_equal(route.mtu, 1280);

	add_route(0, &dark, 32, NULL, 0, RTN_UNREACHABLE);
	assert_int_equal(rtnl_route_get(a, &dark, NULL, &route), -EHOSTUNREACH);
	assert_int_equal(rtnl_link_delete(a, ifindex), 0);
}

static void test_routes_v6(void **state)
{
	struct ip near = ip6(9), own = ip6(1), gateway = ip6(254);
	struct ip v4 = ip4(10, 32, 0, 2), far = ip6(9);
	uint32_t ifindex = make_routed_pair();
	struct rtnl_route route;

	(void)state;
	far.b[2] = 0x0e; /* 2001:eb8::9 */
	assert_int_equal(rtnl_route_get(a, &near, NULL, &route), 0);
	assert_int_equal(route.ifindex, ifindex);
	assert_true(ip_equal(&route.src, &own));
	assert_int_equal(rtnl_route_get(a, &near, &v4, &route), -EINVAL);
	assert_int_equal(rtnl_route_get(a, &far, NULL, &route), -ENETUNREACH);
	add_route(ifindex, &far, 128, &gateway, 1280, RTN_UNICAST);
	assert_int_equal(rtnl_route_get(a, &far, NULL, &route), 0);
	assert_true(ip_equal(&route.gateway, &gateway));
	assert_int_equal(route.mtu, 1280);
	assert_int_equal(rtnl_link_delete(a, ifindex), 0);
}

static int next_event(struct rtnl_watch *w, struct rtnl_event *ret)
{
	struct pollfd p = { .fd = rtnl_watch_fd(w), .events = POLLIN };
	int rc, i;

	for (i = 0; i < 100; i++) {
		rc = rtnl_watch_next(w, ret);
		if (rc != 0)
			return rc;
		assert_int_equal(poll(&p, 1, 2000), 1);
	}
	return 0;
}

/* Events of eth0 until one of the type comes. */
static void expect_link(struct rtnl_watch *w, enum rtnl_event_type type,
			struct rtnl_event *ret)
{
	int i;

	for (i = 0; i < 100; i++) {
		assert_int_equal(next_event(w, ret), 1);
		if (ret->type == type && strcmp(ret->link.ifname, "eth0") == 0)
			return;
	}
	fail();
}

static void test_watch(void **state)
{
	struct ip v4 = ip4(10, 32, 0, 1);
	struct rtnl_watch *w;
	struct rtnl_event ev;
	uint32_t ifindex;

	(void)state;
	assert_int_equal(rtnl_watch_open_at(ns_a, &w), 0);
	assert_int_equal(rtnl_watch_next(w, &ev), 0);
	ifindex = make_pair();
	expect_link(w, RTNL_LINK_CHANGED, &ev);
	assert_int_equal(ev.link.ifindex, ifindex);
	assert_int_equal(ev.link.mtu, 1450);
	assert_int_equal(rtnl_link_set_mtu(a, ifindex, 1300), 0);
	do
		expect_link(w, RTNL_LINK_CHANGED, &ev);
	while (ev.link.mtu != 1300);
	assert_int_equal(rtnl_addr_add(a, ifindex, &v4, 24, false), 0);
	do
		assert_int_equal(next_event(w, &ev), 1);
	while (ev.type != RTNL_ADDR_CHANGED);
	assert_int_equal(ev.addr.ifindex, ifindex);
	assert_true(ip_equal(&ev.addr.ip, &v4));
	assert_int_equal(rtnl_addr_delete(a, ifindex, &v4, 24), 0);
	do
		assert_int_equal(next_event(w, &ev), 1);
	while (ev.type != RTNL_ADDR_GONE);
	assert_int_equal(rtnl_link_delete(a, ifindex), 0);
	expect_link(w, RTNL_LINK_GONE, &ev);
	assert_int_equal(ev.link.ifindex, ifindex);
	rtnl_watch_close(w);
}

static void test_watch_overflow(void **state)
{
	uint32_t ifindex = make_pair(), i;
	struct rtnl_watch *w;
	struct rtnl_event ev;
	int rc = 1;

	(void)state;
	assert_int_equal(rtnl_watch_open_at(ns_a, &w), 0);
	for (i = 0; i < 2000; i++)
		assert_int_equal(rtnl_link_set_mtu(a, ifindex, 1300 + i % 2),
				 0);
	for (i = 0; i < 5000 && rc == 1; i++)
		rc = next_event(w, &ev);
	assert_int_equal(rc, -ENOBUFS);
	assert_int_equal(rtnl_link_delete(a, ifindex), 0);
	/* What the buffer held comes first; then it goes on. */
	expect_link(w, RTNL_LINK_CHANGED, &ev);
	for (i = 0; i < 5000; i++) {
		rc = rtnl_watch_next(w, &ev);
		if (rc == 0)
			break;
	}
	assert_int_equal(rc, 0);
	ifindex = make_pair();
	expect_link(w, RTNL_LINK_CHANGED, &ev);
	assert_int_equal(ev.link.ifindex, ifindex);
	assert_int_equal(rtnl_link_delete(a, ifindex), 0);
	rtnl_watch_close(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_names),
		TEST(test_link_lookup),
		TEST(test_veth_across_namespaces),
		TEST(test_links_end),
		TEST(test_veth_name_taken),
		TEST(test_veth_without_macs),
		TEST(test_link_set),
		TEST(test_many_links),
		TEST(test_addresses),
		TEST(test_broadcast),
		TEST(test_routes),
		TEST(test_routes_v6),
		TEST(test_watch),
		TEST(test_watch_overflow),
	};

	if (!enter_own_netns(0))
		return SKIP;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
