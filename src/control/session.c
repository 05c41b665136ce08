/* SPDX-License-Identifier: Apache-2.0 */
#include "session.h"

#include "framing.h"
#include "handshake.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct session {
	struct codec *codec;
	enum session_state state;
	enum reason reason;
	bool is_refused_by_peer;
	bool is_ready;
	uint32_t version;
	uint64_t ping_seq;
	usec_t started;
	usec_t heard;	   /* the last whole message */
	usec_t pinged;	   /* our last ping */
	usec_t progressed; /* bytes left, or there were none that waited */
	struct frame_reader reader;
	struct send_queue queue;
	struct hello ours, theirs;
	char text[CODEC_MAX_TEXT];
};

static void check(const struct session *s)
{
	assert(s->state <= SESSION_CLOSED);
	assert((s->state == SESSION_CLOSED) == (s->reason != REASON_NONE));
	assert(s->state != SESSION_OPEN || s->version != 0);
	assert(send_queue_size(&s->queue) <= SESSION_HARD_SIZE);
	(void)s; /* without asserts nobody asks */
}

static void update_ready(struct session *s)
{
	size_t size = send_queue_size(&s->queue);

	if (size >= SESSION_SOFT_SIZE)
		s->is_ready = false;
	else if (size < SESSION_AGAIN_SIZE)
		s->is_ready = true;
}

/* False: the queue is full or memory is out. */
static bool queue(struct session *s, usec_t now, struct codec_bytes bytes)
{
	if (send_queue_size(&s->queue) == 0)
		s->progressed = now;
	if (!send_queue_add(&s->queue, SESSION_HARD_SIZE, bytes.data,
			    bytes.size))
		return false;
	update_ready(s);
	return true;
}

static void end(struct session *s, enum reason reason, const char *text)
{
	assert(reason != REASON_NONE);
	if (s->state == SESSION_CLOSED)
		return;
	s->state = SESSION_CLOSED;
	s->reason = reason;
	snprintf(s->text, sizeof(s->text), "%s",
		 text && *text ? text : reason_text(reason));
	frame_reader_free(&s->reader);
	check(s);
}

void session_fail(struct session *s, enum reason reason, const char *text)
{
	if (s->state == SESSION_CLOSED)
		return;
	send_queue_free(&s->queue);
	end(s, reason, text);
}

/*
 * The refusal goes behind what waits; a queue that is full already means that
 * the other side does not read.
 */
void session_close(struct session *s, enum reason reason, const char *text)
{
	struct refusal refusal = { .reason = reason };
	struct codec_bytes bytes;

	if (s->state == SESSION_CLOSED)
		return;
	end(s, reason, text);
	memcpy(refusal.text, s->text, sizeof(refusal.text));
	if (codec_encode_refusal(s->codec, &refusal, &bytes) != CODEC_OK ||
	    !send_queue_add(&s->queue, SESSION_HARD_SIZE, bytes.data,
			    bytes.size))
		send_queue_free(&s->queue);
	check(s);
}

struct session *session_new(struct codec *codec, const struct hello *ours,
			    usec_t now)
{
	struct session *s = calloc(1, sizeof(*s));
	struct codec_bytes bytes;
	enum codec_error r;

	if (!s)
		return NULL;
	s->codec = codec;
	s->ours = *ours;
	s->is_ready = true;
	s->started = s->heard = s->pinged = s->progressed = now;
	r = codec_encode_hello(codec, ours, &bytes);
	assert(r == CODEC_OK);
	(void)r;
	if (!queue(s, now, bytes)) {
		free(s);
		return NULL;
	}
	check(s);
	return s;
}

void session_free(struct session *s)
{
	if (!s)
		return;
	frame_reader_free(&s->reader);
	send_queue_free(&s->queue);
	free(s);
}

static enum session_got take_hello(struct session *s,
				   const struct hello *theirs)
{
	char text[HANDSHAKE_MAX_TEXT];
	enum reason refused;

	if (s->state != SESSION_HANDSHAKE) {
		session_close(s, REASON_PROTOCOL, "a second hello");
		return SESSION_ENDED;
	}
	s->theirs = *theirs;
	refused = handshake_agree(&s->ours, theirs, &s->version, text);
	if (refused != REASON_NONE) {
		session_close(s, refused, text);
		return SESSION_ENDED;
	}
	s->state = SESSION_OPEN;
	return SESSION_OPENED;
}

static enum session_got take_refusal(struct session *s,
				     const struct refusal *refusal)
{
	session_fail(s, refusal->reason, refusal->text);
	s->is_refused_by_peer = true;
	return SESSION_ENDED;
}

/*
 * Who asks and does not read gets no answers beyond the soft limit; nor does
 * it need any: that data is on its way is answer enough.
 */
static void answer_ping(struct session *s, usec_t now, uint64_t seq)
{
	struct codec_bytes bytes;

	if (!s->is_ready)
		return;
	if (codec_encode_ping(s->codec, CODEC_PONG, seq, &bytes) != CODEC_OK ||
	    !queue(s, now, bytes))
		session_fail(s, REASON_LIMIT, NULL);
}

static enum session_got take(struct session *s, usec_t now,
			     const struct codec_decoded *d,
			     struct message *ret_message)
{
	s->heard = now;
	if (d->kind == CODEC_HELLO)
		return take_hello(s, &d->hello);
	if (d->kind == CODEC_REFUSE)
		return take_refusal(s, &d->refusal);
	if (d->kind == CODEC_UNKNOWN)
		return SESSION_IGNORED;
	if (s->state == SESSION_HANDSHAKE) {
		session_close(s, REASON_PROTOCOL, "no hello came first");
		return SESSION_ENDED;
	}
	if (d->kind == CODEC_MESSAGE) {
		*ret_message = d->message;
		return SESSION_MESSAGE;
	}
	if (d->kind == CODEC_PING)
		answer_ping(s, now, d->seq);
	return s->state == SESSION_CLOSED ? SESSION_ENDED : SESSION_NOTHING;
}

static enum session_got take_frame(struct session *s, usec_t now,
				   const struct frame *frame,
				   struct message *ret_message)
{
	struct codec_decoded decoded;
	char text[CODEC_MAX_TEXT];
	enum codec_error r;

	r = codec_decode(s->codec, frame->data, frame->size, &decoded);
	frame_reader_free(&s->reader);
	if (r == CODEC_OK)
		return take(s, now, &decoded, ret_message);
	snprintf(text, sizeof(text), "a message was refused: %s",
		 codec_error_text(r));
	session_close(s, REASON_PROTOCOL, text);
	return SESSION_ENDED;
}

size_t session_input(struct session *s, usec_t now, const uint8_t *data,
		     size_t size, enum session_got *ret,
		     struct message *ret_message)
{
	size_t max_size = s->state == SESSION_HANDSHAKE ? SESSION_MAX_HELLO
							: CODEC_MAX_SIZE;
	struct frame frame;
	size_t taken = size;

	*ret = SESSION_ENDED;
	if (s->state == SESSION_CLOSED)
		return size;
	switch (frame_read(&s->reader, max_size, data, size, &taken, &frame)) {
	case FRAME_MORE:
		*ret = SESSION_NOTHING;
		break;
	case FRAME_COMPLETE:
		*ret = take_frame(s, now, &frame, ret_message);
		break;
	case FRAME_TOO_LONG:
		session_close(s, REASON_PROTOCOL,
			      "a message was refused: it is too long");
		break;
	case FRAME_NO_MEMORY:
		session_close(s, REASON_LIMIT, "out of memory");
		break;
	}
	check(s);
	return taken;
}

bool session_send(struct session *s, usec_t now, const struct message *message)
{
	struct codec_bytes bytes;

	if (s->state != SESSION_OPEN)
		return false;
	if (codec_encode_message(s->codec, message, &bytes) != CODEC_OK)
		return false;
	if (!queue(s, now, bytes)) {
		session_fail(s, REASON_LIMIT,
			     "too much waits to be sent to it");
		return false;
	}
	check(s);
	return true;
}

static usec_t silence_deadline(const struct session *s)
{
	usec_t deadline = s->heard + SESSION_SILENCE_US;

	/* It lives but does not read: what we tell it is not heard either. */
	if (send_queue_size(&s->queue) > 0 &&
	    s->progressed + SESSION_SILENCE_US < deadline)
		deadline = s->progressed + SESSION_SILENCE_US;
	return deadline;
}

static usec_t ping_deadline(const struct session *s)
{
	usec_t since = s->heard > s->pinged ? s->heard : s->pinged;

	return since + SESSION_PING_US;
}

usec_t session_deadline(const struct session *s)
{
	usec_t silence = silence_deadline(s), ping = ping_deadline(s);

	switch (s->state) {
	case SESSION_HANDSHAKE:
		return s->started + SESSION_HANDSHAKE_US;
	case SESSION_OPEN:
		return ping < silence ? ping : silence;
	case SESSION_CLOSED:
		break;
	}
	return USEC_NEVER;
}

static void ping(struct session *s, usec_t now)
{
	struct codec_bytes bytes;

	s->pinged = now;
	/* What waits to be sent asks for an answer of the TCP at least. */
	if (!s->is_ready)
		return;
	if (codec_encode_ping(s->codec, CODEC_PING, ++s->ping_seq, &bytes) !=
		    CODEC_OK ||
	    !queue(s, now, bytes))
		session_fail(s, REASON_LIMIT, NULL);
}

void session_tick(struct session *s, usec_t now)
{
	if (s->state == SESSION_HANDSHAKE &&
	    now >= s->started + SESSION_HANDSHAKE_US)
		session_close(s, REASON_TIMED_OUT, "no hello came in time");
	else if (s->state == SESSION_OPEN && now >= silence_deadline(s))
		session_close(s, REASON_TIMED_OUT, NULL);
	else if (s->state == SESSION_OPEN && now >= ping_deadline(s))
		ping(s, now);
	assert(s->state == SESSION_CLOSED || session_deadline(s) > now);
	check(s);
}

const uint8_t *session_output(const struct session *s, size_t *ret_size)
{
	*ret_size = send_queue_size(&s->queue);
	return *ret_size ? send_queue_data(&s->queue) : NULL;
}

void session_sent(struct session *s, usec_t now, size_t size)
{
	send_queue_sent(&s->queue, size);
	if (size > 0)
		s->progressed = now;
	update_ready(s);
	check(s);
}

enum session_state session_state(const struct session *s)
{
	return s->state;
}

bool session_is_ready(const struct session *s)
{
	return s->state == SESSION_OPEN && s->is_ready;
}

const struct hello *session_hello(const struct session *s)
{
	return &s->theirs;
}

uint32_t session_version(const struct session *s)
{
	return s->version;
}

enum reason session_reason(const struct session *s)
{
	return s->reason;
}

const char *session_text(const struct session *s)
{
	return s->text;
}

bool session_is_refused_by_peer(const struct session *s)
{
	return s->is_refused_by_peer;
}
