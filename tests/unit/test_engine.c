/* SPDX-License-Identifier: Apache-2.0 */
/* The engine through its door: start, sessions in every order, limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/engine.h"
#include "core/view.h"

#define HOLD (20 * USEC_PER_SEC)

static usec_t now = USEC_PER_SEC;

/* What an engine did since the last look. */
struct log {
	uint32_t n_dials, n_sends, n_puts, n_dels, n_notes[64];
	target_t dials[8];
	session_t closed;
	enum reason close_reason;
	uint32_t n_closes;
	struct message sent;
};

static struct engine *make_with(const char *name, uint64_t instance,
				bool has_sleeve)
{
	const struct engine_config config = { .id = peer_id_of_name(name),
					      .instance = instance,
					      .seed = instance,
					      .vxlan_port = 6784,
					      .control_port = 6783,
					      .has_fastdp = true,
					      .has_sleeve = has_sleeve,
					      .has_discovery = true,
					      .heartbeat_interval_us =
						      300 * USEC_PER_MS,
					      .hold_us = HOLD };

	return engine_new(&config, now);
}

static struct engine *make(const char *name, uint64_t instance)
{
	return make_with(name, instance, false);
}

static struct log drain(struct engine *e)
{
	struct log log = { 0 };
	struct action a;
	uint32_t n = 0;

	while (engine_poll(e, now, &a)) {
		assert_true(++n < 100000);
		switch (a.type) {
		case ACTION_DIAL:
			log.dials[log.n_dials++ % 8] = a.dial.target;
			break;
		case ACTION_CLOSE:
			log.closed = a.close.session;
			log.close_reason = a.close.reason;
			log.n_closes++;
			break;
		case ACTION_SEND:
			log.sent = a.send.message;
			log.n_sends++;
			break;
		case ACTION_FLOW_PUT:
			log.n_puts++;
			break;
		case ACTION_FLOW_DEL:
			log.n_dels++;
			break;
		case ACTION_NOTE:
			log.n_notes[a.note.type]++;
			break;
		default:
			break;
		}
	}
	assert_true(engine_deadline(e) > now);
	return log;
}

static void tell(struct engine *e, enum event_type type)
{
	const struct event ev = { .type = type };

	engine_handle(e, now, &ev);
}

static void add_target(struct engine *e, const char *host)
{
	struct event ev = { .type = EVENT_TARGET_ADDED };

	ev.target.host = host;
	ev.target.port = 6783;
	ev.target.is_configured = true;
	engine_handle(e, now, &ev);
}

static struct ip ip_number(uint32_t n)
{
	const uint8_t v4[4] = { 192, 0, (uint8_t)(n >> 8), (uint8_t)n };

	return ip_from_v4(v4);
}

struct who {
	const char *name;
	uint64_t instance;
	uint32_t ip;
};

/* The ports are of the session: @port at the end that dialled. */
static void session_of(struct engine *e, session_t session, target_t target,
		       const struct who *peer, uint16_t port,
		       bool is_sleeve_only)
{
	struct hello hello = { .version_min = 1,
			       .version_max = 1,
			       .instance = peer->instance,
			       .control_port = 6783,
			       .vxlan_port = 6784,
			       .can_fastdp = !is_sleeve_only,
			       .can_sleeve = is_sleeve_only,
			       .has_discovery = true };
	struct event ev = { .type = EVENT_SESSION_UP };

	snprintf(hello.name, sizeof(hello.name), "%s", peer->name);
	hello.id = peer_id_of_name(peer->name);
	ev.session.session = session;
	ev.session.target = target;
	ev.session.hello = &hello;
	ev.session.local.ip = ip_number(99);
	ev.session.remote.ip = ip_number(peer->ip);
	ev.session.local.port = target ? port : 6783;
	ev.session.remote.port = target ? 6783 : port;
	engine_handle(e, now, &ev);
}

static void session_up(struct engine *e, session_t session, target_t target,
		       const struct who *peer, uint16_t port)
{
	session_of(e, session, target, peer, port, false);
}

static void session_down(struct engine *e, session_t session)
{
	struct event ev = { .type = EVENT_SESSION_DOWN };

	ev.down.session = session;
	ev.down.reason = REASON_CLOSED;
	engine_handle(e, now, &ev);
}

static void send_entries(struct engine *e, session_t session, uint32_t first,
			 uint32_t n, bool is_snapshot)
{
	static struct entry list[MESSAGE_MAX_ENTRIES];
	struct message m = { .type = MESSAGE_ENTRIES };
	struct event ev = { .type = EVENT_MESSAGE };
	uint32_t i;

	memset(list, 0, sizeof(list));
	m.entries.is_first = m.entries.is_last = is_snapshot;
	m.entries.n = n;
	m.entries.list = list;
	for (i = 0; i < n; i++) {
		list[i].vni = 100;
		list[i].mac = (struct mac){ { 2, 1, 0, 0,
					      (uint8_t)((first + i) >> 8),
					      (uint8_t)(first + i) } };
		list[i].revision = 1;
		list[i].n_ips = 1;
		list[i].ips[0] = ip_number(1000 + first + i);
	}
	ev.message.session = session;
	ev.message.message = &m;
	engine_handle(e, now, &ev);
}

static void add_port(struct engine *e, port_no_t port_no)
{
	struct event ev = { .type = EVENT_PORT_ADDED };

	ev.port.port_no = port_no;
	ev.port.vni = 100;
	ev.port.mac = (struct mac){ { 2, 0, 0, 0, 0, (uint8_t)port_no } };
	ev.port.n_ips = 1;
	ev.port.ips[0] = ip_number(port_no);
	engine_handle(e, now, &ev);
}

static bool has_session(struct engine *e, const char *name)
{
	struct peer_view v;

	return engine_find_peer(e, peer_id_of_name(name), &v) && v.has_session;
}

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

static uint32_t n_copies(struct engine *e)
{
	const struct flow_match m = { .recirc_id = RECIRC_PEERS(100, 0) };
	const struct flow_actions *actions = engine_find_flow(e, &m);
	uint32_t i, n = 0;

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
		cmocka_unit_test(test_both_dial),
		cmocka_unit_test(test_two_names),
		cmocka_unit_test(test_three_at_once),
		cmocka_unit_test(test_restart_and_clone),
		cmocka_unit_test(test_removed),
		cmocka_unit_test(test_one_address),
		cmocka_unit_test(test_successor),
		cmocka_unit_test(test_wide_inherited),
		cmocka_unit_test(test_both_gone),
		cmocka_unit_test(test_lazy_of_peer),
		cmocka_unit_test(test_tap),
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
