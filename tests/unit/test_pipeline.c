/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Properties of the flows. With random events from a seed: all flows of one
 * recirculation id are pairwise disjoint at every moment, the kernel has the
 * wanted ones and no others, none is put as it is (tests/sim/drive.h). With
 * random frames: a flow's mask covers every field that decided it.
 *
 * test_pipeline [SEED] plays one other seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/group.h"
#include "core/pipeline.h"
#include "sim/drive.h"
#include "sim/fake_dp.h"

static uint64_t first_seed = 1, n_seeds = 20;
static uint64_t random_state;

static uint8_t random_byte(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint8_t)(random_state * UINT64_C(0x2545f4914f6cdd1d) >> 56);
}

static void random_bytes(uint8_t *p, size_t size)
{
	while (size-- > 0)
		*p++ = random_byte();
}

static void test_disjoint(void **state)
{
	struct drive_figures sum = { 0 }, figures;
	uint64_t seed;
	uint32_t i;

	(void)state;
	for (seed = first_seed; seed < first_seed + n_seeds; seed++) {
		struct drive *d = drive_new();

		print_message("seed %llu\n", (unsigned long long)seed);
		random_state = seed * 2 + 1;
		for (i = 0; i < 3000; i++) {
			uint8_t bytes[200];

			random_bytes(bytes, sizeof(bytes));
			drive_step(d, bytes, sizeof(bytes));
		}
		drive_figures(d, &figures);
		sum.n_puts += figures.n_puts;
		sum.n_upcalls += figures.n_upcalls;
		sum.n_restarts += figures.n_restarts;
		if (figures.max_flows > sum.max_flows)
			sum.max_flows = figures.max_flows;
		drive_free(d);
	}
	/* It did happen. */
	assert_true(sum.n_puts > 1000 * n_seeds);
	assert_true(sum.n_upcalls > 100 * n_seeds);
	assert_true(sum.n_restarts > n_seeds / 2);
	assert_true(sum.max_flows > 60);
}

#define MAX_FRAME 120U

/* Group frames of which most are something. */
static size_t random_frame(uint8_t frame[MAX_FRAME])
{
	static const uint16_t types[] = { 0x0806, 0x0806, 0x86dd, 0x86dd,
					  0x86dd, 0x0800, 0x0026, 0x1234 };
	static const uint8_t nexts[] = { 58, 58, 58, 17, 0, 44, 51, 60 };
	struct writer w = writer_of(frame, MAX_FRAME);
	const uint16_t type = types[random_byte() % 8];

	random_bytes(frame, MAX_FRAME);
	frame[0] |= 1;
	w.p += 12;
	w.left -= 12;
	write_number(&w, type, 2);
	if (type == 0x0806 && random_byte() % 8) {
		write_number(&w, UINT64_C(0x000108000604), 6);
		write_number(&w, random_byte() % 3, 2);
	} else if (type == 0x86dd) {
		frame[14] = 0x60;
		frame[20] = nexts[random_byte() % 8];
		frame[54] = frame[20] == 58 ? 133 + random_byte() % 5
					    : nexts[random_byte() % 8];
		frame[55] = random_byte() % 3;
	} else if (type == 0x0026 && random_byte() % 2) {
		write_number(&w, UINT64_C(0xaaaa03000000), 6);
		write_number(&w, types[random_byte() % 6], 2);
	}
	return random_byte() % 8 ? MAX_FRAME : 14U + random_byte() % 100U;
}

static struct flow_match class_of(const uint8_t *frame, size_t size,
				  uint32_t recirc_id)
{
	struct frame f;

	assert_true(frame_parse(frame, size, &f));
	return group_match(&f, recirc_id);
}

static bool fits(const uint8_t *frame, size_t size, const struct flow_match *m)
{
	struct fake_key key;

	assert_true(fake_key_of(frame, size, &key));
	key.recirc_id = m->recirc_id;
	return fake_key_fits(&key, m);
}

static void test_mask(void **state)
{
	uint32_t i, k, n_same = 0, n_other = 0;

	(void)state;
	random_state = first_seed * 2 + 1;
	for (i = 0; i < 40000; i++) {
		const uint32_t recirc_id = i % 2 ? RECIRC_LOCAL(100)
						 : RECIRC_REMOTE(100);
		uint8_t frame[MAX_FRAME];
		const size_t size = random_frame(frame);
		const struct flow_match m = class_of(frame, size, recirc_id);

		/* Its own flow fits it, else each such frame would come up. */
		assert_true(fits(frame, size, &m));
		for (k = 0; k < 40; k++) {
			const size_t bit = random_byte() * 256U + random_byte();
			struct flow_match other;

			frame[bit / 8 % size] ^= (uint8_t)(1 << bit % 8);
			if (!fits(frame, size, &m)) {
				n_other++;
				frame[bit / 8 % size] ^= (uint8_t)(1
								   << bit % 8);
				continue;
			}
			/* Not asked for: the same comes out. */
			other = class_of(frame, size, recirc_id);
			assert_true(flow_match_equal(&m, &other));
			n_same++;
		}
	}
	assert_true(n_same > 100000);
	assert_true(n_other > 20000);
}

/* Classes of any two frames are the same, or disjoint. */
static void test_classes(void **state)
{
	static struct flow_match seen[400];
	uint32_t i, k, n = 0;

	(void)state;
	random_state = first_seed * 2 + 1;
	for (i = 0; i < 400; i++) {
		uint8_t frame[MAX_FRAME];
		const size_t size = random_frame(frame);

		seen[i] = class_of(frame, size, RECIRC_LOCAL(100));
		for (k = 0; k < i; k++) {
			n += flow_match_equal(&seen[i], &seen[k]);
			assert_false(flow_match_overlap(&seen[i], &seen[k]));
		}
	}
	assert_true(n > 100);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_disjoint),
		cmocka_unit_test(test_mask),
		cmocka_unit_test(test_classes),
	};

	if (argc > 1) {
		first_seed = strtoull(argv[1], NULL, 0);
		n_seeds = 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
