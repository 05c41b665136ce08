/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Super-frames cut and put together again: the same bytes, frames as a host
 * would send them one by one, and nothing joined that does not belong together.
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

static size_t put_ethernet(uint8_t *p, const struct shape *s)
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

static size_t put_v4(uint8_t *p, const struct shape *s, size_t left)
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

static size_t put_v6(uint8_t *p, const struct shape *s, size_t left)
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

static size_t put_l4(uint8_t *p, const struct shape *s)
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
static uint16_t pseudo_sum(const uint8_t *p, const struct inner *in,
			   uint32_t size)
{
	const uint8_t *ip = p + in->l3;
	uint64_t sum = in->is_tcp ? 6 : 17;

	sum += in->is_v6 ? inner_sum(ip + 8, 32) : inner_sum(ip + 12, 8);
	return inner_fold(sum + size - in->l4);
}

static struct super_frame make(const struct shape *s)
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

static void cut_up(const struct super_frame *super, struct segments *ret)
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

static void free_segments(struct segments *s)
{
	uint32_t i;

	for (i = 0; i < s->n; i++)
		free(s->p[i]);
}

/* How many of them go into one, from @first on. */
static uint32_t join(struct merge *m, struct segments *s, uint32_t first)
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

static void check_same(struct merge *m, const struct super_frame *super)
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
static void check_segment(const struct segments *s, uint32_t i,
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

static void check_round_trip(const struct shape *shape)
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

static void test_tcp4(void **state)
{
	struct shape s = plain;

	(void)state;
	check_round_trip(&s);
	s.n_payload = 10000; /* the last one is whole */
	check_round_trip(&s);
	s.n_payload = 1001;
	check_round_trip(&s);
	s.n_options = 40;
	s.tcp_options = 40;
	check_round_trip(&s);
	s.n_tags = 1;
	check_round_trip(&s);
	s.n_tags = 2;
	check_round_trip(&s);
	s = plain;
	s.unit = 700;
	s.n_payload = 65535 - 20 - 32; /* as long as IP can be */
	check_round_trip(&s);
}

static void test_tcp6(void **state)
{
	struct shape s = plain;

	(void)state;
	s.is_v6 = true;
	check_round_trip(&s);
	s.n_extensions = 2;
	check_round_trip(&s);
	s.n_tags = 2;
	s.tcp_options = 0;
	check_round_trip(&s);
}

static void test_udp(void **state)
{
	struct shape s = plain;

	(void)state;
	s.is_udp = true;
	check_round_trip(&s);
	s.is_v6 = true;
	check_round_trip(&s);
	s.unit = 1;
	s.n_payload = 64;
	check_round_trip(&s);
}

static void test_flags(void **state)
{
	struct shape s = plain;
	unsigned int flags;

	(void)state;
	for (flags = 0; flags < 256; flags++) {
		if (flags & (INNER_TCP_SYN | INNER_TCP_RST | INNER_TCP_URG))
			continue;
		s.tcp_flags = (uint8_t)flags;
		check_round_trip(&s);
	}
}

static void test_random_shapes(void **state)
{
	int i;

	(void)state;
	srand(2);
	for (i = 0; i < 300; i++) {
		struct shape s = {
			.n_tags = rand() % 3,
			.is_v6 = rand() % 2,
			.is_udp = rand() % 3 == 0,
			.n_options = rand() % 11 * 4,
			.n_extensions = rand() % 4,
			.tcp_options = rand() % 11 * 4,
			.tcp_flags = rand() % 2 ? 0x10 : 0x99,
			.id = (uint16_t)rand(),
			.unit = (uint16_t)(600 + rand() % 8000),
		};

		/* Two at least, and no more than can be put together. */
		s.n_payload = s.unit + 1U +
			      (uint32_t)rand() %
				      (63U * s.unit < 60000U - (uint32_t)s.unit
					       ? 62U * s.unit
					       : 60000U - s.unit);
		check_round_trip(&s);
	}
}

/* Bit @bit of segment 1 is changed: is it still joined? */
static bool is_joined_with(const struct shape *shape, size_t bit)
{
	struct super_frame super = make(shape);
	static struct segments s;
	struct inner in;
	struct merge m;
	bool is_joined = false;

	cut_up(&super, &s);
	s.p[1][bit / 8] ^= (uint8_t)(1 << bit % 8);
	if (inner_parse(s.p[1], s.f[1].size, &in)) {
		s.in[1] = in;
		is_joined = join(&m, &s, 0) > 1;
	}
	free_segments(&s);
	free(super.p);
	return is_joined;
}

/* PSH and FIN may come with any segment, and end the merging. */
static bool is_free_bit(const struct shape *shape, const struct inner *in,
			size_t bit)
{
	return !shape->is_udp && bit / 8 == in->l4 + 13U &&
	       (1U << bit % 8 & (INNER_TCP_FIN | INNER_TCP_PSH)) != 0;
}

static void check_each_bit(const struct shape *shape)
{
	struct super_frame super = make(shape);
	const struct inner in = super.in;
	size_t bit;

	free(super.p);
	for (bit = 0; bit < in.payload * 8U; bit++) {
		if (is_joined_with(shape, bit) != is_free_bit(shape, &in, bit))
			fail_msg("byte %zu, bit %zu", bit / 8, bit % 8);
	}
	/* Payload is nobody's business. */
	assert_true(is_joined_with(shape, in.payload * 8U));
}

static void test_every_header_bit_counts(void **state)
{
	struct shape s = plain;

	(void)state;
	s.n_tags = 1;
	s.n_payload = 3000;
	check_each_bit(&s);
	s.is_v6 = true;
	s.n_extensions = 1;
	check_each_bit(&s);
	s.is_udp = true;
	check_each_bit(&s);
	s.is_v6 = false;
	check_each_bit(&s);
}

static void test_order(void **state)
{
	struct super_frame super = make(&plain);
	static struct segments s;
	struct merge m;

	(void)state;
	cut_up(&super, &s);
	assert_int_equal(s.n, 11);
	/* Two that changed places, one that is there twice. */
	assert_true(merge_start(&m, 3, s.p[1], &s.in[1], &s.f[1]));
	assert_false(merge_add(&m, 3, s.p[0], &s.in[0], &s.f[0]));
	assert_false(merge_add(&m, 3, s.p[1], &s.in[1], &s.f[1]));
	assert_false(merge_add(&m, 3, s.p[3], &s.in[3], &s.f[3]));
	assert_false(merge_add(&m, 4, s.p[2], &s.in[2], &s.f[2]));
	assert_true(merge_add(&m, 3, s.p[2], &s.in[2], &s.f[2]));
	/* After a shorter one, nothing. */
	assert_true(merge_start(&m, 3, s.p[9], &s.in[9], &s.f[9]));
	assert_true(merge_add(&m, 3, s.p[10], &s.in[10], &s.f[10]));
	assert_true(m.is_complete);
	/* The short one begins another, and a longer one does not follow. */
	assert_true(merge_start(&m, 3, s.p[10], &s.in[10], &s.f[10]));
	free_segments(&s);
	free(super.p);
}

static void test_unsuitable(void **state)
{
	struct shape shape = plain;
	struct super_frame super;
	static struct segments s;
	struct sleeve_frame f;
	struct merge m;

	(void)state;
	super = make(&shape);
	cut_up(&super, &s);
	f = s.f[0];
	f.flags = 0; /* a whole checksum: it may be wrong, and stays so */
	f.csum_start = f.csum_offset = 0;
	assert_false(merge_start(&m, 3, s.p[0], &s.in[0], &f));
	f = s.f[0];
	f.csum_offset = 6;
	assert_false(merge_start(&m, 3, s.p[0], &s.in[0], &f));
	s.p[0][s.in[0].l4 + 13] = INNER_TCP_SYN;
	assert_false(merge_start(&m, 3, s.p[0], &s.in[0], &s.f[0]));
	free_segments(&s);
	free(super.p);
}

/* Datagrams that were sent one by one are joined as well, among themselves. */
static void test_single_datagrams(void **state)
{
	struct shape shape = plain;
	struct super_frame super;
	static struct segments s;
	struct merge m;
	uint32_t i;

	(void)state;
	shape.is_udp = true;
	super = make(&shape);
	cut_up(&super, &s);
	s.f[1].flags = SLEEVE_PARTIAL;
	assert_int_equal(join(&m, &s, 0), 1);
	for (i = 0; i < s.n; i++)
		s.f[i].flags = SLEEVE_PARTIAL;
	assert_int_equal(join(&m, &s, 0), s.n);
	check_same(&m, &super);
	free_segments(&s);
	free(super.p);
}

static void test_limits(void **state)
{
	struct shape shape = plain;
	struct super_frame super;
	static struct segments s;
	struct merge m;

	(void)state;
	shape.unit = 10;
	shape.n_payload = 2000;
	super = make(&shape);
	cut_up(&super, &s);
	assert_int_equal(join(&m, &s, 0), MERGE_MAX);
	free_segments(&s);
	free(super.p);
	shape.is_udp = true;
	super = make(&shape);
	cut_up(&super, &s);
	assert_int_equal(join(&m, &s, 0), MERGE_MAX_UDP);
	free_segments(&s);
	free(super.p);
}

/* 64 KiB of IP and not a byte more: two super-frames of one flow. */
static void test_longest(void **state)
{
	struct shape first = plain, second = plain;
	struct super_frame a, b;
	static struct segments s, t;
	struct merge m;
	uint32_t i;

	(void)state;
	first.tcp_flags = second.tcp_flags = 0x10;
	first.n_payload = 65000;
	second.n_payload = 2000;
	a = make(&first);
	b = make(&second);
	cut_up(&a, &s);
	cut_up(&b, &t);
	assert_int_equal(join(&m, &s, 0), 65);
	assert_false(m.is_complete);
	/* What follows is right in all but its place. */
	m.next_seq = inner_get32(t.p[0] + t.in[0].l4 + 4);
	m.next_id = plain.id;
	for (i = 0; i < 2; i++)
		assert_false(merge_add(&m, 3, t.p[i], &t.in[i], &t.f[i]));
	assert_int_equal(join(&m, &s, 1), 64);
	m.next_seq = inner_get32(t.p[0] + t.in[0].l4 + 4);
	m.next_id = plain.id;
	assert_true(merge_add(&m, 3, t.p[0], &t.in[0], &t.f[0]));
	assert_false(merge_add(&m, 3, t.p[1], &t.in[1], &t.f[1]));
	free_segments(&s);
	free_segments(&t);
	free(a.p);
	free(b.p);
}

static void test_cut_refused(void **state)
{
	struct super_frame f = make(&plain);
	struct tap_header h = f.h;
	struct cut c;
	uint32_t size;

	(void)state;
	assert_true(cut_init(&c, f.p, f.size, &h));
	for (size = 0; size < f.size; size += size < 100 ? 1 : 97) {
		uint8_t *copy = malloc(size + 1);

		assert_non_null(copy);
		memcpy(copy, f.p, size);
		assert_false(cut_init(&c, copy, size, &h));
		free(copy);
	}
	h.gso_size = 0;
	assert_false(cut_init(&c, f.p, f.size, &h));
	h = f.h;
	h.gso_type = TAP_GSO_TCP6;
	assert_false(cut_init(&c, f.p, f.size, &h));
	h.gso_type = TAP_GSO_UDP;
	assert_false(cut_init(&c, f.p, f.size, &h));
	h.gso_type = 3; /* fragmentation by hardware: nobody has it any more */
	assert_false(cut_init(&c, f.p, f.size, &h));
	h = f.h;
	h.csum_start++;
	assert_false(cut_init(&c, f.p, f.size, &h));
	h = f.h;
	h.flags = 0;
	assert_false(cut_init(&c, f.p, f.size, &h));
	free(f.p);
}

static void test_sums(void **state)
{
	static const uint8_t odd[] = { 0x12, 0x34, 0x56 };
	uint32_t a, b;

	(void)state;
	assert_int_equal(inner_sum(odd, 3), 0x1234 + 0x5600);
	assert_int_equal(inner_sum(odd, 0), 0);
	for (a = 1; a < 0x10000; a += 97) {
		for (b = 0; b < 0x10000; b += 1009) {
			const uint16_t both = inner_fold((uint64_t)a + b);

			assert_int_equal(inner_less(both, (uint16_t)b) % 0xffff,
					 a % 0xffff);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_tcp4),
		cmocka_unit_test(test_tcp6),
		cmocka_unit_test(test_udp),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_random_shapes),
		cmocka_unit_test(test_every_header_bit_counts),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_unsuitable),
		cmocka_unit_test(test_single_datagrams),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_cut_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
