/* SPDX-License-Identifier: Apache-2.0 */
/* Small values, the hash table, the deadline queue, tombstones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/alloc.h"
#include "core/core.h"
#include "core/table.h"
#include "core/timerq.h"
#include "core/tombstone.h"

static void test_names(void **state)
{
	char longest[MAX_NAME + 1];

	(void)state;
	assert_true(name_is_valid("a"));
	assert_true(name_is_valid("host-1.example:7_x"));
	assert_false(name_is_valid(""));
	assert_false(name_is_valid("-a"));
	assert_false(name_is_valid("a b"));
	assert_false(name_is_valid("a\n"));
	memset(longest, 'a', sizeof(longest));
	longest[MAX_NAME - 1] = '\0';
	assert_true(name_is_valid(longest));
	longest[MAX_NAME - 1] = 'a';
	longest[MAX_NAME] = '\0';
	assert_false(name_is_valid(longest));
}

static void test_peer_ids(void **state)
{
	(void)state;
	assert_true(peer_id_of_name("00000000000000ff") == 0xff);
	assert_true(peer_id_of_name("fedcba9876543210") ==
		    UINT64_C(0xfedcba9876543210));
	assert_true(peer_id_of_name("0000000000000000") != PEER_ID_NONE);
	/* Not 16 lower-case digits: a hash, and no two alike here. */
	assert_true(peer_id_of_name("00000000000000fF") != 0xff);
	assert_true(peer_id_of_name("00000000000000ff0") != 0xff);
	assert_true(peer_id_of_name("host1") != peer_id_of_name("host2"));
	/* On the wire: it must never change. */
	assert_true(peer_id_of_name("host1") == UINT64_C(0xe6a9c866e733df06));
}

static void test_vnis(void **state)
{
	char name[8] = "net-000";
	int i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		const vni_t vni = vni_of_name(name);

		assert_in_range(vni, 0x1000, VNI_MAX);
		name[4] = (char)('0' + i / 100);
		name[5] = (char)('0' + i / 10 % 10);
		name[6] = (char)('0' + i % 10);
	}
	assert_int_equal(vni_of_name("default"), vni_of_name("default"));
	assert_int_not_equal(vni_of_name("a"), vni_of_name("b"));
}

static void test_ips(void **state)
{
	const uint8_t v4[4] = { 10, 0, 0, 1 };
	const struct ip a = ip_from_v4(v4), zero = { { 0 } };
	const struct ip b = ip_from_v6(a.b);

	(void)state;
	assert_true(ip_is_v4(&a) && ip_equal(&a, &b));
	assert_false(ip_is_v4(&zero));
	assert_true(ip_is_zero(&zero));
	assert_false(ip_is_zero(&a));
}

struct item {
	struct table_node node;
	uint64_t key;
	bool is_in, is_seen;
};

#define N_ITEMS 500

static void test_table(void **state)
{
	static struct item items[N_ITEMS];
	struct table t = { 0 };
	struct table_node *node = NULL;
	uint64_t random = 7;
	size_t pos = 0, n = 0, i;

	(void)state;
	for (i = 0; i < 20000; i++) {
		struct item *it;

		random = core_hash(&i, sizeof(i), random);
		it = &items[random % N_ITEMS];
		if (it->is_in) {
			table_remove(&t, &it->node);
		} else {
			/* Many with the same hash. */
			it->key = random >> 32 & 63;
			table_add(&t, &it->node, it->key);
		}
		it->is_in = !it->is_in;
	}
	while ((node = table_walk(&t, &pos, node))) {
		struct item *it = CONTAINER_OF(node, struct item, node);

		assert_true(it->is_in && !it->is_seen);
		it->is_seen = true;
		n++;
	}
	assert_int_equal(n, t.n);
	for (i = 0; i < N_ITEMS; i++) {
		if (!items[i].is_in)
			continue;
		assert_true(items[i].is_seen);
		node = table_first(&t, items[i].key);
		while (node && node != &items[i].node)
			node = table_next(node);
		assert_ptr_equal(node, &items[i].node);
	}
	assert_null(table_first(&t, 64));
	table_free(&t);
	assert_null(table_first(&t, 1));
}

static void test_timers(void **state)
{
	struct timer timers[64];
	struct timerq q = { 0 };
	struct timer *t;
	uint64_t random = 3;
	usec_t last = 0;
	size_t i, n = 0;

	(void)state;
	for (i = 0; i < 64; i++)
		timer_init(&timers[i], (int)i);
	assert_true(timerq_deadline(&q) == USEC_NEVER);
	for (i = 0; i < 5000; i++) {
		random = core_hash(&i, sizeof(i), random);
		timerq_set(&q, &timers[random % 64],
			   random >> 63 ? USEC_NEVER : random >> 8 & 1023);
	}
	for (i = 0; i < 64; i++)
		n += timers[i].at != USEC_NEVER;
	assert_int_equal(n, q.n);
	while ((t = timerq_expire(&q, 500))) {
		assert_true(t->index == 0 && t->at == USEC_NEVER);
		n--;
	}
	assert_int_equal(n, q.n);
	assert_true(timerq_deadline(&q) > 500);
	while (q.n) {
		const usec_t at = timerq_deadline(&q);

		assert_true(at >= last);
		last = at;
		assert_non_null(timerq_expire(&q, at));
	}
	timerq_free(&q);
}

static void test_timers_in_order(void **state)
{
	struct timer timers[10];
	struct timerq q = { 0 };
	int i;

	(void)state;
	for (i = 0; i < 10; i++) {
		timer_init(&timers[i], i);
		timerq_set(&q, &timers[i], 100);
	}
	assert_null(timerq_expire(&q, 99));
	for (i = 0; i < 10; i++)
		assert_int_equal(timerq_expire(&q, 100)->kind, i);
	timerq_free(&q);
}

static struct ip ip_number(uint32_t n)
{
	const uint8_t v4[4] = { 10, (uint8_t)(n >> 16), (uint8_t)(n >> 8),
				(uint8_t)n };

	return ip_from_v4(v4);
}

static void test_tombstones(void **state)
{
	struct tombstones *t = tombstones_new(5);
	const struct mac a = { { 2, 0, 0, 0, 0, 1 } };
	struct ip ip = ip_number(1);
	struct mac mac;
	uint32_t i;

	(void)state;
	assert_false(tombstones_take(t, 0, 7, &ip, &mac));
	tombstones_put(t, 0, 7, &ip, &a);
	assert_false(tombstones_take(t, 0, 8, &ip, &mac));
	assert_true(tombstones_take(t, 1, 7, &ip, &mac));
	assert_true(mac_equal(&mac, &a));
	assert_false(tombstones_take(t, 1, 7, &ip, &mac));
	tombstones_put(t, 0, 7, &ip, &a);
	assert_false(tombstones_take(t, TOMBSTONE_AGE_US, 7, &ip, &mac));
	/* At the limit the oldest goes. */
	for (i = 0; i <= MAX_TOMBSTONES; i++) {
		ip = ip_number(i);
		tombstones_put(t, i, 7, &ip, &a);
	}
	ip = ip_number(0);
	assert_false(tombstones_take(t, i, 7, &ip, &mac));
	ip = ip_number(1);
	assert_true(tombstones_take(t, i, 7, &ip, &mac));
	tombstones_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_peer_ids),
		cmocka_unit_test(test_vnis),
		cmocka_unit_test(test_ips),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_timers),
		cmocka_unit_test(test_timers_in_order),
		cmocka_unit_test(test_tombstones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
