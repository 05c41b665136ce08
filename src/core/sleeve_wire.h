/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLEEVE_WIRE_H
#define SLEEVE_WIRE_H

/*
 * Datagrams of the sleeve path <-> structs. Layout: docs/protocol.md.
 *
 *   0        1      2       4        12        20
 *   +--------+------+-------+--------+---------+---
 *   | version| type | flags | token  | sequence| body
 *   +--------+------+-------+--------+---------+---
 *
 *   data: one or more of     0      2     5       6            7             8
 *                            +------+-----+-------+------------+-------------+--
 *                            | size | VNI | flags | csum_start | csum_offset | frame
 *                            +------+-----+-------+------------+-------------+--
 *   request, reply:          0        8        16     18
 *                            +--------+--------+------+--
 *                            | cookie | number | size | zeros
 *                            +--------+--------+------+--
 *
 * Numbers are big-endian. The token is the receiver's: who knows it is the
 * peer that it was given to. Sequence numbers grow, those of data and those of
 * the rest each by themselves. A datagram stands alone: no frame goes on in
 * the next one. Of flags none is defined but SLEEVE_SEALED, which stands for
 * a body that is encrypted and ends with a tag of SLEEVE_TAG_SIZE, the header
 * being authenticated with it; this version knows no key and refuses it.
 *
 * Decoders return views into the caller's buffer. They know no peer and no
 * network; that a token, VNI or sequence number means something is for others
 * to say.
 */

#include "core.h"

#define SLEEVE_VERSION 1U
/* The first four bytes of every datagram, but for the two bits of the type. */
#define SLEEVE_FIRST (SLEEVE_VERSION << 24)
#define SLEEVE_FIRST_MASK 0xfffcffffU
#define SLEEVE_HEADER_SIZE 20U
#define SLEEVE_FRAME_SIZE 8U /* before each frame */
#define SLEEVE_SEQ_AT 12U    /* in the header: all before it is the same for */
/* all data of one peer to another */
#define SLEEVE_BEAT_SIZE 38U /* of the shortest request, and of a reply */
#define SLEEVE_TAG_SIZE 16U
#define SLEEVE_SEALED 0x0001U
#define SLEEVE_MAX_DATAGRAM 65507U
#define SLEEVE_MIN_FRAME 14U

enum sleeve_type {
	SLEEVE_DATA = 1,
	SLEEVE_REQUEST = 2,
	SLEEVE_REPLY = 3,
};

struct sleeve_header {
	enum sleeve_type type;
	uint64_t token, seq;
};

/* Flags of a frame. */
#define SLEEVE_PARTIAL 0x01U /* the checksum is to be completed, see below */
#define SLEEVE_CUT_UDP 0x02U /* one of several datagrams sent as one by UDP */

/*
 * Partial: the 16 bits at csum_start + csum_offset hold the sum of the pseudo
 * header, and the Internet checksum from csum_start to the frame's end is to
 * be put there by whoever needs it; the datagram's own checksum guards it on
 * the way. The offsets count from the frame's first byte.
 */
struct sleeve_frame {
	vni_t vni;
	uint8_t flags;
	uint8_t csum_start, csum_offset;
	uint16_t size;
};

/* A heartbeat, padded up to `size` when it probes the path's MTU. */
struct sleeve_beat {
	uint64_t cookie; /* random, of the sender's path: a reply bears it */
	uint64_t number;
	uint16_t size; /* of the request's datagram; in the reply too */
};

enum sleeve_verdict {
	SLEEVE_OK,
	SLEEVE_BAD_VERSION, /* version, type or flags that we do not know */
	SLEEVE_BAD,
};

/* Writes SLEEVE_HEADER_SIZE bytes. */
void sleeve_put_header(const struct sleeve_header *h,
		       uint8_t p[SLEEVE_HEADER_SIZE]);
/* Another sequence number into a header that was written. */
void sleeve_set_seq(uint8_t p[SLEEVE_HEADER_SIZE], uint64_t seq);
uint64_t sleeve_get_seq(const uint8_t p[SLEEVE_HEADER_SIZE]);
enum sleeve_verdict sleeve_get_header(const uint8_t *p, size_t size,
				      struct sleeve_header *ret);

/* Writes SLEEVE_FRAME_SIZE bytes; the frame itself follows. */
void sleeve_put_frame(const struct sleeve_frame *f,
		      uint8_t p[SLEEVE_FRAME_SIZE]);

/*
 * The next frame of a body at *p with *size bytes left; both move on beyond
 * it. *ret_data points to ret->size bytes. SLEEVE_OK: there was one; call
 * while *size is not 0. SLEEVE_BAD: forget the rest; *p and *size are as
 * before.
 */
enum sleeve_verdict sleeve_get_frame(uint8_t **p, size_t *size,
				     struct sleeve_frame *ret,
				     uint8_t **ret_data);

/*
 * A whole request or reply of @size bytes, SLEEVE_BEAT_SIZE at least, padded
 * with zeros. A request's beat.size is @size, whatever it says. False: no room.
 */
bool sleeve_put_beat(const struct sleeve_header *h,
		     const struct sleeve_beat *beat, uint8_t *p, size_t size);
/* The body of a datagram whose header was read; @size of the whole one. */
enum sleeve_verdict sleeve_get_beat(const struct sleeve_header *h,
				    const uint8_t *p, size_t size,
				    struct sleeve_beat *ret);

/*
 * Datagrams of one peer, one behind the other, all but the last as long as the
 * first, which that is. 0: there is but one, or it is not one of ours. A header
 * is told from a frame by the peer's token.
 */
size_t sleeve_train_unit(uint8_t *p, size_t size);

#endif
