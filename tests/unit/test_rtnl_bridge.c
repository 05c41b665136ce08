/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Linux bridges, their ports, entries and events: what the kernel says, whole,
 * damaged and forged; and the running kernel, in a namespace of the test's own.
 */

#include "sys/rtnl_bridge.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nl_hostile.h"
#include "own_netns.h"
#include "sys/rtnl_internal.h"

#define BRIDGE 4U
#define PORT 5U

static uint32_t room[256];
static struct nl_builder b;
static struct rtnl *r;
static uint32_t bridge, port;

static const struct mac mac_1 = { { 0x02, 0, 0, 0, 0, 1 } };

static struct nlmsghdr *neighbour_message(uint16_t type, uint16_t state,
					  uint8_t flags)
{
	struct ndmsg *ndm;

	memset(room, 0, sizeof(room));
	ndm = nl_begin(&b, room, sizeof(room), type, sizeof(*ndm));
	ndm->ndm_family = AF_BRIDGE;
	ndm->ndm_ifindex = (int)PORT;
	ndm->ndm_state = state;
	ndm->ndm_flags = flags;
	nl_put(&b, NDA_LLADDR, mac_1.b, sizeof(mac_1.b));
	nl_put_u32(&b, NDA_MASTER, BRIDGE);
	nl_put_u16(&b, NDA_VLAN, 7);
	assert_int_equal(b.error, 0);
	return b.nlh;
}

static void check_entry(const struct rtnl_fdb *fdb)
{
	assert_true(fdb->ifindex > 0 && fdb->ifindex <= INT32_MAX);
	assert_true(fdb->type <= RTNL_FDB_LOCAL);
}

static void read_event(const struct nlmsghdr *nlh, void *arg)
{
	struct rtnl_bridge_event ev;

	(void)arg;
	if (!rtnl_bridge_event_decode(nlh, &ev))
		return;
	assert_true(ev.type <= RTNL_BRIDGE_LINK_DOWN);
	if (ev.type == RTNL_BRIDGE_FDB || ev.type == RTNL_BRIDGE_FDB_GONE)
		check_entry(&ev.fdb);
	else
		assert_true(ev.ifindex > 0 && ev.ifindex <= INT32_MAX);
}

static void test_entries(void **state)
{
	static const struct {
		uint16_t state;
		uint8_t flags;
		enum rtnl_fdb_type type;
	} kinds[] = {
		{ NUD_REACHABLE, 0, RTNL_FDB_LEARNT },
		{ NUD_NOARP, 0, RTNL_FDB_STATIC },
		{ NUD_NOARP, NTF_STICKY, RTNL_FDB_STICKY },
		{ NUD_PERMANENT, 0, RTNL_FDB_LOCAL },
		{ NUD_PERMANENT, NTF_STICKY, RTNL_FDB_LOCAL },
	};
	struct rtnl_fdb fdb;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const struct nlmsghdr *nlh = neighbour_message(RTM_NEWNEIGH,
							       kinds[i].state,
							       kinds[i].flags);

		assert_true(rtnl_fdb_decode(nlh, &fdb));
		assert_int_equal(fdb.type, kinds[i].type);
		assert_int_equal(fdb.ifindex, PORT);
		assert_int_equal(fdb.bridge, BRIDGE);
		assert_true(mac_equal(&fdb.mac, &mac_1));
		nl_read_cut(nlh, read_event, NULL);
		nl_read_changed(nlh, read_event, NULL);
	}
}

static bool is_taken(void)
{
	const struct rtnl_fdb before = { .ifindex = 99 };
	struct rtnl_fdb fdb = before;
	const bool is_ok = rtnl_fdb_decode(b.nlh, &fdb);

	if (!is_ok) {
		assert_int_equal(fdb.ifindex, before.ifindex);
		assert_int_equal(fdb.bridge, before.bridge);
		assert_true(mac_equal(&fdb.mac, &before.mac));
		assert_int_equal(fdb.type, before.type);
	}
	return is_ok;
}

static void test_entries_of_no_bridge(void **state)
{
	struct ndmsg *ndm = (void *)(room + 4);

	(void)state;
	neighbour_message(RTM_NEWNEIGH, NUD_NOARP, 0);
	assert_true(is_taken());
	ndm->ndm_family = AF_INET;
	assert_false(is_taken());
	ndm->ndm_family = AF_BRIDGE;
	ndm->ndm_ifindex = 0;
	assert_false(is_taken());
	ndm->ndm_ifindex = -5;
	assert_false(is_taken());

	/* Addresses of other lengths; of a link that is in no bridge. */
	nl_begin(&b, room, sizeof(room), RTM_NEWNEIGH, sizeof(*ndm));
	*ndm = (struct ndmsg){ .ndm_family = AF_BRIDGE, .ndm_ifindex = 5 };
	nl_put(&b, NDA_LLADDR, mac_1.b, 5);
	nl_put_u32(&b, NDA_MASTER, BRIDGE);
	assert_false(is_taken());
	nl_begin(&b, room, sizeof(room), RTM_NEWNEIGH, sizeof(*ndm));
	*ndm = (struct ndmsg){ .ndm_family = AF_BRIDGE, .ndm_ifindex = 5 };
	nl_put(&b, NDA_LLADDR, mac_1.b, sizeof(mac_1.b));
	assert_false(is_taken());
	nl_put_u16(&b, NDA_MASTER, BRIDGE);
	assert_false(is_taken());
}

static void test_links_that_go(void **state)
{
	struct rtnl_bridge_event ev;
	struct ifinfomsg *ifi;

	(void)state;
	memset(room, 0, sizeof(room));
	ifi = nl_begin(&b, room, sizeof(room), RTM_DELLINK, sizeof(*ifi));
	ifi->ifi_index = (int)PORT;
	assert_true(rtnl_bridge_event_decode(b.nlh, &ev));
	assert_int_equal(ev.type, RTNL_BRIDGE_LINK_GONE);
	assert_int_equal(ev.ifindex, PORT);
	ifi->ifi_family = AF_BRIDGE;
	assert_true(rtnl_bridge_event_decode(b.nlh, &ev));
	assert_int_equal(ev.type, RTNL_BRIDGE_PORT_GONE);
	nl_read_cut(b.nlh, read_event, NULL);
	nl_read_changed(b.nlh, read_event, NULL);
	ifi->ifi_index = 0;
	assert_false(rtnl_bridge_event_decode(b.nlh, &ev));
	ifi->ifi_index = (int)PORT;
	/* One that is there is no news while it is up. */
	b.nlh->nlmsg_type = RTM_NEWLINK;
	assert_true(rtnl_bridge_event_decode(b.nlh, &ev));
	assert_int_equal(ev.type, RTNL_BRIDGE_LINK_DOWN);
	assert_int_equal(ev.ifindex, PORT);
	nl_read_cut(b.nlh, read_event, NULL);
	nl_read_changed(b.nlh, read_event, NULL);
	ifi->ifi_flags = IFF_UP;
	assert_false(rtnl_bridge_event_decode(b.nlh, &ev));
}

/* Against the kernel: a bridge "b0" with one port "p0" */

static uint32_t index_of(const char *name)
{
	struct rtnl_link link;

	assert_int_equal(rtnl_link_by_name(r, name, &link), 0);
	return link.ifindex;
}

/* Until the kernel has noticed that the link is up. */
static int wait_forwarding(void)
{
	const struct mac probe = { { 2, 0, 0, 0, 0, 7 } };
	int i, rc = -EPERM;

	for (i = 0; i < 500 && rc == -EPERM; i++) {
		rc = rtnl_fdb_put(r, port, &probe, RTNL_FDB_LEARNT);
		if (rc == -EPERM)
			usleep(10000);
	}
	return rc ? rc : rtnl_fdb_delete(r, port, &probe);
}

static int setup(void **state)
{
	const struct rtnl_bridge config = { .ifname = "b0",
					    .mac = { { 2, 0, 0, 0, 0, 9 } },
					    .mtu = 1500,
					    .ageing_s = 60,
					    .max_learnt = 100 };
	const struct rtnl_veth veth = { .ifname = "p0",
					.peer_ifname = "p1",
					.peer_netns_fd = -1,
					.mtu = 1450 };

	(void)state;
	if (unshare(CLONE_NEWNET) || rtnl_open(&r) ||
	    rtnl_bridge_create(r, &config) || rtnl_veth_create(r, &veth))
		return -1;
	bridge = index_of("b0");
	port = index_of("p0");
	return rtnl_link_set_master(r, port, bridge) ||
			       rtnl_link_set_up(r, bridge, true) ||
			       rtnl_link_set_up(r, index_of("p1"), true) ||
			       rtnl_link_set_up(r, port, true) ||
			       wait_forwarding()
		       ? -1
		       : 0;
}

static int teardown(void **state)
{
	(void)state;
	rtnl_close(r);
	return 0;
}

static void test_bridge(void **state)
{
	const struct rtnl_bridge again = { .ifname = "b0",
					   .mac = { { 2, 0, 0, 0, 0, 8 } },
					   .mtu = 1500 };
	const struct rtnl_bridge odd = { .ifname = "b/0", .mtu = 1500 };
	char alias[RTNL_ALIAS_SIZE] = "as before";
	char longest[RTNL_ALIAS_SIZE + 1];
	struct rtnl_link link;

	(void)state;
	assert_int_equal(rtnl_bridge_create(r, &again), -EEXIST);
	assert_int_equal(rtnl_bridge_create(r, &odd), -EINVAL);
	assert_int_equal(rtnl_link_by_name(r, "b0", &link), 0);
	assert_string_equal(link.kind, "bridge");
	assert_int_equal(link.mtu, 1450); /* as its port has */
	assert_false(link.flags & IFF_NOARP);
	assert_int_equal(rtnl_link_set_arp(r, bridge, false), 0);
	assert_int_equal(rtnl_link_by_name(r, "b0", &link), 0);
	assert_true(link.flags & IFF_NOARP && link.flags & IFF_UP);
	assert_int_equal(rtnl_link_set_arp(r, bridge, true), 0);
	assert_int_equal(rtnl_link_by_name(r, "b0", &link), 0);
	assert_false(link.flags & IFF_NOARP);
	assert_int_equal(rtnl_link_set_silent(r, bridge), 0);

	assert_int_equal(rtnl_link_alias(r, 4711, alias), -ENODEV);
	assert_string_equal(alias, "as before");
	assert_int_equal(rtnl_link_alias(r, bridge, alias), 0);
	assert_string_equal(alias, "");
	memset(longest, 'x', sizeof(longest));
	longest[RTNL_ALIAS_SIZE] = '\0';
	assert_int_equal(rtnl_link_set_alias(r, bridge, longest), -EINVAL);
	longest[RTNL_ALIAS_SIZE - 1] = '\0';
	assert_int_equal(rtnl_link_set_alias(r, bridge, longest), 0);
	assert_int_equal(rtnl_link_alias(r, bridge, alias), 0);
	assert_string_equal(alias, longest);
}

static void test_ports(void **state)
{
	const struct rtnl_bridge_port locked = { .is_locked = true };
	const struct rtnl_bridge_port open = { .is_learning = true,
					       .is_flooded = true };
	struct rtnl_link link;
	int rc;

	(void)state;
	assert_int_equal(rtnl_link_by_index(r, port, &link), 0);
	assert_int_equal(link.master_ifindex, bridge);
	rc = rtnl_bridge_port_set(r, port, &locked);
	assert_true(rc == 0 || rc == -EOPNOTSUPP); /* before 5.18 */
	assert_int_equal(rtnl_bridge_port_set(r, port, &open), 0);
	/* Of no bridge; of nothing. */
	assert_int_not_equal(rtnl_bridge_port_set(r, index_of("p1"), &open), 0);
	assert_int_equal(rtnl_bridge_port_set(r, 4711, &open), -ENODEV);
	assert_int_equal(rtnl_link_set_master(r, port, 0), 0);
	assert_int_equal(rtnl_link_by_index(r, port, &link), 0);
	assert_int_equal(link.master_ifindex, 0);
	assert_int_equal(rtnl_link_set_master(r, port, 4711), -EINVAL);
}

/* The type of an entry, or -1. */
static int type_of(const struct mac *mac)
{
	struct rtnl_fdb *list = NULL;
	size_t i, n = 0;
	int type = -1;

	assert_int_equal(rtnl_fdb_list(r, bridge, &list, &n), 0);
	for (i = 0; i < n; i++) {
		check_entry(&list[i]);
		assert_int_equal(list[i].bridge, bridge);
		if (mac_equal(&list[i].mac, mac)) {
			assert_int_equal(list[i].ifindex, port);
			type = (int)list[i].type;
		}
	}
	free(list);
	return type;
}

static void test_forwarding_entries(void **state)
{
	static const enum rtnl_fdb_type types[] = { RTNL_FDB_STATIC,
						    RTNL_FDB_STICKY,
						    RTNL_FDB_LEARNT };
	size_t i;

	(void)state;
	assert_int_equal(type_of(&mac_1), -1);
	for (i = 0; i < 3; i++) {
		assert_int_equal(rtnl_fdb_put(r, port, &mac_1, types[i]), 0);
		assert_int_equal(type_of(&mac_1), types[i]);
	}
	assert_int_equal(rtnl_fdb_delete(r, port, &mac_1), 0);
	assert_int_equal(rtnl_fdb_delete(r, port, &mac_1), -ENOENT);
	assert_int_equal(type_of(&mac_1), -1);
	assert_int_equal(rtnl_fdb_put(r, 4711, &mac_1, RTNL_FDB_STATIC),
			 -ENODEV);
	assert_int_not_equal(
		rtnl_fdb_put(r, index_of("p1"), &mac_1, RTNL_FDB_STATIC), 0);
}

static struct mac nth(unsigned int k)
{
	return (struct mac){ { 2, 1, 0, 0, (uint8_t)(k >> 8), (uint8_t)k } };
}

static void put_many(unsigned int n)
{
	unsigned int k;

	for (k = 0; k < n; k++) {
		const struct mac mac = nth(k);

		assert_int_equal(rtnl_fdb_put(r, port, &mac, RTNL_FDB_STATIC),
				 0);
	}
}

static void test_more_than_one_datagram(void **state)
{
	struct rtnl_fdb *list = NULL;
	size_t n = 0;

	(void)state;
	put_many(3000);
	assert_int_equal(rtnl_fdb_list(r, bridge, &list, &n), 0);
	assert_true(n >= 3000);
	free(list);
}

static bool next_is(struct rtnl_bridge_watch *w,
		    enum rtnl_bridge_event_type type,
		    struct rtnl_bridge_event *ret)
{
	struct pollfd p = { .fd = rtnl_bridge_watch_fd(w), .events = POLLIN };
	int rc;

	for (;;) {
		rc = rtnl_bridge_watch_next(w, ret);
		if (rc > 0 && ret->type == type)
			return true;
		if (rc < 0 || (!rc && poll(&p, 1, 2000) != 1))
			return false;
	}
}

static void test_events(void **state)
{
	struct rtnl_bridge_watch *w = NULL;
	struct rtnl_bridge_event ev;

	(void)state;
	assert_int_equal(rtnl_bridge_watch_open(&w), 0);
	assert_int_equal(rtnl_fdb_put(r, port, &mac_1, RTNL_FDB_STICKY), 0);
	assert_true(next_is(w, RTNL_BRIDGE_FDB, &ev));
	assert_int_equal(ev.fdb.ifindex, port);
	assert_int_equal(ev.fdb.bridge, bridge);
	assert_int_equal(ev.fdb.type, RTNL_FDB_STICKY);
	assert_true(mac_equal(&ev.fdb.mac, &mac_1));
	assert_int_equal(rtnl_fdb_delete(r, port, &mac_1), 0);
	assert_true(next_is(w, RTNL_BRIDGE_FDB_GONE, &ev));
	assert_true(mac_equal(&ev.fdb.mac, &mac_1));
	assert_int_equal(rtnl_link_set_master(r, port, 0), 0);
	assert_true(next_is(w, RTNL_BRIDGE_PORT_GONE, &ev));
	assert_int_equal(ev.ifindex, port);
	assert_int_equal(rtnl_link_delete(r, bridge), 0);
	assert_true(next_is(w, RTNL_BRIDGE_LINK_GONE, &ev));
	assert_int_equal(ev.ifindex, bridge);
	assert_int_equal(rtnl_bridge_watch_next(w, &ev), 0);
	rtnl_bridge_watch_close(w);
	rtnl_bridge_watch_close(NULL);
}

/* More than the socket holds: it is told once, and the watch goes on. */
static void test_events_that_are_lost(void **state)
{
	struct rtnl_bridge_watch *w = NULL;
	struct rtnl_bridge_event ev;
	unsigned int n_events = 0, n_lost = 0, n_turns = 0;
	const int small = 1;
	int rc;

	(void)state;
	assert_int_equal(rtnl_bridge_watch_open(&w), 0);
	assert_int_equal(setsockopt(rtnl_bridge_watch_fd(w), SOL_SOCKET,
				    SO_RCVBUF, &small, sizeof(small)),
			 0);
	put_many(500);
	while ((rc = rtnl_bridge_watch_next(w, &ev)) != 0 && n_turns++ < 1000) {
		assert_true(rc == 1 || rc == -ENOBUFS);
		n_events += rc == 1;
		n_lost += rc == -ENOBUFS;
	}
	assert_int_equal(rc, 0);
	assert_true(n_events < 500);
	assert_int_equal(n_lost, 1);
	assert_int_equal(rtnl_fdb_put(r, port, &mac_1, RTNL_FDB_STATIC), 0);
	assert_true(next_is(w, RTNL_BRIDGE_FDB, &ev));
	assert_true(mac_equal(&ev.fdb.mac, &mac_1));
	rtnl_bridge_watch_close(w);
}

/* Root of another process says that a port has gone: nobody believes it. */
static void test_forged_event(void **state)
{
	struct sockaddr_nl to = { .nl_family = AF_NETLINK };
	socklen_t size = sizeof(to);
	struct rtnl_bridge_watch *w = NULL;
	struct rtnl_bridge_event ev;
	struct ifinfomsg *ifi;
	int fd;

	(void)state;
	assert_int_equal(rtnl_bridge_watch_open(&w), 0);
	assert_int_equal(getsockname(rtnl_bridge_watch_fd(w),
				     (struct sockaddr *)&to, &size),
			 0);
	to.nl_groups = 0;
	memset(room, 0, sizeof(room));
	ifi = nl_begin(&b, room, sizeof(room), RTM_DELLINK, sizeof(*ifi));
	ifi->ifi_family = AF_BRIDGE;
	ifi->ifi_index = (int)port;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	assert_true(fd >= 0);
	assert_true(sendto(fd, room, b.nlh->nlmsg_len, 0,
			   (struct sockaddr *)&to, sizeof(to)) > 0);
	assert_int_equal(rtnl_bridge_watch_next(w, &ev), 0);
	close(fd);
	rtnl_bridge_watch_close(w);
}

#define KERNEL_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest pure[] = {
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_entries_of_no_bridge),
		cmocka_unit_test(test_links_that_go),
	};
	const struct CMUnitTest kernel[] = {
		KERNEL_TEST(test_bridge),
		KERNEL_TEST(test_ports),
		KERNEL_TEST(test_forwarding_entries),
		KERNEL_TEST(test_more_than_one_datagram),
		KERNEL_TEST(test_events),
		KERNEL_TEST(test_events_that_are_lost),
		KERNEL_TEST(test_forged_event),
	};
	const int failed = cmocka_run_group_tests(pure, NULL, NULL);

	if (!enter_own_netns(0))
		return failed ? failed : SKIP;
	return failed + cmocka_run_group_tests(kernel, NULL, NULL);
}
