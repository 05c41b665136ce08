/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SESSION_H
#define SESSION_H

/*
 * One control session with a peer as a state machine: bytes and time in,
 * messages and bytes out. It knows no socket, no address and no peer but the
 * one at the other end; a secure channel can go between it and the socket.
 *
 *                 hello taken
 *   HANDSHAKE ─────────────────> OPEN
 *       │                          │
 *       └────────> CLOSED <────────┘   end of stream, refusal, time-out,
 *                                      garbage, session_close()
 *
 * A closed session may still have bytes to be sent: the refusal that tells
 * the other side why.
 */

#include "codec.h"
#include "core/core.h"
#include "core/message.h"
#include "core/reason.h"

#define SESSION_HANDSHAKE_US (5 * USEC_PER_SEC)
#define SESSION_PING_US (10 * USEC_PER_SEC)    /* nothing was heard for this */
#define SESSION_SILENCE_US (30 * USEC_PER_SEC) /* nor answered for this */
#define SESSION_MAX_HELLO 4096U /* size of a message before it is OPEN */

/* Bytes that wait to be sent. */
#define SESSION_SOFT_SIZE (256U * 1024U)       /* from here on not ready */
#define SESSION_AGAIN_SIZE (64U * 1024U)       /* ready again below this */
#define SESSION_HARD_SIZE (4U * 1024U * 1024U) /* beyond: closed, LIMIT */

enum session_state { SESSION_HANDSHAKE, SESSION_OPEN, SESSION_CLOSED };

enum session_got {
	SESSION_NOTHING, /* go on */
	SESSION_OPENED,	 /* session_hello() is there */
	SESSION_MESSAGE,
	SESSION_IGNORED, /* a message of a kind that is not known */
	SESSION_ENDED,	 /* CLOSED now; the rest of the bytes is void */
};

struct session;

/*
 * Says hello at once. @codec is borrowed for the session's life, @ours is
 * copied; check_hello() must have passed it. NULL: no memory.
 */
struct session *session_new(struct codec *codec, const struct hello *ours,
			    usec_t now);
void session_free(struct session *s); /* NULL is fine */

/*
 * Takes bytes that came in, at most one message of them; returns how many.
 * Call it until all are taken. *ret_message is set with SESSION_MESSAGE and
 * borrowed until the codec decodes again.
 */
size_t session_input(struct session *s, usec_t now, const uint8_t *data,
		     size_t size, enum session_got *ret,
		     struct message *ret_message);

/*
 * The stream broke or ended. @text says more than the reason does, or NULL.
 * Nothing is told to the other side. On a closed session: nothing.
 */
void session_fail(struct session *s, enum reason reason, const char *text);

/* We end it; told to the other side unless it cannot be. @text: or NULL. */
void session_close(struct session *s, enum reason reason, const char *text);

/* False: not open, out of limits (nothing is sent), or full: CLOSED then. */
bool session_send(struct session *s, usec_t now, const struct message *message)
	WARN_UNUSED;

/* Pings and time-outs; session_deadline() says when. */
void session_tick(struct session *s, usec_t now);
usec_t session_deadline(const struct session *s); /* USEC_NEVER: none */

/* Bytes to be sent, borrowed until the next call; *ret_size may be 0. */
const uint8_t *session_output(const struct session *s, size_t *ret_size);
/* So many of them were. */
void session_sent(struct session *s, usec_t now, size_t size);

enum session_state session_state(const struct session *s);
/* Takes more messages without growing much. */
bool session_is_ready(const struct session *s);
/* Of the other side; all zero before SESSION_OPENED. Lives as the session. */
const struct hello *session_hello(const struct session *s);
/* Protocol version in use; 0 before SESSION_OPENED. */
uint32_t session_version(const struct session *s);

/* Why it is closed: a reason, a sentence, and whether that is their word. */
enum reason session_reason(const struct session *s);
const char *session_text(const struct session *s); /* never NULL */
bool session_is_refused_by_peer(const struct session *s);

#endif
