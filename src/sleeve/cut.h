/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CUT_H
#define CUT_H

/*
 * Cutting a super-frame into the frames that it stands for, as the kernel's
 * segmentation would: headers are made one by one, payload stays where it is.
 * Pure; merge.h is the other way. Checksums are left partial.
 */

#include "inner.h"
#include "sys/tap.h"

struct cut {
	const uint8_t *frame; /* borrowed */
	struct inner in;
	uint32_t n;	    /* frames */
	uint32_t unit;	    /* payload of all but the last */
	uint32_t n_payload; /* in all */
	uint32_t seq;	    /* what changes from frame to frame: */
	uint16_t id;
	uint16_t ip_sum, l4_sum; /* without what changes */
};

/* False: not a super-frame that we understand. */
bool cut_init(struct cut *c, const uint8_t *frame, size_t size,
	      const struct tap_header *h);

/*
 * Frames of at most @max_size bytes: TCP is a stream, and may be cut anew
 * anywhere, which spares its sender a "too big" and a round trip. False: UDP
 * is longer (its boundaries are the sender's), or not a byte would fit.
 */
bool cut_limit(struct cut *c, uint32_t max_size);

/* Size of every header: cut_header() writes so much. */
static inline uint32_t cut_header_size(const struct cut *c)
{
	return c->in.payload;
}

/* Bytes of payload of frame @i, which begin at *ret. */
static inline uint32_t cut_payload(const struct cut *c, uint32_t i,
				   const uint8_t **ret)
{
	const uint32_t at = i * c->unit;

	*ret = c->frame + c->in.payload + at;
	return c->n_payload - at < c->unit ? c->n_payload - at : c->unit;
}

void cut_header(const struct cut *c, uint32_t i, uint8_t *ret);

/*
 * Makes of the header of frame @i of the middle (neither the first nor the
 * last) that of frame @j of the middle.
 */
void cut_move_header(const struct cut *c, uint32_t j, uint8_t *header);

/* Where the checksum is, from csum_start: what goes beside the frame. */
static inline uint8_t cut_csum_offset(const struct cut *c)
{
	return c->in.is_tcp ? INNER_TCP_SUM : INNER_UDP_SUM;
}

#endif
