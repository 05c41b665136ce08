/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Random frames through real TAPs, over paths of several sizes: what comes out
 * of the other TAP stands for the same frames on the wire, to the byte, flow
 * by flow in order. FASTDP_SEED repeats a run.
 */

#define LINK_MTU 65535
#define TAP_MTU 65521

#include "sleeve_hosts.h"
#include "sleeve_oracle.h"

#define BURSTS 240
#define MAX_RUN 6 /* frames of one flow, one behind the other */
#define BURST_BYTES 400000U
#define MAX_SEGMENTS 4000
#define MIN_UNIT 100
#define MAX_EXTENSIONS 3

static uint64_t seed;

static uint32_t random_number(uint32_t below)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
	return below ? (uint32_t)(seed >> 33) % below : 0;
}

static bool one_in(uint32_t n)
{
	return random_number(n) == 0;
}

/* Short, around some size that matters, or any. */
static size_t random_size(size_t min, size_t max)
{
	static const size_t edges[] = { 60,   1400,  1472,  1500,  4096, 8958,
					9000, 32768, 65000, 65479, 65535 };
	size_t size;

	switch (random_number(4)) {
	case 0:
		size = min + random_number(200);
		break;
	case 1:
		size = edges[random_number(sizeof(edges) / sizeof(edges[0]))] +
		       random_number(9) - 4;
		break;
	case 2:
		size = min + random_number((uint32_t)(max - min + 1));
		break;
	default:
		size = 1000 + random_number(2000);
	}
	return size < min ? min : size > max ? max : size;
}

static void fill_random(uint8_t *p, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		p[i] = (uint8_t)random_number(256);
}

/* What is the same for all frames of a flow. */
struct flow {
	enum { NO_IP, FRAGMENT, SINGLE, SUPER } kind;
	bool is_v6, is_tcp, is_partial, may_fragment;
	uint8_t n_tags, n_options; /* of TCP, in words */
	uint16_t tags[2], ports[2], id;
	uint16_t n_extensions[MAX_EXTENSIONS]; /* bytes of each; 0: none */
	uint32_t seq, ack;
	uint16_t unit;
	size_t max_size, size; /* size 0: of any */
};

static void make_flow(struct flow *f, bool has_uso)
{
	int i;

	memset(f, 0, sizeof(*f));
	f->kind = random_number(4);
	f->is_v6 = one_in(2);
	f->is_tcp = !one_in(3);
	f->is_partial = !one_in(3);
	f->may_fragment = one_in(2);
	f->n_tags = one_in(3) ? (uint8_t)(1 + random_number(2)) : 0;
	f->n_options = (uint8_t)random_number(11);
	f->tags[0] = (uint16_t)random_number(0xfff0);
	f->tags[1] = (uint16_t)random_number(0xfff0);
	f->ports[0] = (uint16_t)random_number(65536);
	f->ports[1] = (uint16_t)random_number(65536);
	f->id = (uint16_t)random_number(65536);
	f->seq = random_number(UINT32_MAX);
	f->ack = random_number(UINT32_MAX);
	for (i = 0; f->is_v6 && i < MAX_EXTENSIONS && one_in(2); i++)
		f->n_extensions[i] = (uint16_t)(8 + 8 * random_number(4));
	f->unit = (uint16_t)(MIN_UNIT + random_number(1400));
	f->max_size = random_size(60, 65535);
	/* Of one size, they can be merged. */
	f->size = one_in(2) ? random_size(60, f->max_size) : 0;
	if (f->kind != SUPER)
		return;
	f->is_partial = true;
	if (one_in(8))
		f->unit = (uint16_t)(8000 + random_number(1000));
	if (!has_uso)
		f->is_tcp = true;
	if (f->is_tcp || f->max_size <= 60U * f->unit)
		return;
	f->max_size = 60U * f->unit; /* UDP_MAX_SEGMENTS, once */
	f->size = 0;
}

/* Up to the network header. */
static size_t put_ethernet(struct oracle_packet *p, const struct flow *f,
			   uint16_t type)
{
	size_t at = 12;
	int i;

	memcpy(p->data, mac_of[1].b, 6);
	memcpy(p->data + 6, mac_of[0].b, 6);
	for (i = 0; i < f->n_tags; i++, at += 4) {
		oracle_put(p->data + at,
			   f->n_tags == 2 && i == 0 ? 0x88a8 : 0x8100, 2);
		oracle_put(p->data + at + 2, f->tags[i], 2);
	}
	oracle_put(p->data + at, type, 2);
	return at + 2;
}

static size_t put_v4(uint8_t *ip, struct flow *f, size_t size, uint8_t proto)
{
	memset(ip, 0, 20);
	ip[0] = 0x45;
	oracle_put(ip + 4, f->id, 2);
	oracle_put(ip + 6, f->may_fragment ? 0 : 0x4000, 2);
	ip[8] = 64;
	ip[9] = proto;
	oracle_put(ip + 12, 0x0a200001, 4);
	oracle_put(ip + 16, 0x0a200002, 4);
	oracle_v4_header(ip, size);
	return 20;
}

/* RFC 8200 4: hop-by-hop first, then destination options. */
static size_t put_v6(uint8_t *ip, const struct flow *f, size_t size,
		     uint8_t proto)
{
	size_t at = 40;
	uint8_t *next = ip + 6;
	int i;

	memset(ip, 0, 40);
	ip[0] = 0x60;
	oracle_put(ip + 4, (uint32_t)(size - 40), 2);
	ip[7] = 64;
	ip[8] = ip[24] = 0xfd;
	ip[23] = 1;
	ip[39] = 2;
	for (i = 0; i < MAX_EXTENSIONS && f->n_extensions[i]; i++) {
		*next = i == 0 ? 0 : 60;
		next = ip + at;
		memset(next, 0, f->n_extensions[i]); /* Pad1 */
		next[1] = (uint8_t)(f->n_extensions[i] / 8 - 1);
		at += f->n_extensions[i];
	}
	*next = proto;
	return at;
}

static size_t put_l4(uint8_t *l4, struct flow *f, size_t size, bool is_last)
{
	oracle_put(l4, f->ports[0], 2);
	oracle_put(l4 + 2, f->ports[1], 2);
	if (!f->is_tcp) {
		oracle_put(l4 + 4, (uint32_t)size, 2);
		return 8;
	}
	oracle_put(l4 + 4, f->seq, 4);
	oracle_put(l4 + 8, f->ack, 4);
	l4[12] = (uint8_t)((5 + f->n_options) << 4);
	l4[13] = (uint8_t)(0x10 | (one_in(3) ? 0x08 : 0) |
			   (is_last && one_in(8) ? 0x01 : 0));
	oracle_put(l4 + 14, 500, 2);
	oracle_put(l4 + 18, 0, 2);
	memset(l4 + 20, 1, f->n_options * 4U);
	return 20 + f->n_options * 4U;
}

static void fill_no_ip(struct oracle_packet *p, const struct flow *f,
		       size_t size)
{
	static const uint16_t types[] = { 0x88b5, 0x0806, 0x0100,
					  0x8847, 0x86dd, 0x0800 };
	const size_t at = put_ethernet(p, f, types[random_number(6)]);

	p->size = size > at ? size : at + 46;
	fill_random(p->data + at, p->size - at);
	/* Garbage that calls itself IP has a version that is none. */
	p->data[at] &= 0x0f;
}

/* The middle of a packet: what follows the header is not TCP's. */
static void fill_fragment(struct oracle_packet *p, struct flow *f, size_t size)
{
	const size_t l3 = put_ethernet(p, f, f->is_v6 ? 0x86dd : 0x0800);
	uint8_t *ip = p->data + l3;

	p->size = size > l3 + 60 ? size : l3 + 60;
	fill_random(ip, p->size - l3);
	if (f->is_v6) {
		f->n_extensions[0] = 0;
		put_v6(ip, f, p->size - l3, 44);
		ip[40] = 6;
		ip[41] = 0;
		oracle_put(ip + 42, random_number(8000) << 3 | 1, 2);
		return;
	}
	put_v4(ip, f, p->size - l3, f->is_tcp ? 6 : 17);
	oracle_put(ip + 6, 0x2000 | random_number(100), 2);
	oracle_v4_header(ip, p->size - l3);
}

static void fill_checksum(struct oracle_packet *p, const struct flow *f,
			  size_t l3, size_t l4)
{
	uint8_t *at = p->data + l4 + (f->is_tcp ? 16 : 6);

	p->h.flags = TAP_NEEDS_CSUM;
	p->h.csum_start = (uint16_t)l4;
	p->h.csum_offset = f->is_tcp ? 16 : 6;
	oracle_put(at,
		   oracle_pseudo(p->data + l3, f->is_tcp ? 6 : 17,
				 p->size - l4),
		   2);
	if (f->is_partial)
		return;
	oracle_complete(&p->h, p->data, p->size);
	memset(&p->h, 0, sizeof(p->h));
}

static void fill_packet(struct oracle_packet *p, struct flow *f, size_t size,
			bool is_last)
{
	const size_t l3 = put_ethernet(p, f, f->is_v6 ? 0x86dd : 0x0800);
	const uint8_t proto = f->is_tcp ? 6 : 17;
	uint8_t *ip = p->data + l3;
	/* First where, then how long. */
	size_t l4 = l3 + (f->is_v6 ? put_v6(ip, f, 40, proto) : 20), payload;

	payload = l4 + (f->is_tcp ? 20 + f->n_options * 4U : 8);
	p->size = size > payload ? size : payload + 1;
	if (p->size > l3 + 65535)
		p->size = l3 + 65535;
	if (f->is_v6)
		put_v6(ip, f, p->size - l3, proto);
	else
		put_v4(ip, f, p->size - l3, proto);
	put_l4(p->data + l4, f, p->size - l4, is_last);
	fill_random(p->data + payload, p->size - payload);
	fill_checksum(p, f, l3, l4);
	f->seq += (uint32_t)(p->size - payload);
	f->id = (uint16_t)(f->id + 1);
	if (f->kind != SUPER || p->size - payload <= f->unit)
		return;
	f->id = (uint16_t)(f->id + (p->size - payload - 1) / f->unit);
	p->h.gso_size = f->unit;
	p->h.hdr_len = (uint16_t)payload;
	p->h.gso_type = !f->is_tcp ? TAP_GSO_UDP
			: f->is_v6 ? TAP_GSO_TCP6
				   : TAP_GSO_TCP4;
}

static void fill(struct oracle_packet *p, struct flow *f, bool is_last)
{
	const size_t size = f->size ? f->size : random_size(60, f->max_size);

	memset(&p->h, 0, sizeof(p->h));
	if (f->kind == NO_IP)
		fill_no_ip(p, f, size);
	else if (f->kind == FRAGMENT)
		fill_fragment(p, f, size);
	else
		fill_packet(p, f, size, is_last);
}

/* Frames that are to come, a list for each flow. */
struct expected {
	uint8_t *frame;
	size_t size;
	int flow;
	bool is_seen;
};

struct expectation {
	struct expected list[MAX_SEGMENTS];
	size_t n, n_seen, n_bytes;
	int flow;
};

static struct expectation expectation;

static void expect(void *ctx, const uint8_t *frame, size_t size)
{
	struct expectation *e = ctx;
	struct expected *x = &e->list[e->n++];

	assert_true(e->n <= MAX_SEGMENTS);
	x->frame = malloc(size);
	assert_non_null(x->frame);
	memcpy(x->frame, frame, size);
	x->size = size;
	x->flow = e->flow;
	x->is_seen = false;
	e->n_bytes += size;
}

static void print_frame(const char *what, const uint8_t *frame, size_t size)
{
	size_t i;

	print_message("%s, %zu bytes:", what, size);
	for (i = 0; i < size && i < 100; i++)
		print_message(" %02x", frame[i]);
	print_message("\n");
}

/* It has to be the next one of some flow. */
static void see(void *ctx, const uint8_t *frame, size_t size)
{
	struct expectation *e = ctx;
	int done[16] = { 0 }, n_done = 0, i;
	size_t k;

	for (k = 0; k < e->n; k++) {
		struct expected *x = &e->list[k];

		for (i = 0; i < n_done && done[i] != x->flow; i++)
			continue;
		if (x->is_seen || i < n_done)
			continue;
		if (x->size == size && !memcmp(x->frame, frame, size)) {
			x->is_seen = true;
			e->n_seen++;
			return;
		}
		done[n_done++] = x->flow;
	}
	print_frame("came", frame, size);
	for (k = 0; k < e->n; k++) {
		if (!e->list[k].is_seen)
			print_frame("to come", e->list[k].frame,
				    e->list[k].size);
	}
	fail_msg("a frame that is nobody's next one");
}

static void forget(struct expectation *e)
{
	while (e->n > 0)
		free(e->list[--e->n].frame);
	e->n_seen = e->n_bytes = 0;
}

/* The sum that is there is that of the whole's pseudo header. */
static void check_partial(const struct oracle_packet *p)
{
	const uint32_t is =
		oracle_get(p->data + p->h.csum_start + p->h.csum_offset, 2);
	const uint32_t should = oracle_pseudo(p->data + oracle_l3(p->data),
					      oracle_is_tcp(p) ? 6 : 17,
					      p->size - p->h.csum_start);

	assert_true(is % 0xffff == should % 0xffff);
}

static void receive_all(struct expectation *e)
{
	static struct packet got;
	static struct oracle_packet p;

	while (e->n_seen < e->n) {
		if (!receive_packet(1, 0, &got, PATIENCE_MS))
			fail_msg("%zu of %zu frames came", e->n_seen, e->n);
		p.h = got.h;
		p.size = got.size;
		memcpy(p.data, got.data, got.size);
		if (p.h.gso_type != TAP_GSO_NONE)
			check_partial(&p);
		p.h.gso_type &= (uint8_t)~TAP_GSO_ECN;
		oracle_expect(&p, SIZE_MAX, see, e);
	}
}

static void send_oracle(const struct oracle_packet *p)
{
	static struct packet out;

	out.h = p->h;
	out.size = p->size;
	memcpy(out.data, p->data, p->size);
	send_packet(0, 0, &out);
}

/* The path takes frames of @max bytes; a burst of a few flows. */
static uint64_t burst(size_t max, bool has_uso)
{
	struct expectation *e = &expectation;
	static struct oracle_packet p;
	uint64_t n_too_big = 0;
	int n_flows = 1 + (int)random_number(4), i;

	for (e->flow = 0; e->flow < n_flows; e->flow++) {
		struct flow f;
		const int n = 1 + (int)random_number(MAX_RUN);

		make_flow(&f, has_uso);
		for (i = 0; i < n && e->n_bytes < BURST_BYTES; i++) {
			fill(&p, &f, i + 1 == n);
			if (!oracle_expect(&p, max, expect, e))
				n_too_big++;
			send_oracle(&p);
		}
	}
	receive_all(e);
	forget(e);
	return n_too_big;
}

static void test_property(void **state)
{
	static const uint32_t paths[] = { 1472, 8972, 65507, 1252 };
	struct sleeve_abilities a;
	uint64_t n_too_big = 0;
	int i;

	(void)state;
	sleeve_abilities(sleeves[0], &a);
	for (i = 0; i < BURSTS; i++) {
		if (i % 8 == 0) {
			/* None waits in the TAP to be judged by another. */
			wait_count(0, SLEEVE_DROP_TOO_BIG, n_too_big);
			peers[0].max_datagram = paths[i / 8 % 4];
			publish_now(0);
		}
		n_too_big += burst(peers[0].max_datagram - LEAD, a.has_uso);
	}
	wait_count(0, SLEEVE_DROP_TOO_BIG, n_too_big);
	assert_true(count(0, SLEEVE_DROP_TOO_BIG) == n_too_big);
	assert_true(count(0, SLEEVE_DROP_BAD_FRAME) == 0);
	assert_true(n_too_big > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_property, calm),
	};
	const char *s = getenv("FASTDP_SEED");

	seed = s ? strtoull(s, NULL, 10) : clock_realtime_us();
	printf("seed %llu\n", (unsigned long long)seed);
	return RUN_BETWEEN_HOSTS(tests);
}
