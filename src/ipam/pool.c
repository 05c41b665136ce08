/* SPDX-License-Identifier: Apache-2.0 */
#include "pool.h"

#include <assert.h>

#include "core/alloc.h"

struct pool {
	struct prefix block;
	uint32_t size;	      /* all addresses of the block */
	uint32_t first, last; /* that can be given out, both included */
	uint32_t next;	      /* where the search begins */
	uint32_t n_used;
	uint64_t bits[]; /* one an address */
};

static void check(const struct pool *p)
{
	assert(p->first <= p->last && p->last < p->size);
	assert(p->next >= p->first && p->next <= p->last);
	assert(p->n_used <= p->last - p->first + 1);
	(void)p; /* without asserts nobody asks */
}

struct pool *pool_new(const struct prefix *block)
{
	const uint32_t size = prefix_is_valid(block) ? prefix_size(block) : 0;
	struct pool *p;

	if (size == 0)
		return NULL;
	p = core_alloc(sizeof(*p) + (size + 63) / 64 * sizeof(p->bits[0]));
	p->block = *block;
	p->size = size;
	p->first = size > 2 ? 1 : 0;
	p->last = size > 2 && ip_is_v4(&block->ip) ? size - 2 : size - 1;
	p->next = p->first;
	check(p);
	return p;
}

void pool_free(struct pool *p)
{
	free(p);
}

const struct prefix *pool_block(const struct pool *p)
{
	return &p->block;
}

uint32_t pool_size(const struct pool *p)
{
	return p->last - p->first + 1;
}

uint32_t pool_used(const struct pool *p)
{
	return p->n_used;
}

struct ip pool_first(const struct pool *p)
{
	return prefix_nth(&p->block, p->first);
}

static bool is_taken(const struct pool *p, uint32_t n)
{
	return p->bits[n / 64] >> (n % 64) & 1;
}

static void take(struct pool *p, uint32_t n)
{
	assert(!is_taken(p, n));
	p->bits[n / 64] |= UINT64_C(1) << (n % 64);
	p->n_used++;
	p->next = n == p->last ? p->first : n + 1;
	check(p);
}

/* In turn; false: there is none. */
static bool find_free(const struct pool *p, pool_is_foreign_fn *f,
		      const void *ctx, uint32_t *ret)
{
	const uint32_t from = p->next;
	uint32_t n = from;

	do {
		struct ip ip = prefix_nth(&p->block, n);

		if (!is_taken(p, n) && !f(ctx, &ip)) {
			*ret = n;
			return true;
		}
		n = n == p->last ? p->first : n + 1;
	} while (n != from);
	return false;
}

bool pool_has_free(const struct pool *p, pool_is_foreign_fn *f, const void *ctx)
{
	uint32_t n;

	return find_free(p, f, ctx, &n);
}

enum pool_result pool_next(struct pool *p, pool_is_foreign_fn *f,
			   const void *ctx, struct ip *ret)
{
	uint32_t n;

	if (!find_free(p, f, ctx, &n))
		return POOL_FULL;
	take(p, n);
	*ret = prefix_nth(&p->block, n);
	return POOL_OK;
}

enum pool_result pool_take(struct pool *p, const struct ip *ip)
{
	uint32_t n;

	if (!prefix_contains(&p->block, ip))
		return POOL_OUTSIDE;
	n = prefix_index(&p->block, ip);
	if (n < p->first || n > p->last)
		return POOL_RESERVED;
	if (is_taken(p, n))
		return POOL_TAKEN;
	take(p, n);
	return POOL_OK;
}

bool pool_give_back(struct pool *p, const struct ip *ip)
{
	uint32_t n;

	if (!prefix_contains(&p->block, ip))
		return false;
	n = prefix_index(&p->block, ip);
	if (!is_taken(p, n))
		return false;
	p->bits[n / 64] &= ~(UINT64_C(1) << (n % 64));
	p->n_used--;
	check(p);
	return true;
}
