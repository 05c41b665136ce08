/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLEEVE_HOSTS_H
#define SLEEVE_HOSTS_H

/*
 * Two sleeves on the running kernel, each in a network namespace of the
 * test's own, with a veth as underlay. Frames go in and come out by packet
 * sockets on the TAPs, super-frames included. Needs root.
 */

#include "sleeve/sleeve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#include "sleeve/inner.h"
#include "sys/addr.h"
#include "sys/clock.h"
#include "sys/error.h"
#include "sys/netns.h"
#include "sys/rtnl.h"
#include "sys/tap.h"

#define SKIP 77 /* of the test driver */
#define PATIENCE_MS 20000
#define SHORT_MS 200 /* for what must not come */
#define VNI_A 5
#define VNI_B 6
#define VNI_SPARE 9
#ifndef TAP_MTU
#define TAP_MTU 1400
#define LINK_MTU 1500
#endif
#define MAX_PAYLOAD (LINK_MTU - 28)
#define LEAD (SLEEVE_HEADER_SIZE + SLEEVE_FRAME_SIZE)

static int ns[2] = { -1, -1 };
static struct rtnl *links[2];
static struct sleeve *sleeves[2];
static struct sleeve_peer peers[2]; /* [0]: what host 0 knows of host 1 */
static int taps[2][2];		    /* packet sockets: host, network */

static const struct mac mac_of[2] = { { { 2, 0, 0, 0, 0, 1 } },
				      { { 2, 0, 0, 0, 0, 2 } } };

static inline struct ip underlay(int host, bool is_v6)
{
	uint8_t v6[16] = { 0x20, 0x01, 0x0d, 0xb8 };
	const uint8_t v4[4] = { 192, 0, 2, (uint8_t)(host + 1) };

	v6[15] = (uint8_t)(host + 1);
	return is_v6 ? ip_from_v6(v6) : ip_from_v4(v4);
}

static inline uint32_t index_of(int host, const char *ifname)
{
	struct rtnl_link link;

	assert_int_equal(rtnl_link_by_name(links[host], ifname, &link), 0);
	return link.ifindex;
}

static inline void set_up(int host, const char *ifname)
{
	assert_int_equal(
		rtnl_link_set_up(links[host], index_of(host, ifname), true), 0);
}

static inline int start_sleeve(void *arg)
{
	const int host = *(int *)arg;
	const struct sleeve_config config = { .port = SLEEVE_DEFAULT_PORT };
	struct error e = { 0 };
	int r = sleeve_new(&config, &sleeves[host], &e);

	if (r == 0)
		r = sleeve_add_network(sleeves[host], VNI_A, "tap5", TAP_MTU);
	if (r == 0)
		r = sleeve_add_network(sleeves[host], VNI_B, "tap6", TAP_MTU);
	return r;
}

/* A socket that sees each frame of @ifname with its tap_header. */
static inline int packet_socket(int host, const char *ifname)
{
	const struct sockaddr_ll sa = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)index_of(host, ifname),
	};
	const int one = 1, size = 8 << 20;
	const int fd = netns_socket(ns[host], AF_PACKET,
				    SOCK_RAW | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one,
				    sizeof(one)),
			 0);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one,
				    sizeof(one)),
			 0);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING,
				    &one, sizeof(one)),
			 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size,
				    sizeof(size)),
			 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

/* Both hosts as peers of each other, as host @host sees it. */
static struct sleeve_table *make_table(int host)
{
	struct sleeve_table *t = sleeve_table_new(3);
	const peer_id_t id = peers[host].id;

	assert_non_null(t);
	assert_true(sleeve_table_add_peer(t, &peers[host]));
	assert_true(sleeve_table_add_mac(t, VNI_A, &mac_of[1 - host], id));
	assert_true(sleeve_table_add_mac(t, VNI_B, &mac_of[1 - host], id));
	assert_true(sleeve_table_add_flood(t, VNI_A, false, id));
	assert_true(sleeve_table_add_flood(t, VNI_B, false, id));
	return t;
}

static inline void reset_peer(int host, bool is_v6)
{
	peers[host] = (struct sleeve_peer){
		.id = (peer_id_t)(2 - host),
		.endpoint = { .ip = underlay(1 - host, is_v6),
			      .port = SLEEVE_DEFAULT_PORT },
		.tx_token = 1000 + (uint64_t)host,
		.rx_token = 1000 + (uint64_t)(1 - host),
		.max_datagram = is_v6 ? MAX_PAYLOAD - 20 : MAX_PAYLOAD,
		.link_mtu = LINK_MTU,
		.may_send = true,
	};
}

static inline void publish(int host)
{
	sleeve_publish(sleeves[host], make_table(host));
}

static inline int add_and_remove(void *arg)
{
	struct sleeve *s = sleeves[*(int *)arg];
	const int r = sleeve_add_network(s, VNI_SPARE, "tap9", TAP_MTU);

	return r ? r : sleeve_remove_network(s, VNI_SPARE) ? 0 : -ENOENT;
}

/* Until the thread goes by the table: what it is told it does after that. */
static inline void wait_taken(int host)
{
	assert_int_equal(netns_run(ns[host], add_and_remove, &host), 0);
}

static inline void publish_now(int host)
{
	publish(host);
	wait_taken(host);
}

static inline int new_namespace(void)
{
	int home, fd;

	if (netns_open_self(&home) || unshare(CLONE_NEWNET) ||
	    netns_open_self(&fd) || setns(home, CLONE_NEWNET))
		return -1;
	close(home);
	return fd;
}

static inline void make_underlay(void)
{
	const struct rtnl_veth veth = { .ifname = "u",
					.peer_ifname = "u",
					.peer_netns_fd = ns[1],
					.mtu = LINK_MTU };
	int host;

	assert_int_equal(rtnl_veth_create(links[0], &veth), 0);
	for (host = 0; host < 2; host++) {
		const uint32_t i = index_of(host, "u");
		const struct ip v4 = underlay(host, false);
		const struct ip v6 = underlay(host, true);

		assert_int_equal(rtnl_addr_add(links[host], i, &v4, 24, true),
				 0);
		assert_int_equal(rtnl_addr_add(links[host], i, &v6, 64, true),
				 0);
		set_up(host, "u");
	}
}

static inline int setup(void **state)
{
	int host;

	(void)state;
	for (host = 0; host < 2; host++) {
		ns[host] = new_namespace();
		assert_true(ns[host] >= 0);
		assert_int_equal(rtnl_open_at(ns[host], &links[host]), 0);
	}
	make_underlay();
	for (host = 0; host < 2; host++) {
		int arg = host;

		assert_int_equal(netns_run(ns[host], start_sleeve, &arg), 0);
		assert_int_equal(sleeve_port(sleeves[host]),
				 SLEEVE_DEFAULT_PORT);
		set_up(host, "tap5");
		set_up(host, "tap6");
		taps[host][0] = packet_socket(host, "tap5");
		taps[host][1] = packet_socket(host, "tap6");
	}
	return 0;
}

static inline int teardown(void **state)
{
	int host, i;

	(void)state;
	for (host = 0; host < 2; host++) {
		sleeve_free(sleeves[host]);
		for (i = 0; i < 2; i++)
			close(taps[host][i]);
		rtnl_close(links[host]);
		close(ns[host]);
	}
	return 0;
}

/* Before each test: nothing waits, peers are as they were. */
static inline int calm(void **state)
{
	static struct sleeve_event e;
	char buf[64];
	int host, i;

	(void)state;
	for (host = 0; host < 2; host++) {
		reset_peer(host, false);
		publish_now(host);
	}
	usleep(20000);
	for (host = 0; host < 2; host++) {
		while (sleeve_next_event(sleeves[host], &e))
			continue;
		for (i = 0; i < 2; i++) {
			while (recv(taps[host][i], buf, sizeof(buf), 0) >= 0)
				continue;
		}
	}
	return 0;
}

static inline uint64_t count(int host, enum sleeve_counter c)
{
	uint64_t n[SLEEVE_N_COUNTERS];

	sleeve_counters(sleeves[host], n);
	return n[c];
}

/* Counters show a turn later. */
static inline void wait_count(int host, enum sleeve_counter c,
			      uint64_t at_least)
{
	int i;

	for (i = 0; i < PATIENCE_MS && count(host, c) < at_least; i++)
		usleep(1000);
	if (count(host, c) < at_least)
		fail_msg("%s: %llu, not %llu", sleeve_counter_name(c),
			 (unsigned long long)count(host, c),
			 (unsigned long long)at_least);
}

static inline bool next_event(int host, struct sleeve_event *ret,
			      int timeout_ms)
{
	struct pollfd p = { .fd = sleeve_fd(sleeves[host]), .events = POLLIN };

	while (!sleeve_next_event(sleeves[host], ret)) {
		if (poll(&p, 1, timeout_ms) <= 0)
			return false;
	}
	return true;
}

struct packet {
	struct tap_header h;
	uint8_t data[70000];
	size_t size;
};

static inline void send_packet(int host, int net, const struct packet *p)
{
	const struct iovec iov[2] = {
		{ .iov_base = (void *)(uintptr_t)&p->h,
		  .iov_len = sizeof(p->h) },
		{ .iov_base = (void *)(uintptr_t)p->data, .iov_len = p->size },
	};

	assert_int_equal(writev(taps[host][net], iov, 2),
			 sizeof(p->h) + p->size);
}

/* The kernel takes the outer tag out of the frame and puts it beside. */
static inline void put_tag_back(struct packet *p, struct msghdr *h)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(h);
	struct tpacket_auxdata aux;

	if (!c) {
		fail_msg("a packet without auxiliary data");
		abort();
	}
	assert_true(c->cmsg_level == SOL_PACKET &&
		    c->cmsg_type == PACKET_AUXDATA);
	memcpy(&aux, CMSG_DATA(c), sizeof(aux));
	if (!(aux.tp_status & TP_STATUS_VLAN_VALID))
		return;
	memmove(p->data + 16, p->data + 12, p->size - 12);
	inner_put16(p->data + 12, aux.tp_vlan_tpid);
	inner_put16(p->data + 14, aux.tp_vlan_tci);
	p->size += 4;
	if (p->h.flags & TAP_NEEDS_CSUM)
		p->h.csum_start = (uint16_t)(p->h.csum_start + 4);
}

/* What the kernel itself says on a TAP is not ours. */
static inline bool receive_packet(int host, int net, struct packet *ret,
				  int timeout_ms)
{
	struct pollfd f = { .fd = taps[host][net], .events = POLLIN };
	char control[128] __attribute__((aligned(8)));
	struct iovec iov[2] = {
		{ .iov_base = &ret->h, .iov_len = sizeof(ret->h) },
		{ .iov_base = ret->data, .iov_len = sizeof(ret->data) },
	};
	struct msghdr h = { .msg_iov = iov,
			    .msg_iovlen = 2,
			    .msg_control = control };

	while (poll(&f, 1, timeout_ms) > 0) {
		ssize_t n;

		h.msg_controllen = sizeof(control);
		n = recvmsg(f.fd, &h, 0);
		assert_true(n > (ssize_t)sizeof(ret->h));
		ret->size = (size_t)n - sizeof(ret->h);
		put_tag_back(ret, &h);
		if (ret->size >= 14 && !memcmp(ret->data + 6, mac_of[0].b, 5))
			return true;
	}
	return false;
}

static inline void fill_ethernet(struct packet *p, const uint8_t *dst, int from,
				 uint16_t type)
{
	memcpy(p->data, dst, 6);
	memcpy(p->data + 6, mac_of[from].b, 6);
	inner_put16(p->data + 12, type);
}

static inline struct packet *random_frame(size_t size)
{
	static struct packet p;
	static const uint16_t types[] = { 0x88b5, 0x8100, 0x0800,
					  0x86dd, 0x0806, 0x0100 };
	size_t i;

	memset(&p.h, 0, sizeof(p.h));
	p.size = size;
	for (i = 0; i < size; i++)
		p.data[i] = (uint8_t)rand();
	fill_ethernet(&p, mac_of[1].b, 0, types[rand() % 6]);
	return &p;
}

static inline void check_passes(const struct packet *sent)
{
	static struct packet got;

	send_packet(0, 0, sent);
	assert_true(receive_packet(1, 0, &got, PATIENCE_MS));
	assert_int_equal(got.size, sent->size);
	assert_memory_equal(got.data, sent->data, sent->size);
}

static inline void fill_ip(struct packet *p, bool is_v6, bool is_udp,
			   size_t l4_size)
{
	uint8_t *ip = p->data + 14;

	if (is_v6) {
		memset(ip, 0, 40);
		ip[0] = 0x60;
		inner_put16(ip + 4, (uint16_t)l4_size);
		ip[6] = is_udp ? 17 : 6;
		ip[7] = 64;
		ip[8] = ip[24] = 0xfd;
		ip[23] = 1;
		ip[39] = 2;
		return;
	}
	memset(ip, 0, 20);
	ip[0] = 0x45;
	inner_put16(ip + 4, (uint16_t)rand());
	inner_put16(ip + 6, 0x4000);
	ip[8] = 64;
	ip[9] = is_udp ? 17 : 6;
	inner_put32(ip + 12, 0x0a200001);
	inner_put32(ip + 16, 0x0a200002);
	inner_set_v4_length(ip, (uint16_t)(20 + l4_size));
}

static inline void fill_sum(struct packet *p, bool is_v6, bool is_udp,
			    size_t l4_size)
{
	const uint8_t *ip = p->data + 14;
	const uint16_t l4 = is_v6 ? 54 : 34;
	const uint16_t offset = is_udp ? 6 : 16;
	const uint16_t addresses = is_v6 ? inner_sum(ip + 8, 32)
					 : inner_sum(ip + 12, 8);

	inner_put16(p->data + l4 + offset,
		    inner_fold((uint64_t)addresses + (is_udp ? 17U : 6U) +
			       l4_size));
	p->h.flags = TAP_NEEDS_CSUM;
	p->h.csum_start = l4;
	p->h.csum_offset = offset;
}

static inline struct packet *super_frame(bool is_v6, bool is_udp,
					 size_t n_payload, uint16_t unit)
{
	static struct packet p;
	const size_t l4 = is_v6 ? 54 : 34, header = is_udp ? 8 : 32;
	size_t i;

	memset(&p, 0, sizeof(p));
	fill_ethernet(&p, mac_of[1].b, 0, is_v6 ? 0x86dd : 0x0800);
	fill_ip(&p, is_v6, is_udp, header + n_payload);
	inner_put16(p.data + l4, 4000);
	inner_put16(p.data + l4 + 2, 5000);
	if (is_udp) {
		inner_put16(p.data + l4 + 4, (uint16_t)(8 + n_payload));
	} else {
		inner_put32(p.data + l4 + 4, (uint32_t)rand());
		p.data[l4 + 12] = 0x80;
		p.data[l4 + 13] = 0x18;
		inner_put16(p.data + l4 + 14, 500);
		memset(p.data + l4 + 20, 1, 12);
	}
	for (i = 0; i < n_payload; i++)
		p.data[l4 + header + i] = (uint8_t)rand();
	p.size = l4 + header + n_payload;
	fill_sum(&p, is_v6, is_udp, header + n_payload);
	p.h.gso_size = unit;
	p.h.hdr_len = (uint16_t)(l4 + header);
	p.h.gso_type = is_udp  ? TAP_GSO_UDP
		       : is_v6 ? TAP_GSO_TCP6
			       : TAP_GSO_TCP4;
	return &p;
}

static inline void check_super(bool is_v6, bool is_udp, size_t n_payload,
			       uint16_t unit)
{
	const struct packet *sent = super_frame(is_v6, is_udp, n_payload, unit);
	static struct packet got;

	send_packet(0, 0, sent);
	assert_true(receive_packet(1, 0, &got, PATIENCE_MS));
	assert_int_equal(got.size, sent->size);
	assert_memory_equal(got.data, sent->data, sent->size);
	assert_int_equal(got.h.gso_type, sent->h.gso_type);
	assert_int_equal(got.h.gso_size, sent->h.gso_size);
	assert_int_equal(got.h.csum_start, sent->h.csum_start);
}

/* One frame of @vni to host 0, as a peer sends it; returns its size. */
static inline size_t data_datagram(uint8_t *p, uint64_t token, uint64_t seq,
				   vni_t vni)
{
	const struct sleeve_header h = { .type = SLEEVE_DATA,
					 .token = token,
					 .seq = seq };
	const struct sleeve_frame f = { .vni = vni, .size = 60 };

	sleeve_put_header(&h, p);
	sleeve_put_frame(&f, p + SLEEVE_HEADER_SIZE);
	memset(p + LEAD, 0, 60);
	memcpy(p + LEAD, mac_of[0].b, 6);
	memcpy(p + LEAD + 6, mac_of[1].b, 6);
	inner_put16(p + LEAD + 12, 0x88b5);
	return LEAD + 60;
}

/* Runs them in such a world; @tests is an array. */
#define RUN_BETWEEN_HOSTS(tests)                                           \
	(can_make_hosts() ? cmocka_run_group_tests(tests, setup, teardown) \
			  : SKIP)

static inline bool can_make_hosts(void)
{
	const int fd = new_namespace();

	if (fd < 0 || access("/dev/net/tun", R_OK | W_OK)) {
		printf("needs root, and /dev/net/tun\n");
		return false;
	}
	close(fd);
	return true;
}

#endif
