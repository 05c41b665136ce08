/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What the kernel learns of a path's MTU, and how it is made to forget it: a
 * host, a router with a narrower second link, and a host behind it.
 */

#include "sys/rtnl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "new_netns.h"
#include "sys/netns.h"
#include "sys/rtnl_internal.h"

#define SKIP 77 /* of the test driver */
#define NARROW 1300U
#define ROUTER_V4 "10.9.1.254"
#define ROUTER_V6 "2001:db8:1::254"
#define FAR_V4 "10.9.2.1"
#define FAR_V6 "2001:db8:2::1"

static int home = -1;
static int ns_near, ns_router, ns_far;
static struct rtnl *near_end, *router, *far_end;

static struct ip ip_of(const char *text)
{
	uint8_t b[16];

	if (inet_pton(AF_INET, text, b) == 1)
		return ip_from_v4(b);
	assert_int_equal(inet_pton(AF_INET6, text, b), 1);
	return ip_from_v6(b);
}

static uint32_t up(struct rtnl *r, const char *ifname)
{
	struct rtnl_link link;

	assert_int_equal(rtnl_link_by_name(r, ifname, &link), 0);
	assert_int_equal(rtnl_link_set_up(r, link.ifindex, true), 0);
	return link.ifindex;
}

static void give(struct rtnl *r, const char *ifname, const char *v4,
		 const char *v6)
{
	const struct ip a = ip_of(v4), b = ip_of(v6);
	const uint32_t ifindex = up(r, ifname);

	assert_int_equal(rtnl_addr_add(r, ifindex, &a, 24, false), 0);
	assert_int_equal(rtnl_addr_add(r, ifindex, &b, 64, true), 0);
}

/* @mtu 0: none of its own. */
static void add_route(struct rtnl *r, const char *dst, uint8_t len,
		      const char *via, uint32_t mtu)
{
	struct nlmsghdr *nlh = rtnl_request(r, RTM_NEWROUTE,
					    NLM_F_CREATE | NLM_F_REPLACE);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	const struct ip to = ip_of(dst), gateway = ip_of(via);
	struct nlattr *nest;

	rtm->rtm_family = (uint8_t)rtnl_family(&to);
	rtm->rtm_dst_len = len;
	rtm->rtm_table = RT_TABLE_MAIN;
	rtm->rtm_protocol = RTPROT_STATIC;
	rtm->rtm_type = RTN_UNICAST;
	rtnl_put_ip(nlh, RTA_DST, &to);
	rtnl_put_ip(nlh, RTA_GATEWAY, &gateway);
	if (mtu) {
		nest = mnl_attr_nest_start(nlh, RTA_METRICS);
		mnl_attr_put_u32(nlh, RTAX_MTU, mtu);
		mnl_attr_nest_end(nlh, nest);
	}
	assert_int_equal(rtnl_transact(r, NULL, NULL), 0);
}

static int forward(void *arg)
{
	static const char *const paths[] = {
		"/proc/sys/net/ipv4/ip_forward",
		"/proc/sys/net/ipv6/conf/all/forwarding",
	};
	size_t i;

	(void)arg;
	for (i = 0; i < 2; i++) {
		int fd = open(paths[i], O_WRONLY | O_CLOEXEC);

		if (fd < 0 || write(fd, "1", 1) != 1)
			return -1;
		close(fd);
	}
	return 0;
}

static void pair(int ns_peer, const char *peer, uint32_t mtu)
{
	struct rtnl_veth veth = { .ifname = peer,
				  .peer_ifname = "eth0",
				  .peer_netns_fd = ns_peer,
				  .mtu = mtu };

	assert_int_equal(rtnl_veth_create(router, &veth), 0);
}

static int setup(void **state)
{
	(void)state;
	assert_int_equal(netns_open_self(&home), 0);
	ns_near = new_namespace();
	ns_router = new_namespace();
	ns_far = new_namespace();
	assert_int_equal(rtnl_open_at(ns_near, &near_end), 0);
	assert_int_equal(rtnl_open_at(ns_router, &router), 0);
	assert_int_equal(rtnl_open_at(ns_far, &far_end), 0);
	pair(ns_near, "p1", 1500);
	pair(ns_far, "p2", NARROW);
	give(router, "p1", ROUTER_V4, ROUTER_V6);
	give(router, "p2", "10.9.2.254", "2001:db8:2::254");
	give(near_end, "eth0", "10.9.1.1", "2001:db8:1::1");
	give(far_end, "eth0", FAR_V4, FAR_V6);
	add_route(near_end, "10.9.2.0", 24, ROUTER_V4, 0);
	add_route(near_end, "2001:db8:2::", 64, ROUTER_V6, 0);
	add_route(far_end, "10.9.1.0", 24, "10.9.2.254", 0);
	add_route(far_end, "2001:db8:1::", 64, "2001:db8:2::254", 0);
	assert_int_equal(netns_run(ns_router, forward, NULL), 0);
	/* What is sent and written to is the near host's. */
	assert_int_equal(setns(ns_near, CLONE_NEWNET), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(setns(home, CLONE_NEWNET), 0);
	rtnl_close(near_end);
	rtnl_close(router);
	rtnl_close(far_end);
	close(ns_near);
	close(ns_router);
	close(ns_far);
	close(home);
	return 0;
}

/* So many naps: 10 s. */
#define PATIENCE 1000

static void nap(void)
{
	const struct timespec t = { .tv_nsec = 10 * 1000 * 1000 };

	nanosleep(&t, NULL);
}

/* A datagram above the second link's MTU: the router answers "too big". */
static void provoke(const char *dst, struct rtnl_route *ret)
{
	const struct ip to = ip_of(dst);
	const bool is_v4 = ip_is_v4(&to);
	/* The number is the same for both families. */
	static const int probe = IP_PMTUDISC_PROBE;
	static const uint8_t data[1400];
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = 9 };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = 9 };
	int i, fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_DGRAM, 0);

	assert_true(fd >= 0);
	memcpy(&v4.sin_addr, to.b + 12, 4);
	memcpy(&v6.sin6_addr, to.b, 16);
	assert_int_equal(is_v4 ? setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER,
					    &probe, sizeof(probe))
			       : setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER,
					    &probe, sizeof(probe)),
			 0);
	for (i = 0; i < PATIENCE; i++) {
		if (is_v4)
			sendto(fd, data, sizeof(data), 0,
			       (struct sockaddr *)&v4, sizeof(v4));
		else
			sendto(fd, data, sizeof(data), 0,
			       (struct sockaddr *)&v6, sizeof(v6));
		nap();
		assert_int_equal(rtnl_route_get(near_end, &to, NULL, ret), 0);
		if (ret->mtu)
			break;
	}
	close(fd);
}

static void check_forgets(const char *dst)
{
	const struct ip to = ip_of(dst);
	struct rtnl_route route;
	int i;

	assert_int_equal(rtnl_route_get(near_end, &to, NULL, &route), 0);
	assert_int_equal(route.mtu, 0);
	assert_false(route.is_learnt);
	/* Nothing to forget is no error. */
	assert_int_equal(rtnl_route_forget(near_end, &to, &route), 0);

	provoke(dst, &route);
	assert_int_equal(route.mtu, NARROW);
	assert_true(route.is_learnt);
	/* Several were sent: a late answer makes it learn once more. */
	for (i = 0; i < PATIENCE && route.mtu; i++) {
		nap();
		assert_int_equal(rtnl_route_forget(near_end, &to, &route), 0);
		assert_int_equal(rtnl_route_get(near_end, &to, NULL, &route),
				 0);
	}
	assert_int_equal(route.mtu, 0);
	assert_false(route.is_learnt);
	/* And again: it learns as before. */
	provoke(dst, &route);
	assert_int_equal(route.mtu, NARROW);
	assert_true(route.is_learnt);
}

static void test_forget(void **state)
{
	(void)state;
	check_forgets(FAR_V4);
	check_forgets(FAR_V6);
}

/* What an operator has set is another matter. */
static void check_keeps(const char *dst, const char *net, uint8_t len,
			const char *via)
{
	const struct ip to = ip_of(dst);
	struct rtnl_route route;

	add_route(near_end, net, len, via, 1400);
	assert_int_equal(rtnl_route_get(near_end, &to, NULL, &route), 0);
	assert_int_equal(route.mtu, 1400);
	assert_false(route.is_learnt);
	assert_int_equal(rtnl_route_forget(near_end, &to, &route), 0);
	assert_int_equal(rtnl_route_get(near_end, &to, NULL, &route), 0);
	assert_int_equal(route.mtu, 1400);
	assert_false(route.is_learnt);
}

static void test_configured(void **state)
{
	(void)state;
	check_keeps(FAR_V4, "10.9.2.0", 24, ROUTER_V4);
	check_keeps(FAR_V6, "2001:db8:2::", 64, ROUTER_V6);
}

static int next_event(struct rtnl_watch *w, struct rtnl_event *ret)
{
	int rc = 0, i;

	for (i = 0; i < 200 && rc == 0; i++) {
		rc = rtnl_watch_next(w, ret);
		if (rc == 0)
			nap();
	}
	return rc;
}

static void check_tells(const char *dst, uint8_t len, const char *via)
{
	struct rtnl_watch *w;
	struct rtnl_event ev;

	assert_int_equal(rtnl_watch_open_at(ns_near, &w), 0);
	add_route(near_end, dst, len, via, 0);
	assert_int_equal(next_event(w, &ev), 1);
	assert_int_equal(ev.type, RTNL_ROUTE_CHANGED);
	rtnl_watch_close(w);
}

static void test_watch(void **state)
{
	(void)state;
	check_tells("10.9.77.0", 24, ROUTER_V4);
	check_tells("2001:db8:77::", 64, ROUTER_V6);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_forget),
		TEST(test_configured),
		TEST(test_watch),
	};

	if (unshare(CLONE_NEWNET) < 0) {
		perror("skipped: no network namespaces");
		return SKIP;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
