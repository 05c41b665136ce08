/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of addresses: arithmetic, giving out, who claims what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ipam/claims.h"
#include "ipam/pool.h"
#include "settings/ipam_settings.h"
#include "sys/addr.h"
#include "sys/error.h"

static struct prefix prefix_of(const char *text)
{
	struct prefix p;

	memset(&p, 0, sizeof(p));
	assert_true(addr_parse_prefix(text, &p.ip, &p.len));
	return p;
}

static struct ip ip_of(const char *text)
{
	struct ip ip;

	assert_true(addr_parse_ip(text, &ip));
	return ip;
}

static bool is_free(const void *ctx, const struct ip *ip)
{
	const struct ip *taken = ctx;

	return taken && ip_equal(taken, ip);
}

static const char *next(struct pool *p, const struct ip *taken)
{
	static char text[ADDR_IP_SIZE];
	struct ip ip;

	return pool_next(p, is_free, taken, &ip) == POOL_OK
		       ? addr_print_ip(&ip, text)
		       : "full";
}

static void test_prefix(void **state)
{
	static const struct {
		const char *a, *b;
		bool overlaps;
	} pairs[] = {
		{ "10.32.0.0/16", "10.32.5.0/24", true },
		{ "10.32.5.0/24", "10.32.0.0/16", true },
		{ "10.32.5.0/24", "10.32.5.0/24", true },
		{ "10.32.4.0/24", "10.32.5.0/24", false },
		{ "10.32.4.0/23", "10.32.5.0/24", true },
		{ "10.32.5.1/32", "10.32.5.1/32", true },
		{ "10.32.5.1/32", "10.32.5.2/32", false },
		{ "fd00::/64", "fd00::/112", true },
		{ "fd00::/64", "fd00:0:0:1::/64", false },
		{ "::/1", "10.0.0.0/8", false },
	};
	struct prefix p = prefix_of("10.32.5.7/24");
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		const struct prefix a = prefix_of(pairs[i].a);
		const struct prefix b = prefix_of(pairs[i].b);

		assert_int_equal(prefix_overlaps(&a, &b), pairs[i].overlaps);
		assert_int_equal(prefix_overlaps(&b, &a), pairs[i].overlaps);
	}
	assert_false(prefix_is_valid(&p));
	prefix_mask(&p);
	assert_true(prefix_is_valid(&p));
	assert_int_equal(prefix_size(&p), 256);
	p.len = 15;
	assert_int_equal(prefix_size(&p), 0);
	p.len = 33;
	assert_false(prefix_is_valid(&p));
}

/* Every address of a block once, and never its ends. */
static void test_pool_all(void **state)
{
	static const struct {
		const char *block;
		unsigned int n;
		const char *first, *last;
	} cases[] = {
		{ "10.32.5.0/24", 254, "10.32.5.1", "10.32.5.254" },
		{ "10.32.5.8/30", 2, "10.32.5.9", "10.32.5.10" },
		{ "10.32.5.8/31", 2, "10.32.5.8", "10.32.5.9" },
		{ "10.32.5.8/32", 1, "10.32.5.8", "10.32.5.8" },
		{ "10.32.0.0/16", 65534, "10.32.0.1", "10.32.255.254" },
		{ "fd00::/112", 65535, "fd00::1", "fd00::ffff" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct prefix block = prefix_of(cases[i].block);
		struct pool *p = pool_new(&block);
		char last[ADDR_IP_SIZE] = "";
		unsigned int n = 0;

		assert_non_null(p);
		assert_int_equal(pool_size(p), cases[i].n);
		assert_string_equal(next(p, NULL), cases[i].first);
		for (n = 1; n < cases[i].n; n++)
			strcpy(last, next(p, NULL));
		if (cases[i].n > 1)
			assert_string_equal(last, cases[i].last);
		assert_string_equal(next(p, NULL), "full");
		assert_int_equal(pool_used(p), cases[i].n);
		pool_free(p);
	}
}

/* What was given back comes last; what others have is passed over. */
static void test_pool_turn(void **state)
{
	const struct prefix block = prefix_of("10.32.5.0/29");
	const struct ip one = ip_of("10.32.5.1"), two = ip_of("10.32.5.2");
	const struct ip none = ip_of("10.32.5.0"), far = ip_of("10.32.6.1");
	struct pool *p = pool_new(&block);

	(void)state;
	assert_int_equal(pool_take(p, &none), POOL_RESERVED);
	assert_int_equal(pool_take(p, &far), POOL_OUTSIDE);
	assert_false(pool_give_back(p, &far));
	assert_false(pool_give_back(p, &one));
	assert_string_equal(next(p, NULL), "10.32.5.1");
	assert_true(pool_give_back(p, &one));
	assert_string_equal(next(p, &two), "10.32.5.3");
	assert_string_equal(next(p, NULL), "10.32.5.4");
	assert_string_equal(next(p, NULL), "10.32.5.5");
	assert_string_equal(next(p, NULL), "10.32.5.6");
	assert_string_equal(next(p, &two), "10.32.5.1");
	assert_string_equal(next(p, &two), "full");
	assert_string_equal(next(p, NULL), "10.32.5.2");
	assert_int_equal(pool_take(p, &two), POOL_TAKEN);
	pool_free(p);
}

static struct block block_of(const char *text, vni_t vni)
{
	const struct prefix p = prefix_of(text);
	struct block b;

	memset(&b, 0, sizeof(b));
	b.vni = vni;
	b.ip = p.ip;
	b.prefix_len = p.len;
	return b;
}

static void test_claims(void **state)
{
	struct claims *c = claims_new();
	struct block list[2] = { block_of("10.32.5.0/24", 7),
				 block_of("10.32.6.0/24", 7) };
	struct claimant who = { 42, 1, 1, "host2" };
	const struct prefix inside = prefix_of("10.32.6.9/32");
	struct claim claim;

	(void)state;
	assert_true(claims_set(c, &who, list, 2));
	assert_true(claims_find(c, 7, &inside, &claim));
	assert_string_equal(claim.nickname, "host2");
	assert_false(claims_find(c, 8, &inside, &claim));
	/* The later word of one life counts, whatever comes last. */
	who.revision = 3;
	assert_true(claims_set(c, &who, list, 1));
	assert_false(claims_find(c, 7, &inside, &claim));
	who.revision = 2;
	assert_true(claims_set(c, &who, list, 2));
	assert_false(claims_find(c, 7, &inside, &claim));
	/* Another life begins anew. */
	who.instance = 2;
	who.revision = 1;
	assert_true(claims_set(c, &who, list, 2));
	assert_true(claims_find(c, 7, &inside, &claim));
	assert_false(claims_set(c, &who, list, MESSAGE_MAX_BLOCKS + 1));
	claims_forget(c, 42);
	assert_false(claims_find(c, 7, &inside, &claim));
	claims_free(c);
}

/* At the limit a host that claims nothing makes way, and no other. */
static void test_claims_limit(void **state)
{
	const struct block b = block_of("10.32.5.0/24", 7);
	struct claims *c = claims_new();
	struct claimant who = { 1, 1, 1, "host" };

	(void)state;
	for (who.id = 1; who.id <= MAX_PEERS; who.id++)
		assert_true(claims_set(c, &who, &b, who.id == 5 ? 0 : 1));
	assert_true(claims_set(c, &who, &b, 1));
	who.id++;
	assert_false(claims_set(c, &who, &b, 1));
	claims_free(c);
}

static void test_settings(void **state)
{
	static const struct {
		const char *key, *value;
		bool is_good;
	} lines[] = {
		{ "block", "10.32.5.0/24", true },
		{ "block", "10.32.5.0/24 fd00::/112", true },
		{ "block", "10.32.5.1/24", false },
		{ "block", "10.0.0.0/15", false },
		{ "block", "10.32.5.0/33", false },
		{ "block", "10.32.5.0", false },
		{ "block", "", false },
		{ "block", "0.0.0.0/24", false },
		{ "range", "10.32.0.0/12", true },
		{ "range", "10.32.0.0/16 10.33.0.0/16", false },
		{ "gateway", "10.32.0.1", true },
		{ "gateway", "10.32.0.1/24", false },
		{ "gateway", "10.32.0.1 10.32.0.2", false },
		{ "block-length", "24", true },
		{ "block-length", "8", false },
		{ "block-length", "24x", false },
	};
	struct ipam_settings *s = malloc(sizeof(*s));
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct error e = { .code = "" };
		int rc;

		memset(s, 0, sizeof(*s));
		rc = ipam_settings_network(s, "blue", lines[i].key,
					   lines[i].value, &e);
		assert_int_equal(rc, lines[i].is_good ? 0 : -1);
		assert_int_equal(error_is_set(&e), !lines[i].is_good);
	}
	assert_int_equal(ipam_settings_network(s, "blue", "vni", "7", NULL), 1);
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_pool_all),
		cmocka_unit_test(test_pool_turn),
		cmocka_unit_test(test_claims),
		cmocka_unit_test(test_claims_limit),
		cmocka_unit_test(test_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
