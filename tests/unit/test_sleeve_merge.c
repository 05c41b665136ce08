/* SPDX-License-Identifier: Apache-2.0 */
/* Which segments are joined, and which are not. */
#include "segments.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
