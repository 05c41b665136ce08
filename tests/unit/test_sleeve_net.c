/* SPDX-License-Identifier: Apache-2.0 */

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
#define PATIENCE_MS 3000
#define SHORT_MS 200 /* for what must not come */
#define VNI_A 5
#define VNI_B 6
#define TAP_MTU 1400
#define LINK_MTU 1500
#define MAX_PAYLOAD (LINK_MTU - 28)
#define LEAD (SLEEVE_HEADER_SIZE + SLEEVE_FRAME_SIZE)

static int ns[2] = { -1, -1 };
static struct rtnl *links[2];
static struct sleeve *sleeves[2];
static struct sleeve_peer peers[2]; /* [0]: what host 0 knows of host 1 */
static int taps[2][2];		    /* packet sockets: host, network */

static const struct mac mac_of[2] = { { { 2, 0, 0, 0, 0, 1 } },
				      { { 2, 0, 0, 0, 0, 2 } } };

static struct ip underlay(int host, bool is_v6)
{
	uint8_t v6[16] = { 0x20, 0x01, 0x0d, 0xb8 };
	const uint8_t v4[4] = { 192, 0, 2, (uint8_t)(host + 1) };

	v6[15] = (uint8_t)(host + 1);
	return is_v6 ? ip_from_v6(v6) : ip_from_v4(v4);
}

static uint32_t index_of(int host, const char *ifname)
{
	struct rtnl_link link;

	assert_int_equal(rtnl_link_by_name(links[host], ifname, &link), 0);
	return link.ifindex;
}

static void set_up(int host, const char *ifname)
{
	assert_int_equal(
		rtnl_link_set_up(links[host], index_of(host, ifname), true), 0);
}

static int start_sleeve(void *arg)
{
	const int host = *(int *)arg;
	const struct sleeve_config config = { .port = SLEEVE_DEFAULT_PORT,
					      .seed = 7 };
	struct error e = { 0 };
	int r = sleeve_new(&config, &sleeves[host], &e);

	if (r == 0)
		r = sleeve_add_network(sleeves[host], VNI_A, "tap5", TAP_MTU);
	if (r == 0)
		r = sleeve_add_network(sleeves[host], VNI_B, "tap6", TAP_MTU);
	return r;
}

/* A socket that sees each frame of @ifname with its tap_header. */
static int packet_socket(int host, const char *ifname)
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

static void reset_peer(int host, bool is_v6)
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

static void publish(int host)
{
	sleeve_publish(sleeves[host], make_table(host));
}

static int new_namespace(void)
{
	int home, fd;

	if (netns_open_self(&home) || unshare(CLONE_NEWNET) ||
	    netns_open_self(&fd) || setns(home, CLONE_NEWNET))
		return -1;
	close(home);
	return fd;
}

static void make_underlay(void)
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

static int setup(void **state)
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

static int teardown(void **state)
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
static int calm(void **state)
{
	static struct sleeve_event e;
	char buf[64];
	int host, i;

	(void)state;
	for (host = 0; host < 2; host++) {
		reset_peer(host, false);
		publish(host);
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

static uint64_t count(int host, enum sleeve_counter c)
{
	uint64_t n[SLEEVE_N_COUNTERS];

	sleeve_counters(sleeves[host], n);
	return n[c];
}

/* Counters show a turn later. */
static void wait_count(int host, enum sleeve_counter c, uint64_t at_least)
{
	int i;

	for (i = 0; i < PATIENCE_MS && count(host, c) < at_least; i++)
		usleep(1000);
	if (count(host, c) < at_least)
		fail_msg("%s: %llu, not %llu", sleeve_counter_name(c),
			 (unsigned long long)count(host, c),
			 (unsigned long long)at_least);
}

static bool next_event(int host, struct sleeve_event *ret, int timeout_ms)
{
	struct pollfd p = { .fd = sleeve_fd(sleeves[host]), .events = POLLIN };

	while (!sleeve_next_event(sleeves[host], ret)) {
		if (poll(&p, 1, timeout_ms) <= 0)
			return false;
	}
	return true;
}

/* Frames */

struct packet {
	struct tap_header h;
	uint8_t data[70000];
	size_t size;
};

static void send_packet(int host, int net, const struct packet *p)
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
static void put_tag_back(struct packet *p, struct msghdr *h)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(h);
	struct tpacket_auxdata aux;

	assert_true(c && c->cmsg_level == SOL_PACKET &&
		    c->cmsg_type == PACKET_AUXDATA);
	memcpy(&aux, CMSG_DATA(c), sizeof(aux));
	if (!(aux.tp_status & TP_STATUS_VLAN_VALID))
		return;
	memmove(p->data + 16, p->data + 12, p->size - 12);
	inner_put16(p->data + 12, aux.tp_vlan_tpid);
	inner_put16(p->data + 14, aux.tp_vlan_tci);
	p->size += 4;
}

/* What the kernel itself says on a TAP is not ours. */
static bool receive_packet(int host, int net, struct packet *ret,
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

static void fill_ethernet(struct packet *p, const uint8_t *dst, int from,
			  uint16_t type)
{
	memcpy(p->data, dst, 6);
	memcpy(p->data + 6, mac_of[from].b, 6);
	inner_put16(p->data + 12, type);
}

static struct packet *random_frame(size_t size)
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

static void check_passes(const struct packet *sent)
{
	static struct packet got;

	send_packet(0, 0, sent);
	assert_true(receive_packet(1, 0, &got, PATIENCE_MS));
	assert_int_equal(got.size, sent->size);
	assert_memory_equal(got.data, sent->data, sent->size);
}

static void test_frames(void **state)
{
	int i;

	(void)state;
	srand(3);
	for (i = 0; i < 500; i++)
		check_passes(random_frame(14 + (size_t)rand() % 1401));
	check_passes(random_frame(14));
	check_passes(random_frame(TAP_MTU + 14));
}

/* Many at once, so that they are packed; in order and none twice. */
static void test_packing(void **state)
{
	const uint64_t before = count(0, SLEEVE_TX_DATAGRAMS);
	static struct packet got;
	struct packet *p;
	uint32_t i;

	(void)state;
	for (i = 0; i < 400; i++) {
		p = random_frame(64 + i % 100);
		inner_put16(p->data + 12, 0x88b5);
		inner_put32(p->data + 14, i);
		send_packet(0, 0, p);
	}
	for (i = 0; i < 400; i++) {
		assert_true(receive_packet(1, 0, &got, PATIENCE_MS));
		assert_int_equal(got.size, 64 + i % 100);
		assert_int_equal(inner_get32(got.data + 14), i);
	}
	wait_count(0, SLEEVE_TX_DATAGRAMS, before + 1);
	assert_true(count(0, SLEEVE_TX_DATAGRAMS) - before <= 400);
}

static void test_where_frames_go(void **state)
{
	static const uint8_t group[6] = { 1, 0, 0x5e, 0, 0, 1 };
	static const uint8_t stranger[6] = { 2, 9, 9, 9, 9, 9 };
	const uint64_t unknown = count(0, SLEEVE_DROP_UNKNOWN_MAC);
	static struct packet got;
	struct packet *p = random_frame(100);

	(void)state;
	inner_put16(p->data + 12, 0x88b5);
	send_packet(0, 1, p); /* the other network */
	assert_true(receive_packet(1, 1, &got, PATIENCE_MS));
	assert_false(receive_packet(1, 0, &got, SHORT_MS));
	memcpy(p->data, group, 6);
	check_passes(p);
	memcpy(p->data, stranger, 6);
	send_packet(0, 0, p);
	wait_count(0, SLEEVE_DROP_UNKNOWN_MAC, unknown + 1);
	assert_false(receive_packet(1, 0, &got, SHORT_MS));
}

static void test_no_path(void **state)
{
	const uint64_t before = count(0, SLEEVE_DROP_NO_PATH);

	(void)state;
	peers[0].may_send = false;
	publish(0);
	usleep(20000);
	send_packet(0, 0, random_frame(100));
	wait_count(0, SLEEVE_DROP_NO_PATH, before + 1);
}

/* Super-frames: the whole way, through both TAPs. */

static void fill_ip(struct packet *p, bool is_v6, bool is_udp, size_t l4_size)
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

static void fill_sum(struct packet *p, bool is_v6, bool is_udp, size_t l4_size)
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

static struct packet *super_frame(bool is_v6, bool is_udp, size_t n_payload,
				  uint16_t unit)
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

static void check_super(bool is_v6, bool is_udp, size_t n_payload,
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

static void test_super_frames(void **state)
{
	struct sleeve_abilities a;
	int i;

	(void)state;
	sleeve_abilities(sleeves[0], &a);
	if (!a.has_tso || !a.has_udp_segment || !a.has_udp_gro) {
		print_message("no TSO or no UDP_SEGMENT: nothing to see\n");
		return;
	}
	srand(4);
	for (i = 0; i < 200; i++) {
		const uint16_t unit = (uint16_t)(600 + rand() % 700);
		const bool is_udp = a.has_uso && rand() % 2;
		/* In one send: with our headers, at most 64 KiB. */
		const uint32_t max = is_udp ? 40 : 64000 / (unit + 130U);

		check_super(rand() % 2, is_udp,
			    unit + 1U + (size_t)rand() % ((max - 1) * unit),
			    unit);
	}
}

/* Segments of one flow among frames of others, and in their order. */
static void test_mixture(void **state)
{
	static struct packet got;
	size_t n_bytes = 0;
	int i, n_small = 0;

	(void)state;
	srand(5);
	for (i = 0; i < 30; i++) {
		struct packet *p;

		send_packet(0, 0, super_frame(i % 2, false, 20000, 1200));
		p = random_frame(100);
		inner_put16(p->data + 12, 0x88b5);
		send_packet(0, 0, p);
	}
	while ((n_bytes < 30 * 20000 || n_small < 30) &&
	       receive_packet(1, 0, &got, PATIENCE_MS)) {
		if (inner_get16(got.data + 12) == 0x88b5)
			n_small++;
		else
			n_bytes += got.size -
				   (got.data[12] == 0x86 ? 54 + 32 : 34 + 32);
	}
	assert_int_equal(n_small, 30);
	assert_int_equal(n_bytes, 30 * 20000);
}

/* A stream through the kernel's own TCP. */
static int tcp_socket(int host)
{
	const uint32_t index = index_of(host, "tap5");
	const uint8_t v4[4] = { 10, 32, 0, (uint8_t)(host + 1) };
	const struct ip ip = ip_from_v4(v4);
	const struct mac m = mac_of[host];
	const int r = rtnl_addr_add(links[host], index, &ip, 24, true);
	const int fd = netns_socket(ns[host], AF_INET, SOCK_STREAM, 0);

	assert_true(r == 0 || r == -EEXIST);
	assert_int_equal(rtnl_link_set_mac(links[host], index, &m), 0);
	assert_true(fd >= 0);
	return fd;
}

static uint8_t pattern(size_t i)
{
	return (uint8_t)(i * 31 + i / 4096);
}

static size_t pump(int out, int in, size_t total, size_t *n_sent,
		   size_t n_received)
{
	static uint8_t buf[1 << 16];
	size_t i, n = total - *n_sent < sizeof(buf) ? total - *n_sent
						    : sizeof(buf);
	ssize_t r;

	for (i = 0; i < n; i++)
		buf[i] = pattern(*n_sent + i);
	r = send(out, buf, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (r > 0)
		*n_sent += (size_t)r;
	r = recv(in, buf, sizeof(buf), MSG_DONTWAIT);
	for (i = 0; r > 0 && i < (size_t)r; i++)
		assert_int_equal(buf[i], pattern(n_received + i));
	return r > 0 ? (size_t)r : 0;
}

static void test_tcp(void **state)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_port = htons(5201) };
	const int listener = tcp_socket(1), out = tcp_socket(0);
	const size_t total = 20 << 20;
	size_t n_sent = 0, n_received = 0;
	const usec_t end = clock_monotonic_us() + 30 * USEC_PER_SEC;
	int in;

	(void)state;
	sa.sin_addr.s_addr = htonl(0x0a200002);
	assert_int_equal(bind(listener, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(connect(out, (struct sockaddr *)&sa, sizeof(sa)), 0);
	in = accept(listener, NULL, NULL);
	assert_true(in >= 0);
	while (n_received < total && clock_monotonic_us() < end) {
		const size_t n = pump(out, in, total, &n_sent, n_received);

		n_received += n;
		/* Tables come and go meanwhile. */
		publish(0);
		publish(1);
	}
	assert_int_equal(n_received, total);
	close(in);
	close(out);
	close(listener);
}

/* A frame of @size that nobody may cut: it says that it is no IP of ours. */
static struct packet *solid_frame(size_t size)
{
	struct packet *p = random_frame(size);

	inner_put16(p->data + 12, 0x88b5);
	return p;
}

static void test_too_big(void **state)
{
	const uint64_t before = count(0, SLEEVE_DROP_TOO_BIG);
	struct packet *p = solid_frame(1200);
	static struct sleeve_event e;

	(void)state;
	peers[0].max_datagram = 1000;
	publish(0);
	usleep(20000);
	send_packet(0, 0, p);
	assert_true(next_event(0, &e, PATIENCE_MS));
	assert_int_equal(e.type, SLEEVE_EVENT_TOO_BIG);
	assert_int_equal(e.peer, peers[0].id);
	assert_int_equal(e.vni, VNI_A);
	assert_int_equal(e.size, 1200);
	assert_int_equal(e.max_size, 1000 - LEAD);
	assert_int_equal(e.n_data, 1200);
	assert_memory_equal(e.data, p->data, 1200);
	wait_count(0, SLEEVE_DROP_TOO_BIG, before + 1);
	/* To the byte. */
	check_passes(solid_frame(1000 - LEAD));
	send_packet(0, 0, solid_frame(1000 - LEAD + 1));
	assert_true(next_event(0, &e, PATIENCE_MS));
	assert_int_equal(e.size, 1000 - LEAD + 1);
}

static void check_stream_passes(const struct packet *sent, size_t max_segment)
{
	const uint32_t seq = inner_get32(sent->data + 38);
	const size_t n_payload = sent->size - 66;
	static struct packet got;
	size_t at = 0;

	send_packet(0, 0, sent);
	while (at < n_payload) {
		assert_true(receive_packet(1, 0, &got, PATIENCE_MS));
		assert_true(inner_get32(got.data + 38) == (uint32_t)(seq + at));
		assert_true(got.size > 66 && got.size - 66 <= n_payload - at);
		assert_memory_equal(got.data + 66, sent->data + 66 + at,
				    got.size - 66);
		assert_true((got.h.gso_type ? got.h.gso_size : got.size - 66) <=
			    max_segment);
		at += got.size - 66;
		assert_int_equal(got.data[34 + 13],
				 at == n_payload ? 0x18 : 0x10);
	}
}

/* 65 549 bytes. They go out by two sends, and may come in as two. */
static void test_longest(void **state)
{
	(void)state;
	check_stream_passes(super_frame(false, false, 65535 - 20 - 32, 1300),
			    1300);
}

/* TCP does not mind shorter segments, so nobody needs to be told. */
static void test_tcp_fits(void **state)
{
	struct packet *p;

	(void)state;
	peers[0].max_datagram = 1000;
	publish(0);
	usleep(20000);
	check_stream_passes(super_frame(false, false, 20000, 1300),
			    1000 - LEAD - 66);
	p = super_frame(false, false, 1300, 0); /* a single segment */
	p->h.gso_type = TAP_GSO_NONE;
	check_stream_passes(p, 1000 - LEAD - 66);
}

/* Heartbeats */

static void test_beats(void **state)
{
	const struct sleeve_beat beat = { .cookie = 77, .number = 5 };
	static struct sleeve_event e;

	(void)state;
	peers[1].wants_requests = true;
	publish(1);
	usleep(20000);
	assert_int_equal(sleeve_send_beat(sleeves[0], &peers[0], &beat, 100),
			 0);
	assert_true(next_event(0, &e, PATIENCE_MS));
	assert_int_equal(e.type, SLEEVE_EVENT_REPLY);
	assert_int_equal(e.peer, peers[0].id);
	assert_int_equal(e.beat.cookie, 77);
	assert_int_equal(e.beat.number, 5);
	assert_int_equal(e.beat.size, 100);
	assert_true(ip_equal(&e.endpoint.ip, &peers[0].endpoint.ip));
	assert_true(next_event(1, &e, PATIENCE_MS));
	assert_int_equal(e.type, SLEEVE_EVENT_REQUEST);
	assert_int_equal(e.beat.size, 100);
}

static void test_beats_probe_the_mtu(void **state)
{
	const struct sleeve_beat beat = { .number = 1 };
	const uint32_t u = index_of(0, "u");
	static struct sleeve_event e;

	(void)state;
	assert_int_equal(
		sleeve_send_beat(sleeves[0], &peers[0], &beat, MAX_PAYLOAD), 0);
	assert_true(next_event(0, &e, PATIENCE_MS));
	assert_int_equal(e.beat.size, MAX_PAYLOAD);
	/* We do not even ask the kernel. */
	assert_int_equal(sleeve_send_beat(sleeves[0], &peers[0], &beat,
					  MAX_PAYLOAD + 1),
			 -EMSGSIZE);
	/* And the kernel does not cut it into pieces. */
	assert_int_equal(rtnl_link_set_mtu(links[0], u, 1300), 0);
	assert_int_equal(sleeve_send_beat(sleeves[0], &peers[0], &beat,
					  MAX_PAYLOAD),
			 -EMSGSIZE);
	assert_int_equal(rtnl_link_set_mtu(links[0], u, LINK_MTU), 0);
	assert_int_equal(sleeve_send_beat(sleeves[0], &peers[0], &beat, 10),
			 -EINVAL);
}

/* The link has become narrower, and the owner does not know it yet. */
static void test_narrow_link(void **state)
{
	const uint32_t u = index_of(0, "u");
	static struct sleeve_event e;
	bool is_told = false;

	(void)state;
	assert_int_equal(rtnl_link_set_mtu(links[0], u, 1300), 0);
	send_packet(0, 0, super_frame(false, false, 6 * 1340, 1340));
	while (!is_told && next_event(0, &e, PATIENCE_MS))
		is_told = e.type == SLEEVE_EVENT_SEND_REFUSED &&
			  e.error == EMSGSIZE && e.peer == peers[0].id;
	assert_true(is_told);
	assert_int_equal(rtnl_link_set_mtu(links[0], u, LINK_MTU), 0);
	check_super(false, false, 60000, 1300);
}

static void test_unreachable(void **state)
{
	const struct sleeve_beat beat = { .number = 1 };
	struct sleeve_peer p;
	static struct sleeve_event e;
	bool is_told = false;
	int i;

	(void)state;
	p = peers[0];
	p.endpoint.port = 9; /* nobody there */
	for (i = 0; i < 20 && !is_told; i++) {
		(void)!sleeve_send_beat(sleeves[0], &p, &beat, 100);
		while (!is_told && next_event(0, &e, SHORT_MS))
			is_told = e.type == SLEEVE_EVENT_HINT_UNREACHABLE &&
				  e.error == ECONNREFUSED &&
				  e.endpoint.port == 9;
	}
	assert_true(is_told);
	/* And it spoils nothing for others. */
	check_passes(random_frame(500));
}

static void test_over_v6(void **state)
{
	const struct sleeve_beat beat = { .number = 9 };
	static struct sleeve_event e;

	(void)state;
	reset_peer(0, true);
	reset_peer(1, true);
	publish(0);
	publish(1);
	usleep(20000);
	assert_int_equal(sleeve_send_beat(sleeves[0], &peers[0], &beat,
					  MAX_PAYLOAD - 20),
			 0);
	assert_true(next_event(0, &e, PATIENCE_MS));
	assert_int_equal(e.type, SLEEVE_EVENT_REPLY);
	check_passes(random_frame(1000));
	check_super(true, false, 60000, 1300);
	assert_int_equal(sleeve_send_beat(sleeves[0], &peers[0], &beat,
					  MAX_PAYLOAD - 19),
			 -EMSGSIZE);
}

/* Strangers */

static int stranger_socket(void)
{
	const int fd = netns_socket(ns[1], AF_INET, SOCK_DGRAM, 0);
	const struct endpoint to = { .ip = underlay(0, false),
				     .port = SLEEVE_DEFAULT_PORT };
	struct sockaddr_storage sa;
	const socklen_t size = addr_to_sockaddr(&to, &sa);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, size), 0);
	return fd;
}

static size_t data_datagram(uint8_t *p, uint64_t token, uint64_t seq, vni_t vni)
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

static void test_moved(void **state)
{
	const uint64_t newest = UINT64_MAX - 5;
	const int fd = stranger_socket();
	static struct sleeve_event e;
	static struct packet got;
	uint8_t p[200];
	size_t size;

	(void)state;
	/* Another life of the peer, so that its numbers begin anew. */
	peers[0].rx_token = 4711;
	publish(0);
	usleep(20000);
	size = data_datagram(p, 4712, newest, VNI_A);
	assert_int_equal(send(fd, p, size, 0), size);
	assert_false(next_event(0, &e, SHORT_MS));
	size = data_datagram(p, 4711, newest, VNI_A);
	assert_int_equal(send(fd, p, size, 0), size);
	assert_true(next_event(0, &e, PATIENCE_MS));
	assert_int_equal(e.type, SLEEVE_EVENT_MOVED);
	assert_int_equal(e.peer, peers[0].id);
	assert_true(ip_equal(&e.endpoint.ip, &peers[0].endpoint.ip));
	assert_int_not_equal(e.endpoint.port, SLEEVE_DEFAULT_PORT);
	assert_true(receive_packet(0, 0, &got, PATIENCE_MS));
	/* Once is enough. */
	size = data_datagram(p, 4711, newest + 1, VNI_A);
	assert_int_equal(send(fd, p, size, 0), size);
	assert_false(next_event(0, &e, SHORT_MS));
	close(fd);
}

static void test_replay(void **state)
{
	const uint64_t seq = UINT64_MAX - 5000;
	const int fd = stranger_socket();
	const uint64_t before = count(0, SLEEVE_DROP_REPLAY);
	static struct packet got;
	uint8_t p[200];
	size_t size;
	int i, n = 0;

	(void)state;
	peers[0].rx_token = 4713;
	publish(0);
	usleep(20000);
	for (i = 0; i < 10; i++) {
		size = data_datagram(p, 4713, seq + (uint64_t)(i / 2), VNI_A);
		assert_int_equal(send(fd, p, size, 0), size);
	}
	size = data_datagram(p, 4713, seq - 4000, VNI_A); /* too old */
	assert_int_equal(send(fd, p, size, 0), size);
	wait_count(0, SLEEVE_DROP_REPLAY, before + 6);
	while (receive_packet(0, 0, &got, SHORT_MS))
		n++;
	assert_int_equal(n, 5);
	close(fd);
}

static void test_wrong_frames(void **state)
{
	const int fd = stranger_socket();
	const uint64_t vni = count(0, SLEEVE_DROP_VNI);
	const uint64_t spoofed = count(0, SLEEVE_DROP_SPOOFED);
	static struct packet got;
	uint8_t p[200];
	size_t size;

	(void)state;
	peers[0].rx_token = 4714;
	publish(0);
	usleep(20000);
	size = data_datagram(p, 4714, 1, 99);
	assert_int_equal(send(fd, p, size, 0), size);
	wait_count(0, SLEEVE_DROP_VNI, vni + 1);
	size = data_datagram(p, 4714, 2, VNI_A);
	p[LEAD + 6] |= 1;
	assert_int_equal(send(fd, p, size, 0), size);
	wait_count(0, SLEEVE_DROP_SPOOFED, spoofed + 1);
	assert_false(receive_packet(0, 0, &got, SHORT_MS));
	close(fd);
}

static void test_garbage(void **state)
{
	const int fd = stranger_socket();
	uint8_t p[1472];
	size_t size, k;
	int i;

	(void)state;
	srand(6);
	peers[0].rx_token = 4715;
	publish(0);
	usleep(20000);
	for (i = 0; i < 20000; i++) {
		size = data_datagram(p, 4715, (uint64_t)i + 1, VNI_A);
		for (k = size; k < sizeof(p); k++)
			p[k] = (uint8_t)rand();
		for (k = (size_t)rand() % 4; k > 0; k--)
			p[(size_t)rand() % 90] = (uint8_t)rand();
		size = (size_t)rand() % sizeof(p);
		(void)!send(fd, p, size, MSG_DONTWAIT);
	}
	close(fd);
	calm(NULL);
	assert_true(count(0, SLEEVE_DROP_MALFORMED) > 100);
	assert_true(count(0, SLEEVE_DROP_KERNEL) > 100);
	assert_true(count(0, SLEEVE_DROP_TOKEN) > 100);
	check_passes(random_frame(500));
}

/* Networks */

static int add_network(void *arg)
{
	return sleeve_add_network(sleeves[0], 7, arg, TAP_MTU);
}

static int start_second(void *arg)
{
	const struct sleeve_config config = { .port = SLEEVE_DEFAULT_PORT };
	struct sleeve *s;

	return sleeve_new(&config, &s, arg);
}

static void test_networks(void **state)
{
	char name[] = "tap7", other[] = "tap8";
	struct rtnl_link link;

	(void)state;
	assert_int_equal(netns_run(ns[0], add_network, name), 0);
	assert_int_equal(rtnl_link_by_name(links[0], "tap7", &link), 0);
	assert_int_equal(link.mtu, TAP_MTU);
	assert_int_equal(netns_run(ns[0], add_network, other), -EEXIST);
	assert_int_equal(rtnl_link_by_name(links[0], "tap8", &link), -ENODEV);
	assert_true(sleeve_remove_network(sleeves[0], 7));
	assert_int_equal(rtnl_link_by_name(links[0], "tap7", &link), -ENODEV);
	assert_false(sleeve_remove_network(sleeves[0], 7));
	/* Another network's device is not taken over. */
	strcpy(other, "tap6");
	assert_int_equal(netns_run(ns[0], add_network, other), -EEXIST);
	check_passes(random_frame(500));
}

/* Its device is deleted under it: nothing spins, others go on. */
static void test_lost_device(void **state)
{
	char name[] = "tap7";

	(void)state;
	assert_int_equal(netns_run(ns[0], add_network, name), 0);
	assert_int_equal(rtnl_link_delete(links[0], index_of(0, "tap7")), 0);
	check_passes(random_frame(500));
	assert_true(sleeve_remove_network(sleeves[0], 7));
	assert_int_equal(netns_run(ns[0], add_network, name), 0);
	assert_true(sleeve_remove_network(sleeves[0], 7));
}

static void test_port_taken(void **state)
{
	struct error e = { 0 };

	(void)state;
	assert_int_equal(netns_run(ns[0], start_second, &e), -EADDRINUSE);
	assert_string_equal(e.code, "in-use");
	assert_true(error_is_set(&e) && e.hint[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_frames, calm),
		cmocka_unit_test_setup(test_packing, calm),
		cmocka_unit_test_setup(test_where_frames_go, calm),
		cmocka_unit_test_setup(test_no_path, calm),
		cmocka_unit_test_setup(test_super_frames, calm),
		cmocka_unit_test_setup(test_longest, calm),
		cmocka_unit_test_setup(test_mixture, calm),
		cmocka_unit_test_setup(test_tcp, calm),
		cmocka_unit_test_setup(test_too_big, calm),
		cmocka_unit_test_setup(test_tcp_fits, calm),
		cmocka_unit_test_setup(test_beats, calm),
		cmocka_unit_test_setup(test_beats_probe_the_mtu, calm),
		cmocka_unit_test_setup(test_narrow_link, calm),
		cmocka_unit_test_setup(test_unreachable, calm),
		cmocka_unit_test_setup(test_over_v6, calm),
		cmocka_unit_test_setup(test_moved, calm),
		cmocka_unit_test_setup(test_replay, calm),
		cmocka_unit_test_setup(test_wrong_frames, calm),
		cmocka_unit_test_setup(test_garbage, calm),
		cmocka_unit_test_setup(test_networks, calm),
		cmocka_unit_test_setup(test_lost_device, calm),
		cmocka_unit_test_setup(test_port_taken, calm),
	};
	const int fd = new_namespace();

	if (fd < 0 || access("/dev/net/tun", R_OK | W_OK)) {
		printf("needs root, and /dev/net/tun\n");
		return SKIP;
	}
	close(fd);
	return cmocka_run_group_tests(tests, setup, teardown);
}
