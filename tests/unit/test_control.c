/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The control protocol without a socket: codec, framing and sessions, with
 * time and bytes fed by hand.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/check.h"
#include "control/codec.h"
#include "control/control.pb-c.h"
#include "control/framing.h"
#include "control/session.h"

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

static struct hello hello_of(const char *name, uint64_t instance)
{
	struct hello h = {
		.version_min = 1,
		.version_max = 1,
		.id = peer_id_of_name(name),
		.instance = instance,
		.control_port = 6783,
		.sleeve_port = 6783,
		.vxlan_port = 6784,
		.can_fastdp = true,
		.has_discovery = true,
	};

	snprintf(h.name, sizeof(h.name), "%s", name);
	snprintf(h.nickname, sizeof(h.nickname), "%s-nick", name);
	snprintf(h.software, sizeof(h.software), "fastdp 0.1.0");
	return h;
}

static struct ip v4(uint8_t last)
{
	const uint8_t raw[4] = { 10, 32, 0, last };

	return ip_from_v4(raw);
}

static struct ip v6(uint8_t last)
{
	const uint8_t raw[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = last };

	return ip_from_v6(raw);
}

static struct entry entry_of(uint8_t last, uint8_t n_ips)
{
	struct entry e = {
		.vni = 0x1000,
		.mac = { { 2, 0, 0, 0, 0, last } },
		.n_ips = n_ips,
		.revision = UINT64_MAX - last,
	};

	for (uint8_t i = 0; i < n_ips; i++)
		e.ips[i] = i % 2 ? v6((uint8_t)(i + 1)) : v4((uint8_t)(i + 1));
	return e;
}

static struct message entries_message(struct entry *list, uint32_t n)
{
	struct message m = { .type = MESSAGE_ENTRIES };

	m.entries.n = n;
	m.entries.list = list;
	return m;
}

/* ---- codec ---- */

static void test_hello_round_trip(void **state)
{
	struct hello in = hello_of("host1", 77);
	struct codec_decoded out;
	struct codec_bytes bytes;

	(void)state;
	assert_int_equal(codec_encode_hello(codec, &in, &bytes), CODEC_OK);
	assert_int_equal(codec_decode(codec, bytes.data, bytes.size, &out),
			 CODEC_OK);
	assert_int_equal(out.kind, CODEC_HELLO);
	assert_int_equal(out.hello.id, in.id);
	assert_int_equal(out.hello.instance, 77);
	assert_string_equal(out.hello.name, "host1");
	assert_string_equal(out.hello.nickname, "host1-nick");
	assert_string_equal(out.hello.software, "fastdp 0.1.0");
	assert_int_equal(out.hello.version_min, 1);
	assert_int_equal(out.hello.version_max, 1);
	assert_int_equal(out.hello.control_port, 6783);
	assert_int_equal(out.hello.sleeve_port, 6783);
	assert_int_equal(out.hello.vxlan_port, 6784);
	assert_true(out.hello.can_fastdp);
	assert_false(out.hello.can_sleeve);
	assert_true(out.hello.has_discovery);
}

static void test_entries_round_trip(void **state)
{
	struct entry list[MESSAGE_MAX_ENTRIES];
	struct message in = entries_message(list, MESSAGE_MAX_ENTRIES);
	struct codec_decoded out;
	struct codec_bytes bytes;

	(void)state;
	for (uint32_t i = 0; i < MESSAGE_MAX_ENTRIES; i++) {
		list[i] = entry_of((uint8_t)i, MAX_IPS_PER_ENTRY);
		list[i].flags = (uint8_t)(i % 8);
	}
	list[0].vni = 1;
	list[1].vni = VNI_MAX;
	in.entries.is_first = true;
	assert_int_equal(codec_encode_message(codec, &in, &bytes), CODEC_OK);
	/* The largest message that is allowed fits into a frame. */
	assert_true(bytes.size <= CODEC_MAX_SIZE);
	assert_int_equal(codec_decode(codec, bytes.data, bytes.size, &out),
			 CODEC_OK);
	assert_int_equal(out.kind, CODEC_MESSAGE);
	assert_int_equal(out.message.type, MESSAGE_ENTRIES);
	assert_true(out.message.entries.is_first);
	assert_false(out.message.entries.is_last);
	assert_int_equal(out.message.entries.n, MESSAGE_MAX_ENTRIES);
	for (uint32_t i = 0; i < MESSAGE_MAX_ENTRIES; i++) {
		const struct entry *e = &out.message.entries.list[i];

		assert_int_equal(e->vni, list[i].vni);
		assert_true(mac_equal(&e->mac, &list[i].mac));
		assert_int_equal(e->flags, list[i].flags);
		assert_int_equal(e->revision, list[i].revision);
		assert_int_equal(e->n_ips, MAX_IPS_PER_ENTRY);
		assert_memory_equal(e->ips, list[i].ips, sizeof(e->ips));
	}
}

static void test_other_round_trips(void **state)
{
	struct peer_hint hints[MESSAGE_MAX_PEERS];
	struct message in = { .type = MESSAGE_PEERS };
	struct codec_decoded out;
	struct codec_bytes bytes;

	(void)state;
	for (uint32_t i = 0; i < MESSAGE_MAX_PEERS; i++) {
		hints[i].id = i + 1;
		hints[i].control.ip = i % 2 ? v4((uint8_t)i) : v6((uint8_t)i);
		hints[i].control.port = (uint16_t)(UINT16_MAX - i);
	}
	in.peers.n = MESSAGE_MAX_PEERS;
	in.peers.list = hints;
	assert_int_equal(codec_encode_message(codec, &in, &bytes), CODEC_OK);
	assert_int_equal(codec_decode(codec, bytes.data, bytes.size, &out),
			 CODEC_OK);
	assert_int_equal(out.message.type, MESSAGE_PEERS);
	assert_int_equal(out.message.peers.n, MESSAGE_MAX_PEERS);
	for (uint32_t i = 0; i < MESSAGE_MAX_PEERS; i++) {
		const struct peer_hint *h = &out.message.peers.list[i];

		assert_int_equal(h->id, hints[i].id);
		assert_true(ip_equal(&h->control.ip, &hints[i].control.ip));
		assert_int_equal(h->control.port, hints[i].control.port);
	}

	in = (struct message){ .type = MESSAGE_HEARD };
	in.heard.path = PATH_SLEEVE;
	in.heard.seq = UINT64_MAX;
	assert_int_equal(codec_encode_message(codec, &in, &bytes), CODEC_OK);
	assert_int_equal(codec_decode(codec, bytes.data, bytes.size, &out),
			 CODEC_OK);
	assert_int_equal(out.message.type, MESSAGE_HEARD);
	assert_int_equal(out.message.heard.path, PATH_SLEEVE);
	assert_int_equal(out.message.heard.seq, UINT64_MAX);

	in = (struct message){ .type = MESSAGE_LEAVE };
	assert_int_equal(codec_encode_message(codec, &in, &bytes), CODEC_OK);
	assert_int_equal(codec_decode(codec, bytes.data, bytes.size, &out),
			 CODEC_OK);
	assert_int_equal(out.message.type, MESSAGE_LEAVE);

	assert_int_equal(codec_encode_ping(codec, CODEC_PING, 5, &bytes),
			 CODEC_OK);
	assert_int_equal(codec_decode(codec, bytes.data, bytes.size, &out),
			 CODEC_OK);
	assert_int_equal(out.kind, CODEC_PING);
	assert_int_equal(out.seq, 5);
}

/* The codes of all reasons that are told survive; others become CLOSED. */
static void test_refusal_round_trip(void **state)
{
	static const enum reason told[] = {
		REASON_PROTOCOL, REASON_VERSION,   REASON_OURSELVES,
		REASON_CLONED,	 REASON_DUPLICATE, REASON_REMOVED,
		REASON_LIMIT,	 REASON_TIMED_OUT, REASON_LEFT,
	};
	struct refusal in = { .text = "said\nso\x1b[31m" };
	struct codec_decoded out;
	struct codec_bytes bytes;

	(void)state;
	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
		in.reason = told[i];
		assert_int_equal(codec_encode_refusal(codec, &in, &bytes),
				 CODEC_OK);
		assert_int_equal(codec_decode(codec, bytes.data, bytes.size,
					      &out),
				 CODEC_OK);
		assert_int_equal(out.kind, CODEC_REFUSE);
		assert_int_equal(out.refusal.reason, told[i]);
		assert_string_equal(out.refusal.text, "said?so?[31m");
	}
	in.reason = REASON_NO_ANSWER;
	assert_int_equal(codec_encode_refusal(codec, &in, &bytes), CODEC_OK);
	assert_int_equal(codec_decode(codec, bytes.data, bytes.size, &out),
			 CODEC_OK);
	assert_int_equal(out.refusal.reason, REASON_CLOSED);
}

static void test_long_refusal_is_cut(void **state)
{
	char text[1000];
	Fastdp__Envelope envelope = FASTDP__ENVELOPE__INIT;
	Fastdp__Refuse refuse = FASTDP__REFUSE__INIT;
	struct codec_decoded out;
	uint8_t buf[2000];
	size_t size;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	refuse.code = (Fastdp__RefuseCode)12345;
	refuse.message = text;
	envelope.body_case = FASTDP__ENVELOPE__BODY_REFUSE;
	envelope.refuse = &refuse;
	size = fastdp__envelope__pack(&envelope, buf);
	assert_int_equal(codec_decode(codec, buf, size, &out), CODEC_OK);
	assert_int_equal(out.refusal.reason, REASON_CLOSED);
	assert_int_equal(strlen(out.refusal.text), CODEC_MAX_TEXT - 1);
}

/* What we would send is held to the limits that we hold others to. */
static enum codec_error encode_one(struct entry e)
{
	struct message m = entries_message(&e, 1);
	struct codec_bytes bytes;

	return codec_encode_message(codec, &m, &bytes);
}

static void test_entry_limits(void **state)
{
	struct entry many[MESSAGE_MAX_ENTRIES + 1];
	struct message m = entries_message(many, MESSAGE_MAX_ENTRIES + 1);
	struct codec_bytes bytes;
	struct entry e = entry_of(1, 1);

	(void)state;
	assert_int_equal(encode_one(e), CODEC_OK);
	e.vni = 0;
	assert_int_equal(encode_one(e), CODEC_BAD_VNI);
	e.vni = VNI_MAX + 1;
	assert_int_equal(encode_one(e), CODEC_BAD_VNI);
	e = entry_of(1, 1);
	e.mac.b[0] = 1;
	assert_int_equal(encode_one(e), CODEC_BAD_MAC);
	memset(&e.mac, 0, sizeof(e.mac));
	assert_int_equal(encode_one(e), CODEC_BAD_MAC);
	e = entry_of(1, MAX_IPS_PER_ENTRY);
	assert_int_equal(encode_one(e), CODEC_OK);
	e.n_ips = MAX_IPS_PER_ENTRY + 1;
	assert_int_equal(encode_one(e), CODEC_TOO_MANY_IPS);
	e = entry_of(1, 2);
	memset(&e.ips[1], 0, sizeof(e.ips[1]));
	assert_int_equal(encode_one(e), CODEC_BAD_IP);
	for (uint32_t i = 0; i <= MESSAGE_MAX_ENTRIES; i++)
		many[i] = entry_of(1, 1);
	assert_int_equal(codec_encode_message(codec, &m, &bytes),
			 CODEC_TOO_MANY);
}

static void test_hello_limits(void **state)
{
	struct hello h = hello_of("host1", 1);

	(void)state;
	assert_int_equal(check_hello(&h), CODEC_OK);
	h.version_min = 0;
	assert_int_equal(check_hello(&h), CODEC_BAD_VERSION);
	h.version_min = 2;
	assert_int_equal(check_hello(&h), CODEC_BAD_VERSION);
	h = hello_of("host1", 1);
	h.id ^= 1;
	assert_int_equal(check_hello(&h), CODEC_BAD_ID);
	h = hello_of("host 1", 1);
	assert_int_equal(check_hello(&h), CODEC_BAD_NAME);
	h = hello_of("host1", 1);
	memset(h.name, 'a', sizeof(h.name));
	assert_int_equal(check_hello(&h), CODEC_BAD_NAME);
	h = hello_of("host1", 1);
	h.nickname[0] = '\x7f';
	assert_int_equal(check_hello(&h), CODEC_BAD_TEXT);
	memset(h.nickname, 'a', sizeof(h.nickname));
	assert_int_equal(check_hello(&h), CODEC_BAD_TEXT);
	h.nickname[MAX_NAME - 1] = '\0';
	assert_int_equal(check_hello(&h), CODEC_OK);
	h.control_port = 0;
	assert_int_equal(check_hello(&h), CODEC_BAD_PORT);
	h.control_port = 1;
	h.vxlan_port = 0;
	assert_int_equal(check_hello(&h), CODEC_BAD_PORT);
	h.can_fastdp = false;
	assert_int_equal(check_hello(&h), CODEC_OK);
}

/* Bytes that our own encoder would not make. */
static enum codec_error decode_entry_of(Fastdp__Entry *entry, size_t n)
{
	Fastdp__Envelope envelope = FASTDP__ENVELOPE__INIT;
	Fastdp__Entries entries = FASTDP__ENTRIES__INIT;
	struct codec_decoded out = { .kind = CODEC_PONG };
	Fastdp__Entry *list[1000];
	static uint8_t buf[CODEC_MAX_SIZE];
	enum codec_error r;
	size_t size;

	for (size_t i = 0; i < n; i++)
		list[i] = entry;
	entries.n_entries = n;
	entries.entries = list;
	envelope.body_case = FASTDP__ENVELOPE__BODY_ENTRIES;
	envelope.entries = &entries;
	assert_true(fastdp__envelope__get_packed_size(&envelope) <=
		    sizeof(buf));
	size = fastdp__envelope__pack(&envelope, buf);
	r = codec_decode(codec, buf, size, &out);
	/* A refused message leaves the output alone. */
	assert_int_equal(out.kind, r == CODEC_OK ? CODEC_MESSAGE : CODEC_PONG);
	return r;
}

static void test_decode_limits(void **state)
{
	uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 }, ip[17] = { 10, 1 };
	ProtobufCBinaryData ips[256 + MAX_IPS_PER_ENTRY];
	Fastdp__Entry e = FASTDP__ENTRY__INIT;

	(void)state;
	for (size_t i = 0; i < 256 + MAX_IPS_PER_ENTRY; i++)
		ips[i] = (ProtobufCBinaryData){ .len = 4, .data = ip };
	e.vni = VNI_MAX;
	e.mac = (ProtobufCBinaryData){ .len = 6, .data = mac };
	e.ips = ips;
	e.n_ips = MAX_IPS_PER_ENTRY;
	assert_int_equal(decode_entry_of(&e, MESSAGE_MAX_ENTRIES), CODEC_OK);
	assert_int_equal(decode_entry_of(&e, MESSAGE_MAX_ENTRIES + 1),
			 CODEC_TOO_MANY);
	e.n_ips++;
	assert_int_equal(decode_entry_of(&e, 1), CODEC_TOO_MANY_IPS);
	/* A number that is 16 again once it is cut to an octet. */
	e.n_ips = 256 + MAX_IPS_PER_ENTRY;
	assert_int_equal(decode_entry_of(&e, 1), CODEC_TOO_MANY_IPS);
	e.n_ips = 2;
	for (size_t len = 0; len <= 17; len++) {
		ips[1].len = len;
		assert_int_equal(decode_entry_of(&e, 1),
				 len == 4 || len == 16 ? CODEC_OK
						       : CODEC_BAD_IP);
	}
	e.n_ips = 0;
	for (size_t len = 0; len <= 7; len++) {
		uint8_t octets[7] = { 2, 0, 0, 0, 0, 1, 0 };

		e.mac = (ProtobufCBinaryData){ .len = len, .data = octets };
		assert_int_equal(decode_entry_of(&e, 1),
				 len == 6 ? CODEC_OK : CODEC_BAD_MAC);
	}
	e.mac = (ProtobufCBinaryData){ .len = 6, .data = mac };
	e.vni = VNI_MAX + 1;
	assert_int_equal(decode_entry_of(&e, 1), CODEC_BAD_VNI);
	e.vni = UINT32_MAX;
	assert_int_equal(decode_entry_of(&e, 1), CODEC_BAD_VNI);
}

static void test_mapped_address_is_v4(void **state)
{
	uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };
	uint8_t raw[16] = { [10] = 0xff, 0xff, 10, 32, 0, 9 };
	ProtobufCBinaryData ip = { .len = 16, .data = raw };
	Fastdp__Envelope envelope = FASTDP__ENVELOPE__INIT;
	Fastdp__Entries entries = FASTDP__ENTRIES__INIT;
	Fastdp__Entry e = FASTDP__ENTRY__INIT, *list = &e;
	struct codec_decoded out;
	struct ip want = v4(9);
	uint8_t buf[200];
	size_t size;

	(void)state;
	e.vni = 1;
	e.mac = (ProtobufCBinaryData){ .len = 6, .data = mac };
	e.n_ips = 1;
	e.ips = &ip;
	entries.n_entries = 1;
	entries.entries = &list;
	envelope.body_case = FASTDP__ENVELOPE__BODY_ENTRIES;
	envelope.entries = &entries;
	size = fastdp__envelope__pack(&envelope, buf);
	assert_int_equal(codec_decode(codec, buf, size, &out), CODEC_OK);
	assert_true(ip_equal(&out.message.entries.list[0].ips[0], &want));
	/* ::ffff:0.0.0.0 is as little an address as :: is. */
	memset(raw + 12, 0, 4);
	size = fastdp__envelope__pack(&envelope, buf);
	assert_int_equal(codec_decode(codec, buf, size, &out), CODEC_BAD_IP);
}

static void test_unknown_is_ignored(void **state)
{
	/* Field 100, of two kinds; an empty Envelope. */
	static const uint8_t unknown[] = { 0xa2, 0x06, 3,    'a', 'b',
					   'c',	 0xa0, 0x06, 7 };
	struct codec_decoded out;
	struct codec_bytes bytes;
	uint8_t buf[100];

	(void)state;
	assert_int_equal(codec_decode(codec, unknown, sizeof(unknown), &out),
			 CODEC_OK);
	assert_int_equal(out.kind, CODEC_UNKNOWN);
	assert_int_equal(codec_decode(codec, unknown, 0, &out), CODEC_OK);
	assert_int_equal(out.kind, CODEC_UNKNOWN);
	/* A known body beside it is taken. */
	assert_int_equal(codec_encode_ping(codec, CODEC_PONG, 9, &bytes),
			 CODEC_OK);
	memcpy(buf, bytes.data, bytes.size);
	memcpy(buf + bytes.size, unknown, sizeof(unknown));
	assert_int_equal(codec_decode(codec, buf, bytes.size + sizeof(unknown),
				      &out),
			 CODEC_OK);
	assert_int_equal(out.kind, CODEC_PONG);
	assert_int_equal(out.seq, 9);
}

static void test_hostile_bytes_need_no_memory(void **state)
{
	static uint8_t buf[CODEC_MAX_SIZE + 1];
	struct codec_decoded out;
	size_t size = 0;

	(void)state;
	/* Entries with as many empty entries as fit: 2 octets each. */
	buf[size++] = 0x1a;
	buf[size++] = 0xfc;
	buf[size++] = 0xff;
	buf[size++] = 0x03; /* 65532 */
	for (; size + 2 <= CODEC_MAX_SIZE; size += 2) {
		buf[size] = 0x1a;
		buf[size + 1] = 0;
	}
	assert_int_equal(codec_decode(codec, buf, size, &out),
			 CODEC_TOO_COMPLEX);
	/* The arena is whole again afterwards. */
	test_entries_round_trip(NULL);
	assert_int_equal(codec_decode(codec, buf, sizeof(buf), &out),
			 CODEC_TOO_LARGE);
	/* A length that points beyond the end. */
	assert_int_equal(codec_decode(codec, (const uint8_t *)"\x1a\x7f\x00", 3,
				      &out),
			 CODEC_MALFORMED);
}

/* No prefix of a message crashes; none is taken for a whole Hello. */
static void test_truncated(void **state)
{
	struct hello in = hello_of("host1", 77);
	struct codec_decoded out;
	struct codec_bytes bytes;
	uint8_t *copy;

	(void)state;
	assert_int_equal(codec_encode_hello(codec, &in, &bytes), CODEC_OK);
	for (size_t size = 1; size < bytes.size; size++) {
		copy = malloc(size);
		assert_non_null(copy);
		memcpy(copy, bytes.data, size);
		assert_int_not_equal(codec_decode(codec, copy, size, &out),
				     CODEC_OK);
		free(copy);
	}
}

/* ---- framing ---- */

static void test_frame_reader(void **state)
{
	static const uint8_t stream[] = { 0, 0, 0, 3, 'a', 'b', 'c', 0, 0, 0,
					  0, 0, 0, 0, 1,   'd', 0,   0, 0, 9 };
	struct frame_reader r = { 0 };
	struct frame frame;
	size_t at = 0, taken;

	(void)state;
	/* All there: nothing is copied. */
	assert_int_equal(frame_read(&r, 8, stream, sizeof(stream), &taken,
				    &frame),
			 FRAME_COMPLETE);
	assert_int_equal(taken, 7);
	assert_ptr_equal(frame.data, stream + 4);
	assert_int_equal(frame.size, 3);
	at += taken;
	frame_reader_free(&r);
	assert_int_equal(frame_read(&r, 8, stream + at, sizeof(stream) - at,
				    &taken, &frame),
			 FRAME_COMPLETE);
	assert_int_equal(taken, 4);
	assert_int_equal(frame.size, 0);
	at += taken;
	frame_reader_free(&r);
	/* Byte by byte. */
	for (int i = 0; i < 4; i++, at++)
		assert_int_equal(frame_read(&r, 8, stream + at, 1, &taken,
					    &frame),
				 FRAME_MORE);
	assert_int_equal(frame_read(&r, 8, stream + at, 1, &taken, &frame),
			 FRAME_COMPLETE);
	assert_int_equal(frame.size, 1);
	assert_int_equal(frame.data[0], 'd');
	at++;
	frame_reader_free(&r);
	assert_int_equal(frame_read(&r, 8, stream + at, 4, &taken, &frame),
			 FRAME_TOO_LONG);
	frame_reader_free(&r);
	/* Also when all of it is there. */
	assert_int_equal(frame_read(&r, 2, stream, sizeof(stream), &taken,
				    &frame),
			 FRAME_TOO_LONG);
	frame_reader_free(&r);
}

static void test_send_queue(void **state)
{
	struct send_queue q = { 0 };
	uint8_t data[100], want[104] = { 0, 0, 0, 100 };
	size_t n = 0;

	(void)state;
	memset(data, 'x', sizeof(data));
	memset(want + 4, 'x', 100);
	while (send_queue_add(&q, 10400, data, sizeof(data)))
		n++;
	assert_int_equal(n, 100);
	assert_int_equal(send_queue_size(&q), 10400);
	/* Taken in odd pieces and refilled: the order holds. */
	for (size_t i = 0; i < 200; i++) {
		for (size_t at = 0; at < 104; at += 13) {
			assert_memory_equal(send_queue_data(&q), want + at, 13);
			send_queue_sent(&q, 13);
		}
		assert_true(send_queue_add(&q, 10400, data, sizeof(data)));
	}
	send_queue_sent(&q, send_queue_size(&q));
	assert_null(q.buf);
}

/* ---- sessions ---- */

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
		cmocka_unit_test(test_hello_round_trip),
		cmocka_unit_test(test_entries_round_trip),
		cmocka_unit_test(test_other_round_trips),
		cmocka_unit_test(test_refusal_round_trip),
		cmocka_unit_test(test_long_refusal_is_cut),
		cmocka_unit_test(test_entry_limits),
		cmocka_unit_test(test_hello_limits),
		cmocka_unit_test(test_decode_limits),
		cmocka_unit_test(test_mapped_address_is_v4),
		cmocka_unit_test(test_unknown_is_ignored),
		cmocka_unit_test(test_hostile_bytes_need_no_memory),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_frame_reader),
		cmocka_unit_test(test_send_queue),
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
