/* SPDX-License-Identifier: Apache-2.0 */
#include "fragment.h"

#include <string.h>

#include "frame.h"

#define IP4_HEADER_SIZE 20U
#define IP4_DF 0x4000U
#define IP4_MF 0x2000U
#define IP4_OFFSET 0x1fffU
#define MAX_OFFSET 0x1fffU /* of both, in eights */
#define IP6_HEADER_SIZE 40U
#define IP6_NEXT_AT 6U
#define IP6_FRAGMENT_SIZE 8U
#define IP6_HOPS 0
#define IP6_ROUTING 43
#define IP6_FRAGMENT 44
#define IP6_OPTIONS 60
#define OPTION_END 0
#define OPTION_NOP 1
#define OPTION_COPIED 0x80 /* in each fragment */

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put_sum(uint8_t *ip, uint32_t header)
{
	uint32_t sum = 0, i;

	put16(ip + 10, 0);
	for (i = 0; i < header; i += 2)
		sum += get16(ip + i);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	put16(ip + 10, ~sum & 0xffff);
}

static bool begin_v4(struct fragments *f, size_t n_ip, uint32_t mtu)
{
	const uint8_t *ip = f->frame + ETH_HEADER_SIZE;
	const uint32_t total = n_ip < IP4_HEADER_SIZE ? 0 : get16(ip + 2);
	uint16_t flags;

	if (!total || ip[0] >> 4 != 4)
		return false;
	flags = get16(ip + 6);
	f->header = f->at = (ip[0] & 15U) * 4U;
	f->first = flags & IP4_OFFSET;
	f->has_more = (flags & IP4_MF) != 0;
	if (f->header < IP4_HEADER_SIZE || total <= f->header || total > n_ip ||
	    (flags & IP4_DF) || mtu < f->header + 8)
		return false;
	f->n_payload = total - f->header;
	f->step = (mtu - f->header) & ~7U;
	return true;
}

/*
 * Behind the last header that hops on the way read (RFC 8200 section 4.5);
 * options for the destination before a routing header are of these.
 */
static bool find_payload(struct fragments *f, uint32_t total)
{
	const uint8_t *ip = f->frame + ETH_HEADER_SIZE;
	uint32_t at = IP6_HEADER_SIZE, next_at = IP6_NEXT_AT, n;
	uint8_t kind, next = ip[IP6_NEXT_AT];

	f->header = at;
	f->next_at = next_at;
	f->next = next;
	while (next == IP6_HOPS || next == IP6_ROUTING || next == IP6_OPTIONS) {
		if (at + 8 > total)
			return false;
		n = (ip[at + 1] + 1U) * 8U;
		if (n > total - at)
			return false;
		kind = next;
		next_at = at;
		next = ip[at];
		at += n;
		if (kind == IP6_OPTIONS)
			continue;
		f->header = at;
		f->next_at = next_at;
		f->next = next;
	}
	f->at = f->header;
	return true;
}

static bool begin_v6(struct fragments *f, size_t n_ip, uint32_t mtu)
{
	const uint8_t *ip = f->frame + ETH_HEADER_SIZE;
	const uint8_t *old;
	uint32_t total;

	if (n_ip < IP6_HEADER_SIZE || ip[0] >> 4 != 6)
		return false;
	total = IP6_HEADER_SIZE + get16(ip + 4);
	if (total > n_ip || total > FRAGMENT_MAX_IP6 || !find_payload(f, total))
		return false;
	old = ip + f->at;
	if (f->next == IP6_FRAGMENT) {
		if (f->at + IP6_FRAGMENT_SIZE > total)
			return false;
		f->next = old[0];
		f->first = get16(old + 2) >> 3;
		f->has_more = (old[3] & 1) != 0;
		f->id = (uint32_t)get16(old + 4) << 16 | get16(old + 6);
		f->at += IP6_FRAGMENT_SIZE;
	}
	if (total <= f->at || mtu < f->header + IP6_FRAGMENT_SIZE + 8)
		return false;
	f->is_v6 = true;
	f->n_payload = total - f->at;
	f->step = (mtu - f->header - IP6_FRAGMENT_SIZE) & ~7U;
	return true;
}

bool fragment_begin(struct fragments *f, const uint8_t *frame, size_t size,
		    uint32_t mtu, uint32_t id)
{
	const size_t n_ip = size < ETH_HEADER_SIZE ? 0 : size - ETH_HEADER_SIZE;

	memset(f, 0, sizeof(*f));
	f->frame = frame;
	f->id = id;
	if (!n_ip)
		return false;
	switch (get16(frame + 12)) {
	case ETH_TYPE_IPV4:
		if (!begin_v4(f, n_ip, mtu))
			return false;
		break;
	case ETH_TYPE_IPV6:
		if (!begin_v6(f, n_ip, mtu))
			return false;
		break;
	default:
		return false;
	}
	/* All but the last are cut at eights, the original's end may be one. */
	if (f->has_more && f->n_payload % 8)
		return false;
	/* The offset of the last may not leave its field. */
	return f->first + f->n_payload / 8 <= MAX_OFFSET;
}

uint32_t fragment_count(const struct fragments *f)
{
	return (f->n_payload + f->step - 1) / f->step;
}

/* What only the first one has becomes padding of the same length. */
static void clear_options(uint8_t *p, uint32_t size)
{
	uint32_t i = 0, n;

	while (i < size && p[i] != OPTION_END) {
		n = p[i] == OPTION_NOP ? 1 : i + 1 < size ? p[i + 1] : 0;
		if (!n || n > size - i || (n == 1 && p[i] != OPTION_NOP))
			return;
		if (!(p[i] & OPTION_COPIED))
			memset(p + i, OPTION_NOP, n);
		i += n;
	}
}

static void put_v4(const struct fragments *f, uint8_t *ip, uint32_t n,
		   bool is_last)
{
	put16(ip + 2, f->header + n);
	put16(ip + 6, (f->first + f->done / 8) |
			      (is_last && !f->has_more ? 0 : IP4_MF));
	if (f->done)
		clear_options(ip + IP4_HEADER_SIZE,
			      f->header - IP4_HEADER_SIZE);
	put_sum(ip, f->header);
}

static void put_v6(const struct fragments *f, uint8_t *ip, uint32_t n,
		   bool is_last)
{
	uint8_t *own = ip + f->header;

	put16(ip + 4, f->header - IP6_HEADER_SIZE + IP6_FRAGMENT_SIZE + n);
	ip[f->next_at] = IP6_FRAGMENT;
	own[0] = f->next;
	own[1] = 0;
	put16(own + 2, (f->first + f->done / 8) << 3 |
			       (is_last && !f->has_more ? 0 : 1));
	put16(own + 4, f->id >> 16);
	put16(own + 6, f->id);
}

size_t fragment_next(struct fragments *f, uint8_t *ret)
{
	const uint8_t *from = f->frame + ETH_HEADER_SIZE + f->at + f->done;
	const uint32_t left = f->n_payload - f->done;
	const uint32_t n = left > f->step ? f->step : left;
	uint32_t headers = ETH_HEADER_SIZE + f->header;

	if (!n)
		return 0;
	memcpy(ret, f->frame, headers);
	if (f->is_v6) {
		put_v6(f, ret + ETH_HEADER_SIZE, n, n == left);
		headers += IP6_FRAGMENT_SIZE;
	} else {
		put_v4(f, ret + ETH_HEADER_SIZE, n, n == left);
	}
	memcpy(ret + headers, from, n);
	f->done += n;
	return headers + n;
}
