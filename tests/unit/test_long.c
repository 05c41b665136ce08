/* SPDX-License-Identifier: Apache-2.0 */
/* What an engine does with packets that are too long for the path they take. */
#include "peer_world.h"

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* UDP over IPv4. */
static void send_to(const struct mac *dst, uint32_t size, bool has_df,
		    uint32_t recirc_id)
{
	struct event ev = { .type = EVENT_UPCALL };
	static uint8_t frame[9100];

	memset(frame, 0, sizeof(frame));
	memcpy(frame, dst->b, 6);
	memcpy(frame + 6, own_mac.b, 6);
	put16(frame + 12, ETH_TYPE_IPV4);
	frame[14] = 0x45;
	put16(frame + 16, size - 14);
	put16(frame + 20, has_df ? 0x4000 : 0);
	frame[22] = 64;
	frame[23] = IP_PROTO_UDP;
	memcpy(frame + 26, "\x0a\x20\x00\x01\x0a\x20\x00\x02", 8);
	ev.upcall.in_port = PORT;
	ev.upcall.recirc_id = recirc_id;
	ev.upcall.frame = frame;
	ev.upcall.size = size;
	handle(&ev);
}

/* To the container of @peer. */
static void send_long(uint32_t peer, uint32_t size, bool has_df,
		      uint32_t recirc_id)
{
	const struct mac dst = mac_of(peer);

	send_to(&dst, size, has_df, recirc_id);
}

/* Copies for narrow peers alone are looked at, and each gets what it takes. */
static void test_long_groups(void **state)
{
	static const struct mac all = { { 255, 255, 255, 255, 255, 255 } };

	(void)state;
	begin(NULL);
	join(1, 1400);
	join(2, 1500);
	join(3, 1337);
	run(SEC);
	assert_int_equal(w.copies_check, w.peers[3].check);
	/* Fits the first, and is cut for the third: two pieces. */
	send_to(&all, 1350, false, RECIRC_LONG(VNI));
	assert_int_equal(w.n_to_peer, 3);
	assert_int_equal(w.largest_to_peer, 1350);
	assert_int_equal(view_of(1).n_fragmented, 0);
	assert_int_equal(view_of(3).n_fragmented, 1);
	assert_int_equal(view_of(3).n_fragments, 2);
	/* May not be cut: lost for both, counted, and nobody is told. */
	send_to(&all, 1464, true, RECIRC_LONG(VNI));
	assert_int_equal(w.n_to_peer, 3);
	assert_int_equal(w.n_to_port, 0);
	assert_int_equal(view_of(1).n_groups_lost, 1);
	assert_int_equal(view_of(2).n_groups_lost, 0);
	assert_int_equal(view_of(3).n_groups_lost, 1);
	/* All are wide: nothing is looked at any more. */
	w.peers[1].mtu = w.peers[3].mtu = 1500;
	run(4 * SEC);
	assert_int_equal(w.copies_check, 0);
	send_to(&all, 1464, false, RECIRC_LONG(VNI));
	assert_int_equal(w.n_to_peer, 3);
	end();
}

/* More than there is room for packets: those of one size are served together. */
static void test_long_groups_of_many(void **state)
{
	static const struct mac all = { { 255, 255, 255, 255, 255, 255 } };
	const uint32_t n = 100;
	uint32_t i;

	(void)state;
	begin(NULL);
	for (i = 1; i <= n; i++)
		join(i, 1300 + i % 3 * 50);
	run(4 * SEC);
	/* Whole for a third, in two pieces for the others. */
	send_to(&all, 1340, false, RECIRC_LONG(VNI));
	assert_int_equal(w.n_to_peer, n / 3 + (n - n / 3) * 2);
	for (i = 1; i <= n; i++)
		assert_int_equal(view_of(i).n_fragmented, i % 3 != 2);
	end();
}

static void test_long_packets(void **state)
{
	uint32_t i;

	(void)state;
	begin(NULL);
	join(1, 1400);
	join(2, 1500);
	run(SEC);
	send_long(1, 1464, true, RECIRC_LONG(VNI));
	assert_int_equal(w.n_to_port, 1);
	/* ICMP 3/4 with the peer's MTU, to the container. */
	assert_memory_equal(w.last, own_mac.b, 6);
	assert_int_equal(w.last[34], 3);
	assert_int_equal(w.last[35], 4);
	assert_int_equal(w.last[40] << 8 | w.last[41], 1350);
	assert_int_equal(view_of(1).n_too_big, 1);
	send_long(1, 1464, false, RECIRC_LONG(VNI));
	assert_int_equal(w.n_to_peer, 2);
	assert_int_equal(w.largest_to_peer, 1362); /* a multiple of eight */
	assert_int_equal(view_of(1).n_fragmented, 1);
	assert_int_equal(view_of(1).n_fragments, 2);
	/* No flow was there yet, or the peer is wide by now: likewise. */
	send_long(1, 1464, true, RECIRC_LOCAL(VNI));
	assert_int_equal(w.n_to_port, 2);
	send_long(2, 1464, true, RECIRC_LONG(VNI));
	assert_int_equal(w.n_to_port, 2);
	assert_int_equal(w.n_to_peer, 3);
	/* A stranger's frame, from a port that is none. */
	send_long(9, 1464, true, RECIRC_LONG(VNI));
	assert_int_equal(w.n_to_port, 2);
	assert_int_equal(w.n_to_peer, 3);
	/* A flood of them. */
	for (i = 0; i < 10000; i++) {
		send_long(1, 1464, true, RECIRC_LONG(VNI));
		send_long(1, 9000, false, RECIRC_LONG(VNI));
	}
	assert_in_range(w.n_to_port, 3, 102);
	assert_in_range(w.n_to_peer, 4, 3 + 7 * 2000);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_long_packets),
		cmocka_unit_test(test_long_groups),
		cmocka_unit_test(test_long_groups_of_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
