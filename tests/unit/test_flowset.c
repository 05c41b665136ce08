/* SPDX-License-Identifier: Apache-2.0 */
/* Wanted flows against those that the kernel has: what is sent, and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/flowset.h"

#define AGE (10 * USEC_PER_SEC)

struct fixture {
	struct timerq timers;
	struct flowset fs;
	usec_t now;
	char ops[256]; /* what was sent, "P3:2 D4 Q5" */
};

static struct flow_match match_of(uint32_t n)
{
	struct flow_match m = { .fields = FLOW_ETH_DST, .recirc_id = 7 };

	m.eth_dst.b[0] = 2;
	m.eth_dst.b[4] = (uint8_t)(n >> 8);
	m.eth_dst.b[5] = (uint8_t)n;
	return m;
}

/* Of group frames. */
static struct flow_match group_of(uint32_t n)
{
	struct flow_match m = { .fields = FLOW_ETH_GROUP | FLOW_IN_PORT,
				.recirc_id = 7,
				.in_port = n };

	return m;
}

static uint32_t number_of(const struct flow_match *m)
{
	if (m->fields & FLOW_ETH_GROUP)
		return m->in_port;
	return (uint32_t)m->eth_dst.b[4] << 8 | m->eth_dst.b[5];
}

/* Actions that differ by @port alone; @peer: with a tunnel to it. */
static struct flow_actions actions_of(port_no_t port, uint8_t peer)
{
	struct flow_actions a = { 0 };
	struct flow_tunnel t = { .tun_id = 5 };

	if (peer) {
		t.dst.b[15] = peer;
		flow_set_tunnel(&a, &t);
	}
	flow_output(&a, port);
	return a;
}

static int setup(void **state)
{
	struct fixture *f = core_alloc(sizeof(*f));

	flowset_init(&f->fs, 1, &f->timers, 1);
	f->now = USEC_PER_SEC;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	flowset_free(&f->fs);
	timerq_free(&f->timers);
	free(f);
	return 0;
}

static const char *drain(struct fixture *f)
{
	const struct flow_actions *actions;
	struct flow_match m;
	enum flowset_op op;
	size_t n = 0;

	f->ops[0] = '\0';
	while (flowset_poll(&f->fs, &op, &m, &actions)) {
		assert_true(n < sizeof(f->ops) - 20);
		n += (size_t)snprintf(f->ops + n, sizeof(f->ops) - n, "%s%c%u",
				      n ? " " : "", "PDQ"[op], number_of(&m));
		if (op == FLOWSET_PUT)
			n += (size_t)snprintf(
				f->ops + n, sizeof(f->ops) - n, ":%u",
				actions->list[actions->n - 1].port);
	}
	return f->ops;
}

static void found(struct fixture *f, uint32_t n, port_no_t port, uint8_t peer)
{
	const struct flow_match m = match_of(n);
	struct flow_actions a = actions_of(port, peer);

	flowset_found(&f->fs, &m, &a);
	flow_actions_free(&a);
}

static void want(struct fixture *f, uint32_t n, port_no_t port)
{
	const struct flow_match m = match_of(n);
	struct flow_actions a = actions_of(port, 0);

	flowset_want(&f->fs, &m, &a);
	flow_actions_free(&a);
}

static bool want_lazy(struct fixture *f, const struct flow_match *m,
		      port_no_t port, port_no_t asked_by, bool is_extended)
{
	struct flow_actions a = actions_of(port, 0);
	const bool is_ok = flowset_want_lazy(&f->fs, f->now, m, &a, asked_by,
					     AGE, is_extended);

	flow_actions_free(&a);
	return is_ok;
}

static bool lazy(struct fixture *f, uint32_t n, port_no_t port)
{
	const struct flow_match m = match_of(n);

	return want_lazy(f, &m, port, 1, true);
}

static void unwant(struct fixture *f, uint32_t n)
{
	const struct flow_match m = match_of(n);

	flowset_unwant(&f->fs, &m);
}

static void refuse(struct fixture *f, uint32_t n)
{
	const struct flow_match m = match_of(n);

	flowset_refused(&f->fs, f->now, &m);
}

/* Time goes on; timers come. */
static void pass(struct fixture *f, usec_t us)
{
	struct timer *t;

	f->now += us;
	while ((t = timerq_expire(&f->timers, f->now)))
		flowset_timer(&f->fs, f->now,
			      CONTAINER_OF(t, struct flow_slot, timer));
}

static void test_adoption_costs_nothing(void **state)
{
	struct fixture *f = *state;

	found(f, 1, 16, 0);
	want(f, 1, 16);
	assert_string_equal(drain(f), "");
	assert_int_equal(f->fs.n_adopted, 1);
	want(f, 1, 16);
	assert_string_equal(drain(f), "");
	assert_int_equal(f->fs.n_adopted, 1);
	unwant(f, 1);
	assert_string_equal(drain(f), "D1");
	unwant(f, 1);
	assert_string_equal(drain(f), "");
}

static void test_replace_in_place(void **state)
{
	struct fixture *f = *state;

	found(f, 1, 16, 0);
	want(f, 1, 17);
	assert_string_equal(drain(f), "P1:17");
	want(f, 1, 18);
	want(f, 1, 19);
	assert_string_equal(drain(f), "P1:19");
	assert_int_equal(f->fs.n_adopted, 0);
}

/* Back to what the kernel has before anything was sent. */
static void test_and_back(void **state)
{
	struct fixture *f = *state;

	want(f, 1, 16);
	assert_string_equal(drain(f), "P1:16");
	want(f, 1, 17);
	want(f, 1, 16);
	assert_string_equal(drain(f), "");
	unwant(f, 1);
	want(f, 1, 16);
	assert_string_equal(drain(f), "");
	want(f, 1, 17);
	unwant(f, 1);
	want(f, 1, 17);
	assert_string_equal(drain(f), "P1:17");
	want(f, 1, 18);
	unwant(f, 1);
	want(f, 1, 17);
	assert_string_equal(drain(f), "");
	/* Never sent, never deleted. */
	want(f, 2, 16);
	unwant(f, 2);
	assert_string_equal(drain(f), "");
}

static void test_order(void **state)
{
	struct fixture *f = *state;
	const struct flow_match g = group_of(9);

	want(f, 1, 16);
	want_lazy(f, &g, 16, 1, true);
	assert_string_equal(drain(f), "P1:16 P9:16");
	unwant(f, 1);
	want(f, 2, 16);
	flowset_unwant(&f->fs, &g);
	want(f, 3, 16);
	assert_string_equal(drain(f), "P2:16 P3:16 D1 D9");
}

static bool keep_2(const void *ctx, const struct ip *peer)
{
	(void)ctx;
	return peer->b[15] == 2;
}

static void test_release(void **state)
{
	const struct ip one = { { [15] = 1 } };
	struct fixture *f = *state;

	found(f, 1, 1, 1);
	found(f, 2, 1, 2);
	found(f, 3, 16, 0);
	found(f, 4, 17, 0);
	want(f, 4, 17);
	assert_int_equal(f->fs.n_inherited, 3);
	flowset_release(&f->fs, NULL);
	assert_string_equal(drain(f), "D3");
	flowset_release(&f->fs, &one);
	assert_string_equal(drain(f), "D1");
	flowset_release_all(&f->fs, keep_2, NULL);
	assert_string_equal(drain(f), "");
	found(f, 5, 1, 5);
	flowset_release_all(&f->fs, keep_2, NULL);
	assert_string_equal(drain(f), "D5");
	assert_int_equal(f->fs.n_inherited, 1);
}

static void test_refusal(void **state)
{
	struct fixture *f = *state;
	usec_t pause = 500 * USEC_PER_MS;
	int i;

	want(f, 1, 16);
	drain(f);
	for (i = 0; i < 12; i++) {
		refuse(f, 1);
		want(f, 1, 16);
		assert_string_equal(drain(f), "");
		pass(f, pause - 1);
		assert_string_equal(drain(f), "");
		pass(f, 1);
		assert_string_equal(drain(f), "P1:16");
		if (i < 6)
			pause *= 2;
	}
	/* Other actions are tried at once. */
	refuse(f, 1);
	want(f, 1, 17);
	assert_string_equal(drain(f), "P1:17");
	/* Unwanted: an older form may be there. */
	refuse(f, 1);
	unwant(f, 1);
	assert_string_equal(drain(f), "D1");
	pass(f, 100 * USEC_PER_SEC);
	assert_string_equal(drain(f), "");
	assert_true(timerq_deadline(&f->timers) == USEC_NEVER);
	/* What the kernel has after a refusal is not known: put it again. */
	want(f, 2, 16);
	drain(f);
	want(f, 2, 17);
	drain(f);
	refuse(f, 2);
	want(f, 2, 16);
	assert_string_equal(drain(f), "P2:16");
	refuse(f, 77);
}

static void test_lazy_age(void **state)
{
	struct fixture *f = *state;
	const struct flow_match m = match_of(1);

	assert_true(lazy(f, 1, 16));
	assert_string_equal(drain(f), "P1:16");
	pass(f, AGE - 1);
	assert_string_equal(drain(f), "");
	pass(f, 1);
	assert_string_equal(drain(f), "Q1");
	/* Used 4 s ago: it has 6 s left. */
	assert_false(flowset_used(&f->fs, f->now, &m, true, 4 * USEC_PER_SEC));
	pass(f, AGE - 4 * USEC_PER_SEC - 1);
	assert_string_equal(drain(f), "");
	pass(f, 1);
	assert_string_equal(drain(f), "Q1");
	/* No answer: it is asked again, not kept for ever. */
	pass(f, AGE);
	assert_string_equal(drain(f), "Q1");
	assert_true(flowset_used(&f->fs, f->now, &m, true, USEC_NEVER));
	assert_string_equal(drain(f), "D1");
	assert_int_equal(f->fs.n_lazy, 0);
	assert_false(flowset_used(&f->fs, f->now, &m, true, 0));
}

static void test_lazy_not_extended(void **state)
{
	struct fixture *f = *state;
	const struct flow_match m = match_of(1);

	assert_true(want_lazy(f, &m, 16, 1, false));
	drain(f);
	pass(f, AGE);
	assert_string_equal(drain(f), "D1");
}

/* Whatever happens to it, a lazy flow always has its timer. */
static void test_lazy_changed(void **state)
{
	struct fixture *f = *state;
	const struct flow_match m = match_of(1);

	lazy(f, 1, 16);
	drain(f);
	pass(f, AGE); /* the question is owed: */
	lazy(f, 1, 17);
	assert_string_equal(drain(f), "P1:17");
	pass(f, AGE);
	assert_string_equal(drain(f), "Q1");
	lazy(f, 1, 18);
	pass(f, AGE); /* a put is owed */
	assert_string_equal(drain(f), "P1:18");
	pass(f, AGE);
	assert_string_equal(drain(f), "Q1");
	/* The kernel does not know it; but it may, by now. */
	assert_true(flowset_used(&f->fs, f->now, &m, false, USEC_NEVER));
	assert_string_equal(drain(f), "D1");
}

static void test_lazy_and_steady(void **state)
{
	struct fixture *f = *state;

	lazy(f, 1, 16);
	drain(f);
	want(f, 1, 16);
	assert_string_equal(drain(f), "");
	assert_int_equal(f->fs.n_lazy, 0);
	assert_true(timerq_deadline(&f->timers) == USEC_NEVER);
	assert_true(lazy(f, 1, 17));
	assert_string_equal(drain(f), "");
	assert_int_equal(f->fs.n_lazy, 0);
	/* A lazy one that is refused goes: a packet will ask again. */
	lazy(f, 2, 16);
	drain(f);
	refuse(f, 2);
	assert_int_equal(f->fs.n_lazy, 0);
	assert_string_equal(drain(f), "D2");
	/* One of an earlier life. */
	found(f, 3, 16, 0);
	assert_true(lazy(f, 3, 16));
	assert_string_equal(drain(f), "");
	assert_int_equal(f->fs.n_adopted, 1);
	assert_int_equal(f->fs.n_inherited, 0);
}

static void test_limits(void **state)
{
	struct fixture *f = *state;
	struct flow_match m = match_of(0);
	uint32_t i, n = 0;
	port_no_t port;

	for (i = 0; i < MAX_LAZY_FLOWS_PER_PORT; i++) {
		m = match_of(n++);
		assert_true(want_lazy(f, &m, 16, 16, true));
	}
	assert_true(want_lazy(f, &m, 16, 16, true)); /* that is there already */
	m = match_of(n);
	assert_false(want_lazy(f, &m, 16, 16, true));
	assert_true(want_lazy(f, &m, 16, 17, true));
	n++;
	/* What leaves makes room. */
	unwant(f, 5);
	m = match_of(n++);
	assert_true(want_lazy(f, &m, 16, 16, true));
	for (port = 18; f->fs.n_lazy < MAX_LAZY_FLOWS; port++) {
		for (i = 0; i < MAX_LAZY_FLOWS_PER_PORT; i++) {
			m = match_of(n++);
			want_lazy(f, &m, 16, port, true);
		}
	}
	m = match_of(n + 1);
	assert_false(want_lazy(f, &m, 16, 999, true));
	assert_null(flowset_find(&f->fs, &m));
	assert_int_equal(f->fs.n_lazy, MAX_LAZY_FLOWS);
	want(f, n + 1, 16); /* steady ones have no such limit */
	assert_non_null(flowset_find(&f->fs, &m));
}

static void test_lost(void **state)
{
	struct fixture *f = *state;

	found(f, 1, 16, 0);
	found(f, 2, 16, 0);
	want(f, 2, 16);
	want(f, 3, 16);
	lazy(f, 4, 16);
	want(f, 5, 16);
	drain(f);
	unwant(f, 5);
	flowset_lost(&f->fs);
	/* 1 was nobody's, 5 is gone; in any order. */
	assert_int_equal(strlen(drain(f)), strlen("P2:16 P3:16 P4:16"));
	assert_null(strchr(f->ops, 'D'));
	assert_null(strstr(f->ops, "P1"));
	pass(f, AGE);
	assert_string_equal(drain(f), "Q4");
}

/*
 * At random, with a kernel that refuses now and then: after each drain it has
 * what is wanted, and nothing is put as it is there already.
 */
#define N_FLOWS 24

struct kernel {
	port_no_t port[N_FLOWS]; /* 0: not there */
	bool is_unsure[N_FLOWS]; /* refused: may be put in any form */
};

static void serve(struct fixture *f, struct kernel *k, unsigned int refusals)
{
	const struct flow_actions *actions;
	struct flow_match m;
	enum flowset_op op;
	uint32_t n;

	while (flowset_poll(&f->fs, &op, &m, &actions)) {
		n = number_of(&m);
		if (op == FLOWSET_DELETE) {
			k->port[n] = 0;
			k->is_unsure[n] = false;
		} else if (op == FLOWSET_PUT &&
			   core_hash(&f->now, sizeof(f->now), n) % 100 <
				   refusals) {
			flowset_refused(&f->fs, f->now, &m);
			k->is_unsure[n] = true;
		} else if (op == FLOWSET_PUT) {
			assert_true(k->port[n] != actions->list[0].port ||
				    k->is_unsure[n]);
			k->port[n] = actions->list[0].port;
			k->is_unsure[n] = false;
		} else {
			flowset_used(&f->fs, f->now, &m, k->port[n] != 0,
				     f->now % 3 ? 0 : USEC_NEVER);
		}
	}
}

static void compare(struct fixture *f, const struct kernel *k)
{
	uint32_t n;

	for (n = 0; n < N_FLOWS; n++) {
		const struct flow_match m = match_of(n);
		const struct flow_slot *slot = flowset_find(&f->fs, &m);

		if (!slot) {
			assert_int_equal(k->port[n], 0);
			continue;
		}
		flowset_check(&f->fs, slot);
		assert_int_not_equal(slot->state, SLOT_PUT);
		assert_int_not_equal(slot->state, SLOT_DELETE);
		if (slot->state != SLOT_REFUSED)
			assert_int_equal(k->port[n],
					 slot->actions.list[0].port);
	}
}

static void step(struct fixture *f, struct kernel *k, uint64_t r)
{
	const uint32_t n = (uint32_t)(r >> 8) % N_FLOWS;
	const port_no_t port = 16 + (port_no_t)(r >> 16) % 3;

	switch (r % 8) {
	case 0:
	case 1:
	case 2:
		want(f, n, port);
		break;
	case 3:
		lazy(f, n, port);
		break;
	case 4:
	case 5:
	case 6:
		unwant(f, n);
		break;
	default:
		if (r >> 24 & 31)
			break;
		memset(k, 0, sizeof(*k));
		flowset_lost(&f->fs);
		break;
	}
}

static void test_random(void **state)
{
	struct fixture *f = *state;
	struct kernel k = { 0 };
	uint64_t r = 42;
	uint32_t i;

	for (i = 0; i < N_FLOWS / 2; i++) {
		k.port[i] = 16 + i % 3;
		found(f, i, k.port[i], 0);
	}
	for (i = 0; i < 200000; i++) {
		r = core_hash(&i, sizeof(i), r);
		step(f, &k, r);
		if (r >> 40 & 1)
			continue;
		pass(f, r >> 41 & 3 ? 1000 : 7 * USEC_PER_SEC);
		serve(f, &k, i % 1000 < 500 ? 0 : 10);
		/* What was refused may owe a delete. */
		serve(f, &k, 0);
		compare(f, &k);
	}
}

/* What is cleared goes before the puts, inherited or not. */
static void test_clear(void **state)
{
	struct fixture *f = *state;
	struct flow_match m = match_of(1);

	found(f, 1, 16, 9);
	want(f, 2, 17);
	flowset_clear(&f->fs, &m);
	assert_string_equal(drain(f), "D1 P2:17");
	want(f, 3, 16);
	m = match_of(3);
	flowset_clear(&f->fs, &m); /* it never was there */
	assert_string_equal(drain(f), "");
	m = match_of(2);
	flowset_clear(&f->fs, &m);
	want(f, 2, 18); /* wanted after all */
	assert_string_equal(drain(f), "P2:18");
	flowset_unwant(&f->fs, &m);
	want(f, 4, 16);
	flowset_clear(&f->fs, &m); /* on its way out: earlier now */
	assert_string_equal(drain(f), "D2 P4:16");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		TEST(test_adoption_costs_nothing),
		TEST(test_replace_in_place),
		TEST(test_and_back),
		TEST(test_order),
		TEST(test_release),
		TEST(test_refusal),
		TEST(test_lazy_age),
		TEST(test_lazy_not_extended),
		TEST(test_lazy_changed),
		TEST(test_lazy_and_steady),
		TEST(test_limits),
		TEST(test_lost),
		TEST(test_clear),
		TEST(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
