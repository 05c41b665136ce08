/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_H
#define CODEC_H

/*
 * One Envelope of control.proto as bytes, and as the core's values: each into
 * the other, with every length and limit checked in both directions. Knows
 * no socket, no framing and no order of messages.
 *
 * Memory is bounded by sizeof(struct codec), whatever the bytes say: the
 * Protocol Buffers library gets its memory from an arena inside.
 */

#include "core/core.h"
#include "core/message.h"
#include "core/reason.h"

#define CODEC_MAX_SIZE 65536U /* of an Envelope */
#define CODEC_MAX_TEXT 256U   /* of a refusal, with the zero */

enum codec_error {
	CODEC_OK,
	CODEC_MALFORMED,   /* not Protocol Buffers, or cut short */
	CODEC_TOO_LARGE,   /* more than CODEC_MAX_SIZE */
	CODEC_TOO_COMPLEX, /* would need more memory than any valid message */
	CODEC_TOO_MANY,	   /* entries or peers */
	CODEC_TOO_MANY_IPS,
	CODEC_BAD_VERSION, /* not a range */
	CODEC_BAD_ID,	   /* zero, or not the name's */
	CODEC_BAD_NAME,
	CODEC_BAD_TEXT, /* nickname, software: too long or not printable */
	CODEC_BAD_PORT,
	CODEC_BAD_VNI,
	CODEC_BAD_MAC,
	CODEC_BAD_REVISION,
	CODEC_BAD_IP,
	CODEC_BAD_PATH,
	CODEC_BAD_PREFIX,
	N_CODEC_ERRORS
};

/* For people, lower case: "too many entries". Static. */
const char *codec_error_text(enum codec_error error);

enum codec_kind {
	CODEC_UNKNOWN, /* of a later version, to be ignored */
	CODEC_HELLO,
	CODEC_REFUSE,
	CODEC_MESSAGE,
	CODEC_PING,
	CODEC_PONG,
};

struct refusal {
	enum reason reason; /* REASON_CLOSED for a code that we do not know */
	char text[CODEC_MAX_TEXT]; /* printable ASCII; may be "" */
};

struct codec_decoded {
	enum codec_kind kind;
	union {
		struct hello hello;
		struct refusal refusal;
		struct message message; /* lists are borrowed from the codec */
		uint64_t seq;		/* of PING, PONG */
	};
};

struct codec;

/* NULL: no memory. One codec serves any number of sessions of one thread. */
struct codec *codec_new(void);
void codec_free(struct codec *c); /* NULL is fine */

/*
 * @ret is set when CODEC_OK is returned; what it borrows lives until the next
 * codec_decode() (encoding does not disturb it).
 */
enum codec_error codec_decode(struct codec *c, const uint8_t *data, size_t size,
			      struct codec_decoded *ret) WARN_UNUSED;

/* Encoded bytes, borrowed from the codec until it encodes again. */
struct codec_bytes {
	const uint8_t *data;
	size_t size;
};

enum codec_error codec_encode_hello(struct codec *c, const struct hello *hello,
				    struct codec_bytes *ret) WARN_UNUSED;
enum codec_error codec_encode_refusal(struct codec *c,
				      const struct refusal *refusal,
				      struct codec_bytes *ret) WARN_UNUSED;
enum codec_error codec_encode_message(struct codec *c,
				      const struct message *message,
				      struct codec_bytes *ret) WARN_UNUSED;
/* @kind: CODEC_PING or CODEC_PONG. */
enum codec_error codec_encode_ping(struct codec *c, enum codec_kind kind,
				   uint64_t seq, struct codec_bytes *ret)
	WARN_UNUSED;

#endif
