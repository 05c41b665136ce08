/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Sessions of the control protocol without a socket: time and bytes are fed by
 * hand.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/codec.h"
#include "control/framing.h"
#include "control/session.h"
#include "control_samples.h"

#define START (1000 * USEC_PER_SEC)

static struct codec *codec;

static int set_up(void **state)
{
	(void)state;
	codec = codec_new();
	return codec ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	codec_free(codec);
	return 0;
}

struct end {
	struct session *session;
	uint32_t n_opened, n_messages, n_ignored, n_ended;
	struct message last;
};

static void feed(struct end *e, usec_t now, const uint8_t *data, size_t size)
{
	struct message m = { 0 };
	enum session_got got;

	while (size > 0) {
		size_t n = session_input(e->session, now, data, size, &got, &m);

		assert_true(n > 0 && n <= size);
		data += n;
		size -= n;
		e->n_opened += got == SESSION_OPENED;
		e->n_messages += got == SESSION_MESSAGE;
		e->n_ignored += got == SESSION_IGNORED;
		e->n_ended += got == SESSION_ENDED;
		if (got == SESSION_MESSAGE)
			e->last = m;
		if (got == SESSION_ENDED)
			return;
	}
}

/* What @from has to say goes to @to in pieces of @piece bytes. */
static size_t carry(struct end *from, struct end *to, usec_t now, size_t piece)
{
	size_t size, total = 0;

	for (;;) {
		const uint8_t *data = session_output(from->session, &size);

		if (size == 0)
			return total;
		if (size > piece)
			size = piece;
		feed(to, now, data, size);
		session_sent(from->session, now, size);
		total += size;
	}
}

static struct end end_of(const struct hello *h)
{
	struct end e = { .session = session_new(codec, h, START) };

	assert_non_null(e.session);
	return e;
}

static void open_pair(struct end *a, struct end *b)
{
	struct hello ha = hello_of("host1", 1), hb = hello_of("host2", 2);

	*a = end_of(&ha);
	*b = end_of(&hb);
	carry(a, b, START, SIZE_MAX);
	carry(b, a, START, SIZE_MAX);
	assert_int_equal(session_state(a->session), SESSION_OPEN);
	assert_int_equal(session_state(b->session), SESSION_OPEN);
}

static void free_pair(struct end *a, struct end *b)
{
	session_free(a->session);
	session_free(b->session);
}

static void test_session_byte_by_byte(void **state)
{
	struct hello ha = hello_of("host1", 1), hb = hello_of("host2", 2);
	struct end a = end_of(&ha), b = end_of(&hb);
	struct entry list[2] = { entry_of(1, 3), entry_of(2, 0) };
	struct message m = entries_message(list, 2);

	(void)state;
	carry(&a, &b, START, 1);
	carry(&b, &a, START, 1);
	assert_int_equal(a.n_opened, 1);
	assert_int_equal(b.n_opened, 1);
	assert_string_equal(session_hello(a.session)->name, "host2");
	assert_string_equal(session_hello(b.session)->name, "host1");
	assert_int_equal(session_version(a.session), 1);
	assert_true(session_send(a.session, START, &m));
	assert_true(session_send(a.session, START, &m));
	carry(&a, &b, START, 1);
	assert_int_equal(b.n_messages, 2);
	assert_int_equal(b.last.entries.n, 2);
	assert_int_equal(b.last.entries.list[0].n_ips, 3);
	free_pair(&a, &b);
}

static void shake(const struct hello *ha, const struct hello *hb,
		  enum reason want, uint32_t version)
{
	struct end a = end_of(ha), b = end_of(hb);
	size_t size;

	/* Both hellos cross on the wire. */
	const uint8_t *data = session_output(a.session, &size);
	uint8_t *copy = malloc(size);

	assert_non_null(copy);
	memcpy(copy, data, size);
	session_sent(a.session, START, size);
	carry(&b, &a, START, SIZE_MAX);
	feed(&b, START, copy, size);
	free(copy);
	assert_int_equal(session_reason(a.session), want);
	assert_int_equal(session_reason(b.session), want);
	assert_int_equal(session_version(a.session), version);
	assert_int_equal(session_version(b.session), version);
	if (want != REASON_NONE) {
		assert_int_equal(a.n_opened + b.n_opened, 0);
		/* Each tells the other, before it hears of it. */
		session_output(a.session, &size);
		assert_true(size > 0);
		session_output(b.session, &size);
		assert_true(size > 0);
	}
	if (want == REASON_CLONED || want == REASON_VERSION) {
		assert_non_null(strstr(session_text(a.session), ha->nickname));
		assert_non_null(strstr(session_text(a.session), hb->nickname));
	}
	free_pair(&a, &b);
}

static void test_handshake_matrix(void **state)
{
	static const struct {
		uint32_t a_min, a_max, b_min, b_max, version;
	} cases[] = {
		{ 1, 1, 1, 1, 1 },	    { 1, 3, 2, 5, 3 },
		{ 2, 5, 1, 3, 3 },	    { 1, 9, 4, 4, 4 },
		{ 1, 1, 2, 2, 0 },	    { 3, 4, 1, 2, 0 },
		{ 1, UINT32_MAX, 1, 7, 7 },
	};
	struct hello a = hello_of("host1", 1), b = hello_of("host2", 2);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		a.version_min = cases[i].a_min;
		a.version_max = cases[i].a_max;
		b.version_min = cases[i].b_min;
		b.version_max = cases[i].b_max;
		shake(&a, &b, cases[i].version ? REASON_NONE : REASON_VERSION,
		      cases[i].version);
	}
	a = hello_of("host1", 1);
	shake(&a, &a, REASON_OURSELVES, 0);
	b = hello_of("host1", 2);
	snprintf(b.nickname, sizeof(b.nickname), "other");
	shake(&a, &b, REASON_CLONED, 0);
	/* The same instance by chance is no clone. */
	b = hello_of("host2", 1);
	shake(&a, &b, REASON_NONE, 1);
}

static void test_refusal_is_told(void **state)
{
	struct end a, b;

	(void)state;
	open_pair(&a, &b);
	session_close(a.session, REASON_REMOVED, "taken out by hand");
	assert_int_equal(session_state(a.session), SESSION_CLOSED);
	assert_false(session_is_refused_by_peer(a.session));
	carry(&a, &b, START, SIZE_MAX);
	assert_int_equal(b.n_ended, 1);
	assert_int_equal(session_reason(b.session), REASON_REMOVED);
	assert_true(session_is_refused_by_peer(b.session));
	assert_string_equal(session_text(b.session), "taken out by hand");
	/* Who was refused does not answer. */
	assert_int_equal(carry(&b, &a, START, SIZE_MAX), 0);
	free_pair(&a, &b);
}

static void refused_bytes(const uint8_t *data, size_t size, bool is_open)
{
	struct hello h = hello_of("host1", 1), other = hello_of("host2", 2);
	struct end a = end_of(&h), b = end_of(&other);

	if (is_open)
		carry(&b, &a, START, SIZE_MAX);
	feed(&a, START, data, size);
	assert_int_equal(session_state(a.session), SESSION_CLOSED);
	assert_int_equal(session_reason(a.session), REASON_PROTOCOL);
	assert_int_equal(session_deadline(a.session), USEC_NEVER);
	/* Nothing more is taken or sent. */
	feed(&a, START, data, size);
	carry(&a, &b, START, SIZE_MAX);
	assert_int_equal(session_reason(b.session), REASON_PROTOCOL);
	free_pair(&a, &b);
}

static void test_garbage(void **state)
{
	static const uint8_t http[] = "GET / HTTP/1.1\r\n\r\n";
	static const uint8_t too_long[] = { 0, 1, 0, 1 };
	static const uint8_t too_long_hello[] = { 0, 0, 0x10, 1 };
	static const uint8_t malformed[] = { 0, 0, 0, 2, 0x1a, 0x7f };
	static const uint8_t early[] = { 0, 0, 0, 2, 0x32, 0 }; /* Leave */

	(void)state;
	refused_bytes(http, sizeof(http) - 1, false);
	refused_bytes(http, sizeof(http) - 1, true);
	refused_bytes(too_long, sizeof(too_long), false);
	refused_bytes(too_long, sizeof(too_long), true);
	refused_bytes(too_long_hello, sizeof(too_long_hello), false);
	refused_bytes(malformed, sizeof(malformed), false);
	refused_bytes(malformed, sizeof(malformed), true);
	refused_bytes(early, sizeof(early), false);
}

static void test_second_hello(void **state)
{
	struct hello h = hello_of("host2", 2);
	struct end a, b, again = end_of(&h);

	(void)state;
	open_pair(&a, &b);
	carry(&again, &a, START, SIZE_MAX);
	assert_int_equal(session_reason(a.session), REASON_PROTOCOL);
	session_free(again.session);
	free_pair(&a, &b);
}

static void test_largest_frame(void **state)
{
	static uint8_t buf[FRAME_HEADER_SIZE + CODEC_MAX_SIZE];
	struct end a, b;

	(void)state;
	open_pair(&a, &b);
	/* One unknown field of 65532 octets: exactly 64 KiB, and ignored. */
	memcpy(buf, "\x00\x01\x00\x00", 4);
	memcpy(buf + 4, "\x7a\xfc\xff\x03", 4);
	feed(&a, START, buf, 100);
	feed(&a, START, buf + 100, sizeof(buf) - 100);
	assert_int_equal(session_state(a.session), SESSION_OPEN);
	assert_int_equal(a.n_ignored, 1);
	free_pair(&a, &b);
}

static void test_handshake_times_out(void **state)
{
	struct hello h = hello_of("host1", 1), other = hello_of("host2", 2);
	struct end a = end_of(&h), b = end_of(&other);
	usec_t limit = START + SESSION_HANDSHAKE_US;
	const uint8_t *data;
	size_t size;

	(void)state;
	assert_int_equal(session_deadline(a.session), limit);
	/* A byte now and then does not help. */
	data = session_output(b.session, &size);
	for (usec_t i = 0; i < 5; i++)
		feed(&a, START + i * USEC_PER_SEC, data + i, 1);
	session_tick(a.session, limit - 1);
	assert_int_equal(session_state(a.session), SESSION_HANDSHAKE);
	session_tick(a.session, limit);
	assert_int_equal(session_reason(a.session), REASON_TIMED_OUT);
	free_pair(&a, &b);
}

static void test_pings_and_silence(void **state)
{
	struct end a, b;
	usec_t now;

	(void)state;
	open_pair(&a, &b);
	/* Answered pings keep it open for as long as one likes. */
	for (now = START; now < START + 600 * USEC_PER_SEC;) {
		assert_true(session_deadline(a.session) > now);
		now = session_deadline(a.session);
		assert_int_equal(now % SESSION_PING_US,
				 START % SESSION_PING_US);
		session_tick(a.session, now);
		assert_true(carry(&a, &b, now, SIZE_MAX) > 0);
		assert_true(carry(&b, &a, now, SIZE_MAX) > 0);
	}
	assert_int_equal(session_state(b.session), SESSION_OPEN);
	/* Unanswered ones do not. Half a message does not count as life. */
	feed(&a, now + SESSION_PING_US, (const uint8_t *)"\0\0\0\x09", 4);
	while (session_state(a.session) == SESSION_OPEN) {
		usec_t next = session_deadline(a.session);

		assert_true(next <= now + SESSION_SILENCE_US);
		session_tick(a.session, next);
		if (next == now + SESSION_SILENCE_US)
			assert_int_equal(session_reason(a.session),
					 REASON_TIMED_OUT);
		else
			carry(&a, &b, next, SIZE_MAX);
	}
	free_pair(&a, &b);
}

/* It talks, but does not read: what we tell it never arrives. */
static void test_peer_that_does_not_read(void **state)
{
	struct end a, b;
	struct message leave = { .type = MESSAGE_LEAVE };
	usec_t now = START;

	(void)state;
	open_pair(&a, &b);
	assert_true(session_send(a.session, now, &leave));
	for (; now < START + SESSION_SILENCE_US; now += USEC_PER_SEC) {
		assert_int_equal(session_state(a.session), SESSION_OPEN);
		assert_true(session_send(b.session, now, &leave));
		carry(&b, &a, now, SIZE_MAX);
		session_tick(a.session, now);
	}
	session_tick(a.session, now);
	assert_int_equal(session_reason(a.session), REASON_TIMED_OUT);
	free_pair(&a, &b);
}

static void test_back_pressure(void **state)
{
	struct entry list[MESSAGE_MAX_ENTRIES];
	struct message m = entries_message(list, MESSAGE_MAX_ENTRIES);
	struct end a, b;
	size_t size;

	(void)state;
	for (uint32_t i = 0; i < MESSAGE_MAX_ENTRIES; i++)
		list[i] = entry_of((uint8_t)i, 4);
	open_pair(&a, &b);
	do {
		assert_true(session_is_ready(a.session));
		assert_true(session_send(a.session, START, &m));
		session_output(a.session, &size);
	} while (size < SESSION_SOFT_SIZE);
	assert_false(session_is_ready(a.session));
	/* Not ready until it has fallen far below. */
	session_sent(a.session, START, size - SESSION_AGAIN_SIZE);
	assert_false(session_is_ready(a.session));
	session_sent(a.session, START, 1);
	assert_true(session_is_ready(a.session));
	/* Who does not listen to that is stopped at the hard limit. */
	while (session_send(a.session, START, &m))
		;
	assert_int_equal(session_reason(a.session), REASON_LIMIT);
	free_pair(&a, &b);
}

/* A flood of pings is not answered without a bound. */
static void test_ping_flood(void **state)
{
	struct end a, b;
	struct codec_bytes bytes;
	uint8_t ping[32] = { 0 };
	size_t size, peak = 0;

	(void)state;
	open_pair(&a, &b);
	assert_int_equal(codec_encode_ping(codec, CODEC_PING, 1, &bytes),
			 CODEC_OK);
	ping[3] = (uint8_t)bytes.size;
	memcpy(ping + 4, bytes.data, bytes.size);
	for (int i = 0; i < 100000; i++) {
		feed(&a, START, ping, 4 + ping[3]);
		session_output(a.session, &size);
		peak = size > peak ? size : peak;
	}
	assert_int_equal(session_state(a.session), SESSION_OPEN);
	assert_true(peak >= SESSION_SOFT_SIZE);
	assert_true(peak < SESSION_SOFT_SIZE + 100);
	free_pair(&a, &b);
}

/* Of ours, out of limits: dropped, and the session lives. */
static void test_unsendable(void **state)
{
	struct entry e = entry_of(1, 1);
	struct message m = entries_message(&e, 1);
	struct end a, b;

	(void)state;
	open_pair(&a, &b);
	e.vni = 0;
	assert_false(session_send(a.session, START, &m));
	assert_int_equal(session_state(a.session), SESSION_OPEN);
	assert_int_equal(carry(&a, &b, START, SIZE_MAX), 0);
	free_pair(&a, &b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_session_byte_by_byte),
		cmocka_unit_test(test_handshake_matrix),
		cmocka_unit_test(test_refusal_is_told),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_second_hello),
		cmocka_unit_test(test_largest_frame),
		cmocka_unit_test(test_handshake_times_out),
		cmocka_unit_test(test_pings_and_silence),
		cmocka_unit_test(test_peer_that_does_not_read),
		cmocka_unit_test(test_back_pressure),
		cmocka_unit_test(test_ping_flood),
		cmocka_unit_test(test_unsendable),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
