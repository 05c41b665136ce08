/* SPDX-License-Identifier: Apache-2.0 */

/* What is not the kernel's word, or not what was asked for. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "own_netns.h"
#include "rtnl_hosts.h"
#include "sys/rtnl_internal.h"

/* Another process of the namespace answers in the kernel's place. */
static void test_forged_answer(void **state)
{
	struct {
		struct nlmsghdr nlh;
		int32_t status;
		struct nlmsghdr cause;
	} forged = { .nlh = { .nlmsg_len = sizeof(forged),
			      .nlmsg_type = NLMSG_ERROR },
		     .status = -EIO };
	struct sockaddr_nl to;
	socklen_t size = sizeof(to);
	struct rtnl_link link;
	int fd, i;

	(void)state;
	assert_int_equal(getsockname(a->fd, (struct sockaddr *)&to, &size), 0);
	fd = netns_socket(ns_a, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	assert_true(fd >= 0);
	for (i = 1; i < 4; i++) {
		forged.nlh.nlmsg_seq = a->seq + (uint32_t)i;
		assert_int_equal(sendto(fd, &forged, sizeof(forged), 0,
					(struct sockaddr *)&to, sizeof(to)),
				 sizeof(forged));
	}
	assert_int_equal(rtnl_link_by_name(a, "lo", &link), 0);
	assert_int_equal(rtnl_link_by_name(a, "absent", &link), -ENODEV);
	close(fd);
}

struct sample {
	uint8_t data[4096];
	size_t size;
};

static int take_sample(const struct nlmsghdr *nlh, void *arg)
{
	struct sample *s = arg;

	if (nlh->nlmsg_type < NLMSG_MIN_TYPE ||
	    nlh->nlmsg_len > sizeof(s->data))
		return 0;
	memcpy(s->data, nlh, nlh->nlmsg_len);
	s->size = nlh->nlmsg_len;
	return 0;
}

static unsigned int n_decoded;

/* Decodes a copy that ends where the message ends, for ASAN to watch. */
static void decode_copy(const uint8_t *data, size_t size)
{
	struct nlmsghdr *nlh = malloc(NLMSG_ALIGN(size));
	struct rtnl_route route;
	struct rtnl_link link;
	struct rtnl_addr addr;

	assert_non_null(nlh);
	memset(nlh, 0, NLMSG_ALIGN(size));
	memcpy(nlh, data, size);
	nlh->nlmsg_len = (uint32_t)size;
	if (rtnl_link_decode(nlh, &link) == 0) {
		n_decoded++;
		assert_true(link.ifindex != 0);
		assert_true(strnlen(link.ifname, IF_NAMESIZE) < IF_NAMESIZE);
		assert_true(strnlen(link.kind, RTNL_KIND_SIZE) <
			    RTNL_KIND_SIZE);
	}
	if (rtnl_addr_decode(nlh, &addr) == 0) {
		n_decoded++;
		assert_true(addr.prefix_len <= 128);
	}
	if (rtnl_route_decode(nlh, &route) == 0) {
		n_decoded++;
		assert_true(route.ifindex != 0);
	}
	free(nlh);
}

static void torture(const struct sample *s)
{
	uint32_t random = 12345;
	uint8_t data[4096];
	size_t i, size;
	int round;

	n_decoded = 0;
	decode_copy(s->data, s->size);
	assert_true(n_decoded > 0);
	for (size = sizeof(struct nlmsghdr); size < s->size; size++)
		decode_copy(s->data, size);
	for (round = 0; round < 20000; round++) {
		memcpy(data, s->data, s->size);
		for (i = 0; i < 4; i++) {
			random = random * 1664525 + 1013904223;
			size = sizeof(struct nlmsghdr) +
			       (random >> 8) %
				       (s->size - sizeof(struct nlmsghdr));
			random = random * 1664525 + 1013904223;
			data[size] = (uint8_t)(random >> 24);
		}
		decode_copy(data, s->size);
	}
}

static void test_odd_messages(void **state)
{
	uint32_t ifindex = make_routed_pair();
	struct sample s = { .size = 0 };
	struct ip near = ip4(10, 32, 0, 2);
	struct ifinfomsg *ifi;
	struct nlmsghdr *nlh;
	struct rtmsg *rtm;

	(void)state;
	nlh = rtnl_request(a, RTM_GETLINK, 0);
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_index = (int)ifindex;
	assert_int_equal(rtnl_transact(a, take_sample, &s), 0);
	torture(&s);

	s.size = 0;
	nlh = rtnl_request(a, RTM_GETADDR, NLM_F_DUMP);
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifaddrmsg));
	assert_int_equal(rtnl_transact(a, take_sample, &s), 0);
	torture(&s);

	s.size = 0;
	nlh = rtnl_request(a, RTM_GETROUTE, 0);
	rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	rtm->rtm_family = AF_INET;
	rtm->rtm_dst_len = 32;
	rtnl_put_ip(nlh, RTA_DST, &near);
	assert_int_equal(rtnl_transact(a, take_sample, &s), 0);
	torture(&s);
	assert_int_equal(rtnl_link_delete(a, ifindex), 0);
}

/* A bridge's port leaves it: an RTM_DELLINK of a link that stays. */
static void test_bridge_port_is_no_link(void **state)
{
	struct {
		struct nlmsghdr nlh;
		struct ifinfomsg ifi;
		struct nlattr attr;
		char name[8];
	} m = { .nlh = { .nlmsg_len = sizeof(m), .nlmsg_type = RTM_DELLINK },
		.ifi = { .ifi_family = AF_BRIDGE, .ifi_index = 7 },
		.attr = { .nla_len = sizeof(m.attr) + 5,
			  .nla_type = IFLA_IFNAME },
		.name = "eth0" };
	struct rtnl_link link;

	(void)state;
	assert_int_equal(rtnl_link_decode(&m.nlh, &link), -ENOMSG);
	m.ifi.ifi_family = AF_UNSPEC;
	assert_int_equal(rtnl_link_decode(&m.nlh, &link), 0);
	m.ifi.ifi_index = -1;
	assert_int_equal(rtnl_link_decode(&m.nlh, &link), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_forged_answer),
		TEST(test_odd_messages),
		TEST(test_bridge_port_is_no_link),
	};

	if (!enter_own_netns(0))
		return SKIP;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
