/* SPDX-License-Identifier: Apache-2.0 */
/* The search of one path's MTU, against a simulated path, time by hand. */
#include "play_pmtu.h"

static bool is_settled(const struct play *pl)
{
	return pl->m.state == PMTU_COMPLETE ||
	       (pl->m.state == PMTU_ERROR && pl->m.confirm_at != USEC_NEVER);
}

/* Returns how long it took. */
static usec_t settle(struct play *pl, usec_t limit)
{
	const usec_t from = pl->now;

	do {
		assert_true(next(pl) <= from + limit);
		pl->now = next(pl);
		step(pl);
	} while (!is_settled(pl));
	return pl->now - from;
}

static void test_wide_path_takes_one_round_trip(void **state)
{
	struct play pl;

	(void)state;
	start(&pl, &v4, 1500, 1500);
	assert_int_equal(pl.m.usable, 1500);
	assert_true(settle(&pl, SEC) <= 2 * pl.rtt);
	assert_int_equal(pl.m.plpmtu, 1500);
	assert_int_equal(pl.n_sent, 2);
	assert_int_equal(pl.m.reason, REASON_MTU_FOUND);
	assert_true(pl.m.raise_at == USEC_NEVER);
}

static void test_common_mtus_need_twelve_probes(void **state)
{
	static const uint32_t links[] = { 1500, 9000, 9001, 65000 };
	static const uint32_t mtus[] = { 1280, 1300, 1380, 1400, 1420,
					 1440, 1450, 1460, 1476, 1480,
					 1492, 1500, 8500, 8900, 8950 };
	struct play pl;
	size_t i, j;

	(void)state;
	for (i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		for (j = 0; j < sizeof(mtus) / sizeof(mtus[0]); j++) {
			if (mtus[j] > links[i])
				continue;
			start(&pl, &v4, links[i], mtus[j]);
			assert_true(settle(&pl, SEC) <= 500 * MS);
			assert_int_equal(pl.m.plpmtu, mtus[j]);
			assert_in_range(pl.n_sent, 1, 12);
		}
	}
}

/* Every size, from every sort of link: to the byte, in bounded effort. */
static void every_size(const struct pmtu_config *config, uint32_t link)
{
	uint32_t mtu, most = 0;
	usec_t longest = 0, took;
	struct play pl;

	for (mtu = config->floor; mtu <= link; mtu++) {
		start(&pl, config, link, mtu);
		took = settle(&pl, SEC);
		assert_int_equal(pl.m.plpmtu, mtu);
		assert_int_equal(pl.m.usable, mtu);
		assert_int_equal(pl.m.state, mtu < config->base
						     ? PMTU_ERROR
						     : PMTU_COMPLETE);
		if (pl.n_sent > most)
			most = pl.n_sent;
		if (took > longest)
			longest = took;
	}
	print_message("link %u: at most %u probes, %u ms\n", link, most,
		      (unsigned)(longest / MS));
	assert_in_range(most, 1, 40);
	assert_true(longest <= 500 * MS);
}

static void test_every_size_is_found_to_the_byte(void **state)
{
	(void)state;
	every_size(&v4, 1500);
	every_size(&v4, 9000);
	every_size(&v6, 1500);
	every_size(&v6, 9000);
}

static void test_right_hint_saves_the_search(void **state)
{
	struct play pl;

	(void)state;
	start(&pl, &v4, 9000, 4321);
	pmtu_hint(&pl.m, pl.now, 4321);
	settle(&pl, SEC);
	assert_int_equal(pl.m.plpmtu, 4321);
	assert_in_range(pl.n_sent, 1, 12);
}

/* Forged: any number; it is tried, or ignored, and changes nothing. */
static void test_wrong_hints_change_nothing(void **state)
{
	static const uint32_t hints[] = { 0,	1,    68,    575,	576,
					  1000, 1200, 1280,  1399,	1401,
					  1500, 9000, 65535, UINT32_MAX };
	struct play pl;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
		start(&pl, &v4, 1500, 1400);
		pmtu_hint(&pl.m, pl.now, hints[i]);
		settle(&pl, SEC);
		assert_int_equal(pl.m.plpmtu, 1400);
		run(&pl, pl.now + SEC);
		pmtu_hint(&pl.m, pl.now, hints[i]);
		assert_int_equal(pl.m.usable, 1400);
		run(&pl, pl.now + 10 * SEC);
		assert_int_equal(pl.m.plpmtu, 1400);
		assert_int_equal(pl.m.usable, 1400);
		assert_in_range(pl.largest, 0, 1500);
	}
}

/* A flood of them makes no flood of ours. */
static void test_hints_are_bounded(void **state)
{
	struct play pl;
	uint32_t before, i;

	(void)state;
	start(&pl, &v4, 1500, 1500);
	settle(&pl, SEC);
	before = pl.n_sent;
	for (i = 0; i < 10000; i++) {
		pmtu_hint(&pl.m, pl.now, 600 + i % 100);
		run(&pl, pl.now + 100);
	}
	assert_in_range(pl.n_sent - before, 1, 12);
	assert_int_equal(pl.m.usable, 1500);
}

static void test_hint_below_confirms_at_once(void **state)
{
	struct play pl;
	usec_t from;

	(void)state;
	start(&pl, &v4, 1500, 1500);
	settle(&pl, SEC);
	pmtu_pace(&pl.m, pl.now, 60 * SEC);
	run(&pl, pl.now + SEC);
	pl.mtu = 1337;
	from = pl.now;
	pmtu_hint(&pl.m, pl.now, 1337);
	while (pl.m.plpmtu != 1337)
		run(&pl, pl.now + MS);
	assert_true(pl.now - from <= 400 * MS);
}

static void test_shrinking_path_is_noticed(void **state)
{
	struct play pl;
	usec_t from;

	(void)state;
	start(&pl, &v4, 1500, 1500);
	settle(&pl, SEC);
	run(&pl, pl.now + 3 * SEC);
	pl.mtu = 1300;
	from = pl.now;
	run(&pl, from + 1200 * MS);
	assert_int_equal(pl.m.usable, 1300);
	assert_int_equal(pl.m.state, PMTU_COMPLETE);
	assert_int_equal(pl.m.reason, REASON_MTU_HOLE);
	/* Nothing smaller was said in between. */
	assert_true(pl.last_usable_at > from);
}

static void test_growing_path_is_used(void **state)
{
	struct pmtu_config config = v4;
	struct play pl;

	(void)state;
	config.raise_us = 20 * SEC;
	start(&pl, &config, 1500, 1300);
	settle(&pl, SEC);
	/* The quick raises are over. */
	run(&pl, pl.now + 100 * SEC);
	pl.mtu = 1437;
	run(&pl, pl.now + 21 * SEC);
	assert_int_equal(pl.m.usable, 1437);
	assert_int_equal(pl.m.reason, REASON_MTU_RAISED);
}

/* Steady state: three probes a raise, and the confirmations. */
static void test_raise_is_cheap_and_regular(void **state)
{
	struct play pl;
	uint32_t before;

	(void)state;
	start(&pl, &v4, 1500, 1400);
	settle(&pl, SEC);
	pmtu_pace(&pl.m, pl.now, 1000000 * SEC);
	run(&pl, pl.now + 3000 * SEC);
	before = pl.n_sent;
	run(&pl, pl.now + 6000 * SEC);
	assert_in_range(pl.n_sent - before, 36, 48);
	assert_int_equal(pl.m.usable, 1400);
}

static void test_link_bounds_all(void **state)
{
	struct play pl;

	(void)state;
	start(&pl, &v4, 9000, 9000);
	settle(&pl, SEC);
	pmtu_set_link(&pl.m, pl.now, 1500);
	assert_int_equal(pl.m.usable, 1500);
	assert_int_equal(pl.m.reason, REASON_MTU_LINK);
	pl.largest = 0;
	run(&pl, pl.now + 10 * SEC);
	assert_int_equal(pl.m.usable, 1500);
	assert_in_range(pl.largest, 1, 1500);
	pmtu_set_link(&pl.m, pl.now, 9000);
	run(&pl, pl.now + 300 * MS);
	assert_int_equal(pl.m.usable, 9000);
	pmtu_set_link(&pl.m, pl.now, 500);
	assert_int_equal(pl.m.usable, 500);
	run(&pl, pl.now + SEC);
	assert_int_equal(pl.m.usable, 500);
}

static void test_unknown_link_and_capped_stay_at_the_base(void **state)
{
	struct pmtu_config capped = v4;
	struct play pl;

	(void)state;
	start(&pl, &v4, 0, 1500);
	run(&pl, pl.now + 5 * SEC);
	assert_int_equal(pl.m.usable, 1200);
	assert_int_equal(pl.largest, 1200);
	capped.is_capped = true;
	start(&pl, &capped, 1500, 1500);
	run(&pl, pl.now + 1000 * SEC);
	assert_int_equal(pl.m.usable, 1200);
	assert_int_equal(pl.largest, 1200);
	start(&pl, &v4, 0, 1500);
	pmtu_set_base(&pl.m, pl.now, 1280, 1280);
	run(&pl, pl.now + SEC);
	assert_int_equal(pl.m.usable, 1280);
}

static void test_stopped_path_is_silent_and_restarts(void **state)
{
	struct play pl;
	uint64_t seq;
	uint32_t size;

	(void)state;
	start(&pl, &v4, 1500, 1400);
	settle(&pl, SEC);
	seq = pl.m.seq - 1;
	pmtu_stop(&pl.m, pl.now);
	assert_true(pmtu_deadline(&pl.m) == USEC_NEVER);
	assert_false(pmtu_poll(&pl.m, pl.now + 9 * SEC, 0, &seq, &size));
	assert_false(pmtu_acked(&pl.m, pl.now, seq));
	/* What was known is what traffic keeps to, and tried first. */
	assert_int_equal(pl.m.usable, 1400);
	pl.now += 10 * SEC;
	pl.n_flying = 0;
	pl.n_sent = 0;
	pmtu_start(&pl.m, pl.now);
	settle(&pl, SEC);
	assert_int_equal(pl.m.usable, 1400);
	assert_in_range(pl.n_sent, 1, 9);
}

static void test_forged_answers_change_nothing(void **state)
{
	struct play pl;
	uint64_t i;

	(void)state;
	start(&pl, &v4, 1500, 1400);
	settle(&pl, SEC);
	run(&pl, pl.now + 100 * MS);
	for (i = 0; i < 200; i++) {
		assert_false(pmtu_acked(&pl.m, pl.now, i));
		assert_false(pmtu_acked(&pl.m, pl.now, pl.m.seq + i));
	}
	assert_int_equal(pl.m.usable, 1400);
	assert_int_equal(pl.m.state, PMTU_COMPLETE);
}

/* An answer that comes when the search has given up raises the result. */
static void test_late_answers_count(void **state)
{
	struct play pl;

	(void)state;
	start(&pl, &v4, 1500, 1500);
	pl.rtt = 90 * MS; /* what it believes is another thing: */
	while (next(&pl) <= SEC + 2 * SEC) {
		uint64_t seq;
		uint32_t size;

		pl.now = next(&pl);
		land(&pl);
		while (pmtu_poll(&pl.m, pl.now, 300, &seq, &size))
			fly(&pl, seq, size);
	}
	assert_int_equal(pl.m.usable, 1500);
}

/* What traffic keeps to while nothing comes back: the base, not less. */
static void test_grace_then_base(void **state)
{
	struct play pl;

	(void)state;
	start(&pl, &v4, 1500, 1500);
	pl.rtt = 150 * MS;
	pl.per_mille = 1000;
	run(&pl, SEC + 400 * MS);
	assert_int_equal(pl.m.usable, 1500);
	run(&pl, SEC + 600 * MS);
	assert_int_equal(pl.m.usable, 1200);
}

/* A confirmation goes with a heartbeat that is sent a little before it. */
static void test_confirmation_joins(void **state)
{
	struct play pl;
	usec_t due;

	(void)state;
	start(&pl, &v4, 1500, 1500);
	pmtu_join(&pl.m, pl.now, SEC);
	settle(&pl, SEC);
	due = pmtu_deadline(&pl.m);
	pl.now = due - 50 * MS;
	pmtu_join(&pl.m, pl.now, 49 * MS);
	assert_int_equal(pmtu_deadline(&pl.m), due);
	pmtu_join(&pl.m, pl.now, 50 * MS);
	assert_int_equal(pmtu_deadline(&pl.m), pl.now);
	pl.n_sent = 0;
	step(&pl);
	assert_int_equal(pl.n_sent, 1);
	/* It is waited for: no second one. */
	due = pmtu_deadline(&pl.m);
	pmtu_join(&pl.m, pl.now, SEC);
	assert_int_equal(pmtu_deadline(&pl.m), due);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wide_path_takes_one_round_trip),
		cmocka_unit_test(test_common_mtus_need_twelve_probes),
		cmocka_unit_test(test_every_size_is_found_to_the_byte),
		cmocka_unit_test(test_right_hint_saves_the_search),
		cmocka_unit_test(test_wrong_hints_change_nothing),
		cmocka_unit_test(test_hints_are_bounded),
		cmocka_unit_test(test_hint_below_confirms_at_once),
		cmocka_unit_test(test_shrinking_path_is_noticed),
		cmocka_unit_test(test_growing_path_is_used),
		cmocka_unit_test(test_raise_is_cheap_and_regular),
		cmocka_unit_test(test_link_bounds_all),
		cmocka_unit_test(test_unknown_link_and_capped_stay_at_the_base),
		cmocka_unit_test(test_stopped_path_is_silent_and_restarts),
		cmocka_unit_test(test_forged_answers_change_nothing),
		cmocka_unit_test(test_late_answers_count),
		cmocka_unit_test(test_grace_then_base),
		cmocka_unit_test(test_confirmation_joins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
