/* SPDX-License-Identifier: Apache-2.0 */
/* The engine through its door: sessions in every order, restarts, clones. */
#include "engine_door.h"

/*
 * All orders: two engines, sessions between them, and for each session what
 * its two ends are told: up, then down once the other end has closed it. A
 * schedule is a list of choices; all are played, like an odometer.
 */
#define MAX_CHOICES 24U

struct pair {
	struct engine *e[2]; /* 0: the lower id */
	struct who who[2];
	target_t targets[2][2];
	struct {
		unsigned int by;  /* who dialled */
		unsigned int nth; /* by which of its names */
		uint16_t port;
		bool is_told[2], is_closed[2], is_down[2];
	} s[3];
	uint32_t n_sessions;
	uint32_t choice[MAX_CHOICES], n_options[MAX_CHOICES], n_choices;
};

static void pair_drain(struct pair *p, unsigned int at)
{
	struct action a;

	while (engine_poll(p->e[at], now, &a)) {
		const uint32_t i = a.close.session - 1;

		if (a.type != ACTION_CLOSE || p->s[i].is_closed[at])
			continue;
		p->s[i].is_closed[at] = true;
		p->s[i].is_down[at] = true;
		session_down(p->e[at], i + 1);
	}
}

/* May end @at be told something of session @i? Does it, if @is_done. */
static bool pair_step(struct pair *p, uint32_t i, unsigned int at, bool is_done)
{
	const bool is_up_due = !p->s[i].is_told[at];
	const bool is_down_due = p->s[i].is_told[at] && !p->s[i].is_down[at] &&
				 p->s[i].is_closed[!at];

	if (!is_up_due && !is_down_due)
		return false;
	if (!is_done)
		return true;
	if (is_up_due) {
		p->s[i].is_told[at] = true;
		session_up(p->e[at], i + 1,
			   p->s[i].by == at ? p->targets[at][p->s[i].nth] : 0,
			   &p->who[!at], p->s[i].port);
	} else {
		p->s[i].is_down[at] = true;
		session_down(p->e[at], i + 1);
	}
	pair_drain(p, at);
	return true;
}

static bool pair_choose(struct pair *p)
{
	uint32_t n = 0, i, wanted;
	unsigned int at;

	for (i = 0; i < p->n_sessions; i++) {
		for (at = 0; at < 2; at++)
			n += pair_step(p, i, at, false);
	}
	if (!n)
		return false;
	assert_true(p->n_choices < MAX_CHOICES);
	p->n_options[p->n_choices] = n;
	wanted = p->choice[p->n_choices++];
	for (i = 0; i < p->n_sessions; i++) {
		for (at = 0; at < 2; at++) {
			if (pair_step(p, i, at, false) && wanted-- == 0)
				return pair_step(p, i, at, true);
		}
	}
	return false;
}

static void pair_play(struct pair *p)
{
	static const char *const names[2] = { "b", "b-alias" };
	unsigned int at, k;
	uint32_t i;

	p->n_choices = 0;
	for (at = 0; at < 2; at++) {
		struct log log;

		p->e[at] = make(p->who[at].name, p->who[at].instance);
		for (k = 0; k < 2; k++)
			add_target(p->e[at], names[k]);
		tell(p->e[at], EVENT_STARTED);
		log = drain(p->e[at]);
		assert_int_equal(log.n_dials, 2);
		memcpy(p->targets[at], log.dials, sizeof(p->targets[at]));
	}
	for (i = 0; i < p->n_sessions; i++) {
		memset(p->s[i].is_told, 0, sizeof(p->s[i].is_told));
		memset(p->s[i].is_closed, 0, sizeof(p->s[i].is_closed));
		memset(p->s[i].is_down, 0, sizeof(p->s[i].is_down));
	}
	while (pair_choose(p))
		;
}

/* The next schedule; false: all were played. */
static bool pair_next(struct pair *p)
{
	while (p->n_choices > 0) {
		const uint32_t i = p->n_choices - 1;

		if (p->choice[i] + 1 < p->n_options[i]) {
			p->choice[i]++;
			memset(p->choice + i + 1, 0,
			       sizeof(p->choice[0]) * (MAX_CHOICES - i - 1));
			return true;
		}
		p->n_choices--;
	}
	return false;
}

static uint32_t pair_all(struct pair *p)
{
	uint32_t n = 0;

	memset(p->choice, 0, sizeof(p->choice));
	p->who[0] = (struct who){ "host2", 21, 1 };
	p->who[1] = (struct who){ "host1", 11, 2 };
	assert_true(peer_id_of_name("host2") < peer_id_of_name("host1"));
	do {
		uint32_t i, n_open = 0;
		unsigned int at;

		pair_play(p);
		for (i = 0; i < p->n_sessions; i++)
			n_open += !p->s[i].is_closed[0] &&
				  !p->s[i].is_closed[1];
		for (at = 0; at < 2; at++) {
			const bool has = has_session(p->e[at],
						     p->who[!at].name);

			engine_free(p->e[at]);
			if (!has || n_open != 1)
				fail_msg("schedule %u: %u sessions, end %u %s",
					 n, n_open, at,
					 has ? "has one" : "has none");
		}
		n++;
	} while (pair_next(p));
	print_message("%u schedules\n", n);
	return n;
}

static void test_both_dial(void **state)
{
	struct pair p = { .n_sessions = 2 };

	(void)state;
	p.s[0].by = 0;
	p.s[0].port = 40000;
	p.s[1].by = 1;
	p.s[1].port = 50000;
	assert_in_range(pair_all(&p), 20, 100000);
}

/* One end dials twice, by two names of the other. */
static void test_two_names(void **state)
{
	struct pair p = { .n_sessions = 2 };

	(void)state;
	p.s[0].port = 40000;
	p.s[1].port = 50000;
	p.s[1].nth = 1;
	assert_in_range(pair_all(&p), 20, 100000);
	p.s[0].by = p.s[1].by = 1;
	assert_in_range(pair_all(&p), 20, 100000);
}

static void test_three_at_once(void **state)
{
	struct pair p = { .n_sessions = 3 };

	(void)state;
	p.s[0].by = 0;
	p.s[0].port = 40000;
	p.s[1].by = 1;
	p.s[1].port = 50000;
	p.s[2].by = 0;
	p.s[2].nth = 1;
	p.s[2].port = 45000;
	assert_in_range(pair_all(&p), 500, 1000000);
}

static void test_restart_and_clone(void **state)
{
	const struct who first = { "b", 1, 2 }, again = { "b", 2, 2 };
	const struct who clone = { "b", 3, 3 }, ours = { "a", 9, 4 };
	const struct who self = { "a", 1, 5 };
	struct engine *e = make("a", 1);
	struct engine_counters c;
	struct log log;

	(void)state;
	tell(e, EVENT_STARTED);
	session_up(e, 1, 0, &first, 40000);
	send_entries(e, 1, 0, 3, true);
	log = drain(e);
	assert_int_equal(log.n_notes[NOTE_PEER_UP], 1);
	/* Another instance from another address, while the first is there. */
	session_up(e, 2, 0, &clone, 40000);
	log = drain(e);
	assert_int_equal(log.closed, 2);
	assert_int_equal(log.close_reason, REASON_CLONED);
	assert_int_equal(log.n_notes[NOTE_CLONED], 1);
	/* From the same address: it was started again. */
	session_up(e, 3, 0, &again, 40000);
	log = drain(e);
	assert_int_equal(log.closed, 1);
	assert_true(has_session(e, "b"));
	session_down(e, 1); /* late word of the first */
	drain(e);
	assert_true(has_session(e, "b"));
	/* What it does not name again has gone. */
	engine_counters(e, &c);
	assert_int_equal(c.n_entries, 3);
	send_entries(e, 3, 1, 1, true);
	drain(e);
	engine_counters(e, &c);
	assert_int_equal(c.n_entries, 1);
	/* Our own identity, elsewhere and here. */
	session_up(e, 4, 0, &ours, 40000);
	log = drain(e);
	assert_int_equal(log.close_reason, REASON_CLONED);
	session_up(e, 5, 0, &self, 40000);
	log = drain(e);
	assert_int_equal(log.close_reason, REASON_OURSELVES);
	engine_free(e);
}

#define MANY 40U

/* By session: how many hints it was sent, in how many messages. */
struct told {
	uint32_t n_hints[MANY + 1], n_messages;
};

static void count_hints(struct engine *e, struct told *told)
{
	struct action a;

	while (engine_poll(e, now, &a)) {
		if (a.type != ACTION_SEND ||
		    a.send.message.type != MESSAGE_PEERS)
			continue;
		told->n_hints[a.send.session] += a.send.message.peers.n;
		told->n_messages++;
	}
}

/* Many peers at once are not named in a message each; yet all are named. */
static void test_many_hints(void **state)
{
	struct engine *e = make("a", 1);
	struct told told = { 0 };
	struct who who = { .instance = 1 };
	char name[8];
	uint32_t i;

	(void)state;
	who.name = name;
	tell(e, EVENT_STARTED);
	for (i = 1; i <= MANY; i++) {
		snprintf(name, sizeof(name), "p%u", i);
		who.ip = 100 + i;
		session_up(e, i, 0, &who, 40000);
		count_hints(e, &told);
		/* Of the first the others hear at once. */
		if (i > 1)
			assert_int_equal(told.n_hints[i], 1);
		now += USEC_PER_MS;
	}
	assert_int_equal(told.n_messages, MANY - 1);
	for (i = 0; i < 100; i++) {
		now += 10 * USEC_PER_MS;
		count_hints(e, &told);
	}
	assert_true(told.n_messages < 2 * MANY);
	for (i = 1; i <= MANY; i++)
		assert_int_equal(told.n_hints[i], MANY - 1);
	/* One alone, later: nobody waits for others. */
	who.ip = 100 + MANY + 1;
	who.name = "late";
	told = (struct told){ 0 };
	session_up(e, MANY, 0, &who, 40000);
	count_hints(e, &told);
	assert_true(told.n_messages >= MANY - 1);
	engine_free(e);
}

/* How many sessions it closes, whatever else it does. */
static uint32_t count_closes(struct engine *e)
{
	struct action a;
	uint32_t n = 0;

	while (engine_poll(e, now, &a))
		n += a.type == ACTION_CLOSE;
	return n;
}

/* Whom there was no room for is heard again when there is; we always have some. */
static void test_room_again(void **state)
{
	static const char *const names[] = { "b", "c", "d", "e", "f" };
	static const struct mac mac = { { 2, 0, 0, 0, 0, 16 } };
	const uint32_t share = (MAX_ENTRIES - ENTRIES_FOR_US) / 4;
	struct event port = { .type = EVENT_PORT_ADDED };
	struct event ev = { .type = EVENT_PEER_REMOVED };
	struct engine *e = make("a", 1);
	struct engine_counters c;
	struct entry_view v;
	uint32_t i, k;

	(void)state;
	tell(e, EVENT_STARTED);
	for (i = 0; i < 5; i++)
		session_up(e, i + 1, 0, &(struct who){ names[i], 1, i + 2 },
			   (uint16_t)(40000 + i));
	drain(e);
	for (i = 0; i < 4; i++) {
		for (k = 0; k < share; k += MESSAGE_MAX_ENTRIES)
			send_entries(e, i + 1, k, MESSAGE_MAX_ENTRIES, false);
	}
	engine_counters(e, &c);
	assert_int_equal(c.n_entries, MAX_ENTRIES - ENTRIES_FOR_US);
	assert_int_equal(c.n_entries_refused, 0);
	send_entries(e, 5, 0, 1, true);
	engine_counters(e, &c);
	assert_int_equal(c.n_entries_refused, 1);
	assert_int_equal(count_closes(e), 0);
	port.port.port_no = 16;
	port.port.vni = 7;
	port.port.mac = mac;
	engine_handle(e, now, &port);
	assert_true(engine_find_mac(e, 7, &mac, &v));
	ev.peer_id = peer_id_of_name("b");
	engine_handle(e, now, &ev);
	assert_false(has_session(e, "f"));
	assert_true(has_session(e, "c"));
	assert_int_equal(count_closes(e), 2); /* the other one's, too */
	engine_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_dial),
		cmocka_unit_test(test_two_names),
		cmocka_unit_test(test_three_at_once),
		cmocka_unit_test(test_restart_and_clone),
		cmocka_unit_test(test_many_hints),
		cmocka_unit_test(test_room_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
