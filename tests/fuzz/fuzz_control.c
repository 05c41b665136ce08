/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Hostile bytes for the control protocol. The first octet says how they come:
 *
 *   bit 7     the rest is one message for the decoder
 *   else      the rest is a stream for a session, in pieces of so many octets
 *             (bits 0 to 5, and one); bit 6: after a valid hello. Time goes on
 *             from piece to piece, so that its time-outs are met as well.
 *
 * What is taken must be what we could have sent: it is encoded and decoded
 * again, and both must agree.
 */

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/check.h"
#include "control/codec.h"
#include "control/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct codec *codec, *other;

static struct hello make_hello(const char *name)
{
	struct hello h = {
		.version_min = PROTOCOL_VERSION_MIN,
		.version_max = PROTOCOL_VERSION_MAX,
		.id = peer_id_of_name(name),
		.instance = 1,
		.control_port = 6783,
	};

	snprintf(h.name, sizeof(h.name), "%s", name);
	return h;
}

static void check_message(const struct message *m)
{
	static uint8_t copy[CODEC_MAX_SIZE];
	struct codec_decoded again;
	struct codec_bytes bytes;
	size_t size;

	assert(codec_encode_message(other, m, &bytes) == CODEC_OK);
	size = bytes.size;
	memcpy(copy, bytes.data, size);
	assert(codec_decode(other, copy, size, &again) == CODEC_OK);
	assert(again.kind == CODEC_MESSAGE && again.message.type == m->type);
	assert(codec_encode_message(other, &again.message, &bytes) == CODEC_OK);
	assert(bytes.size == size && !memcmp(bytes.data, copy, size));
}

static void fuzz_codec(const uint8_t *data, size_t size)
{
	struct codec_decoded decoded;

	if (codec_decode(codec, data, size, &decoded) != CODEC_OK)
		return;
	if (decoded.kind == CODEC_HELLO)
		assert(check_hello(&decoded.hello) == CODEC_OK);
	else if (decoded.kind == CODEC_REFUSE)
		assert(strlen(decoded.refusal.text) < CODEC_MAX_TEXT);
	else if (decoded.kind == CODEC_MESSAGE)
		check_message(&decoded.message);
}

/* True: it goes on. */
static bool feed(struct session *s, usec_t now, const uint8_t *data,
		 size_t size)
{
	struct message m;
	enum session_got got = SESSION_NOTHING;

	while (size > 0 && got != SESSION_ENDED) {
		size_t n = session_input(s, now, data, size, &got, &m);

		assert(n <= size);
		assert(n > 0 || got == SESSION_ENDED);
		data += n;
		size -= n;
		if (got == SESSION_MESSAGE) {
			assert(session_state(s) == SESSION_OPEN);
			check_message(&m);
		}
	}
	return got != SESSION_ENDED;
}

static void fuzz_session(uint8_t how, const uint8_t *data, size_t size)
{
	struct hello ours = make_hello("host1"), theirs = make_hello("host2");
	struct session *s = session_new(codec, &ours, 0);
	struct session *peer = session_new(other, &theirs, 0);
	size_t piece = (how & 0x3fU) + 1, n;
	usec_t now = 0;
	bool goes_on = true;

	assert(s && peer);
	if (how & 0x40) {
		const uint8_t *hello = session_output(peer, &n);

		goes_on = feed(s, now, hello, n);
		assert(goes_on && session_state(s) == SESSION_OPEN);
	}
	while (size > 0 && goes_on) {
		n = size < piece ? size : piece;
		goes_on = feed(s, now, data, n);
		/* From 0 to 2 s, by what was just read. */
		now += (usec_t)(data[n - 1] & 3) * 700 * USEC_PER_MS;
		if (session_deadline(s) <= now)
			session_tick(s, now);
		data += n;
		size -= n;
		session_output(s, &n);
		assert(n <= SESSION_HARD_SIZE);
		session_sent(s, now, n / 2);
	}
	assert((session_state(s) == SESSION_CLOSED) ==
	       (session_reason(s) != REASON_NONE));
	session_free(s);
	session_free(peer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!codec) {
		codec = codec_new();
		other = codec_new();
		assert(codec && other);
	}
	if (size == 0)
		return 0;
	if (data[0] & 0x80)
		fuzz_codec(data + 1, size - 1);
	else
		fuzz_session(data[0], data + 1, size - 1);
	return 0;
}
