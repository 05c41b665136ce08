/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The rules of bridges against the running kernel, in a namespace of the
 * test's own: what is put is there, whoever deletes it; what may pass is
 * awaited; what is full is made anew.
 */

#include "daemon/bridge_guard.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "own_netns.h"
#include "sys/nft.h"

#define ID UINT64_C(0x0123456789abcdef)
#define VNI 0x123456U
#define PORT 7U

static struct ip ip_of(uint8_t last)
{
	const uint8_t v4[4] = { 10, 32, 0, last };

	return ip_from_v4(v4);
}

static struct ip ip6_of(uint8_t last)
{
	const uint8_t v6[16] = { 0xfd, 0x32, [15] = last };

	return ip_from_v6(v6);
}

/* One of each kind that the guard has. */
static void wish(struct facts *f)
{
	const struct mac mac = { { 2, 0, 0, 0, 0, 1 } };
	const struct ip ip4 = ip_of(1), ip6 = ip6_of(1);
	const struct fact all[] = {
		fact_of_port(FACT_PORT, PORT, VNI),
		fact_of_port(FACT_GUARDED, PORT, 0),
		fact_of_port(FACT_CLOSED, PORT, 0),
		fact_source(PORT, &mac),
		fact_of_ip(FACT_KNOWN4, VNI, &ip4),
		fact_of_ip(FACT_KNOWN4, VNI, &ip6),
		fact_of_ip(FACT_OWNER4, PORT, &ip4),
		fact_of_ip(FACT_OWNER4, PORT, &ip6),
		fact_of_ip(FACT_HOST4, VNI, &ip4),
		fact_of_ip(FACT_HOST4, VNI, &ip6),
	};
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		facts_add(f, &all[i]);
	facts_sort(f);
}

static int tell(struct guard *g, const struct facts *f, bool expect_anew)
{
	uint32_t i;

	assert_int_equal(guard_begin(g), expect_anew);
	for (i = 0; i < f->n; i++)
		guard_put(g, &f->list[i]);
	return guard_commit(g);
}

/* While a set still grows into its room, the kernel leaves out some of it. */
static void assert_is(struct guard *g, const struct facts *f)
{
	struct facts is = { .n = 0 };
	uint32_t i;

	for (i = 0; i < 300 && (!i || is.n < f->n); i++) {
		usleep(i ? 10000 : 0);
		facts_clear(&is);
		assert_int_equal(guard_read(g, &is), 0);
		assert_int_equal(guard_read_network(g, VNI, &is), 0);
		facts_sort(&is);
	}
	assert_int_equal(is.n, f->n);
	for (i = 0; i < f->n; i++) {
		assert_int_equal(facts_compare(&is.list[i], &f->list[i]), 0);
		assert_int_equal(is.list[i].value, f->list[i].value);
	}
	facts_free(&is);
}

static void test_what_is_put_is_read(void **state)
{
	struct guard *g = guard_open("unit", ID);
	struct facts f = { .n = 0 }, none = { .n = 0 };
	struct guard_counters counters;
	uint32_t i;

	(void)state;
	assert_true(guard_is_there(g));
	assert_int_equal(guard_error(g), 0);
	assert_false(guard_look(g));
	assert_is(g, &none);
	wish(&f);
	assert_int_equal(tell(g, &f, false), 0);
	assert_is(g, &f);
	guard_counters(g, &counters);
	assert_true(!counters.n_tagged && !counters.n_foreign_macs);
	/* Another life finds it as it is, and makes nothing anew. */
	guard_close(g);
	g = guard_open("unit", ID);
	assert_is(g, &f);
	assert_false(guard_begin(g));
	for (i = 0; i < f.n; i++)
		guard_del(g, &f.list[i]);
	assert_int_equal(guard_commit(g), 0);
	assert_is(g, &none);
	guard_delete(g);
	guard_close(g);
	guard_close(NULL);
	facts_free(&f);
}

/* Somebody deletes the table, or puts his own in its place. */
static void test_taken_away(void **state)
{
	struct guard *g = guard_open("unit", ID);
	struct facts f = { .n = 0 };
	struct nft *other;

	(void)state;
	wish(&f);
	assert_int_equal(tell(g, &f, false), 0);
	assert_int_equal(nft_open("fastdp-unit", &other), 0);
	nft_begin(other);
	nft_delete_table(other);
	assert_int_equal(nft_commit(other), 0);
	/* Before anybody has looked: told, and not taken for done. */
	assert_int_equal(tell(g, &f, false), -ENOENT);
	assert_true(guard_look(g));
	assert_int_equal(tell(g, &f, true), 0);
	assert_is(g, &f);
	assert_false(guard_look(g));

	nft_begin(other);
	nft_delete_table(other);
	nft_add_table(other, "of somebody else");
	assert_int_equal(nft_commit(other), 0);
	assert_true(guard_look(g));
	assert_int_equal(tell(g, &f, true), 0);
	assert_is(g, &f);
	nft_close(other);
	guard_delete(g);
	guard_close(g);
	facts_free(&f);
}

/* Out of descriptors: that says nothing of the kernel, so it is tried again. */
static void test_awaited(void **state)
{
	struct rlimit before, none;
	struct facts f = { .n = 0 };
	struct guard *g;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	g = guard_open("unit", ID);
	assert_int_equal(guard_error(g), -EMFILE);
	assert_false(guard_is_there(g));
	assert_true(guard_is_awaited(g));
	assert_false(guard_look(g));
	/* All of it does nothing meanwhile. */
	wish(&f);
	assert_int_equal(tell(g, &f, false), 0);
	assert_int_equal(guard_read(g, &f), 0);
	assert_int_equal(guard_read_network(g, VNI, &f), 0);

	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_true(guard_look(g));
	assert_true(guard_is_there(g));
	assert_int_equal(guard_error(g), 0);
	assert_int_equal(tell(g, &f, false), 0);
	assert_is(g, &f);
	guard_delete(g);
	guard_close(g);
	facts_free(&f);
}

/* A transaction longer than one message, and then one too many networks. */
static void test_limits(void **state)
{
	struct guard *g = guard_open("unit", ID);
	struct facts f = { .n = 0 }, few = { .n = 0 };
	uint32_t i;

	(void)state;
	wish(&f);
	for (i = 0; i < 10000; i++) {
		const struct mac mac = { { 2, 1, 0, 0, (uint8_t)(i >> 8),
					   (uint8_t)i } };
		const struct fact source = fact_source(PORT, &mac);

		facts_add(&f, &source);
	}
	facts_sort(&f);
	assert_int_equal(tell(g, &f, false), 0);
	assert_is(g, &f);
	for (i = 0; i < 2 * MAX_NETWORKS; i++) {
		const struct fact port = fact_of_port(FACT_PORT, 100 + i,
						      1 + i);

		facts_add(&few, &port);
	}
	assert_true(tell(g, &few, false) != 0);
	/* It is made anew, with what is wanted then. */
	facts_clear(&f);
	wish(&f);
	assert_int_equal(tell(g, &f, true), 0);
	assert_is(g, &f);
	guard_delete(g);
	guard_close(g);
	facts_free(&f);
	facts_free(&few);
}

static int alone(void **state)
{
	(void)state;
	return unshare(CLONE_NEWNET);
}

#define TEST(fn) cmocka_unit_test_setup(fn, alone)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_is_put_is_read),
		TEST(test_taken_away),
		TEST(test_awaited),
		TEST(test_limits),
	};

	if (!enter_own_netns(0))
		return SKIP;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
