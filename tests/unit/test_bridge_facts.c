/* SPDX-License-Identifier: Apache-2.0 */
/* What bridges are told, as values: keys, order, and finding them again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/bridge_facts.h"

static struct ip v4(uint8_t last)
{
	const uint8_t b[4] = { 10, 32, 0, last };

	return ip_from_v4(b);
}

static struct ip v6(uint8_t last)
{
	const uint8_t b[16] = { 0xfd, 0x32, [15] = last };

	return ip_from_v6(b);
}

static struct mac mac_of(uint8_t last)
{
	return (struct mac){ { 2, 0, 0, 0, 0, last } };
}

static void test_what_goes_in_comes_out(void **state)
{
	const struct mac mac = mac_of(7);
	const struct ip ip4 = v4(9), ip6 = v6(9);
	struct fact f;
	struct mac m;
	struct ip ip;

	(void)state;
	f = fact_fdb(3, &mac, 5 | FACT_IS_STICKY);
	m = fact_mac(&f);
	assert_int_equal(f.kind, FACT_FDB);
	assert_int_equal(fact_place(&f), 3);
	assert_int_equal(f.value, 5 | FACT_IS_STICKY);
	assert_true(mac_equal(&m, &mac));
	f = fact_of_ip(FACT_OWNER4, 0x123456, &ip4);
	ip = fact_ip(&f);
	assert_int_equal(f.kind, FACT_OWNER4);
	assert_int_equal(fact_place(&f), 0x123456);
	assert_true(ip_equal(&ip, &ip4));
	f = fact_of_ip(FACT_OWNER4, 4, &ip6);
	ip = fact_ip(&f);
	assert_int_equal(f.kind, FACT_OWNER6);
	assert_true(ip_equal(&ip, &ip6));
}

/* Those of the walk: by kind, then by all of the key. */
static void test_a_list_is_sorted_and_has_each_key_once(void **state)
{
	struct facts f = { .n = 0 };
	uint32_t i;

	(void)state;
	srand(1);
	for (i = 0; i < 500; i++) {
		const struct mac mac = mac_of((uint8_t)(rand() % 16));
		const struct ip ip = rand() % 2 ? v4((uint8_t)(rand() % 16))
						: v6((uint8_t)(rand() % 16));
		struct fact fact =
			rand() % 2 ? fact_fdb((uint32_t)(rand() % 4), &mac, i)
				   : fact_of_ip(FACT_KNOWN4,
						(uint32_t)(rand() % 4), &ip);

		facts_add(&f, &fact);
	}
	facts_sort(&f);
	assert_true(f.n > 100 && f.n <= 4 * 48);
	for (i = 1; i < f.n; i++)
		assert_true(facts_compare(&f.list[i - 1], &f.list[i]) < 0);
	for (i = 0; i < f.n; i++)
		assert_ptr_equal(facts_find(&f, &f.list[i]), &f.list[i]);
	facts_free(&f);
}

static void test_value_is_no_part_of_the_key(void **state)
{
	const struct mac mac = mac_of(1), other = mac_of(2);
	const struct fact one = fact_fdb(1, &mac, 10);
	const struct fact same = fact_fdb(1, &mac, 20);
	const struct fact absent = fact_fdb(1, &other, 10);
	const struct fact elsewhere = fact_fdb(2, &mac, 10);
	struct facts f = { .n = 0 };

	(void)state;
	facts_sort(&f); /* an empty one is fine */
	assert_null(facts_find(&f, &one));
	facts_add(&f, &one);
	facts_add(&f, &elsewhere);
	facts_sort(&f);
	assert_int_equal(facts_find(&f, &same)->value, 10);
	assert_null(facts_find(&f, &absent));
	assert_int_equal(f.n, 2);
	facts_clear(&f);
	assert_null(facts_find(&f, &one));
	facts_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_goes_in_comes_out),
		cmocka_unit_test(test_a_list_is_sorted_and_has_each_key_once),
		cmocka_unit_test(test_value_is_no_part_of_the_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
