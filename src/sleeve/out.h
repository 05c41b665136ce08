/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OUT_H
#define OUT_H

/*
 * Datagrams on their way out of one socket: put together from pieces, those of
 * one size to one peer joined into one message with UDP_SEGMENT, messages
 * sent by one call. It knows no frame and no table; the pieces must stay in
 * memory until all is sent.
 *
 *   out_open, out_put/out_header …, out_close    a datagram, any number
 *   out_send                                     all of them
 */

#include <sys/socket.h>
#include <sys/uio.h>

#include "core/core.h"

#define OUT_PIECES 4096U
#define OUT_MESSAGES 128U
#define OUT_HEADERS 131072U
#define OUT_MAX_SEGMENTS 128U
#define OUT_MAX_BYTES 65400U	 /* of one message: UDP over IPv6 has 65 487 */
#define OUT_MESSAGE_PIECES 1024U /* UIO_MAXIOV */

struct out_message {
	uint32_t n_segments, size, unit;
	uint32_t first_piece, n_pieces;
	bool is_complete; /* a shorter one was the last */
	const void *to;	  /* the caller's: whom it is for */
};

struct out {
	int fd;
	uint32_t max_segments; /* found at run time */
	uint32_t max_bytes;
	bool is_open;
	bool has_errors; /* some may wait to be read from the socket */
	uint32_t n_pieces, n_messages, n_sent, n_header;
	struct out_message open; /* the datagram under way */
	bool must_begin;	 /* it starts a message of its own */
	const struct sockaddr_storage *address;
	socklen_t address_size;
	uint64_t n_calls, n_datagrams; /* counters */
	struct iovec pieces[OUT_PIECES];
	struct out_message messages[OUT_MESSAGES];
	struct mmsghdr headers[OUT_MESSAGES];
	char control[OUT_MESSAGES][CMSG_SPACE(sizeof(uint16_t))]
		__attribute__((aligned(8)));
	uint8_t header[OUT_HEADERS];
};

void out_init(struct out *o, bool has_segment);
struct out *out_new(bool has_segment); /* NULL: out of memory */
void out_free(struct out *o);	       /* NULL is fine */
static inline bool out_is_empty(const struct out *o)
{
	return o->n_messages == 0;
}

/* Is there room for a datagram of @n_pieces and @n_header bytes of headers? */
bool out_has_room(const struct out *o, uint32_t n_pieces, uint32_t n_header);

/* From here on to this address: borrowed until it is sent. */
void out_address(struct out *o, const struct sockaddr_storage *address,
		 socklen_t size, const void *to);

void out_open(struct out *o);
/* Joined with the piece before where it follows it in memory. */
void out_put(struct out *o, const void *p, uint32_t size);
/* @size bytes for the caller to fill, at the end of the datagram. */
uint8_t *out_header(struct out *o, uint32_t size);
uint32_t out_open_size(const struct out *o);
uint32_t out_open_pieces(const struct out *o);
void out_close(struct out *o);

/*
 * A whole datagram of @n_header bytes of headers, which the caller writes to
 * where the result points, and @n_payload bytes at @payload.
 */
uint8_t *out_segment(struct out *o, uint32_t n_header, const void *payload,
		     uint32_t n_payload);

enum out_result {
	OUT_SENT,    /* all is gone, the batch is empty */
	OUT_FULL,    /* the socket takes no more now: send again */
	OUT_REFUSED, /* *ret: the message that failed, *ret_error (errno) */
};

/*
 * Goes on where it stopped. After OUT_REFUSED the message is left out; its
 * datagrams were tried one by one where that could help.
 */
enum out_result out_send(struct out *o, const struct out_message **ret,
			 int *ret_error);
/* Forgets the rest; returns how many datagrams that were. */
uint32_t out_drop(struct out *o);

#endif
