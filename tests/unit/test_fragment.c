/* SPDX-License-Identifier: Apache-2.0 */
/* IP packets that are cut, and put together again by other means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "core/fragment.h"

#define DF 0x4000U
#define MF 0x2000U

static uint8_t frame[MAX_FRAME_SIZE], whole[MAX_FRAME_SIZE];
static uint8_t copy[MAX_FRAME_SIZE];
static uint64_t seed = 88172645463325252U;

static uint32_t draw(uint32_t range)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed % range);
}

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint16_t sum(const uint8_t *p, uint32_t n)
{
	uint32_t s = 0, i;

	for (i = 0; i < n; i += 2)
		s += get16(p + i);
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)s;
}

/* A frame of @n_payload bytes behind @options (of four) words of options. */
static uint32_t make(uint32_t options, uint32_t n_payload, uint16_t flags)
{
	const uint32_t header = 20 + options * 4;
	uint8_t *ip = frame + 14;
	uint32_t i;

	for (i = 0; i < 14 + header + n_payload; i++)
		frame[i] = (uint8_t)draw(256);
	frame[0] = frame[6] = 2;
	put16(frame + 12, 0x0800);
	ip[0] = (uint8_t)(0x40 | header / 4);
	put16(ip + 2, header + n_payload);
	put16(ip + 6, flags);
	memset(ip + 20, 1, options * 4);
	put16(ip + 10, 0);
	put16(ip + 10, ~sum(ip, header) & 0xffff);
	return 14 + header + n_payload;
}

/* Each fits, is whole in itself, and they cover all once, in order. */
static uint32_t collect(struct fragments *f, uint32_t mtu, uint32_t header,
			uint32_t first, uint32_t n_payload, bool has_more)
{
	uint32_t at = first * 8, n = 0, size, body;
	const uint8_t *ip = copy + 14;

	while ((size = (uint32_t)fragment_next(f, copy))) {
		body = size - 14 - header;
		assert_in_range(size, 14 + header + 1, 14 + mtu);
		assert_int_equal(get16(ip + 2), header + body);
		assert_int_equal(sum(ip, header), 0xffff);
		assert_int_equal((get16(ip + 6) & 0x1fffU) * 8, at);
		at += body;
		assert_int_equal((get16(ip + 6) & MF) != 0,
				 at < first * 8 + n_payload || has_more);
		assert_true(!(get16(ip + 6) & MF) || body % 8 == 0);
		assert_memory_equal(copy, frame, 14);
		assert_memory_equal(ip + 12, frame + 26, 8);
		assert_int_equal(get16(ip + 4), get16(frame + 18));
		memcpy(whole + at - body - first * 8, copy + 14 + header, body);
		n++;
	}
	assert_int_equal(at, first * 8 + n_payload);
	assert_memory_equal(whole, frame + 14 + header, n_payload);
	return n;
}

static void test_random_packets(void **state)
{
	uint32_t i, options, header, n_payload, mtu, first, size;
	struct fragments f;
	bool has_more;

	(void)state;
	for (i = 0; i < 20000; i++) {
		options = draw(3) ? 0 : draw(11);
		header = 20 + options * 4;
		n_payload = 1 + draw(i % 50 ? 4000 : 65000 - header);
		mtu = header + 8 + draw(3000);
		has_more = draw(4) == 0;
		first = draw(4) ? 0 : draw(8191 - n_payload / 8);
		if (has_more)
			n_payload = n_payload < 8 ? 8 : n_payload & ~7U;
		size = make(options, n_payload,
			    (uint16_t)(first | (has_more ? MF : 0)));
		assert_true(fragment_begin(&f, frame, size + draw(3), mtu, 7));
		assert_int_equal(collect(&f, mtu, header, first, n_payload,
					 has_more),
				 fragment_count(&f));
	}
}

static void test_refusals(void **state)
{
	struct fragments f;
	uint32_t size = make(0, 1000, DF);

	(void)state;
	assert_false(fragment_begin(&f, frame, size, 600, 7));
	size = make(0, 1000, DF | MF);
	assert_false(fragment_begin(&f, frame, size, 600, 7));
	size = make(0, 1000, 0);
	assert_true(fragment_begin(&f, frame, size, 600, 7));
	assert_false(fragment_begin(&f, frame, size - 1, 600, 7));
	assert_false(fragment_begin(&f, frame, size, 27, 7));
	assert_true(fragment_begin(&f, frame, size, 28, 7));
	frame[12] ^= 1;
	assert_false(fragment_begin(&f, frame, size, 600, 7));
	frame[12] ^= 1;
	frame[14] = 0x65;
	assert_false(fragment_begin(&f, frame, size, 600, 7));
	frame[14] = 0x44;
	assert_false(fragment_begin(&f, frame, size, 600, 7));
	/* Its end lies where no offset reaches. */
	size = make(0, 1000, 0x1fff);
	assert_false(fragment_begin(&f, frame, size, 600, 7));
}

static void test_hostile_bytes(void **state)
{
	struct fragments f;
	uint32_t i, k, size, n;

	(void)state;
	for (i = 0; i < 50000; i++) {
		size = draw(200);
		for (k = 0; k < size; k++)
			frame[k] = (uint8_t)draw(256);
		if (size > 14 && draw(4)) {
			put16(frame + 12, draw(2) ? 0x0800 : 0x86dd);
			frame[14] = (uint8_t)((draw(2) ? 0x40 : 0x60) |
					      draw(16));
		}
		if (size > 54 && draw(2)) {
			frame[20] = (uint8_t)(draw(2) ? 0 : 44);
			put16(frame + 18, draw(200));
			frame[54] = (uint8_t)(draw(2) ? 43 : 60);
			frame[55] = (uint8_t)draw(4);
		}
		if (size > 22 && draw(4)) {
			put16(frame + 16, draw(200));
			put16(frame + 20, draw(0x4000));
		}
		if (!fragment_begin(&f, frame, size, 20 + draw(80), 7))
			continue;
		for (n = 0; fragment_next(&f, copy); n++)
			assert_true(n < 200);
	}
}

/* IPv6 of up to 1 280 bytes, with headers for hops before the payload. */
static uint32_t make_v6(uint32_t n_hops, bool is_fragment, uint32_t n_payload)
{
	const uint32_t header = 40 + n_hops * 8 + (is_fragment ? 8 : 0);
	uint8_t *ip = frame + 14;
	uint32_t i;

	for (i = 0; i < 14 + header + n_payload; i++)
		frame[i] = (uint8_t)draw(256);
	frame[0] = frame[6] = 2;
	put16(frame + 12, 0x86dd);
	ip[0] = 0x60;
	put16(ip + 4, header - 40 + n_payload);
	ip[6] = n_hops ? 0 : is_fragment ? 44 : 6;
	for (i = 0; i < n_hops; i++) {
		ip[40 + i * 8] = i + 1 < n_hops ? 43 : is_fragment ? 44 : 6;
		ip[41 + i * 8] = 0;
	}
	if (is_fragment) {
		ip[40 + n_hops * 8] = 6;
		put16(ip + 42 + n_hops * 8, 100 << 3 | 1);
	}
	return 14 + header + n_payload;
}

static void collect_v6(struct fragments *f, uint32_t mtu, uint32_t n_hops,
		       bool is_fragment, uint32_t n_payload)
{
	const uint32_t header = 40 + n_hops * 8;
	const uint32_t from = 14 + header + (is_fragment ? 8 : 0);
	const uint8_t *own = copy + 14 + header;
	uint32_t size, body, at = 0;

	while ((size = (uint32_t)fragment_next(f, copy))) {
		assert_in_range(size, 14 + header + 8 + 1, 14 + mtu);
		body = size - 14 - header - 8;
		assert_int_equal(get16(copy + 18), size - 14 - 40);
		assert_int_equal(n_hops ? copy[14 + header - 8] : copy[20], 44);
		assert_int_equal(own[0], 6);
		assert_int_equal(get16(own + 2) >> 3,
				 at / 8 + (is_fragment ? 100 : 0));
		assert_memory_equal(copy + 22, frame + 22, 32);
		assert_memory_equal(own + 8, frame + from + at, body);
		at += body;
		assert_int_equal(own[3] & 1, at < n_payload || is_fragment);
		if (is_fragment)
			assert_memory_equal(own + 4, frame + from - 4, 4);
		else
			assert_int_equal(get16(own + 6), 0xbeef);
	}
	assert_int_equal(at, n_payload);
}

static void test_v6(void **state)
{
	uint32_t i, n_hops, n_payload, mtu, size;
	struct fragments f;
	bool is_fragment;

	(void)state;
	for (i = 0; i < 20000; i++) {
		n_hops = draw(3) ? 0 : draw(4);
		is_fragment = draw(3) == 0;
		n_payload = 1 + draw(1280 - 40 - n_hops * 8 - 8);
		if (is_fragment)
			n_payload = n_payload < 8 ? 8 : n_payload & ~7U;
		mtu = 40 + n_hops * 8 + 16 + draw(1300);
		size = make_v6(n_hops, is_fragment, n_payload);
		assert_true(fragment_begin(&f, frame, size, mtu, 0x1234beef));
		collect_v6(&f, mtu, n_hops, is_fragment, n_payload);
	}
	/* Its sender can be told. */
	size = make_v6(0, false, 1241);
	assert_false(fragment_begin(&f, frame, size, 1200, 1));
	/* Headers that go beyond the end. */
	size = make_v6(1, false, 100);
	frame[14 + 41] = 200;
	assert_false(fragment_begin(&f, frame, size, 90, 1));
}

/* Record route stays in the first alone, the source route in all. */
static void test_options(void **state)
{
	const uint8_t options[12] = { 7, 7, 4, 1, 2, 3, 4, 0x83, 3, 4, 0, 0 };
	const uint8_t later[12] = { 1, 1, 1, 1, 1, 1, 1, 0x83, 3, 4, 0, 0 };
	const uint32_t size = make(3, 500, 0);
	struct fragments f;

	(void)state;
	memcpy(frame + 34, options, sizeof(options));
	assert_true(fragment_begin(&f, frame, size, 300, 7));
	assert_true(fragment_next(&f, copy) > 0);
	assert_memory_equal(copy + 34, options, sizeof(options));
	assert_true(fragment_next(&f, copy) > 0);
	assert_memory_equal(copy + 34, later, sizeof(later));
	assert_int_equal(sum(copy + 14, 32), 0xffff);
	assert_int_equal(fragment_next(&f, copy), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_packets),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_hostile_bytes),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_v6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
