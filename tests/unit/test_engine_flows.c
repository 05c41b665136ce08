/* SPDX-License-Identifier: Apache-2.0 */
/* The engine through its door: flows of peers at one place, of TAPs, inherited. */
#include "core/regroup.h"
#include "engine_door.h"

static bool has_arrival(struct engine *e, uint32_t ip, vni_t vni)
{
	const struct flow_match m = { .fields = FLOW_IN_PORT | FLOW_TUN_SRC |
						FLOW_ETH_GROUP | FLOW_TUN_ID,
				      .in_port = PORT_NO_VXLAN,
				      .tun_src = ip_number(ip),
				      .tun_id = vni };

	return engine_find_flow(e, &m) != NULL;
}

/* Two behind one address: what serves both stays with the one that stays. */
static void test_one_address(void **state)
{
	const struct who b = { "b", 1, 2 }, c = { "c", 2, 2 };
	struct event ev = { .type = EVENT_PEER_REMOVED };
	struct engine *e = make("a", 1);
	struct engine_counters before, after;

	(void)state;
	add_port(e, 16);
	tell(e, EVENT_STARTED);
	session_up(e, 1, 0, &b, 40000);
	drain(e);
	assert_true(has_arrival(e, 2, 100));
	engine_counters(e, &before);
	session_up(e, 2, 0, &c, 40001);
	drain(e);
	assert_true(has_session(e, "b") && has_session(e, "c"));
	ev.peer_id = peer_id_of_name("b");
	engine_handle(e, now, &ev);
	drain(e);
	assert_true(has_arrival(e, 2, 100));
	engine_counters(e, &after);
	assert_int_equal(after.n_flows, before.n_flows); /* H too */
	ev.peer_id = peer_id_of_name("c");
	engine_handle(e, now, &ev);
	drain(e);
	assert_false(has_arrival(e, 2, 100));
	/* Installed anew: the old identity goes as soon as the new one comes. */
	session_up(e, 3, 0, &(struct who){ "d", 1, 4 }, 40000);
	drain(e);
	session_down(e, 3);
	drain(e);
	session_up(e, 4, 0, &(struct who){ "d2", 1, 4 }, 40000);
	drain(e);
	assert_true(has_arrival(e, 4, 100) && has_session(e, "d2"));
	engine_counters(e, &after);
	assert_int_equal(after.n_peers, 1);
	engine_free(e);
}

/* All that is asked of sleeve is answered, but of @mute. */
static void beat_for(struct engine *e, usec_t us, const char *mute)
{
	const usec_t until = now + us;
	struct event ev = { .type = EVENT_SLEEVE_REPLY };
	struct action a;

	for (; now < until; now += 100 * USEC_PER_MS) {
		while (engine_poll(e, now, &a)) {
			if (a.type != ACTION_SLEEVE_BEAT ||
			    (mute &&
			     a.beat.place.peer_id == peer_id_of_name(mute)))
				continue;
			ev.beat.peer_id = a.beat.place.peer_id;
			ev.beat.cookie = a.beat.cookie;
			ev.beat.seq = a.beat.seq;
			engine_handle(e, now, &ev);
		}
	}
}

/* And the place that its datagrams come from. */
static void give_token(struct engine *e, session_t session, const char *name)
{
	const struct message m = { .type = MESSAGE_SLEEVE,
				   .sleeve.token = session + 70 };
	struct event ev = { .type = EVENT_MESSAGE };

	ev.message.session = session;
	ev.message.message = &m;
	engine_handle(e, now, &ev);
	ev = (struct event){ .type = EVENT_SLEEVE_MOVED };
	ev.moved.peer_id = peer_id_of_name(name);
	ev.moved.endpoint.ip = ip_number(2);
	ev.moved.endpoint.port = 6783;
	engine_handle(e, now, &ev);
}

static bool is_known(struct engine *e, const char *name)
{
	struct peer_view v;

	return engine_find_peer(e, peer_id_of_name(name), &v);
}

/*
 * Two behind one NAT: who lost its session and answers by sleeve is not gone
 * because the other one has a new one. Who does not answer has been replaced.
 */
static void test_one_address_of_two(void **state)
{
	const struct who b = { "b", 1, 2 }, c = { "c", 2, 2 };
	struct engine *e = make_with("a", 1, true);

	(void)state;
	add_port(e, 16);
	tell(e, EVENT_STARTED);
	session_of(e, 1, 0, &b, 40000, true);
	session_of(e, 2, 0, &c, 40001, true);
	give_token(e, 1, "b");
	give_token(e, 2, "c");
	beat_for(e, 3 * USEC_PER_SEC, NULL);
	session_down(e, 1);
	session_of(e, 3, 0, &c, 40002, true);
	beat_for(e, HOLD * 2, NULL);
	assert_true(is_known(e, "b") && has_session(e, "c"));
	/* That was its predecessor after all: its token is answered no more. */
	beat_for(e, 5 * USEC_PER_SEC, "b");
	assert_false(is_known(e, "b"));
	assert_true(has_session(e, "c"));
	engine_free(e);
}

static uint32_t n_copies(struct engine *e)
{
	const struct flow_match m = { .recirc_id = RECIRC_PEERS(100, 0) };
	const struct flow_actions *actions;
	uint32_t i, n = 0;

	now += REGROUP_PAUSE_US;
	drain(e);
	actions = engine_find_flow(e, &m);
	for (i = 0; actions && i < actions->n; i++)
		n += actions->list[i].type == FLOW_SET_TUNNEL;
	return n;
}

/* Installed anew, and the end of the old session comes after the new one. */
static void test_successor(void **state)
{
	const struct who old = { "b", 1, 2 }, new = { "c", 2, 2 };
	const struct who other = { "d", 3, 3 };
	struct engine *e = make("a", 1);
	struct peer_view v;

	(void)state;
	add_port(e, 16);
	tell(e, EVENT_STARTED);
	session_up(e, 1, 0, &old, 40000);
	send_entries(e, 1, 1, 1, true);
	session_up(e, 2, 0, &other, 40000);
	send_entries(e, 2, 2, 1, true);
	drain(e);
	assert_int_equal(n_copies(e), 2);
	now += USEC_PER_SEC;
	session_up(e, 3, 0, &new, 40001);
	send_entries(e, 3, 1, 1, true);
	drain(e);
	/* One kernel: it would get them twice. */
	assert_int_equal(n_copies(e), 2);
	now += USEC_PER_SEC;
	session_down(e, 1);
	drain(e);
	assert_false(engine_find_peer(e, peer_id_of_name("b"), &v));
	assert_int_equal(n_copies(e), 2);
	/* Nobody has come to where this one was: it may be back in a moment. */
	session_down(e, 2);
	drain(e);
	assert_true(engine_find_peer(e, peer_id_of_name("d"), &v));
	/* Nor if who was there before is still there. */
	session_up(e, 4, 0, &old, 40002);
	now += USEC_PER_SEC;
	session_down(e, 4);
	drain(e);
	assert_true(engine_find_peer(e, peer_id_of_name("b"), &v));
	engine_free(e);
}

static struct flow_match delivery(uint32_t ip, const struct mac *mac)
{
	struct flow_match m = { .fields = FLOW_IN_PORT | FLOW_TUN_SRC |
					  FLOW_TUN_ID,
				.in_port = PORT_NO_VXLAN,
				.tun_src = ip_number(ip),
				.tun_id = 100 };

	if (mac) {
		m.fields |= FLOW_ETH_DST;
		m.eth_dst = *mac;
	}
	return m;
}

/* The kernel takes no narrow D while it has the wide one of an earlier life. */
static void test_wide_inherited(void **state)
{
	const struct who b = { "b", 1, 2 };
	const struct flow_match wide = delivery(2, NULL);
	struct event ev = { .type = EVENT_FLOW_FOUND };
	struct flow_actions actions = { 0 };
	struct engine *e = make("a", 1);
	bool is_gone = false;
	struct action a;

	(void)state;
	flow_recirc(&actions, RECIRC_REMOTE(100));
	ev.flow.match = wide;
	ev.flow.actions = &actions;
	engine_handle(e, now, &ev);
	flow_actions_free(&actions);
	add_port(e, 16);
	tell(e, EVENT_STARTED);
	session_up(e, 1, 0, &b, 40000);
	while (engine_poll(e, now, &a)) {
		if (a.type == ACTION_FLOW_DEL &&
		    flow_match_equal(&a.flow.match, &wide))
			is_gone = true;
		else if (a.type == ACTION_FLOW_PUT &&
			 flow_match_overlap(&a.flow.match, &wide))
			assert_true(is_gone);
	}
	assert_true(is_gone && has_arrival(e, 2, 100));
	engine_free(e);
}

/* A port and a peer that go at once: no D of the two stays. */
static void test_both_gone(void **state)
{
	const struct who b = { "b", 1, 2 };
	const struct mac mac = { { 2, 0, 0, 0, 0, 16 } };
	const struct flow_match d = delivery(2, &mac);
	struct event ev = { .type = EVENT_PORT_REMOVED };
	struct engine *e = make("a", 1);

	(void)state;
	add_port(e, 16);
	add_port(e, 17);
	tell(e, EVENT_STARTED);
	session_up(e, 1, 0, &b, 40000);
	drain(e);
	assert_non_null(engine_find_flow(e, &d));
	ev.port_no = 16;
	engine_handle(e, now, &ev);
	ev.type = EVENT_PEER_REMOVED;
	ev.peer_id = peer_id_of_name("b");
	engine_handle(e, now, &ev);
	drain(e);
	assert_null(engine_find_flow(e, &d));
	engine_free(e);
}

static void remove_port(struct engine *e, port_no_t port_no)
{
	const struct event ev = { .type = EVENT_PORT_REMOVED,
				  .port_no = port_no };

	engine_handle(e, now, &ev);
}

static uint32_t n_flows(struct engine *e)
{
	struct engine_counters c;

	drain(e);
	engine_counters(e, &c);
	return c.n_flows;
}

/* An attachment that fails halfway: the engine is not asked in between. */
static void test_port_of_a_moment(void **state)
{
	const struct who b = { "b", 1, 2 }, c = { "c", 1, 3 };
	struct engine *e = make("a", 1);
	uint32_t n_empty, n;

	(void)state;
	tell(e, EVENT_STARTED);
	session_up(e, 1, 0, &b, 40000);
	session_up(e, 2, 0, &c, 40000);
	n_empty = n_flows(e);
	add_port(e, 16);
	n = n_flows(e);
	assert_true(n > n_empty);
	add_port(e, 17);
	remove_port(e, 17);
	assert_int_equal(n_flows(e), n);
	/* And when the port comes with a peer, or with a second one. */
	add_port(e, 17);
	session_down(e, 2);
	session_up(e, 3, 0, &c, 40001);
	add_port(e, 18);
	remove_port(e, 17);
	remove_port(e, 18);
	assert_int_equal(n_flows(e), n);
	remove_port(e, 16);
	assert_int_equal(n_flows(e), n_empty);
	engine_free(e);
}

/* Its MAC is another's before the engine is asked: none of its D stays. */
static void test_port_of_no_moment(void **state)
{
	/* With the lowest identity: of two equal claims its own wins. */
	const struct who b = { "0000000000000001", 1, 2 };
	struct event ev = { .type = EVENT_PORT_ADDED };
	struct engine *e = make("a", 1);
	const struct mac mac = { { 2, 1, 0, 0, 0, 0 } };
	const struct flow_match d = delivery(2, &mac);
	uint32_t n;

	(void)state;
	tell(e, EVENT_STARTED);
	add_port(e, 16);
	session_up(e, 1, 0, &b, 40000);
	send_entries(e, 1, 0, 1, true);
	n = n_flows(e);
	send_entries(e, 1, 0, 0, true);
	drain(e);
	ev.port.port_no = 17;
	ev.port.vni = 100;
	ev.port.mac = mac;
	ev.port.revision = 1; /* as the peer's */
	engine_handle(e, now, &ev);
	send_entries(e, 1, 0, 1, true);
	drain(e);
	assert_null(engine_find_flow(e, &d));
	remove_port(e, 17);
	assert_int_equal(n_flows(e), n);
	engine_free(e);
}

/* A packet of a peer makes a flow for a MAC that is not ours: with the peer it
 * goes, be it in use. */
static void test_lazy_of_peer(void **state)
{
	const struct who b = { "b", 1, 2 };
	const struct mac mac = { { 2, 9, 9, 9, 9, 9 } };
	const struct flow_match d = delivery(2, &mac);
	uint8_t frame[60] = { 2, 9, 9, 9, 9, 9, 2, 1, 0, 0, 0, 1, 8, 0, 0x45 };
	struct event ev = { .type = EVENT_UPCALL };
	struct engine *e = make("a", 1);

	(void)state;
	add_port(e, 16);
	tell(e, EVENT_STARTED);
	session_up(e, 1, 0, &b, 40000);
	drain(e);
	ev.upcall.in_port = PORT_NO_VXLAN;
	ev.upcall.tun_id = 100;
	ev.upcall.tun_src = ip_number(2);
	ev.upcall.frame = frame;
	ev.upcall.size = sizeof(frame);
	engine_handle(e, now, &ev);
	drain(e);
	assert_non_null(engine_find_flow(e, &d));
	ev.type = EVENT_PEER_REMOVED;
	ev.peer_id = peer_id_of_name("b");
	engine_handle(e, now, &ev);
	drain(e);
	assert_null(engine_find_flow(e, &d));
	engine_free(e);
}

/* No packet has used it for long. */
static void forget_lazy(struct engine *e, const struct flow_match *match)
{
	struct event ev = { .type = EVENT_FLOW_USED };

	ev.used.match = *match;
	ev.used.is_known = true;
	ev.used.idle_us = USEC_NEVER;
	engine_handle(e, now, &ev);
	drain(e);
	assert_null(engine_find_flow(e, match));
}

/* From the peer at @ip to a MAC that is not ours. */
static void arrive(struct engine *e, uint32_t ip, const struct mac *mac)
{
	uint8_t frame[60] = { 0 };
	struct event ev = { .type = EVENT_UPCALL };

	memcpy(frame, mac->b, sizeof(mac->b));
	frame[6] = 2;
	frame[12] = 8;
	ev.upcall.in_port = PORT_NO_VXLAN;
	ev.upcall.tun_id = 100;
	ev.upcall.tun_src = ip_number(ip);
	ev.upcall.frame = frame;
	ev.upcall.size = sizeof(frame);
	engine_handle(e, now, &ev);
	drain(e);
}

/* What was a stranger's, or of a network that we had no part in, is dropped no
 * longer when that has changed, be it that it is in use. */
static void test_no_stranger(void **state)
{
	const struct who b = { "b", 1, 2 };
	const struct mac mac = { { 2, 9, 9, 9, 9, 9 } };
	const struct flow_match d = delivery(2, &mac), d3 = delivery(3, &mac);
	struct engine *e = make("a", 1);
	const struct flow_actions *a;

	(void)state;
	add_port(e, 16);
	tell(e, EVENT_STARTED);
	drain(e);
	arrive(e, 2, &mac);
	arrive(e, 3, &mac);
	a = engine_find_flow(e, &d);
	assert_true(a && !a->n);
	session_up(e, 1, 0, &b, 40000);
	drain(e);
	assert_null(engine_find_flow(e, &d));
	assert_non_null(engine_find_flow(e, &d3));
	arrive(e, 2, &mac);
	a = engine_find_flow(e, &d);
	assert_true(a && a->n == 1);
	/* It goes on: what is known is not asked again. */
	add_port(e, 17);
	drain(e);
	assert_non_null(engine_find_flow(e, &d));
	remove_port(e, 16);
	remove_port(e, 17);
	now += 20 * USEC_PER_SEC;
	drain(e);
	forget_lazy(e, &d);
	arrive(e, 2, &mac);
	a = engine_find_flow(e, &d);
	assert_true(a && !a->n);
	add_port(e, 16);
	drain(e);
	assert_null(engine_find_flow(e, &d));
	engine_free(e);
}

static void set_tap(struct engine *e, port_no_t port_no)
{
	struct event ev = { .type = EVENT_TAP };

	ev.tap.vni = 100;
	ev.tap.port_no = port_no;
	engine_handle(e, now, &ev);
}

static port_no_t way_to_first(struct engine *e)
{
	const struct flow_match m = { .fields = FLOW_ETH_DST,
				      .recirc_id = RECIRC_LOCAL(100),
				      .eth_dst = { { 2, 1, 0, 0, 0, 0 } } };
	const struct flow_actions *a = engine_find_flow(e, &m);

	return a && a->n == 1 && a->list[0].type == FLOW_OUTPUT
		       ? a->list[0].port
		       : PORT_NO_NONE;
}

/* With its TAP, whose number another network may get, go all ways to it. */
static void test_tap(void **state)
{
	const struct who b = { "b", 1, 2 };
	struct event ev = { .type = EVENT_PORT_REMOVED };
	struct engine *e = make_with("a", 1, true);

	(void)state;
	tell(e, EVENT_STARTED);
	session_of(e, 1, 0, &b, 40000, true);
	send_entries(e, 1, 0, 1, true);
	add_port(e, 16);
	drain(e);
	assert_int_equal(way_to_first(e), PORT_NO_NONE);
	set_tap(e, PORT_NO_TAP);
	drain(e);
	assert_int_equal(way_to_first(e), PORT_NO_TAP);
	set_tap(e, PORT_NO_NONE);
	drain(e);
	assert_int_equal(way_to_first(e), PORT_NO_NONE);
	set_tap(e, PORT_NO_TAP + 1);
	drain(e);
	assert_int_equal(way_to_first(e), PORT_NO_TAP + 1);
	ev.port_no = 16;
	engine_handle(e, now, &ev);
	drain(e);
	assert_int_equal(way_to_first(e), PORT_NO_NONE);
	engine_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_address),
		cmocka_unit_test(test_one_address_of_two),
		cmocka_unit_test(test_successor),
		cmocka_unit_test(test_wide_inherited),
		cmocka_unit_test(test_both_gone),
		cmocka_unit_test(test_port_of_a_moment),
		cmocka_unit_test(test_port_of_no_moment),
		cmocka_unit_test(test_lazy_of_peer),
		cmocka_unit_test(test_no_stranger),
		cmocka_unit_test(test_tap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
