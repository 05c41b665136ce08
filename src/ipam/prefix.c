/* SPDX-License-Identifier: Apache-2.0 */
#include "prefix.h"

#include <assert.h>
#include <string.h>

/* In the form of 16 octets that both families are kept in. */
static unsigned int bits_of(const struct prefix *p)
{
	return p->len + (ip_is_v4(&p->ip) ? 96U : 0U);
}

static bool equal_bits(const struct ip *a, const struct ip *b, unsigned int n)
{
	const unsigned int whole = n / 8, rest = n % 8;

	if (memcmp(a->b, b->b, whole) != 0)
		return false;
	return rest == 0 || ((a->b[whole] ^ b->b[whole]) >> (8 - rest)) == 0;
}

void prefix_mask(struct prefix *p)
{
	const unsigned int n = bits_of(p);
	unsigned int i;

	assert(n <= 128);
	for (i = n / 8; i < sizeof(p->ip.b); i++) {
		const unsigned int kept = i == n / 8 ? n % 8 : 0;

		p->ip.b[i] &= (uint8_t)(0xff00U >> kept);
	}
}

bool prefix_is_valid(const struct prefix *p)
{
	struct prefix masked = *p;

	if (bits_of(p) > 128)
		return false;
	prefix_mask(&masked);
	return ip_equal(&masked.ip, &p->ip);
}

bool prefix_equal(const struct prefix *a, const struct prefix *b)
{
	return ip_equal(&a->ip, &b->ip) && bits_of(a) == bits_of(b);
}

bool prefix_contains(const struct prefix *p, const struct ip *ip)
{
	/* ::/0 has no address of the other family. */
	return ip_is_v4(ip) == ip_is_v4(&p->ip) &&
	       equal_bits(&p->ip, ip, bits_of(p));
}

bool prefix_is_within(const struct prefix *inner, const struct prefix *outer)
{
	return bits_of(inner) >= bits_of(outer) &&
	       prefix_contains(outer, &inner->ip);
}

bool prefix_overlaps(const struct prefix *a, const struct prefix *b)
{
	return prefix_is_within(a, b) || prefix_is_within(b, a);
}

uint32_t prefix_size(const struct prefix *p)
{
	const unsigned int n = 128 - bits_of(p);

	assert(n <= 128);
	return n > 16 ? 0 : UINT32_C(1) << n;
}

struct ip prefix_nth(const struct prefix *p, uint32_t n)
{
	struct ip ip = p->ip;
	unsigned int i;
	uint64_t carry = n;

	for (i = sizeof(ip.b); i > 0 && carry; i--) {
		carry += ip.b[i - 1];
		ip.b[i - 1] = (uint8_t)carry;
		carry >>= 8;
	}
	assert(prefix_contains(p, &ip));
	return ip;
}

uint32_t prefix_index(const struct prefix *p, const struct ip *ip)
{
	uint32_t n = 0;
	unsigned int i;

	assert(prefix_size(p) != 0);
	assert(prefix_contains(p, ip));
	for (i = 12; i < sizeof(ip->b); i++)
		n = n << 8 | (uint32_t)(ip->b[i] & ~p->ip.b[i]);
	return n;
}
