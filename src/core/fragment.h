/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FRAGMENT_H
#define FRAGMENT_H

/*
 * An IP packet that may be cut, into frames that fit: IPv4 without DF (RFC 791
 * section 3.2), and IPv6 of the size that every link must carry (RFC 8200
 * section 5: one that cannot has to do with it what it likes, so long as it
 * arrives). A fragment can be cut again. It does not know why, or where they
 * go.
 */

#include "core.h"

/* No sender of IPv6 has to send less in one packet. */
#define FRAGMENT_MAX_IP6 1280U

struct fragments {
	const uint8_t *frame; /* borrowed while they are taken */
	uint32_t header;    /* IP's, with options; of IPv6 what each one has */
	uint32_t at;	    /* of the payload that is cut, in the IP packet */
	uint32_t n_payload; /* of the whole */
	uint32_t step;	    /* of payload in each but the last */
	uint32_t done;
	uint32_t id;	  /* IPv6 */
	uint32_t next_at; /* IPv6: where the kind of the next header stands */
	uint8_t next;	  /* IPv6: and that of the payload */
	uint16_t first;	  /* offset of the original, in eights */
	bool has_more;	  /* behind the original */
	bool is_v6;
};

/*
 * @mtu: the most in one IP packet; @id: of the fragments of IPv6, another for
 * each packet. False: it may not be cut, is malformed, not the whole packet, or
 * no payload fits.
 */
bool fragment_begin(struct fragments *f, const uint8_t *frame, size_t size,
		    uint32_t mtu, uint32_t id);

/* The next frame, at most 14 + @mtu bytes, into @ret; 0: there is no more. */
size_t fragment_next(struct fragments *f, uint8_t *ret);

/* How many there are, or were, in all. */
uint32_t fragment_count(const struct fragments *f);

#endif
