/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Sleeve's memory: the forwarding table, the window of sequence numbers, and
 * the ring of events.
 */

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/frame.h"
#include "sleeve/fib.h"
#include "sleeve/inner.h"
#include "sleeve/ring.h"
#include "sleeve/sleeve.h"
#include "sleeve/worker.h"

static struct sleeve_peer make_peer(peer_id_t id)
{
	const uint8_t v4[4] = { 192, 0, 2, 1 };

	return (struct sleeve_peer){
		.id = id,
		.endpoint = { .ip = ip_from_v4(v4), .port = 6783 },
		.rx_token = id * 7,
		.max_datagram = 1400,
		.link_mtu = 1500,
		.may_send = true,
	};
}

static struct mac make_mac(uint32_t i)
{
	return (struct mac){ { 2, 0, (uint8_t)(i >> 24), (uint8_t)(i >> 16),
			       (uint8_t)(i >> 8), (uint8_t)i } };
}

static void test_peers(void **state)
{
	struct sleeve_table *t = sleeve_table_new(1);
	struct sleeve_peer p;
	peer_id_t id;

	(void)state;
	assert_non_null(t);
	for (id = 1; id <= MAX_PEERS; id++) {
		p = make_peer(id);
		assert_true(sleeve_table_add_peer(t, &p));
	}
	p = make_peer(MAX_PEERS + 1);
	assert_false(sleeve_table_add_peer(t, &p));
	/* What was refused is no want of memory. */
	assert_true(sleeve_table_is_whole(t));
	for (id = 1; id <= MAX_PEERS; id++) {
		assert_int_equal(fib_find_id(t, id), id - 1);
		assert_int_equal(fib_find_token(t, id * 7), id - 1);
	}
	assert_int_equal(fib_find_id(t, MAX_PEERS + 1), FIB_NONE);
	assert_int_equal(fib_find_token(t, 8), FIB_NONE);
	assert_int_equal(fib_find_token(t, 0), FIB_NONE);
	sleeve_table_free(t);
}

static void test_peers_refused(void **state)
{
	struct sleeve_table *t = sleeve_table_new(1);
	struct sleeve_peer p = make_peer(1);

	(void)state;
	assert_true(sleeve_table_add_peer(t, &p));
	assert_false(sleeve_table_add_peer(t, &p));
	p.id = 2; /* with the token of the first */
	assert_false(sleeve_table_add_peer(t, &p));
	p.rx_token = 0;
	assert_false(sleeve_table_add_peer(t, &p));
	p = make_peer(PEER_ID_NONE);
	p.rx_token = 5;
	assert_false(sleeve_table_add_peer(t, &p));
	assert_int_equal(t->n_peers, 1);
	sleeve_table_free(t);
}

/* Nothing is longer than path and link allow, whatever the owner says. */
static void test_sizes(void **state)
{
	static const struct {
		uint32_t max_datagram, link_mtu, expected;
	} cases[] = {
		{ 1400, 1500, 1400 }, { 9000, 1500, 1472 },
		{ 1472, 1400, 1372 }, { UINT32_MAX, UINT32_MAX, 65507 },
		{ 1400, 20, 0 },      { 0, 1500, 0 },
	};
	struct sleeve_table *t = sleeve_table_new(1);
	uint32_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sleeve_peer p = make_peer(i + 1);

		p.max_datagram = cases[i].max_datagram;
		p.link_mtu = cases[i].link_mtu;
		assert_true(sleeve_table_add_peer(t, &p));
		assert_int_equal(t->peers[i].max_size, cases[i].expected);
	}
	sleeve_table_free(t);
}

static void test_macs(void **state)
{
	struct sleeve_table *t = sleeve_table_new(99);
	const struct mac group = { { 1, 0, 0x5e, 0, 0, 1 } };
	struct sleeve_peer p = make_peer(1), q = make_peer(2);
	struct mac m;
	uint32_t i;

	(void)state;
	assert_true(sleeve_table_add_peer(t, &p));
	assert_true(sleeve_table_add_peer(t, &q));
	for (i = 0; i < 20000; i++) {
		m = make_mac(i);
		assert_true(sleeve_table_add_mac(t, 5 + i % 3, &m, 1 + i % 2));
		assert_false(sleeve_table_add_mac(t, 5 + i % 3, &m, 1));
	}
	for (i = 0; i < 20000; i++) {
		const uint16_t n = fib_find_vni(t, 5 + i % 3);

		m = make_mac(i);
		assert_int_equal(fib_find_mac(t, n, m.b), i % 2);
		/* In another network it is somebody else's. */
		assert_int_equal(fib_find_mac(t, (uint16_t)((n + 1) % 3), m.b),
				 FIB_NONE);
	}
	assert_false(sleeve_table_add_mac(t, 5, &group, 1));
	m = make_mac(77777);
	assert_false(sleeve_table_add_mac(t, 5, &m, 3));
	assert_false(sleeve_table_add_mac(t, VNI_NONE, &m, 1));
	assert_false(sleeve_table_add_mac(t, VNI_PROBE, &m, 1));
	sleeve_table_free(t);
}

static void test_networks(void **state)
{
	struct sleeve_table *t = sleeve_table_new(1);
	struct sleeve_peer p = make_peer(1);
	vni_t vni;

	(void)state;
	assert_true(sleeve_table_add_peer(t, &p));
	for (vni = 1; vni <= MAX_NETWORKS; vni++) {
		assert_true(sleeve_table_add_flood(t, vni, false, 1));
		assert_false(sleeve_table_add_flood(t, vni, false, 1));
		assert_true(sleeve_table_add_flood(t, vni, true, 1));
	}
	assert_false(sleeve_table_add_flood(t, vni, false, 1));
	assert_false(sleeve_table_add_flood(t, 1, false, 2));
	assert_int_equal(fib_find_vni(t, vni), FIB_NONE);
	sleeve_table_free(t);
}

/* Against the obvious: a list of all that was seen. */
static struct ip make_ip(uint32_t i, bool is_v6)
{
	uint8_t v6[16] = { 0xfd };
	const uint8_t v4[4] = { 10, (uint8_t)(i >> 16), (uint8_t)(i >> 8),
				(uint8_t)i };

	memcpy(v6 + 12, v4, sizeof(v4));
	return is_v6 ? ip_from_v6(v6) : ip_from_v4(v4);
}

/* An ARP request, or a solicitation to the address's group. */
static size_t ask(const struct ip *ip, uint8_t p[100])
{
	memset(p, 0, 100);
	p[0] = ip_is_v4(ip) ? 0xff : 0x33;
	p[6] = 2;
	if (ip_is_v4(ip)) {
		static const uint8_t head[] = { 8, 6, 0, 1, 8, 0, 6, 4, 0, 1 };

		memcpy(p + 12, head, sizeof(head));
		memcpy(p + 38, ip->b + 12, 4);
		return 42;
	}
	inner_put16(p + 12, 0x86dd);
	p[14] = 0x60;
	inner_put16(p + 18, 24);
	p[20] = 58;
	p[21] = 255;
	p[54] = 135;
	memcpy(p + 62, ip->b, 16);
	return 78;
}

static uint16_t asked(const struct sleeve_table *t, vni_t vni,
		      const struct ip *ip)
{
	uint8_t p[100];
	const size_t size = ask(ip, p);

	return fib_find_asked(t, fib_find_vni(t, vni), p, size);
}

static void test_owners(void **state)
{
	struct sleeve_table *t = sleeve_table_new(9);
	struct sleeve_peer p;
	uint32_t i;

	(void)state;
	for (i = 1; i <= 3; i++) {
		p = make_peer(i);
		assert_true(sleeve_table_add_peer(t, &p));
	}
	for (i = 0; i < 20000; i++) {
		const struct ip ip = make_ip(i / 2, i % 2);

		assert_true(sleeve_table_add_ip(t, 7, &ip, i % 4));
		assert_false(sleeve_table_add_ip(t, 7, &ip, 1));
		/* The same address in another network is another's. */
		assert_true(sleeve_table_add_ip(t, 8, &ip, 3));
		assert_false(sleeve_table_add_ip(t, 9, &ip, 4));
	}
	for (i = 0; i < 20000; i++) {
		const struct ip ip = make_ip(i / 2, i % 2);

		assert_int_equal(asked(t, 7, &ip),
				 i % 4 ? i % 4 - 1 : FIB_HERE);
		assert_int_equal(asked(t, 8, &ip), 2);
	}
	sleeve_table_free(t);
}

static void test_what_asks(void **state)
{
	struct sleeve_table *t = sleeve_table_new(9);
	const struct ip v4 = make_ip(1, false), v6 = make_ip(1, true);
	const struct ip other = make_ip(2, false);
	uint8_t p[100];
	size_t size, n;

	(void)state;
	size = ask(&v4, p);
	assert_int_equal(fib_find_asked(t, 0, p, size), FIB_NONE);
	assert_true(sleeve_table_add_ip(t, 7, &v4, PEER_ID_NONE));
	assert_true(sleeve_table_add_ip(t, 7, &v6, PEER_ID_NONE));
	assert_int_equal(fib_find_asked(t, 0, p, size), FIB_HERE);
	for (n = 0; n < size; n++)
		assert_int_equal(fib_find_asked(t, 0, p, n), FIB_NONE);
	p[21] = ARP_REPLY;
	assert_int_equal(fib_find_asked(t, 0, p, size), FIB_NONE);
	size = ask(&v6, p);
	assert_int_equal(fib_find_asked(t, 0, p, size), FIB_HERE);
	for (n = 0; n < size; n++)
		assert_int_equal(fib_find_asked(t, 0, p, n), FIB_NONE);
	p[54] = ND_ADVERTISEMENT;
	assert_int_equal(fib_find_asked(t, 0, p, size), FIB_NONE);
	assert_int_equal(asked(t, 7, &other), FIB_NONE);
	sleeve_table_free(t);
}

static void test_window(void **state)
{
	static uint64_t seen[20000];
	struct window w = { 0 };
	uint64_t top = 0, base = 1;
	uint32_t n = 0, i, k;

	(void)state;
	srand(1);
	for (i = 0; i < 20000; i++) {
		uint64_t seq;
		bool is_new = true;

		if (rand() % 500 == 0)
			base += (uint64_t)(rand() % 10000);
		base += (uint64_t)(rand() % 3);
		seq = base + (uint64_t)(rand() % 100);
		if (rand() % 50 == 0 && seq > 4000)
			seq -= (uint64_t)(rand() % 4000);
		for (k = n > 3000 ? n - 3000 : 0; k < n && is_new; k++)
			is_new = seen[k] != seq;
		/* Words of 64 fall out at a time. */
		if (seq <= top && top / 64 - seq / 64 >= WINDOW_BITS / 64)
			is_new = false;
		assert_int_equal(window_accept(&w, seq), is_new);
		if (is_new)
			seen[n++] = seq;
		if (seq > top)
			top = seq;
	}
	assert_true(n > 5000);
}

static void test_window_edges(void **state)
{
	struct window w = { 0 };

	(void)state;
	assert_true(window_accept(&w, UINT64_C(1) << 60));
	assert_false(window_accept(&w, UINT64_C(1) << 60));
	assert_false(window_accept(&w, 1));
	assert_true(window_accept(&w, UINT64_MAX));
	assert_false(window_accept(&w, UINT64_MAX));
	assert_true(window_accept(&w, UINT64_MAX - 1));
	assert_true(window_accept(&w, UINT64_MAX - WINDOW_BITS + 64));
	assert_false(window_accept(&w, UINT64_MAX - WINDOW_BITS));
	assert_false(window_accept(&w, 0));
}

static bool is_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

static void test_ring(void **state)
{
	static struct ring r;
	struct sleeve_event e, got;
	uint32_t i, round;

	(void)state;
	memset(&e, 0, sizeof(e));
	assert_int_equal(ring_init(&r), 0);
	for (round = 0; round < 3; round++) {
		assert_false(is_readable(r.fd));
		assert_false(ring_pop(&r, &got));
		for (i = 0; i < RING_SIZE; i++) {
			e.size = i;
			e.n_data = (uint16_t)(i % 3);
			e.data[0] = e.data[1] = (uint8_t)i;
			assert_true(ring_push(&r, &e));
		}
		assert_false(ring_push(&r, &e));
		ring_flush(&r);
		assert_true(is_readable(r.fd));
		for (i = 0; i < RING_SIZE; i++) {
			assert_true(ring_pop(&r, &got));
			assert_int_equal(got.size, i);
			assert_int_equal(got.n_data, i % 3);
			if (got.n_data)
				assert_int_equal(got.data[0], (uint8_t)i);
		}
		assert_false(ring_pop(&r, &got));
	}
	ring_close(&r);
}

static void test_names(void **state)
{
	int i, k;

	(void)state;
	for (i = 0; i < SLEEVE_N_COUNTERS; i++) {
		const char *name = sleeve_counter_name((enum sleeve_counter)i);

		assert_non_null(name);
		for (k = 0; k < i; k++)
			assert_string_not_equal(name,
						sleeve_counter_name((
							enum sleeve_counter)k));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_peers),
		cmocka_unit_test(test_peers_refused),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_macs),
		cmocka_unit_test(test_networks),
		cmocka_unit_test(test_owners),
		cmocka_unit_test(test_what_asks),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_window_edges),
		cmocka_unit_test(test_ring),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
