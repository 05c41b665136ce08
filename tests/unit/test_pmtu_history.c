/* SPDX-License-Identifier: Apache-2.0 */
/* The search of one path's MTU: every size, every loss, changes at any time. */
#include "play_pmtu.h"

/*
 * Lossy paths of any size that shrink and grow at any moment: at most so long
 * after the last change what traffic keeps to is not above what passes, and
 * soon after that it is just that.
 */
static void histories(uint32_t per_mille, uint32_t n)
{
	static const uint32_t links[] = { 1500, 9000, 4000 };
	uint64_t random = 4101842887655102017U + per_mille;
	struct play pl;
	uint32_t i, j, n_low = 0, n_high = 0, n_probes;

	for (i = 0; i < n; i++) {
		uint32_t link, n_changes;

		random = random * 6364136223846793005U + 1442695040888963407U;
		link = links[(random >> 33) % 3];
		start(&pl, i % 4 ? &v4 : &v6, link, link);
		pl.random += random;
		pl.per_mille = per_mille;
		n_changes = 1 + (uint32_t)(draw(&pl) % 4);
		for (j = 0; j < n_changes; j++) {
			const uint32_t floor = pl.m.config.floor;

			pl.mtu = floor +
				 (uint32_t)(draw(&pl) % (link - floor + 1));
			run(&pl, pl.now + draw(&pl) % (3 * SEC));
		}
		run(&pl, pl.now + 3 * SEC);
		n_high += pl.m.usable > pl.mtu;
		n_probes = pl.n_sent;
		/* The quick raises: 2, 8 and 32 seconds. */
		run(&pl, pl.now + 50 * SEC);
		n_high += pl.m.usable > pl.mtu;
		n_low += pl.m.usable < pl.mtu;
		assert_in_range(n_probes, 1, 450);
		assert_in_range(pl.n_sent - n_probes, 1, 300 + per_mille);
	}
	print_message("%u per mille lost: %u of %u too high, %u too low\n",
		      per_mille, n_high, n, n_low);
	assert_int_equal(n_high, 0);
	assert_in_range(n_low, 0, n / 500);
}

static void test_histories(void **state)
{
	(void)state;
	histories(0, 4000);
	histories(20, 2000);
	histories(100, 2000);
}

/* The path has one size, another, and the first again, each from some moment
 * on; the bounds of pmtu.h. Returns whether it was found in the end. */
static bool there_and_back(struct play *pl, uint32_t size)
{
	uint32_t n;

	run(pl, pl->now + draw(pl) % (2 * SEC));
	pl->mtu = 576 + (uint32_t)(draw(pl) % (9000 - 576 + 1));
	run(pl, pl->now + draw(pl) % (2 * SEC));
	pl->mtu = size;
	run(pl, pl->now + 3 * SEC);
	assert_true(pl->m.usable <= size);
	n = pl->n_sent;
	assert_in_range(n, 1, 450);
	run(pl, pl->now + 50 * SEC);
	assert_true(pl->m.usable <= size);
	assert_in_range(pl->n_sent - n, 1, 500);
	return pl->m.usable == size;
}

static void test_every_size_lossy_and_changing(void **state)
{
	struct play pl;
	uint32_t mtu, pattern, n_low[N_PATTERNS] = { 0 };

	(void)state;
	for (mtu = 576; mtu <= 9000; mtu++) {
		for (pattern = 0; pattern < N_PATTERNS; pattern++) {
			start(&pl, &v4, 9000, mtu);
			pl.random += pattern * 2862933555777941757U;
			pl.pattern = (enum pattern)pattern;
			pl.per_mille = 50;
			n_low[pattern] += !there_and_back(&pl, mtu);
		}
	}
	print_message("too low: %u at random, %u in bursts, %u in turn\n",
		      n_low[AT_RANDOM], n_low[IN_BURSTS], n_low[IN_TURN]);
	/* Four lost in a row look like a black hole: some search anew when
	 * they are looked at. */
	for (pattern = 0; pattern < N_PATTERNS; pattern++)
		assert_in_range(n_low[pattern], 0, 8425 / 100);
}

/* 5 % lost in each direction: right within five seconds, from 1 400 to 9 000. */
static void test_five_seconds_with_loss(void **state)
{
	struct play pl;
	uint32_t mtu, n = 0, n_late = 0;

	(void)state;
	for (mtu = 1300; mtu <= 9000; mtu += 7) {
		start(&pl, &v4, 9000, mtu);
		pl.per_mille = 98;
		run(&pl, pl.now + 5 * SEC);
		n_late += pl.m.usable != mtu;
		n++;
	}
	print_message("%u of %u late\n", n_late, n);
	assert_in_range(n_late, 0, n / 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_histories),
		cmocka_unit_test(test_every_size_lossy_and_changing),
		cmocka_unit_test(test_five_seconds_with_loss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
