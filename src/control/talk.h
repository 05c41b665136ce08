/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALK_H
#define TALK_H

/*
 * Connections that stand: their bytes to and from their session, what that
 * makes the owner hear, and the end, where a refusal still leaves while the
 * peer's bytes are thrown away. Who dialled whom is not known here.
 *
 * All of these take a connection that is TALKING or LINGERING, but
 * talk_begin(), which makes it so.
 */

#include "codec.h"
#include "conn.h"
#include "core/message.h"

#define TALK_READ_SIZE 65536U	/* from one connection in one turn */
#define TALK_WRITE_SIZE 262144U /* to one connection in one turn */

/* What all that talk share. */
struct talks {
	struct codec *codec;
	struct hello hello; /* what new sessions are told */
	struct conn_queue lingering;
	uint64_t n_handshake_failed, n_bad_messages, n_ignored_messages;
	uint64_t n_bytes_in, n_bytes_out;
	uint8_t buf[TALK_READ_SIZE];
};

/* 0 or -errno. @hello passed check_hello(), and is copied. */
int talks_open(struct talks *t, const struct hello *hello) WARN_UNUSED;
void talks_close(struct talks *t); /* a failed or zeroed one too */

/* Says hello. False: no memory, and nothing was changed. */
bool talk_begin(struct talks *t, struct conn *conn, usec_t now) WARN_UNUSED;
/* @revents as of poll(2). */
void talk_ready(struct talks *t, struct conn *conn, unsigned int revents,
		usec_t now);
/* Its deadline has come. */
void talk_tick(struct conn *conn, usec_t now);
/* Writes, tells, and frees the connection when all is done. */
void talk_settle(struct talks *t, struct conn *conn, usec_t now);
/* What the kernel takes at once. */
void talk_flush(struct talks *t, struct conn *conn, usec_t now);

#endif
