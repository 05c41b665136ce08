/* SPDX-License-Identifier: Apache-2.0 */
/* Wanted flows against those that the kernel has: what is sent, and when. */
#include "flowset_sent.h"

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
