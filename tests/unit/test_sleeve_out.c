/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Batches of datagrams through the loopback: what was put together arrives as
 * it should, and what this kernel refuses arrives none the less.
 */

#include "sleeve/out.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define UNIT 500U

static struct out out;
static uint8_t data[200000];
static struct sockaddr_storage to;
static int in;

static int setup(void **state)
{
	const struct sockaddr_in any = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	const int size = 4 << 20;
	socklen_t n = sizeof(to);
	size_t i;

	(void)state;
	in = socket(AF_INET, SOCK_DGRAM, 0);
	assert_true(in >= 0);
	(void)!setsockopt(in, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	assert_int_equal(bind(in, (const struct sockaddr *)&any, sizeof(any)),
			 0);
	assert_int_equal(getsockname(in, (struct sockaddr *)&to, &n), 0);
	out_init(&out, true);
	out.fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_true(out.fd >= 0);
	out_address(&out, &to, sizeof(struct sockaddr_in), &to);
	for (i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + i / 256);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(out.fd);
	close(in);
	return 0;
}

/* Bytes @at … of data behind a number. */
static void add(uint32_t number, uint32_t at, uint32_t size)
{
	memcpy(out_segment(&out, 4, data + at, size), &number, 4);
}

static void add_many(uint32_t n, uint32_t size)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		add(i, i * size, size);
}

static void send_all(void)
{
	const struct out_message *m;
	int error;

	assert_int_equal(out_send(&out, &m, &error), OUT_SENT);
	assert_true(out_is_empty(&out));
}

static void expect(uint32_t number, uint32_t at, uint32_t size)
{
	struct pollfd p = { .fd = in, .events = POLLIN };
	static uint8_t buf[70000];
	uint32_t got;

	assert_int_equal(poll(&p, 1, 3000), 1);
	assert_int_equal(recv(in, buf, sizeof(buf), 0), size + 4);
	memcpy(&got, buf, 4);
	assert_int_equal(got, number);
	assert_memory_equal(buf + 4, data + at, size);
}

static void expect_many(uint32_t n, uint32_t size)
{
	struct pollfd p = { .fd = in, .events = POLLIN };
	uint32_t i;

	for (i = 0; i < n; i++)
		expect(i, i * size, size);
	assert_int_equal(poll(&p, 1, 0), 0);
}

static void test_joined(void **state)
{
	(void)state;
	add_many(20, UNIT);
	assert_int_equal(out.n_messages, 1);
	assert_int_equal(out.messages[0].n_segments, 20);
	send_all();
	expect_many(20, UNIT);
	assert_int_equal(out.n_datagrams, 20);
	assert_int_equal(out.n_calls, 1);
}

/* A shorter one ends a message, a longer one begins the next. */
static void test_sizes(void **state)
{
	static const uint32_t sizes[] = { 500, 500, 499, 500, 500, 501, 3 };
	uint32_t i;

	(void)state;
	for (i = 0; i < 7; i++)
		add(i, 0, sizes[i]);
	assert_int_equal(out.n_messages, 3);
	assert_int_equal(out.messages[0].n_segments, 3);
	assert_int_equal(out.messages[1].n_segments, 2);
	assert_int_equal(out.messages[2].n_segments, 2);
	send_all();
	for (i = 0; i < 7; i++)
		expect(i, 0, sizes[i]);
}

/* Pieces that lie side by side are one. */
static void test_pieces(void **state)
{
	const uint32_t number = 9;

	(void)state;
	out_open(&out);
	memcpy(out_header(&out, 4), &number, 4);
	out_put(&out, data, 100);
	out_put(&out, data + 100, 50);
	assert_int_equal(out_open_pieces(&out), 2);
	assert_int_equal(out_open_size(&out), 154);
	out_close(&out);
	send_all();
	expect(9, 0, 150);
}

static void test_another_address(void **state)
{
	(void)state;
	add(0, 0, UNIT);
	out_address(&out, &to, sizeof(struct sockaddr_in), NULL);
	add(1, UNIT, UNIT);
	assert_int_equal(out.n_messages, 2);
	send_all();
	expect_many(2, UNIT);
}

static void test_limits_of_a_message(void **state)
{
	(void)state;
	add_many(OUT_MAX_SEGMENTS + 1, 100);
	assert_int_equal(out.n_messages, 2);
	out_drop(&out);
	add_many(140, 1400);
	assert_true(out.n_messages >= 3);
	assert_true(out.messages[0].size <= OUT_MAX_BYTES);
	assert_int_equal(out_drop(&out), 140);
	assert_true(out_is_empty(&out));
}

static void test_too_many_segments(void **state)
{
	(void)state;
	out.max_segments = 600; /* more than any kernel takes */
	add_many(300, 100);
	assert_int_equal(out.n_messages, 1);
	send_all();
	expect_many(300, 100);
	assert_int_equal(out.max_segments, 64);
	add_many(300, 100);
	assert_int_equal(out.n_messages, 5);
	send_all();
	expect_many(300, 100);
	assert_int_equal(out.max_segments, 64);
}

static void test_too_many_bytes(void **state)
{
	(void)state;
	out.max_bytes = 100000;
	add_many(100, 900);
	assert_int_equal(out.n_messages, 1);
	send_all();
	expect_many(100, 900);
	assert_true(out.max_bytes < 100 * 904);
	assert_int_equal(out.max_segments, OUT_MAX_SEGMENTS);
}

static void test_without_segmentation(void **state)
{
	(void)state;
	out.max_segments = 1;
	add_many(20, UNIT);
	assert_int_equal(out.n_messages, 20);
	send_all();
	expect_many(20, UNIT);
}

/* Who cannot be reached does not keep the others from being reached. */
static void test_refused(void **state)
{
	struct sockaddr_storage nowhere;
	struct sockaddr_in *sa = (struct sockaddr_in *)&nowhere;
	const struct out_message *m;
	int error;

	(void)state;
	memset(&nowhere, 0, sizeof(nowhere));
	sa->sin_family = AF_INET;
	sa->sin_port = htons(9);
	sa->sin_addr.s_addr = htonl(INADDR_BROADCAST);
	add(0, 0, UNIT);
	out_address(&out, &nowhere, sizeof(*sa), &nowhere);
	add(7, 0, UNIT);
	add(8, 0, UNIT);
	out_address(&out, &to, sizeof(*sa), &to);
	add(1, UNIT, UNIT);
	assert_int_equal(out_send(&out, &m, &error), OUT_REFUSED);
	assert_int_equal(error, EACCES);
	assert_ptr_equal(m->to, &nowhere);
	assert_int_equal(m->n_segments, 2);
	send_all();
	expect_many(2, UNIT);
	assert_int_equal(out.max_segments, OUT_MAX_SEGMENTS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_joined, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sizes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pieces, setup, teardown),
		cmocka_unit_test_setup_teardown(test_another_address, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_limits_of_a_message, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_too_many_segments, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_too_many_bytes, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_without_segmentation,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
