/* SPDX-License-Identifier: Apache-2.0 */
/* What the last life left for a peer that has not told what it has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/engine.h"
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
