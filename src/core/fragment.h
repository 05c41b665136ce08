/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FRAGMENT_H
#define FRAGMENT_H

/*
 * An IPv4 packet that may be cut, into frames that fit (RFC 791 section 2.3,
 * 3.2). A fragment can be cut again. It does not know why, or where they go.
 */

#include "core.h"

struct fragments {
	const uint8_t *frame; /* borrowed while they are taken */
	uint32_t header;      /* size of the IP header, options included */
	uint32_t n_payload;   /* of the whole */
	uint32_t step;	      /* of payload in each but the last */
	uint32_t done;
	uint16_t first; /* flags and offset of the original */
};

/*
 * @mtu: the most in one IP packet. False: not IPv4, DF is set, malformed, not
 * the whole packet, or no payload fits.
 */
bool fragment_begin(struct fragments *f, const uint8_t *frame, size_t size,
		    uint32_t mtu);

/* The next frame, at most 14 + @mtu bytes, into @ret; 0: there is no more. */
size_t fragment_next(struct fragments *f, uint8_t *ret);

/* How many there are, or were, in all. */
uint32_t fragment_count(const struct fragments *f);

#endif
