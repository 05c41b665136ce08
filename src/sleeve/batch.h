/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATCH_H
#define BATCH_H

/*
 * The datagrams that go out together (out.h), as the worker's: room is made by
 * sending, sequence numbers are given, what the kernel refuses is counted and
 * told.
 */

#include "out.h"
#include "state.h"

/* False: the socket is full; what is left waits. */
bool batch_send(struct worker *w);
/* As batch_send(), but nobody can wait now: what is left is lost. */
void batch_send_now(struct worker *w);
/* Forgets and counts what is left. */
void batch_drop(struct worker *w);

/* For a datagram to @peer of @n_pieces and @n_header bytes of headers. */
void batch_make_room(struct worker *w, const struct fib_peer *peer,
		     uint32_t n_pieces, uint32_t n_header);
/* From here on to @peer. False: there is no socket of its family. */
bool batch_begin_peer(struct worker *w, const struct fib_peer *peer);

static inline uint64_t batch_next_seq(struct worker *w,
				      const struct fib_peer *peer)
{
	return ++worker_state(w, peer)->tx_seq;
}

/* Opens a datagram of data: its header is written. */
void batch_open(struct worker *w, const struct fib_peer *peer);
/* If one is open. */
void batch_close(struct worker *w);

#endif
