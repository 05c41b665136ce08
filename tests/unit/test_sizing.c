/* SPDX-License-Identifier: Apache-2.0 */
/* What an engine makes of the sizes that paths carry: probes, flows, answers. */
#include "peer_world.h"

static void test_found_and_enforced(void **state)
{
	(void)state;
	begin(NULL);
	join(1, 1400);
	join(2, 1500);
	join(3, 1337);
	run(SEC);
	assert_int_equal(plpmtu_of(1), 1400);
	assert_int_equal(plpmtu_of(2), 1500);
	assert_int_equal(plpmtu_of(3), 1337);
	assert_int_equal(view_of(1).mtu, 1350);
	assert_in_range(w.peers[1].n_probes, 1, 13); /* one confirms */
	assert_int_equal(w.peers[2].largest, 1500);
	assert_true(w.peers[1].has_check && w.peers[1].check == 1364);
	assert_true(w.peers[2].has_flow && !w.peers[2].has_check);
	assert_true(w.peers[3].has_check && w.peers[3].check == 1301);
	/* It grows: the first raise comes soon. */
	w.peers[1].mtu = 1500;
	run(4 * SEC);
	assert_int_equal(plpmtu_of(1), 1500);
	assert_false(w.peers[1].has_check);
	/* And shrinks, without a word. */
	w.peers[1].mtu = 1300;
	run(3 * SEC);
	assert_int_equal(plpmtu_of(1), 1300);
	assert_int_equal(view_of(1).state, PEER_UP);
	assert_true(w.peers[1].has_check && w.peers[1].check == 1264);
	assert_int_equal(view_of(1).paths[PATH_FASTDP].pmtu_reason,
			 REASON_MTU_HOLE);
	/* The link bounds it at once. */
	egress(1, true, 1280, 1280);
	assert_int_equal(plpmtu_of(1), 1280);
	w.peers[1].largest = 0;
	run(5 * SEC);
	assert_int_equal(w.peers[1].largest, 1280);
	end();
}

/* A daemon that starts again finds its narrow peer's flow as it must be. */
static void test_restart_keeps_narrow(void **state)
{
	const struct flow_tunnel t = { .tun_id = VNI,
				       .dst = ip_of(1),
				       .src = ip_of(0xffff),
				       .dst_port = 6784,
				       .ttl = 64 };
	struct flow_actions a = { 0 };
	struct event ev = { .type = EVENT_FLOW_FOUND };

	(void)state;
	flow_check_len(&a, 1364, RECIRC_LONG(VNI));
	flow_set_tunnel(&a, &t);
	flow_output(&a, PORT_NO_VXLAN);
	ev.flow.match.recirc_id = RECIRC_LOCAL(VNI);
	ev.flow.match.fields = FLOW_ETH_DST;
	ev.flow.match.eth_dst = mac_of(1);
	ev.flow.actions = &a;
	found = &ev;
	begin(NULL);
	found = NULL;
	join(1, 1400);
	run(3 * SEC);
	assert_int_equal(plpmtu_of(1), 1400);
	assert_false(w.peers[1].has_flow); /* it was never put */
	/* It was another's, or the path is wider by now. */
	join(2, 1500);
	w.peers[1].mtu = 1500;
	run(40 * SEC);
	assert_int_equal(plpmtu_of(1), 1500);
	assert_true(w.peers[1].has_flow && !w.peers[1].has_check);
	assert_false(w.peers[2].has_check);
	flow_actions_free(&a);
	end();
}

static void test_without_check_len(void **state)
{
	const struct engine_config change = { .has_check_len = false };

	(void)state;
	begin(&change);
	join(1, 1400);
	join(2, 1500);
	run(SEC);
	assert_int_equal(plpmtu_of(1), 1400);
	assert_false(w.peers[1].has_check);
	assert_int_equal(engine_narrowest_mtu(w.e), 1350);
	end();
}

static void test_capped(void **state)
{
	const struct engine_config change = { .is_capped = true,
					      .has_check_len = true };

	(void)state;
	begin(&change);
	join(1, 1500);
	run(30 * SEC);
	assert_int_equal(plpmtu_of(1), 1200);
	assert_int_equal(w.peers[1].largest, 1200);
	end();
}

static void forge(uint32_t src, uint64_t cookie, uint64_t seq)
{
	const struct probe probe = { .is_reply = true,
				     .from = peer_id_of_name("self"),
				     .to = id_of(1),
				     .cookie = cookie,
				     .seq = seq };
	const struct ip ip = ip_of(src);
	uint8_t frame[PROBE_MIN_SIZE];

	wire_put_probe(&probe, frame, sizeof(frame));
	upcall_probe(&ip, frame);
}

static void test_forgeries(void **state)
{
	struct event ev = { .type = EVENT_HINT_TOO_BIG };
	struct probe last;
	uint32_t i;

	(void)state;
	begin(NULL);
	join(1, 1400);
	run(SEC);
	assert_int_equal(plpmtu_of(1), 1400);
	for (i = 0; i < 200; i++) {
		forge(1, i * 77777, (UINT64_C(1) << 63) + i);
		forge(2, i, i);
		ev.hint.ip = ip_of(1);
		ev.hint.path = i % 2 ? PATH_FASTDP : PATH_SLEEVE;
		ev.hint.mtu = i * 10;
		handle(&ev);
		run(10 * MS);
		assert_int_equal(plpmtu_of(1), 1400);
	}
	ev.hint.path = N_PATHS;
	handle(&ev);
	/* The right cookie, but not from the peer, or of no probe. */
	w.peers[1].is_dead = true;
	run(300 * MS);
	assert_true(w.n_flying == 0);
	w.peers[1].is_dead = false;
	run(SEC);
	while (!w.n_flying)
		run(MS / 10);
	assert_true(wire_get_probe(w.flying[0].frame, PROBE_MIN_SIZE, &last));
	for (i = 0; i < 64; i++) {
		forge(2, last.cookie, (UINT64_C(1) << 63) + i);
		forge(1, last.cookie, (UINT64_C(1) << 63) + 5000 + i);
	}
	run(2 * SEC);
	assert_int_equal(plpmtu_of(1), 1400);
	end();
}

/* A host's heartbeats and confirmations, whatever number of peers. */
static void test_budget(void **state)
{
	uint32_t i, n;

	(void)state;
	for (n = 10; n <= 180; n += 85) {
		uint64_t n_beats = 0;

		begin(NULL);
		for (i = 1; i <= n; i++)
			join(i, 1500);
		run(20 * SEC);
		for (i = 1; i <= n; i++)
			w.peers[i].n_beats = w.peers[i].n_probes = 0;
		run(10 * SEC);
		for (i = 1; i <= n; i++)
			n_beats += w.peers[i].n_beats + w.peers[i].n_probes;
		assert_in_range(n_beats, n * 13, 10 * 1000);
		/* And loss is noticed in proportion. */
		w.peers[1].is_dead = true;
		run(n > 75 ? 1300 * MS : 500 * MS);
		assert_int_equal(view_of(1).state, PEER_DOWN);
		assert_int_equal(view_of(2).state, PEER_UP);
		end();
	}
}

static void test_unreachable_is_asked(void **state)
{
	struct event ev = { .type = EVENT_HINT_UNREACHABLE };
	uint32_t i;

	(void)state;
	begin(NULL);
	join(1, 1500);
	run(SEC);
	ev.hint.ip = ip_of(1);
	ev.hint.path = PATH_FASTDP;
	w.peers[1].n_beats = 0;
	/* Forged: it is asked, now and then, and answers. */
	for (i = 0; i < 1000; i++) {
		handle(&ev);
		run(MS);
		assert_int_equal(view_of(1).state, PEER_UP);
	}
	assert_in_range(w.peers[1].n_beats, 5, 20);
	/* True; no answer is under way. */
	run(250 * MS);
	w.peers[1].is_dead = true;
	handle(&ev);
	run(100 * MS);
	assert_int_equal(view_of(1).state, PEER_DOWN);
	assert_int_equal(view_of(1).paths[PATH_FASTDP].reason,
			 REASON_UNREACHABLE);
	w.peers[1].is_dead = false;
	run(SEC);
	assert_int_equal(view_of(1).state, PEER_UP);
	/* Our own link: the same. */
	run(150 * MS);
	w.peers[1].is_dead = true;
	egress(1, false, 1500, 1500);
	run(100 * MS);
	assert_int_equal(view_of(1).state, PEER_DOWN);
	w.peers[1].is_dead = false;
	egress(1, true, 1500, 1500);
	run(10 * MS);
	assert_int_equal(view_of(1).state, PEER_UP);
	end();
}

/* A kernel before 4.9 refuses to cut: the whole probe goes back then. */
static void test_no_trunc(void **state)
{
	struct event ev = { .type = EVENT_FLOW_REFUSED };

	(void)state;
	begin(NULL);
	join(1, 1500);
	assert_int_equal(w.n_trunc, 1);
	ev.flow.match.fields = FLOW_IN_PORT | FLOW_TUN_SRC | FLOW_TUN_ID |
			       FLOW_ETH_DST;
	ev.flow.match.in_port = PORT_NO_VXLAN;
	ev.flow.match.tun_id = VNI_PROBE;
	ev.flow.match.tun_src = ip_of(1);
	ev.flow.match.eth_dst = PROBE_SIZED_MAC;
	/* Nor has a kernel said so whose answer was lost. */
	ev.flow.refusal = FLOW_REFUSED_OTHER;
	handle(&ev);
	join(2, 1500);
	run(SEC);
	assert_int_equal(w.n_trunc, 3);
	ev.flow.refusal = FLOW_REFUSED_UNKNOWN;
	handle(&ev);
	join(3, 1500);
	run(SEC);
	assert_int_equal(w.n_trunc, 3);
	end();
}

static void see(enum event_type type, uint32_t port_no, uint32_t k)
{
	struct event ev = { .type = type };

	ev.seen.port_no = port_no;
	ev.seen.mac =
		(struct mac){ { 2, 9, 0, 0, (uint8_t)(k >> 8), (uint8_t)k } };
	handle(&ev);
}

static bool has_mac(uint32_t k)
{
	const struct mac mac = { { 2, 9, 0, 0, (uint8_t)(k >> 8),
				   (uint8_t)k } };
	struct entry_view v;

	return engine_find_mac(w.e, VNI, &mac, &v);
}

static void test_bridge(void **state)
{
	const struct engine_config change = { .is_bridge = true };
	struct event ev = { .type = EVENT_PORT_ADDED };
	struct entry_view v;
	const struct mac mac = mac_of(1);
	uint32_t i;

	(void)state;
	begin(&change);
	ev.port.port_no = 17;
	ev.port.vni = VNI;
	ev.port.is_trusted = true;
	ev.port.mac = (struct mac){ { 2, 0, 0, 0, 0, 17 } };
	handle(&ev);
	join(1, 1500);
	run(SEC);
	assert_true(engine_find_mac(w.e, VNI, &mac, &v));
	assert_true(v.owner == id_of(1));
	see(EVENT_MAC_SEEN, PORT, 1); /* not trusted */
	assert_false(has_mac(1));
	see(EVENT_MAC_SEEN, 99, 1);
	assert_false(has_mac(1));
	for (i = 0; i < 2 * MAX_LEARNT_PER_PORT; i++) {
		see(EVENT_MAC_SEEN, 17, i);
		see(EVENT_MAC_SEEN, 17, i);
	}
	assert_true(has_mac(0) && has_mac(MAX_LEARNT_PER_PORT - 1));
	assert_false(has_mac(MAX_LEARNT_PER_PORT));
	see(EVENT_MAC_GONE, 17, 5);
	assert_false(has_mac(5));
	see(EVENT_MAC_SEEN, 17, 999);
	assert_true(has_mac(999));
	ev.type = EVENT_PORT_REMOVED;
	ev.port_no = 17;
	handle(&ev);
	assert_false(has_mac(0));
	run(10 * SEC);
	assert_int_equal(w.n_puts, 0);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found_and_enforced),
		cmocka_unit_test(test_restart_keeps_narrow),
		cmocka_unit_test(test_without_check_len),
		cmocka_unit_test(test_capped),
		cmocka_unit_test(test_forgeries),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_unreachable_is_asked),
		cmocka_unit_test(test_no_trunc),
		cmocka_unit_test(test_bridge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
