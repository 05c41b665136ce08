/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SEGMENTS_H
#define SEGMENTS_H

/*
 * Super-frames cut and put together again: the same bytes, frames as a host
 * would send them one by one. Included by one file a program.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sleeve/cut.h"
#include "sleeve/merge.h"

#define MAX_SEGMENTS 256

/* What a super-frame is to look like. */
struct shape {
	int n_tags;
	bool is_v6, is_udp;
	int n_options;	  /* of IPv4, in bytes */
	int n_extensions; /* of IPv6 */
	int tcp_options;  /* in bytes */
	uint8_t tcp_flags;
	uint16_t id;
	uint16_t unit;
	uint32_t n_payload;
};

struct super_frame {
	uint8_t *p;
	uint32_t size;
	struct inner in;
	struct tap_header h;
};

/* Segments as they arrive: each in memory of its own. */
struct segments {
	uint32_t n;
	uint8_t *p[MAX_SEGMENTS];
	struct sleeve_frame f[MAX_SEGMENTS];
	struct inner in[MAX_SEGMENTS];
};

static const struct shape plain = { .tcp_options = 12,
				    .tcp_flags = 0x18,
				    .id = 0xfffe,
				    .unit = 1000,
				    .n_payload = 10500 };

static inline size_t put_ethernet(uint8_t *p, const struct shape *s)
{
	size_t at = 12;
	int i;

	memset(p, 2, 12);
	for (i = 0; i < s->n_tags; i++, at += 4) {
		inner_put16(p + at, i == 0 && s->n_tags == 2 ? 0x88a8 : 0x8100);
		inner_put16(p + at + 2, (uint16_t)(100 + i));
	}
	inner_put16(p + at, s->is_v6 ? 0x86dd : 0x0800);
	return at + 2;
}

static inline size_t put_v4(uint8_t *p, const struct shape *s, size_t left)
{
	const size_t size = 20 + (size_t)s->n_options;

	memset(p, 1, size);
	p[0] = (uint8_t)(0x40 | size / 4);
	p[1] = 2; /* ECT(0) */
	inner_put16(p + 4, s->id);
	inner_put16(p + 6, 0x4000);
	p[8] = 64;
	p[9] = s->is_udp ? 17 : 6;
	inner_put32(p + 12, 0x0a200001);
	inner_put32(p + 16, 0x0a200002);
	inner_set_v4_length(p, (uint16_t)(size + left));
	return size;
}

static inline size_t put_v6(uint8_t *p, const struct shape *s, size_t left)
{
	const uint8_t proto = s->is_udp ? 17 : 6;
	size_t at = 40;
	int i;

	memset(p, 0, 40);
	inner_put32(p, 0x60212345);
	p[6] = s->n_extensions ? 60 : proto;
	p[7] = 64;
	memset(p + 8, 0xfd, 32);
	for (i = 1; i <= s->n_extensions; i++, at += 8) {
		memset(p + at, 0, 8);
		p[at] = i == s->n_extensions ? proto : 60;
		p[at + 2] = 1; /* PadN */
		p[at + 3] = 4;
	}
	inner_put16(p + 4, (uint16_t)(at - 40 + left));
	return at;
}

static inline size_t put_l4(uint8_t *p, const struct shape *s)
{
	const size_t size = s->is_udp ? 8 : 20 + (size_t)s->tcp_options;

	inner_put16(p, 40000);
	inner_put16(p + 2, 5201);
	if (s->is_udp) {
		inner_put16(p + 4, (uint16_t)(size + s->n_payload));
	} else {
		inner_put32(p + 4, 0xfffffe00); /* wraps soon */
		inner_put32(p + 8, 0x01020304);
		p[12] = (uint8_t)(size / 4 << 4);
		p[13] = s->tcp_flags;
		inner_put16(p + 14, 501);
		inner_put16(p + 18, 0);
		memset(p + 20, 1, size - 20);
	}
	return size;
}

/* What the kernel puts there before the hardware, or we, do the rest. */
static inline uint16_t pseudo_sum(const uint8_t *p, const struct inner *in,
				  uint32_t size)
{
	const uint8_t *ip = p + in->l3;
	uint64_t sum = in->is_tcp ? 6 : 17;

	sum += in->is_v6 ? inner_sum(ip + 8, 32) : inner_sum(ip + 12, 8);
	return inner_fold(sum + size - in->l4);
}

static inline struct super_frame make(const struct shape *s)
{
	const size_t l4 = s->is_udp ? 8 : 20 + (size_t)s->tcp_options;
	struct super_frame f;
	size_t at;
	uint32_t i;

	memset(&f, 0, sizeof(f));
	f.p = malloc(400 + s->n_payload);
	assert_non_null(f.p);
	at = put_ethernet(f.p, s);
	at += s->is_v6 ? put_v6(f.p + at, s, l4 + s->n_payload)
		       : put_v4(f.p + at, s, l4 + s->n_payload);
	at += put_l4(f.p + at, s);
	for (i = 0; i < s->n_payload; i++)
		f.p[at + i] = (uint8_t)(i * 7 + i / 1000);
	f.size = (uint32_t)at + s->n_payload;
	f.p = realloc(f.p, f.size); /* a byte beyond is an error */
	assert_non_null(f.p);
	assert_true(inner_parse(f.p, f.size, &f.in));
	f.h.flags = TAP_NEEDS_CSUM;
	f.h.gso_type = s->is_udp  ? TAP_GSO_UDP
		       : s->is_v6 ? TAP_GSO_TCP6
				  : TAP_GSO_TCP4;
	if (s->tcp_flags & INNER_TCP_CWR && !s->is_udp)
		f.h.gso_type |= TAP_GSO_ECN;
	f.h.gso_size = s->unit;
	f.h.csum_start = f.in.l4;
	f.h.csum_offset = f.in.is_tcp ? INNER_TCP_SUM : INNER_UDP_SUM;
	inner_put16(f.p + f.in.l4 + f.h.csum_offset,
		    pseudo_sum(f.p, &f.in, f.size));
	return f;
}

static inline void cut_up(const struct super_frame *super, struct segments *ret)
{
	struct cut c;
	uint32_t i;

	assert_true(cut_init(&c, super->p, super->size, &super->h));
	assert_true(c.n <= MAX_SEGMENTS);
	ret->n = c.n;
	for (i = 0; i < c.n; i++) {
		const uint8_t *payload;
		const uint32_t n = cut_payload(&c, i, &payload);
		const uint32_t header = cut_header_size(&c);

		ret->p[i] = malloc(header + n);
		assert_non_null(ret->p[i]);
		cut_header(&c, i, ret->p[i]);
		memcpy(ret->p[i] + header, payload, n);
		ret->f[i] = (struct sleeve_frame){
			.vni = 1,
			.flags = c.in.is_tcp ? SLEEVE_PARTIAL
					     : SLEEVE_PARTIAL | SLEEVE_CUT_UDP,
			.csum_start = (uint8_t)c.in.l4,
			.csum_offset = cut_csum_offset(&c),
			.size = (uint16_t)(header + n),
		};
		assert_true(inner_parse(ret->p[i], header + n, &ret->in[i]));
	}
}

static inline void free_segments(struct segments *s)
{
	uint32_t i;

	for (i = 0; i < s->n; i++)
		free(s->p[i]);
}

/* How many of them go into one, from @first on. */
static inline uint32_t join(struct merge *m, struct segments *s, uint32_t first)
{
	uint32_t i = first;

	memset(m, 0, sizeof(*m));
	if (!merge_start(m, 3, s->p[i], &s->in[i], &s->f[i]))
		return 0;
	for (i++; i < s->n; i++) {
		if (!merge_add(m, 3, s->p[i], &s->in[i], &s->f[i]))
			break;
	}
	return i - first;
}

static inline void check_same(struct merge *m, const struct super_frame *super)
{
	struct tap_header h;
	uint32_t size, i;
	size_t at = 0;

	merge_finish(m, &h, &size);
	assert_int_equal(size, super->size);
	for (i = 1; i <= m->n; i++) {
		assert_memory_equal(m->iov[i].iov_base, super->p + at,
				    m->iov[i].iov_len);
		at += m->iov[i].iov_len;
	}
	assert_int_equal(at, size);
	assert_int_equal(h.flags, super->h.flags);
	assert_int_equal(h.gso_type, super->h.gso_type);
	assert_int_equal(h.gso_size, super->h.gso_size);
	assert_int_equal(h.csum_start, super->h.csum_start);
	assert_int_equal(h.csum_offset, super->h.csum_offset);
	assert_int_equal(h.hdr_len, super->in.payload);
}

/* Would a host take it: right sums, lengths, numbers, flags? */
static inline void check_segment(const struct segments *s, uint32_t i,
				 const struct shape *shape)
{
	const uint8_t *p = s->p[i], *ip = p + s->in[i].l3,
		      *l4 = p + s->in[i].l4;
	const bool is_last = i + 1 == s->n;
	uint8_t flags = shape->tcp_flags;

	assert_int_equal(inner_get16(l4 + s->f[i].csum_offset),
			 pseudo_sum(p, &s->in[i], s->f[i].size));
	if (!shape->is_v6) {
		assert_int_equal(inner_sum(ip, (ip[0] & 15U) * 4U), 0xffff);
		assert_int_equal(inner_get16(ip + 4),
				 (uint16_t)(shape->id + i));
	}
	if (shape->is_udp)
		return;
	assert_true(inner_get32(l4 + 4) ==
		    (uint32_t)(0xfffffe00 + i * shape->unit));
	if (!is_last)
		flags &= (uint8_t) ~(INNER_TCP_FIN | INNER_TCP_PSH);
	if (i > 0)
		flags &= (uint8_t)~INNER_TCP_CWR;
	assert_int_equal(l4[13], flags);
}

static inline void check_round_trip(const struct shape *shape)
{
	struct super_frame super = make(shape);
	static struct segments s;
	struct merge m;
	uint32_t i;

	cut_up(&super, &s);
	assert_int_equal(s.n,
			 (shape->n_payload + shape->unit - 1) / shape->unit);
	for (i = 0; i < s.n; i++)
		check_segment(&s, i, shape);
	assert_int_equal(join(&m, &s, 0), s.n);
	check_same(&m, &super);
	free_segments(&s);
	free(super.p);
}

#endif
