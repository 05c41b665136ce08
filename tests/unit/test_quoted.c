/* SPDX-License-Identifier: Apache-2.0 */
/* What a "too big" says: whole, cut anywhere, and of others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "core/quoted.h"

#define OUTER4 24U /* with an option, as a router may add one */

/* From 10.0.0.9: of UDP 44444 to 192.0.2.7 port 6784 no more than 1 403. */
static size_t packet_v4(uint8_t p[64])
{
	static const uint8_t quote[] = { 0x45, 0, 5,	220,  0,    1,
					 0x40, 0, 60,	17,   0,    0,
					 10,   0, 0,	1,    192,  0,
					 2,    7, 0xad, 0x9c, 0x1a, 0x80 };

	memset(p, 0, 64);
	p[0] = 0x46;
	p[9] = 1;
	p[OUTER4] = 3;
	p[OUTER4 + 1] = 4;
	p[OUTER4 + 6] = 1403 >> 8;
	p[OUTER4 + 7] = 1403 & 255;
	memcpy(p + OUTER4 + 8, quote, sizeof(quote));
	return OUTER4 + 8 + sizeof(quote);
}

/* Of UDP 6783 to 2001:db8::7 no more than 1 280. */
static size_t packet_v6(uint8_t p[96])
{
	static const uint8_t to[16] = { 0x20, 1, 0x0d, 0xb8, [15] = 7 };

	memset(p, 0, 96);
	p[0] = 0x60;
	p[6] = 58;
	p[40] = 2;
	p[46] = 5;
	p[48] = 0x60;
	p[54] = 17;
	memcpy(p + 72, to, sizeof(to));
	p[88] = p[90] = 0x1a;
	p[89] = p[91] = 0x7f;
	return 92;
}

static void test_v4(void **state)
{
	static const uint8_t to[4] = { 192, 0, 2, 7 };
	const struct ip peer = ip_from_v4(to);
	uint8_t p[64];
	const size_t size = packet_v4(p);
	struct quoted q;

	(void)state;
	assert_true(quoted_parse(p, size, &q));
	assert_true(ip_equal(&q.to, &peer));
	assert_int_equal(q.ip_proto, 17);
	assert_int_equal(q.source_port, 44444);
	assert_int_equal(q.target_port, 6784);
	assert_int_equal(q.mtu, 1403);
	/* Ports behind options are not looked for. */
	p[OUTER4 + 8] = 0x46;
	assert_true(quoted_parse(p, size, &q));
	assert_int_equal(q.source_port, 0);
	/* Of ICMP there are none. */
	packet_v4(p);
	p[OUTER4 + 8 + 9] = 1;
	assert_true(quoted_parse(p, size, &q));
	assert_int_equal(q.target_port, 0);
}

static void test_v6(void **state)
{
	uint8_t p[96];
	const size_t size = packet_v6(p);
	struct quoted q;

	(void)state;
	assert_true(quoted_parse(p, size, &q));
	assert_int_equal(q.to.b[15], 7);
	assert_int_equal(q.source_port, 6783);
	assert_int_equal(q.target_port, 6783);
	assert_int_equal(q.mtu, 1280);
	p[44] = 0xff; /* no more than nobody has */
	assert_true(quoted_parse(p, size, &q));
	assert_int_equal(q.mtu, 0xff000500);
}

static void test_others(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} v4[] = { { 0, 0x44 },	     { 0, 0x00 },    { 9, 17 },
		   { OUTER4, 8 },    { OUTER4, 11 }, { OUTER4 + 1, 3 },
		   { OUTER4 + 1, 0 } };
	static const uint8_t places[] = { 6, 40, 41 };
	struct quoted q = { .mtu = 77 };
	uint8_t p[96];
	size_t i, size;

	(void)state;
	for (i = 0; i < sizeof(v4) / sizeof(v4[0]); i++) {
		size = packet_v4(p);
		p[v4[i].at] = v4[i].value;
		assert_false(quoted_parse(p, size, &q));
	}
	for (i = 0; i < sizeof(places); i++) {
		size = packet_v6(p);
		p[places[i]] ^= 1;
		assert_false(quoted_parse(p, size, &q));
	}
	assert_int_equal(q.mtu, 77);
}

/* Nothing is read beyond the end: each length is a buffer of its own. */
static void cut(const uint8_t *p, size_t size)
{
	struct quoted q = { .mtu = 77 };
	size_t n;

	for (n = 0; n < size; n++) {
		uint8_t *copy = malloc(n + 1);

		assert_non_null(copy);
		memcpy(copy, p, n);
		assert_false(quoted_parse(copy, n, &q));
		free(copy);
	}
	assert_int_equal(q.mtu, 77);
	assert_true(quoted_parse(p, size, &q));
}

static void test_cut(void **state)
{
	uint8_t p[96];

	(void)state;
	cut(p, packet_v4(p));
	cut(p, packet_v6(p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v4),
		cmocka_unit_test(test_v6),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
