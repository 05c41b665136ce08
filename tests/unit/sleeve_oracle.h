/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLEEVE_ORACLE_H
#define SLEEVE_ORACLE_H

/*
 * What a frame stands for on the wire: the frames that a card would send of a
 * super-frame, all checksums complete; and what sleeve owes for one that is
 * longer than a peer's path takes. Written after the RFCs, not after src/:
 * it shares no line with what it judges.
 */

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "sys/tap.h"

#define ORACLE_ETH 14U

struct oracle_packet {
	struct tap_header h;
	uint8_t data[70000];
	size_t size;
};

/* Called for each frame on the wire, in order. */
typedef void (*oracle_emit_t)(void *ctx, const uint8_t *frame, size_t size);

static inline uint32_t oracle_get(const uint8_t *p, int n)
{
	uint32_t v = 0;

	while (n-- > 0)
		v = v << 8 | *p++;
	return v;
}

static inline void oracle_put(uint8_t *p, uint32_t v, int n)
{
	for (; n > 0; v >>= 8)
		p[--n] = (uint8_t)v;
}

/* RFC 1071, the slow way. */
static inline uint16_t oracle_sum(uint32_t sum, const uint8_t *p, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++) {
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)sum;
}

static inline size_t oracle_l3(const uint8_t *f)
{
	size_t l3 = ORACLE_ETH;

	while (oracle_get(f + l3 - 2, 2) == 0x8100 ||
	       oracle_get(f + l3 - 2, 2) == 0x88a8)
		l3 += 4;
	return l3;
}

/* RFC 793 3.1, RFC 8200 8.1: over addresses, protocol and length. */
static inline uint16_t oracle_pseudo(const uint8_t *ip, uint8_t proto,
				     size_t l4_size)
{
	const bool is_v6 = ip[0] >> 4 == 6;
	const uint16_t sum = is_v6 ? oracle_sum(0, ip + 8, 32)
				   : oracle_sum(0, ip + 12, 8);
	uint8_t tail[4];

	oracle_put(tail, (uint32_t)l4_size, 4);
	return oracle_sum((uint32_t)sum + proto, tail, 4);
}

/* Two zeros are one: what is transmitted is never 0. */
static inline void oracle_put_sum(uint8_t *at, uint16_t sum)
{
	const uint16_t inverted = (uint16_t)~sum;

	oracle_put(at, inverted ? inverted : 0xffff, 2);
}

static inline void oracle_complete(const struct tap_header *h, uint8_t *f,
				   size_t size)
{
	if (h->flags & TAP_NEEDS_CSUM)
		oracle_put_sum(f + h->csum_start + h->csum_offset,
			       oracle_sum(0, f + h->csum_start,
					  size - h->csum_start));
}

static inline void oracle_v4_header(uint8_t *ip, size_t size)
{
	const size_t n = (size_t)(ip[0] & 15) * 4;

	oracle_put(ip + 2, (uint32_t)size, 2);
	oracle_put(ip + 10, 0, 2);
	oracle_put(ip + 10, (uint16_t)~oracle_sum(0, ip, n), 2);
}

static inline bool oracle_is_tcp(const struct oracle_packet *p)
{
	return p->h.csum_offset == 16;
}

/* Of all headers; of a frame whose checksum is partial. */
static inline size_t oracle_header(const struct oracle_packet *p)
{
	const uint8_t *l4 = p->data + p->h.csum_start;

	return p->h.csum_start +
	       (oracle_is_tcp(p) ? (size_t)(l4[12] >> 4) * 4 : 8);
}

static inline void oracle_tcp(uint8_t *l4, uint32_t at, bool is_first,
			      bool is_last)
{
	oracle_put(l4 + 4, oracle_get(l4 + 4, 4) + at, 4);
	if (!is_last)
		l4[13] &= 0xf6; /* FIN, PSH */
	if (!is_first)
		l4[13] &= 0x7f; /* CWR */
}

/* Segments of @unit bytes of payload. */
static inline void oracle_cut(const struct oracle_packet *p, size_t unit,
			      oracle_emit_t emit, void *ctx)
{
	const size_t header = oracle_header(p), l3 = oracle_l3(p->data);
	const size_t l4 = p->h.csum_start, n_payload = p->size - header;
	static uint8_t f[70000];
	size_t at, n;
	uint32_t i = 0;

	for (at = 0; at < n_payload; at += n, i++) {
		uint8_t *ip = f + l3;

		n = n_payload - at < unit ? n_payload - at : unit;
		memcpy(f, p->data, header);
		memcpy(f + header, p->data + header + at, n);
		if (ip[0] >> 4 == 6) {
			oracle_put(ip + 4, (uint32_t)(header + n - l3 - 40), 2);
		} else {
			oracle_put(ip + 4, oracle_get(ip + 4, 2) + i, 2);
			oracle_v4_header(ip, header + n - l3);
		}
		if (oracle_is_tcp(p))
			oracle_tcp(f + l4, (uint32_t)at, at == 0,
				   at + n == n_payload);
		else
			oracle_put(f + l4 + 4, (uint32_t)(8 + n), 2);
		oracle_put(f + l4 + p->h.csum_offset,
			   oracle_pseudo(ip, oracle_is_tcp(p) ? 6 : 17,
					 header + n - l4),
			   2);
		oracle_complete(&p->h, f, header + n);
		emit(ctx, f, header + n);
	}
}

/* RFC 791 3.2, without options. */
static inline void oracle_fragment(const struct oracle_packet *p, size_t max,
				   oracle_emit_t emit, void *ctx)
{
	const size_t header = ORACLE_ETH + 20, unit = (max - header) / 8 * 8;
	const uint32_t field = oracle_get(p->data + ORACLE_ETH + 6, 2);
	static uint8_t whole[70000], f[70000];
	size_t at, n;

	memcpy(whole, p->data, p->size);
	oracle_complete(&p->h, whole, p->size);
	for (at = 0; at < p->size - header; at += n) {
		const size_t left = p->size - header - at;

		n = left < unit ? left : unit;
		memcpy(f, whole, header);
		memcpy(f + header, whole + header + at, n);
		oracle_put(f + ORACLE_ETH + 6,
			   (field + (uint32_t)(at / 8)) |
				   (n < left ? 0x2000U : 0),
			   2);
		oracle_v4_header(f + ORACLE_ETH, 20 + n);
		emit(ctx, f, header + n);
	}
}

/* What would end beyond the largest packet is no fragment of one. */
static inline bool oracle_may_fragment(const struct oracle_packet *p)
{
	const uint8_t *ip = p->data + ORACLE_ETH;

	return p->size > ORACLE_ETH + 20 && oracle_get(ip - 2, 2) == 0x0800 &&
	       ip[0] == 0x45 && oracle_get(ip + 2, 2) == p->size - ORACLE_ETH &&
	       !(ip[6] & 0x40) &&
	       (oracle_get(ip + 6, 2) & 0x1fff) * 8 + p->size - ORACLE_ETH <=
		       65535;
}

/*
 * What arrives where frames of at most @max bytes pass. False: nothing, the
 * sender is told that it is too long.
 */
static inline bool oracle_expect(const struct oracle_packet *p, size_t max,
				 oracle_emit_t emit, void *ctx)
{
	const bool is_partial = p->h.flags & TAP_NEEDS_CSUM;
	static uint8_t f[70000];

	if (p->h.gso_type != TAP_GSO_NONE) {
		const size_t header = oracle_header(p);
		size_t unit = p->h.gso_size;

		if (header + unit > max && p->size > max) {
			if (!oracle_is_tcp(p))
				return false;
			unit = max - header;
		}
		oracle_cut(p, unit, emit, ctx);
	} else if (p->size <= max) {
		memcpy(f, p->data, p->size);
		oracle_complete(&p->h, f, p->size);
		emit(ctx, f, p->size);
	} else if (is_partial && oracle_is_tcp(p)) {
		oracle_cut(p, max - oracle_header(p), emit, ctx);
	} else if (oracle_may_fragment(p)) {
		oracle_fragment(p, max, emit, ctx);
	} else {
		return false;
	}
	return true;
}

#endif
