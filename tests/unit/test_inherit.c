/* SPDX-License-Identifier: Apache-2.0 */
/* What the last life left: for peers that have not told what they have, and of
 * what was learnt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/engine.h"
#include "core/matches.h"
#include "core/regroup.h"
#include "core/view.h"

#define HOLD (20 * USEC_PER_SEC)

static usec_t now = USEC_PER_SEC;

static struct ip ip_number(uint8_t n)
{
	const uint8_t v4[4] = { 192, 0, 2, n };

	return ip_from_v4(v4);
}

/* From the place @n, of the session @session or, without one, remembered. */
static void tell_peer(struct engine *e, session_t session, uint8_t n)
{
	const struct hello hello = { .version_min = 1,
				     .version_max = 1,
				     .id = peer_id_of_name("b"),
				     .instance = 1 + session,
				     .control_port = 6783,
				     .vxlan_port = 6784,
				     .can_fastdp = true };
	struct event ev = { .type = EVENT_PEER_REMEMBERED };

	if (session)
		ev.type = EVENT_SESSION_UP;
	ev.session.session = session;
	ev.session.hello = &hello;
	ev.session.local = (struct endpoint){ ip_number(1), 6783 };
	ev.session.remote = (struct endpoint){ ip_number(n), 40000 };
	engine_handle(e, now, &ev);
}

/* A unicast to a container of the peer at @n. */
static struct flow_match tell_flow(struct engine *e, uint8_t n)
{
	struct event ev = { .type = EVENT_FLOW_FOUND };
	const struct flow_tunnel tunnel = { .tun_id = 100,
					    .dst = ip_number(n),
					    .src = ip_number(1),
					    .dst_port = 6784,
					    .ttl = 64 };
	struct flow_actions actions = { 0 };

	ev.flow.match.recirc_id = RECIRC_LOCAL(100);
	ev.flow.match.fields = FLOW_ETH_DST;
	ev.flow.match.eth_dst = (struct mac){ { 2, 0, 0, 0, 0, n } };
	flow_set_tunnel(&actions, &tunnel);
	flow_output(&actions, PORT_NO_VXLAN);
	ev.flow.actions = &actions;
	engine_handle(e, now, &ev);
	flow_actions_free(&actions);
	return ev.flow.match;
}

static struct engine *make(void)
{
	const struct engine_config config = { .id = peer_id_of_name("a"),
					      .instance = 1,
					      .seed = 1,
					      .vxlan_port = 6784,
					      .control_port = 6783,
					      .has_fastdp = true,
					      .heartbeat_interval_us =
						      300 * USEC_PER_MS,
					      .hold_us = HOLD };

	return engine_new(&config, now);
}

/* True: the flow is taken away. */
static bool drain(struct engine *e, const struct flow_match *flow)
{
	bool is_gone = false;
	struct action a;

	while (engine_poll(e, now, &a))
		is_gone |= a.type == ACTION_FLOW_DEL &&
			   flow_match_equal(&a.flow.match, flow);
	return is_gone;
}

/* The peer is somewhere else: what led to its old place leads nowhere. */
static void test_elsewhere(void **state)
{
	const struct event started = { .type = EVENT_STARTED };
	struct event down = { .type = EVENT_SESSION_DOWN };
	struct engine *e = make();
	struct flow_match flow;

	(void)state;
	down.down.session = 1;
	flow = tell_flow(e, 2);
	tell_peer(e, 0, 2);
	engine_handle(e, now, &started);
	assert_false(drain(e, &flow));
	/* It speaks from where it was: its flows still wait for its word. */
	tell_peer(e, 1, 2);
	now += HOLD + USEC_PER_SEC;
	assert_false(drain(e, &flow));
	engine_handle(e, now, &down);
	assert_false(drain(e, &flow));
	tell_peer(e, 2, 3);
	assert_true(drain(e, &flow));
	engine_free(e);
}

static void tell_port(struct engine *e, port_no_t port_no, uint8_t n,
		      bool is_trusted)
{
	struct event ev = { .type = EVENT_PORT_ADDED };

	ev.port.port_no = port_no;
	ev.port.vni = 100;
	ev.port.mac = (struct mac){ { 2, 0, 0, 0, 0, n } };
	ev.port.is_trusted = is_trusted;
	ev.port.n_ips = 1;
	ev.port.ips[0] = ip_number(n);
	engine_handle(e, now, &ev);
}

/* The MAC of a container, which the last life let another port use. */
static struct flow_match tell_source(struct engine *e, port_no_t port_no,
				     uint8_t n)
{
	const struct mac mac = { { 2, 0, 0, 0, 0, n } };
	struct event ev = { .type = EVENT_FLOW_FOUND };
	struct flow_actions actions = { 0 };

	ev.flow.match = match_source(port_no, &mac);
	flow_recirc(&actions, RECIRC_LOCAL(100));
	ev.flow.actions = &actions;
	engine_handle(e, now, &ev);
	flow_actions_free(&actions);
	return ev.flow.match;
}

/* A restart leaves a declared MAC, and its addresses, where they are. */
static void test_declared(void **state)
{
	const struct event started = { .type = EVENT_STARTED };
	const struct mac mac = { { 2, 0, 0, 0, 0, 31 } };
	const struct mac free_mac = { { 2, 0, 0, 0, 0, 32 } };
	const struct ip ip = ip_number(31);
	struct engine *e = make();
	struct flow_match other, own, learnt;
	struct entry_view v;

	(void)state;
	other = tell_source(e, 20, 31);
	own = tell_source(e, 31, 31);
	learnt = tell_source(e, 20, 32);
	tell_port(e, 20, 20, true);
	tell_port(e, 31, 31, false);
	engine_handle(e, now, &started);
	assert_true(drain(e, &other));
	assert_non_null(engine_find_flow(e, &own));
	assert_null(engine_find_flow(e, &other));
	assert_true(engine_find_mac(e, 100, &mac, &v));
	assert_int_equal(v.port_no, 31);
	assert_int_equal(v.entry.flags & ENTRY_LEARNT, 0);
	assert_true(engine_find_ip(e, 100, &ip, &v));
	/* What nobody has declared is still learnt. */
	assert_non_null(engine_find_flow(e, &learnt));
	assert_true(engine_find_mac(e, 100, &free_mac, &v));
	assert_int_equal(v.port_no, 20);
	engine_free(e);
}

/* Copies of group frames for the peer at @n; 0: for those on sleeve. */
static struct flow_match tell_copies(struct engine *e, uint8_t n)
{
	struct event ev = { .type = EVENT_FLOW_FOUND };
	const struct flow_tunnel tunnel = { .tun_id = 100,
					    .dst = ip_number(n),
					    .src = ip_number(1),
					    .dst_port = 6784,
					    .ttl = 64 };
	struct flow_actions actions = { 0 };

	ev.flow.match.recirc_id = RECIRC_PEERS(100, 0);
	if (n)
		flow_set_tunnel(&actions, &tunnel);
	flow_output(&actions, n ? PORT_NO_VXLAN : PORT_NO_TAP);
	ev.flow.actions = &actions;
	engine_handle(e, now, &ev);
	flow_actions_free(&actions);
	return ev.flow.match;
}

static bool sends_copies(struct engine *e, port_no_t port_no)
{
	const struct flow_match m = match_flood(100, port_no);
	const struct flow_actions *a = engine_find_flow(e, &m);

	assert_non_null(a);
	return a->n && a->list[a->n - 1].type == FLOW_RECIRC;
}

/* The peer of the session has nothing. */
static void tell_nothing(struct engine *e, session_t session)
{
	const struct message m = { .type = MESSAGE_ENTRIES,
				   .entries = { .is_first = true,
						.is_last = true } };
	struct event ev = { .type = EVENT_MESSAGE };

	ev.message.session = session;
	ev.message.message = &m;
	engine_handle(e, now, &ev);
}

/* Copies that go: nothing is sent there any more, where it would come up. */
static void test_copies(void **state)
{
	const struct event started = { .type = EVENT_STARTED };
	struct engine *e = make();
	struct flow_match copies;

	(void)state;
	copies = tell_copies(e, 7);
	tell_port(e, 20, 20, false);
	tell_port(e, 21, 21, false);
	engine_handle(e, now, &started);
	assert_false(drain(e, &copies));
	assert_true(sends_copies(e, 20) && sends_copies(e, 21));
	now += HOLD + USEC_PER_SEC;
	assert_true(drain(e, &copies));
	assert_false(sends_copies(e, 20) || sends_copies(e, 21));
	engine_free(e);
	/* The peer is there, and has no container in the network any more. */
	e = make();
	copies = tell_copies(e, 7);
	tell_port(e, 20, 20, false);
	engine_handle(e, now, &started);
	tell_peer(e, 1, 7);
	assert_false(drain(e, &copies));
	tell_nothing(e, 1);
	assert_true(drain(e, &copies));
	now += REGROUP_PAUSE_US;
	drain(e, &copies);
	assert_false(sends_copies(e, 20));
	engine_free(e);
	/* There is no sleeve in this life. */
	e = make();
	copies = tell_copies(e, 0);
	tell_port(e, 20, 20, false);
	engine_handle(e, now, &started);
	assert_true(drain(e, &copies));
	now += REGROUP_PAUSE_US;
	drain(e, &copies);
	assert_false(sends_copies(e, 20));
	engine_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_elsewhere),
		cmocka_unit_test(test_declared),
		cmocka_unit_test(test_copies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
