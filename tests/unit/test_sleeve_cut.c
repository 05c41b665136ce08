/* SPDX-License-Identifier: Apache-2.0 */
/* Super-frames that cannot be cut, and the sums of those that are. */
#include "segments.h"

static void test_cut_refused(void **state)
{
	struct super_frame f = make(&plain);
	struct tap_header h = f.h;
	struct cut c;
	uint32_t size;

	(void)state;
	assert_true(cut_init(&c, f.p, f.size, &h));
	for (size = 0; size < f.size; size += size < 100 ? 1 : 97) {
		uint8_t *copy = malloc(size + 1);

		assert_non_null(copy);
		memcpy(copy, f.p, size);
		assert_false(cut_init(&c, copy, size, &h));
		free(copy);
	}
	h.gso_size = 0;
	assert_false(cut_init(&c, f.p, f.size, &h));
	h = f.h;
	h.gso_type = TAP_GSO_TCP6;
	assert_false(cut_init(&c, f.p, f.size, &h));
	h.gso_type = TAP_GSO_UDP;
	assert_false(cut_init(&c, f.p, f.size, &h));
	h.gso_type = 3; /* fragmentation by hardware: nobody has it any more */
	assert_false(cut_init(&c, f.p, f.size, &h));
	h = f.h;
	h.csum_start++;
	assert_false(cut_init(&c, f.p, f.size, &h));
	h = f.h;
	h.flags = 0;
	assert_false(cut_init(&c, f.p, f.size, &h));
	free(f.p);
}

static void test_sums(void **state)
{
	static const uint8_t odd[] = { 0x12, 0x34, 0x56 };
	uint32_t a, b;

	(void)state;
	assert_int_equal(inner_sum(odd, 3), 0x1234 + 0x5600);
	assert_int_equal(inner_sum(odd, 0), 0);
	for (a = 1; a < 0x10000; a += 97) {
		for (b = 0; b < 0x10000; b += 1009) {
			const uint16_t both = inner_fold((uint64_t)a + b);

			assert_int_equal(inner_less(both, (uint16_t)b) % 0xffff,
					 a % 0xffff);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_cut_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
