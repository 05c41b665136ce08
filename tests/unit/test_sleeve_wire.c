/* SPDX-License-Identifier: Apache-2.0 */

/* Sleeve's datagrams: what is written is read, and nothing else is. */

#include "core/sleeve_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct sleeve_header data_header = {
	.type = SLEEVE_DATA,
	.token = UINT64_C(0x0123456789abcdef),
	.seq = UINT64_C(0xfedcba9876543210),
};

static void test_header(void **state)
{
	static const uint8_t expected[SLEEVE_HEADER_SIZE] = {
		1,    1,    0,	  0,	0x01, 0x23, 0x45, 0x67, 0x89, 0xab,
		0xcd, 0xef, 0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10
	};
	uint8_t p[SLEEVE_HEADER_SIZE];
	struct sleeve_header h;

	(void)state;
	sleeve_put_header(&data_header, p);
	assert_memory_equal(p, expected, sizeof(p));
	assert_int_equal(sleeve_get_header(p, sizeof(p), &h), SLEEVE_OK);
	assert_int_equal(h.type, SLEEVE_DATA);
	assert_true(h.token == data_header.token);
	assert_true(h.seq == data_header.seq);
}

static void test_header_refused(void **state)
{
	uint8_t p[SLEEVE_HEADER_SIZE];
	struct sleeve_header h;
	size_t size;
	int i;

	(void)state;
	sleeve_put_header(&data_header, p);
	for (size = 0; size < sizeof(p); size++)
		assert_int_equal(sleeve_get_header(p, size, &h), SLEEVE_BAD);
	/* Each bit of version, type and flags matters. */
	for (i = 0; i < 32; i++) {
		p[i / 8] ^= (uint8_t)(1 << i % 8);
		if (p[1] == SLEEVE_REQUEST || p[1] == SLEEVE_REPLY)
			assert_int_equal(sleeve_get_header(p, sizeof(p), &h),
					 SLEEVE_OK);
		else
			assert_int_equal(sleeve_get_header(p, sizeof(p), &h),
					 SLEEVE_BAD_VERSION);
		p[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	assert_int_equal(sleeve_get_header(p, sizeof(p), &h), SLEEVE_OK);
}

static size_t put_frames(uint8_t *p, const struct sleeve_frame *frames,
			 size_t n)
{
	size_t at = 0, i;

	for (i = 0; i < n; i++) {
		sleeve_put_frame(&frames[i], p + at);
		memset(p + at + SLEEVE_FRAME_SIZE, (int)i + 1, frames[i].size);
		at += SLEEVE_FRAME_SIZE + (size_t)frames[i].size;
	}
	return at;
}

static const struct sleeve_frame three[] = {
	{ .vni = 0x123456, .size = 14 },
	{ .vni = 1,
	  .flags = SLEEVE_PARTIAL,
	  .csum_start = 34,
	  .csum_offset = 16,
	  .size = 52 },
	{ .vni = VNI_MAX,
	  .flags = SLEEVE_PARTIAL | SLEEVE_CUT_UDP,
	  .csum_start = 14,
	  .csum_offset = 0,
	  .size = 1400 },
};

static void test_frames(void **state)
{
	uint8_t p[2000], *at = p, *data;
	size_t left = put_frames(p, three, 3), i;
	struct sleeve_frame f;

	(void)state;
	for (i = 0; i < 3; i++) {
		assert_int_equal(sleeve_get_frame(&at, &left, &f, &data),
				 SLEEVE_OK);
		assert_int_equal(f.vni, three[i].vni);
		assert_int_equal(f.flags, three[i].flags);
		assert_int_equal(f.csum_start, three[i].csum_start);
		assert_int_equal(f.csum_offset, three[i].csum_offset);
		assert_int_equal(f.size, three[i].size);
		assert_int_equal(data[0], i + 1);
		assert_int_equal(data[f.size - 1], i + 1);
	}
	assert_int_equal(left, 0);
}

static void test_frames_cut_short(void **state)
{
	uint8_t p[2000], *at, *data;
	const size_t size = put_frames(p, three, 3);
	const size_t ends[] = { 22, 22 + 60, size };
	struct sleeve_frame f;
	size_t n, left, i;

	(void)state;
	for (n = 1; n < size; n++) {
		at = p;
		left = n;
		i = 0;
		while (left && i < 3 &&
		       sleeve_get_frame(&at, &left, &f, &data) == SLEEVE_OK)
			assert_int_equal(at - p, ends[i++]);
		assert_int_equal(left != 0, n != ends[0] && n != ends[1]);
	}
}

static bool is_taken(const struct sleeve_frame *frame)
{
	uint8_t p[200], *at = p, *data;
	size_t left = sizeof(p);
	struct sleeve_frame f;

	memset(p, 0, sizeof(p));
	sleeve_put_frame(frame, p);
	return sleeve_get_frame(&at, &left, &f, &data) == SLEEVE_OK;
}

static void test_frames_refused(void **state)
{
	struct sleeve_frame f = { .vni = 5, .size = 100 };

	(void)state;
	assert_true(is_taken(&f));
	f.size = 13; /* no Ethernet header */
	assert_false(is_taken(&f));
	f.size = 192; /* to the last byte */
	assert_true(is_taken(&f));
	f.size = 193;
	assert_false(is_taken(&f));
	f.size = 100;
	f.flags = 4; /* nobody knows it */
	assert_false(is_taken(&f));
	f.flags = SLEEVE_CUT_UDP; /* whose checksum is always partial */
	assert_false(is_taken(&f));
	f.flags = 0;
	f.csum_start = 14; /* of a checksum that is not partial */
	assert_false(is_taken(&f));
	f.flags = SLEEVE_PARTIAL;
	f.csum_offset = 84;
	assert_true(is_taken(&f));
	f.csum_offset = 85; /* beyond the end */
	assert_false(is_taken(&f));
	f.csum_offset = 0;
	f.csum_start = 13; /* in the Ethernet header */
	assert_false(is_taken(&f));
}

static void test_beat(void **state)
{
	const struct sleeve_beat beat = { .cookie =
						  UINT64_C(0x1122334455667788),
					  .number = 7,
					  .size = 1400 };
	struct sleeve_header h = data_header, got;
	struct sleeve_beat b;
	uint8_t p[1472];

	(void)state;
	h.type = SLEEVE_REQUEST;
	assert_true(sleeve_put_beat(&h, &beat, p, sizeof(p)));
	assert_int_equal(sleeve_get_header(p, sizeof(p), &got), SLEEVE_OK);
	assert_int_equal(sleeve_get_beat(&got, p, sizeof(p), &b), SLEEVE_OK);
	assert_true(b.cookie == beat.cookie && b.number == 7);
	assert_int_equal(b.size, sizeof(p));
	/* A probe that arrives shorter than it was sent proves nothing. */
	assert_int_equal(sleeve_get_beat(&got, p, sizeof(p) - 1, &b),
			 SLEEVE_BAD);
	h.type = SLEEVE_REPLY;
	assert_true(sleeve_put_beat(&h, &beat, p, SLEEVE_BEAT_SIZE));
	assert_int_equal(sleeve_get_beat(&h, p, SLEEVE_BEAT_SIZE, &b),
			 SLEEVE_OK);
	assert_int_equal(b.size, 1400);
	assert_int_equal(sleeve_get_beat(&h, p, SLEEVE_BEAT_SIZE - 1, &b),
			 SLEEVE_BAD);
	assert_false(sleeve_put_beat(&h, &beat, p, SLEEVE_BEAT_SIZE - 1));
}

/* What is read of a broken datagram lies inside of it. */
static void check_bounds(uint8_t *p, size_t size)
{
	uint8_t *at = p + SLEEVE_HEADER_SIZE, *data;
	struct sleeve_header h;
	struct sleeve_frame f;
	struct sleeve_beat b;
	size_t left;

	if (sleeve_get_header(p, size, &h) != SLEEVE_OK)
		return;
	if (h.type != SLEEVE_DATA) {
		if (sleeve_get_beat(&h, p, size, &b) == SLEEVE_OK)
			assert_true(b.size >= SLEEVE_BEAT_SIZE);
		return;
	}
	left = size - SLEEVE_HEADER_SIZE;
	while (left && sleeve_get_frame(&at, &left, &f, &data) == SLEEVE_OK) {
		assert_true(data >= p && data + f.size <= p + size);
		assert_ptr_equal(at, data + f.size);
		assert_int_equal(left, p + size - at);
		if (f.flags & SLEEVE_PARTIAL)
			assert_true(f.csum_start + f.csum_offset + 2 <= f.size);
	}
}

static void test_mutations(void **state)
{
	uint8_t whole[1600], *p;
	size_t size, n;
	int i, k;

	(void)state;
	srand(1);
	sleeve_put_header(&data_header, whole);
	size = SLEEVE_HEADER_SIZE +
	       put_frames(whole + SLEEVE_HEADER_SIZE, three, 3);
	for (i = 0; i < 20000; i++) {
		n = (size_t)rand() % (size + 1);
		p = malloc(n + 1); /* of its own, for the sanitizer */
		assert_non_null(p);
		memcpy(p, whole, n);
		for (k = rand() % 4; n && k > 0; k--)
			p[(size_t)rand() % (n < 120 ? n : 120)] =
				(uint8_t)rand();
		check_bounds(p, n);
		free(p);
	}
}

/* @n_frames of @size; returns the datagram's end. */
static uint8_t *put_data(uint8_t *p, uint32_t n_frames, uint16_t size)
{
	const struct sleeve_frame f = { .vni = 5, .size = size };

	sleeve_put_header(&data_header, p);
	for (p += SLEEVE_HEADER_SIZE; n_frames > 0; n_frames--) {
		sleeve_put_frame(&f, p);
		memset(p + SLEEVE_FRAME_SIZE, 0xff, size);
		p += SLEEVE_FRAME_SIZE + size;
	}
	return p;
}

/* Trains whose unit nobody tells; a datagram alone is none. */
static void test_train(void **state)
{
	const struct sleeve_beat beat = { .cookie = 7 };
	struct sleeve_header h = data_header;
	static uint8_t p[10000];
	const uint8_t *end;
	uint8_t *first;
	uint16_t size;

	(void)state;
	/* 257 octets: as a header begins, but for the token. */
	for (size = 60; size <= 1400; size += size == 256 ? 1 : 4) {
		first = put_data(p, size < 200 ? 3 : 1, size);
		assert_int_equal(sleeve_train_unit(p, (size_t)(first - p)), 0);
		end = put_data(put_data(first, size < 200 ? 3 : 1, size), 1,
			       60);
		assert_int_equal(sleeve_train_unit(p, (size_t)(end - p)),
				 first - p);
		first[4] ^= 1; /* somebody else's */
		assert_int_equal(sleeve_train_unit(p, (size_t)(end - p)), 0);
	}
	for (h.type = SLEEVE_REQUEST; h.type <= SLEEVE_REPLY; h.type++) {
		size = h.type == SLEEVE_REPLY ? SLEEVE_BEAT_SIZE : 500;
		assert_true(sleeve_put_beat(&h, &beat, p, size));
		assert_true(sleeve_put_beat(&h, &beat, p + size, size));
		assert_int_equal(sleeve_train_unit(p, size), 0);
		assert_int_equal(sleeve_train_unit(p, 2 * size), size);
	}
	for (size = 0; size < SLEEVE_BEAT_SIZE; size++)
		assert_int_equal(sleeve_train_unit(p, size), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_header_refused),
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_frames_cut_short),
		cmocka_unit_test(test_frames_refused),
		cmocka_unit_test(test_beat),
		cmocka_unit_test(test_mutations),
		cmocka_unit_test(test_train),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
