/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PREFIX_H
#define PREFIX_H

/*
 * A range of addresses under one prefix, and arithmetic in it. The length
 * counts in the address's own family: 0 to 32, or 0 to 128.
 */

#include "core/core.h"

struct prefix {
	struct ip ip; /* no bits beyond the length */
	uint8_t len;
};

/* Larger ones are not for giving out from: see prefix_size(). */
#define PREFIX_MAX_SIZE 65536U

/* The length is possible, and no bit is set beyond it. */
bool prefix_is_valid(const struct prefix *p);
/* Clears the bits beyond the length, which must be possible. */
void prefix_mask(struct prefix *p);

bool prefix_equal(const struct prefix *a, const struct prefix *b);
bool prefix_contains(const struct prefix *p, const struct ip *ip);
/* @inner is a part of @outer, or all of it. */
bool prefix_is_within(const struct prefix *inner, const struct prefix *outer);
/* One has an address that the other has, too. */
bool prefix_overlaps(const struct prefix *a, const struct prefix *b);

/* How many addresses; 0: more than PREFIX_MAX_SIZE. */
uint32_t prefix_size(const struct prefix *p);
/* Address number @n of it, from 0; @n < 2^32 and within it. */
struct ip prefix_nth(const struct prefix *p, uint32_t n);
/* The number of @ip, which is in it; it has a size. */
uint32_t prefix_index(const struct prefix *p, const struct ip *ip);

#endif
