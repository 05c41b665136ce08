/* SPDX-License-Identifier: Apache-2.0 */
/* Answers to packets that are too long: what a stack would check of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/too_big.h"

#define ETH 14U

static const uint8_t container[6] = { 2, 0, 0, 0, 0, 1 };
static const uint8_t other[6] = { 2, 0, 0, 0, 0, 2 };

static uint32_t sum(const uint8_t *p, size_t size, uint32_t start)
{
	uint32_t s = start;
	size_t i;

	for (i = 0; i < size; i++)
		s += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

static void ethernet(uint8_t *p, uint16_t type)
{
	memcpy(p, other, 6);
	memcpy(p + 6, container, 6);
	p[12] = (uint8_t)(type >> 8);
	p[13] = (uint8_t)type;
}

/* UDP from 10.0.0.1 to 10.0.0.2, DF set, @size bytes of IP packet. */
static size_t packet_v4(uint8_t *p, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		p[ETH + i] = (uint8_t)(i * 7);
	ethernet(p, 0x0800);
	p[ETH] = 0x45;
	p[ETH + 2] = (uint8_t)(size >> 8);
	p[ETH + 3] = (uint8_t)size;
	p[ETH + 6] = 0x40;
	p[ETH + 7] = 0;
	p[ETH + 9] = 17;
	memcpy(p + ETH + 12, (uint8_t[]){ 10, 0, 0, 1, 10, 0, 0, 2 }, 8);
	return ETH + size;
}

/* UDP from fd00::1 to fd00::2. */
static size_t packet_v6(uint8_t *p, size_t size)
{
	memset(p, 0x5a, ETH + size);
	ethernet(p, 0x86dd);
	memset(p + ETH, 0, 40);
	p[ETH] = 0x60;
	p[ETH + 4] = (uint8_t)((size - 40) >> 8);
	p[ETH + 5] = (uint8_t)(size - 40);
	p[ETH + 6] = 17;
	p[ETH + 7] = 64;
	p[ETH + 8] = p[ETH + 24] = 0xfd;
	p[ETH + 23] = 1;
	p[ETH + 39] = 2;
	return ETH + size;
}

static void test_v4(void **state)
{
	uint8_t p[2048], a[TOO_BIG_MAX_SIZE];
	const size_t size = packet_v4(p, 1448);
	const size_t n = too_big_answer(p, size, 1430, a);

	(void)state;
	assert_int_equal(n, ETH + 576);
	assert_memory_equal(a, container, 6);
	assert_memory_equal(a + 6, other, 6);
	assert_int_equal(a[ETH + 2] << 8 | a[ETH + 3], 576);
	assert_int_equal(sum(a + ETH, 20, 0), 0xffff);
	/* From where it was sent to, to who sent it. */
	assert_memory_equal(a + ETH + 12, p + ETH + 16, 4);
	assert_memory_equal(a + ETH + 16, p + ETH + 12, 4);
	assert_int_equal(a[ETH + 20], 3);
	assert_int_equal(a[ETH + 21], 4);
	assert_int_equal(a[ETH + 26] << 8 | a[ETH + 27], 1430);
	assert_int_equal(sum(a + ETH + 20, 556, 0), 0xffff);
	assert_memory_equal(a + ETH + 28, p + ETH, 548);
}

static void test_v6(void **state)
{
	uint8_t p[2048], a[TOO_BIG_MAX_SIZE];
	const size_t size = packet_v6(p, 1448);
	const size_t n = too_big_answer(p, size, 1430, a);
	uint32_t pseudo;

	(void)state;
	assert_int_equal(n, ETH + 1280);
	assert_memory_equal(a + ETH + 8, p + ETH + 24, 16);
	assert_memory_equal(a + ETH + 24, p + ETH + 8, 16);
	assert_int_equal(a[ETH + 40], 2);
	assert_int_equal(a[ETH + 46] << 8 | a[ETH + 47], 1430);
	assert_memory_equal(a + ETH + 48, p + ETH, 1232);
	pseudo = sum(a + ETH + 8, 32, 1240 + 58);
	assert_int_equal(sum(a + ETH + 40, 1240, pseudo), 0xffff);
}

static void test_least_mtu(void **state)
{
	uint8_t p[2048], a[TOO_BIG_MAX_SIZE];

	(void)state;
	assert_true(too_big_answer(p, packet_v4(p, 200), 10, a) > 0);
	assert_int_equal(a[ETH + 26] << 8 | a[ETH + 27], 68);
	assert_true(too_big_answer(p, packet_v6(p, 1400), 600, a) > 0);
	assert_int_equal(a[ETH + 46] << 8 | a[ETH + 47], 1280);
}

static void test_beginning_is_enough(void **state)
{
	uint8_t p[2048], a[TOO_BIG_MAX_SIZE];

	(void)state;
	packet_v4(p, 1448);
	assert_int_equal(too_big_answer(p, ETH + 28, 1400, a), ETH + 28 + 28);
	assert_int_equal(sum(a + ETH + 20, 36, 0), 0xffff);
}

/* RFC 1122 3.2.2, RFC 4443 2.4 e: silence. */
static void test_never_answered(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} v4[] = {
		{ 0, 0xff },	   /* broadcast */
		{ 6, 0x03 },	   /* from a group */
		{ ETH, 0x65 },	   /* not version 4 */
		{ ETH, 0x44 },	   /* a header too short */
		{ ETH + 6, 0 },	   /* may be fragmented */
		{ ETH + 7, 1 },	   /* a later fragment */
		{ ETH + 12, 224 }, /* from a group */
		{ ETH + 12, 0 },   /* from nobody */
		{ ETH + 16, 239 }, /* to a group */
		{ ETH + 16, 255 },
	};
	uint8_t p[2048], a[TOO_BIG_MAX_SIZE];
	size_t i, size;

	(void)state;
	for (i = 0; i < sizeof(v4) / sizeof(v4[0]); i++) {
		size = packet_v4(p, 1448);
		p[v4[i].at] = v4[i].value;
		assert_int_equal(too_big_answer(p, size, 1400, a), 0);
	}
	size = packet_v4(p, 1448);
	p[ETH + 9] = 1; /* ICMP: an echo is answered, an error is not */
	p[ETH + 20] = 8;
	assert_true(too_big_answer(p, size, 1400, a) > 0);
	p[ETH + 20] = 3;
	assert_int_equal(too_big_answer(p, size, 1400, a), 0);
	size = packet_v6(p, 1448);
	p[ETH + 6] = 58;
	p[ETH + 40] = 128;
	assert_true(too_big_answer(p, size, 1400, a) > 0);
	p[ETH + 40] = 2;
	assert_int_equal(too_big_answer(p, size, 1400, a), 0);
	size = packet_v6(p, 1448);
	p[ETH + 24] = 0xff;
	assert_int_equal(too_big_answer(p, size, 1400, a), 0);
}

static void test_any_length(void **state)
{
	uint8_t p[2048], a[TOO_BIG_MAX_SIZE];
	size_t size;

	(void)state;
	for (size = 0; size < 1500; size++) {
		packet_v4(p, 1448);
		assert_true(too_big_answer(p, size, 1400, a) <= sizeof(a));
		packet_v6(p, 1448);
		assert_true(too_big_answer(p, size, 1400, a) <= sizeof(a));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v4),
		cmocka_unit_test(test_v6),
		cmocka_unit_test(test_least_mtu),
		cmocka_unit_test(test_beginning_is_enough),
		cmocka_unit_test(test_never_answered),
		cmocka_unit_test(test_any_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
