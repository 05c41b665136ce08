/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RTNL_HOSTS_H
#define RTNL_HOSTS_H

/* Two network namespaces, a rtnetlink handle in each, and a cable between. */

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "new_netns.h"
#include "sys/netns.h"
#include "sys/rtnl.h"

static int ns_a = -1, ns_b = -1;
static struct rtnl *a, *b; /* one handle in each */

static const struct mac mac_1 = { { 0x02, 0, 0, 0, 0, 1 } };
static const struct mac mac_2 = { { 0x02, 0, 0, 0, 0, 2 } };

static inline struct ip ip4(uint8_t w, uint8_t x, uint8_t y, uint8_t z)
{
	uint8_t v4[4] = { w, x, y, z };

	return ip_from_v4(v4);
}

/* 2001:db8::@last */
static inline struct ip ip6(uint8_t last)
{
	uint8_t v6[16] = { 0x20, 0x01, 0x0d, 0xb8 };

	v6[15] = last;
	return ip_from_v6(v6);
}

static inline int setup(void **state)
{
	(void)state;
	ns_a = new_namespace();
	ns_b = new_namespace();
	assert_int_equal(rtnl_open_at(ns_a, &a), 0);
	assert_int_equal(rtnl_open_at(ns_b, &b), 0);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	rtnl_close(a);
	rtnl_close(b);
	close(ns_a);
	close(ns_b);
	return 0;
}

/* One end "eth0" in a, the other "fd0" in b. */
static inline uint32_t make_pair(void)
{
	struct rtnl_veth veth = { .ifname = "eth0",
				  .mac = mac_1,
				  .peer_ifname = "fd0",
				  .peer_mac = mac_2,
				  .peer_netns_fd = ns_b,
				  .mtu = 1450 };
	struct rtnl_link link;

	assert_int_equal(rtnl_veth_create(a, &veth), 0);
	assert_int_equal(rtnl_link_by_name(a, "eth0", &link), 0);
	return link.ifindex;
}

static inline uint32_t make_routed_pair(void)
{
	struct ip v4 = ip4(10, 32, 0, 1), second = ip4(10, 32, 0, 7);
	struct ip v6 = ip6(1);
	uint32_t ifindex = make_pair();
	struct rtnl_link far, lo;

	assert_int_equal(rtnl_link_by_name(b, "fd0", &far), 0);
	assert_int_equal(rtnl_link_by_name(a, "lo", &lo), 0);
	assert_int_equal(rtnl_link_set_up(a, lo.ifindex, true), 0);
	assert_int_equal(rtnl_link_set_up(b, far.ifindex, true), 0);
	assert_int_equal(rtnl_link_set_up(a, ifindex, true), 0);
	assert_int_equal(rtnl_addr_add(a, ifindex, &v4, 24, false), 0);
	assert_int_equal(rtnl_addr_add(a, ifindex, &second, 24, false), 0);
	assert_int_equal(rtnl_addr_add(a, ifindex, &v6, 64, true), 0);
	return ifindex;
}

/* Each in two new namespaces. */
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

#endif
