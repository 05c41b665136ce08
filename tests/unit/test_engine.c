/* SPDX-License-Identifier: Apache-2.0 */
/* The engine through its door: start and end, peers that go, limits. */
#include "engine_door.h"

static void test_start(void **state)
{
	struct engine *e = make("a", 1);
	struct action a;

	(void)state;
	add_target(e, "b");
	add_port(e, 16);
	assert_false(engine_poll(e, now, &a));
	assert_true(engine_deadline(e) == USEC_NEVER);
	tell(e, EVENT_STARTED);
	assert_int_equal(drain(e).n_dials, 1);
	tell(e, EVENT_STARTED);
	assert_int_equal(drain(e).n_puts, 0);
	engine_free(e);
	engine_free(NULL);
	/* Freed with everything still owed. */
	e = make("a", 1);
	add_port(e, 16);
	tell(e, EVENT_STARTED);
	engine_free(e);
}

static void test_removed(void **state)
{
	const struct who b = { "b", 1, 2 };
	struct event ev = { .type = EVENT_PEER_REMOVED };
	struct engine *e = make("a", 1);
	struct engine_counters c;
	struct peer_view v;
	peer_id_t removed;
	size_t pos = 0;
	struct log log;

	(void)state;
	add_target(e, "b");
	tell(e, EVENT_STARTED);
	log = drain(e);
	session_up(e, 1, log.dials[0], &b, 40000);
	send_entries(e, 1, 0, 3, true);
	drain(e);
	ev.peer_id = peer_id_of_name("b");
	engine_handle(e, now, &ev);
	log = drain(e);
	assert_int_equal(log.closed, 1);
	assert_int_equal(log.close_reason, REASON_REMOVED);
	assert_false(engine_find_peer(e, ev.peer_id, &v));
	engine_counters(e, &c);
	assert_int_equal(c.n_entries, 0);
	assert_true(engine_each_removed(e, &pos, &removed));
	assert_true(removed == ev.peer_id);
	session_up(e, 2, 0, &b, 40000);
	log = drain(e);
	assert_int_equal(log.close_reason, REASON_REMOVED);
	/* Taken back: its address is dialled, and it may come. */
	ev.type = EVENT_PEER_ALLOWED;
	engine_handle(e, now, &ev);
	now += 40 * USEC_PER_SEC;
	log = drain(e);
	assert_int_equal(log.n_dials, 1);
	session_up(e, 3, log.dials[0], &b, 40000);
	drain(e);
	assert_true(has_session(e, "b"));
	engine_free(e);
}

/* At the limit of peers: refused, said, and dialled again later. */
static void test_peer_limit(void **state)
{
	struct engine *e = make("a", 1);
	char name[16];
	struct who who = { name, 1, 0 };
	struct log log;
	uint32_t i;

	(void)state;
	tell(e, EVENT_STARTED);
	for (i = 0; i < MAX_PEERS; i++) {
		snprintf(name, sizeof(name), "peer%u", i);
		who.ip = i + 1;
		session_up(e, i + 1, 0, &who, 40000);
		assert_int_equal(drain(e).n_closes, 0);
	}
	add_target(e, "last");
	log = drain(e);
	snprintf(name, sizeof(name), "last");
	who.ip = i + 1;
	session_up(e, i + 1, log.dials[0], &who, 40000);
	log = drain(e);
	assert_int_equal(log.closed, i + 1);
	assert_int_equal(log.close_reason, REASON_LIMIT);
	assert_int_equal(log.n_notes[NOTE_LIMIT], 1);
	now += USEC_PER_SEC;
	assert_int_equal(drain(e).n_dials, 1);
	engine_free(e);
}

/* What a change costs follows from the change. */
static void test_cost(void **state)
{
	const struct who b = { "b", 1, 2 };
	struct engine *e = make("a", 1);
	struct log log;
	uint32_t i;

	(void)state;
	add_port(e, 16);
	tell(e, EVENT_STARTED);
	session_up(e, 1, 0, &b, 40000);
	for (i = 0; i < 40; i++)
		send_entries(e, 1, i * 100, 100, i == 0);
	log = drain(e);
	assert_true(log.n_puts >= 8000);
	send_entries(e, 1, 4001, 1, false);
	log = drain(e);
	assert_in_range(log.n_puts + log.n_dels, 1, 4);
	send_entries(e, 1, 4001, 1, false);
	log = drain(e);
	assert_int_equal(log.n_puts + log.n_dels, 0);
	session_down(e, 1);
	log = drain(e);
	assert_int_equal(log.n_puts + log.n_dels, 0);
	engine_free(e);
}

/* A session that takes no more is left alone; then it gets all. */
static void test_not_ready(void **state)
{
	const struct who b = { "b", 1, 2 };
	struct event ev = { .type = EVENT_SESSION_READY };
	struct engine *e = make("a", 1);
	struct log log;

	(void)state;
	tell(e, EVENT_STARTED);
	session_up(e, 1, 0, &b, 40000);
	drain(e);
	ev.ready.session = 1;
	engine_handle(e, now, &ev);
	add_port(e, 16);
	assert_int_equal(drain(e).n_sends, 0);
	ev.ready.is_ready = true;
	engine_handle(e, now, &ev);
	log = drain(e);
	assert_int_equal(log.n_sends, 1);
	assert_int_equal(log.sent.type, MESSAGE_ENTRIES);
	assert_int_equal(log.sent.entries.n, 1);
	engine_free(e);
}

/* The session is lost: entries live on for the hold time, no longer. */
static void test_hold(void **state)
{
	const struct who b = { "b", 1, 2 };
	struct engine *e = make("a", 1);
	struct engine_counters c;
	struct log log;

	(void)state;
	tell(e, EVENT_STARTED);
	session_up(e, 1, 0, &b, 40000);
	send_entries(e, 1, 0, 5, true);
	drain(e);
	session_down(e, 1);
	now += HOLD - 1;
	drain(e);
	engine_counters(e, &c);
	assert_int_equal(c.n_entries, 5);
	now += 1;
	log = drain(e);
	engine_counters(e, &c);
	assert_int_equal(c.n_entries, 0);
	assert_int_equal(c.n_peers, 0);
	assert_int_equal(c.n_flows, 0);
	assert_true(log.n_dels > 0);
	engine_free(e);
}

/* Who has not told yet, or was not met where we dial, may still tell. */
static void test_complete(void **state)
{
	const struct who b = { "b", 1, 2 }, a = { "a", 1, 2 };
	struct engine *e = make("a", 1);
	target_t targets[2];
	struct log log;

	(void)state;
	assert_false(engine_is_complete(e));
	add_target(e, "b");
	add_target(e, "a");
	tell(e, EVENT_STARTED);
	log = drain(e);
	assert_int_equal(log.n_dials, 2);
	memcpy(targets, log.dials, sizeof(targets));
	assert_false(engine_is_complete(e));
	session_up(e, 1, targets[0], &b, 40000);
	send_entries(e, 1, 0, 5, false);
	drain(e);
	assert_false(engine_is_complete(e));
	send_entries(e, 1, 0, 5, true);
	assert_false(engine_is_complete(e));
	/* The other one is this host itself. */
	session_up(e, 2, targets[1], &a, 40000);
	drain(e);
	assert_true(engine_is_complete(e));
	session_down(e, 1);
	drain(e);
	assert_true(engine_is_complete(e));
	engine_free(e);
}

/* Anything that is not what it should be: nothing happens. */
static void test_strangers(void **state)
{
	struct engine *e = make("a", 1);
	struct event ev = { .type = EVENT_MESSAGE };
	struct message m = { .type = MESSAGE_LEAVE };
	uint8_t frame[60] = { 0 };

	(void)state;
	tell(e, EVENT_STARTED);
	ev.message.session = 5;
	ev.message.message = &m;
	engine_handle(e, now, &ev);
	session_down(e, 5);
	ev = (struct event){ .type = EVENT_DIAL_FAILED };
	ev.dial.target = 7;
	engine_handle(e, now, &ev);
	ev = (struct event){ .type = EVENT_PORT_REMOVED };
	ev.port_no = 7;
	engine_handle(e, now, &ev);
	ev = (struct event){ .type = EVENT_FLOW_USED };
	engine_handle(e, now, &ev);
	ev = (struct event){ .type = EVENT_FLOW_REFUSED };
	engine_handle(e, now, &ev);
	ev = (struct event){ .type = EVENT_EXECUTE_REFUSED };
	engine_handle(e, now, &ev);
	ev = (struct event){ .type = EVENT_UPCALL };
	ev.upcall.frame = frame;
	for (ev.upcall.size = 0; ev.upcall.size <= 60; ev.upcall.size++)
		engine_handle(e, now, &ev);
	assert_int_equal(drain(e).n_puts, 0);
	engine_free(e);
}

static void test_reasons(void **state)
{
	int i, k;

	(void)state;
	for (i = 0; i < N_REASONS; i++) {
		assert_non_null(reason_text((enum reason)i));
		assert_true(reason_code((enum reason)i)[0] != '\0');
		for (k = 0; k < i; k++)
			assert_string_not_equal(reason_code((enum reason)i),
						reason_code((enum reason)k));
	}
	assert_string_equal(reason_code(N_REASONS), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_start),
		cmocka_unit_test(test_removed),
		cmocka_unit_test(test_peer_limit),
		cmocka_unit_test(test_cost),
		cmocka_unit_test(test_not_ready),
		cmocka_unit_test(test_hold),
		cmocka_unit_test(test_complete),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_reasons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
