/* SPDX-License-Identifier: Apache-2.0 */

/* Messages of the control protocol as bytes, and frames in a stream. */

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
#include "control_samples.h"
#include "core/directory.h"

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
	e.revision = MAX_REVISION - 1;
	assert_int_equal(decode_entry_of(&e, 1), CODEC_OK);
	e.revision = MAX_REVISION;
	assert_int_equal(decode_entry_of(&e, 1), CODEC_BAD_REVISION);
	e.revision = 1;
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
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
