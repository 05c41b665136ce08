/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MERGE_H
#define MERGE_H

/*
 * Putting the segments of one flow together into a super-frame, where each
 * follows the one before to the byte: headers are compared, payload stays
 * where it is: TCP in sequence, and datagrams of one size with consecutive IP
 * identifications, as one socket sends them. Only frames with a partial
 * checksum, so that no wrong one is made good. What is cut again is what was
 * merged (cut.h), to the byte. Pure.
 */

#include <sys/uio.h>

#include "core/sleeve_wire.h"
#include "inner.h"
#include "sys/tap.h"

#define MERGE_MAX 128U	  /* segments, of TCP */
#define MERGE_MAX_UDP 64U /* as old kernels count */
#define MERGE_SLOTS 16U
#define MERGE_HEADER 320U /* 255 bytes up to TCP, and 60 of TCP */

struct merge {
	uint16_t network;
	uint8_t flags;	  /* of all its frames (sleeve_wire.h) */
	bool is_complete; /* nothing may follow the last one */
	struct inner in;
	uint32_t unit; /* payload of all but the last */
	uint32_t n;    /* segments; 0: empty */
	uint32_t n_payload;
	uint32_t next_seq;
	uint16_t next_id;
	uint16_t l4_sum;		 /* without the length */
	uint8_t last_flags;		 /* FIN and PSH */
	uint8_t *frame;			 /* the first one, borrowed */
	uint8_t expected[MERGE_HEADER];	 /* of the next one: merge_expect() */
	struct iovec iov[MERGE_MAX + 1]; /* [0] is for the tap_header */
};

/*
 * In which of MERGE_SLOTS the frames of a flow meet. Flows that share one
 * come out right, and worse.
 */
uint32_t merge_slot(const uint8_t *frame, const struct inner *in);

/* @m is empty; false: it stays so, the frame goes on its way alone. */
bool merge_start(struct merge *m, uint16_t network, uint8_t *frame,
		 const struct inner *in, const struct sleeve_frame *f);

/*
 * True: the frame is part of it, and must stay in memory until the end. False:
 * nothing has changed.
 */
bool merge_add(struct merge *m, uint16_t network, uint8_t *frame,
	       const struct inner *in, const struct sleeve_frame *f);

/*
 * The short way for the middle of a super-frame: the header that the next
 * segment must have, byte for byte, when it goes on as the one before did,
 * whose frame is @last. False: it cannot. Holds until the next merge_add().
 */
bool merge_expect(struct merge *m, const uint8_t *last, uint32_t size);
/* As merge_add(), for a frame of the same size and wire header as the last. */
bool merge_follow(struct merge *m, uint8_t *frame, uint32_t size);

/*
 * Rewrites the first one's headers: iov[1] … iov[n] is the frame, of
 * *ret_size bytes. The caller empties @m by n = 0.
 */
void merge_finish(struct merge *m, struct tap_header *ret, uint32_t *ret_size);

#endif
