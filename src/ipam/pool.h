/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POOL_H
#define POOL_H

/*
 * One block of addresses, and which of them are taken. Addresses are given
 * out in turn, so that one that was given back comes again as late as can be.
 * Who has which is not known here.
 *
 * Never given out: the first address and, of IPv4, the last (RFC 919 section
 * 7, RFC 4291 section 2.6.1), unless the block has one or two addresses only.
 */

#include "prefix.h"

struct pool;

/* NULL: the block has no size (prefix_size()), or is none. */
struct pool *pool_new(const struct prefix *block);
void pool_free(struct pool *p); /* NULL is fine */

const struct prefix *pool_block(const struct pool *p);
/* How many it can give out in all, and how many are taken now. */
uint32_t pool_size(const struct pool *p);
uint32_t pool_used(const struct pool *p);

enum pool_result {
	POOL_OK,
	POOL_FULL,
	POOL_OUTSIDE, /* not of this block */
	POOL_TAKEN,
	POOL_RESERVED, /* never given out */
};

/* Whether somebody has @ip who did not get it here. */
typedef bool pool_is_foreign_fn(const void *ctx, const struct ip *ip);

/* Would pool_next() have one? */
bool pool_has_free(const struct pool *p, pool_is_foreign_fn *f, const void *ctx)
	WARN_UNUSED;
/* The next one that is free, and that @f does not object to. POOL_OK or
 * POOL_FULL. */
enum pool_result pool_next(struct pool *p, pool_is_foreign_fn *f,
			   const void *ctx, struct ip *ret) WARN_UNUSED;
/* That one. The turn goes on behind it. */
enum pool_result pool_take(struct pool *p, const struct ip *ip) WARN_UNUSED;
/* False: it was not taken. */
bool pool_give_back(struct pool *p, const struct ip *ip);
/* The first address that a container could have: for a gateway. */
struct ip pool_first(const struct pool *p);

#endif
