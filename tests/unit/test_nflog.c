/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Packets that rules hand over, and tables that go with their socket: damaged
 * messages; and all of it against the running kernel, in a namespace of the
 * test's own.
 */

#include "sys/nflog.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "nl_hostile.h"
#include "own_netns.h"
#include "sys/nft.h"

#define GROUP 6784
#define PORT 7777

static uint32_t room[256];

static struct nlmsghdr *message(uint16_t type, const void *packet, size_t size)
{
	struct nl_builder b;

	memset(room, 0, sizeof(room));
	assert_non_null(nl_begin(&b, room, sizeof(room),
				 (uint16_t)(NFNL_SUBSYS_ULOG << 8 | type),
				 sizeof(struct nfgenmsg)));
	nl_put_u32(&b, NFULA_MARK, 5);
	if (packet)
		nl_put(&b, NFULA_PAYLOAD, packet, size);
	nl_put_u32(&b, NFULA_IFINDEX_INDEV, 1);
	assert_int_equal(b.error, 0);
	return b.nlh;
}

/* All of what is said to be the packet can be read. */
static void read_packet(const struct nlmsghdr *nlh, void *arg)
{
	size_t i, size = 0;
	const uint8_t *p = nflog_packet(nlh, &size);
	volatile uint8_t *last = arg;

	for (i = 0; p && i < size; i++)
		*last = p[i];
}

static void test_messages(void **state)
{
	static const uint8_t packet[] = "fourteen bytes";
	const struct nlmsghdr *nlh = message(NFULNL_MSG_PACKET, packet, 14);
	const uint8_t *got;
	uint8_t last = 0;
	size_t size = 0;

	(void)state;
	got = nflog_packet(nlh, &size);
	assert_non_null(got);
	assert_int_equal(size, 14);
	assert_memory_equal(got, packet, 14);
	nl_read_cut(nlh, read_packet, &last);
	nl_read_changed(nlh, read_packet, &last);
	assert_null(nflog_packet(message(NFULNL_MSG_PACKET, NULL, 0), &size));
	assert_null(
		nflog_packet(message(NFULNL_MSG_CONFIG, packet, 14), &size));
}

/* Against the kernel */

#define TO_PORT                                              \
	{ .type = NFT_STEP_META, .what = NFT_META_L4PROTO }, \
		{ .type = NFT_STEP_EQUAL,                    \
		  .size = 1,                                 \
		  .data = { IPPROTO_UDP } },                 \
		{ .type = NFT_STEP_PAYLOAD,                  \
		  .what = NFT_PAYLOAD_TRANSPORT_HEADER,      \
		  .offset = 2,                               \
		  .size = 2 },                               \
	{                                                    \
		.type = NFT_STEP_EQUAL, .size = 2, .data = { \
			PORT >> 8,                           \
			PORT & 255                           \
		}                                            \
	}

/* One a second is logged, all are dropped but those of IPv6 fragments. */
static struct nft *guard(void)
{
	static const struct nft_step logged[] = {
		TO_PORT,
		{ .type = NFT_STEP_LIMIT, .what = 1 },
		{ .type = NFT_STEP_LOG, .what = GROUP },
		{ .type = NFT_STEP_END },
	};
	static const struct nft_step whole[] = {
		TO_PORT,
		{ .type = NFT_STEP_HAS_HEADER, .what = IPPROTO_FRAGMENT },
		{ .type = NFT_STEP_EQUAL, .size = 1, .data = { 1 } },
		{ .type = NFT_STEP_ACCEPT },
		{ .type = NFT_STEP_END },
	};
	static const struct nft_step dropped[] = {
		TO_PORT,
		{ .type = NFT_STEP_DROP },
		{ .type = NFT_STEP_END },
	};
	struct nft *n = NULL;

	assert_int_equal(nft_open_inet("fastdp-unit", &n), 0);
	nft_begin(n);
	nft_add_table(n, "mark");
	nft_add_chain(n, "input", NF_INET_LOCAL_IN);
	nft_add_rule(n, "input", logged);
	nft_add_rule(n, "input", whole);
	nft_add_rule(n, "input", dropped);
	assert_int_equal(nft_commit(n), 0);
	return n;
}

static struct sockaddr_in target(void)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons(PORT),
				     .sin_addr.s_addr =
					     htonl(INADDR_LOOPBACK) };
}

static int receiver(void)
{
	const struct sockaddr_in to = target();
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static void send_to(int fd, const void *data, size_t size)
{
	const struct sockaddr_in to = target();

	assert_int_equal(sendto(fd, data, size, 0, (const struct sockaddr *)&to,
				sizeof(to)),
			 size);
}

static bool is_readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

static void test_hand_over(void **state)
{
	static uint8_t long_one[600] = "first";
	struct nflog *log = NULL, *other = NULL;
	const uint8_t *packet = NULL;
	struct nft *n = guard();
	size_t size = 0;
	int fd = receiver();

	(void)state;
	assert_int_equal(nflog_open(GROUP, &log), 0);
	assert_int_equal(nflog_open(GROUP, &other), -EPERM);
	assert_null(other);
	assert_int_equal(nflog_next(log, &packet, &size), 0);
	send_to(fd, long_one, sizeof(long_one));
	send_to(fd, "second", 6); /* more than the limit: dropped unheard */
	assert_true(is_readable(nflog_fd(log), 5000));
	assert_int_equal(nflog_next(log, &packet, &size), 1);
	assert_int_equal(size, NFLOG_SNAP_SIZE);
	assert_int_equal(packet[0], 0x45);
	assert_memory_equal(packet + 28, "first", 5);
	assert_int_equal(nflog_next(log, &packet, &size), 0);
	assert_false(is_readable(fd, 0));
	nflog_close(log);
	nflog_close(NULL);
	/* The group is free again. */
	assert_int_equal(nflog_open(GROUP, &log), 0);
	nflog_close(log);
	nft_close(n);
	close(fd);
}

/* Nobody else's while it is there, and gone with its socket. */
static void test_owned(void **state)
{
	struct nft *n = guard(), *other = NULL;
	int fd = receiver();

	(void)state;
	assert_int_equal(nft_open_inet("fastdp-unit", &other), 0);
	nft_begin(other);
	nft_delete_table(other);
	assert_int_equal(nft_commit(other), -EPERM);
	send_to(fd, "dropped", 7);
	assert_false(is_readable(fd, 0));
	nft_close(n);
	send_to(fd, "seen", 4);
	assert_true(is_readable(fd, 5000));
	nft_begin(other);
	nft_add_table(other, "mark");
	assert_int_equal(nft_commit(other), 0);
	nft_close(other);
	close(fd);
}

static int alone(void **state)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd, error;

	(void)state;
	if (unshare(CLONE_NEWNET))
		return -1;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	error = ioctl(fd, SIOCSIFFLAGS, &lo);
	close(fd);
	return error;
}

int main(void)
{
	const struct CMUnitTest pure[] = {
		cmocka_unit_test(test_messages),
	};
	const struct CMUnitTest kernel[] = {
		cmocka_unit_test_setup(test_hand_over, alone),
		cmocka_unit_test_setup(test_owned, alone),
	};
	const int failed = cmocka_run_group_tests(pure, NULL, NULL);

	if (!enter_own_netns(0))
		return failed ? failed : SKIP;
	return failed + cmocka_run_group_tests(kernel, NULL, NULL);
}
