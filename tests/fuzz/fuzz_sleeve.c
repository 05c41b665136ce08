/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Hostile bytes for the user-space path. The first octet says which:
 *
 *   even   a datagram, as one came from the underlay: its frames are joined
 *          as the receiver joins them, and what was joined must come apart
 *          into the very frames that it was made of
 *   odd    a frame, as a TAP gave it, after ten octets of its tap_header: it
 *          is cut, and the pieces must be frames that can be read
 */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/sleeve_wire.h"
#include "sleeve/cut.h"
#include "sleeve/merge.h"

#define MAX_FRAMES 1024

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	uint8_t *copy; /* as it came */
	struct sleeve_frame f;
};

static struct merge merge;
static struct seen seen[MAX_FRAMES]; /* of the super-frame under way */
static uint32_t n_seen;

static void see(const uint8_t *frame, const struct sleeve_frame *f)
{
	assert(n_seen < MAX_FRAMES);
	seen[n_seen].copy = malloc(f->size);
	assert(seen[n_seen].copy);
	memcpy(seen[n_seen].copy, frame, f->size);
	seen[n_seen++].f = *f;
}

/* One's complement has two zeros: a sum may come back as the other one. */
static void same_zero(uint8_t *p)
{
	if (inner_get16(p) == 0)
		inner_put16(p, 0xffff);
}

static void check_piece(const struct cut *c, uint32_t i)
{
	const uint8_t *payload;
	const uint32_t n = cut_payload(c, i, &payload);
	const uint32_t n_header = cut_header_size(c);
	const uint32_t at = (uint32_t)c->in.l4 + cut_csum_offset(c);
	uint8_t *header = malloc(n_header), *copy = seen[i].copy;

	assert(header);
	cut_header(c, i, header);
	assert(n_header + n == seen[i].f.size);
	same_zero(header + at);
	same_zero(copy + at);
	if (!c->in.is_v6) {
		same_zero(header + c->in.l3 + INNER_IP_SUM);
		same_zero(copy + c->in.l3 + INNER_IP_SUM);
	}
	assert(!memcmp(header, copy, n_header));
	assert(!memcmp(payload, copy + n_header, n));
	free(header);
}

/* The super-frame in one piece, cut again. */
static void finish(void)
{
	struct tap_header h;
	uint8_t *whole;
	uint32_t size, i, at = 0;
	struct cut c;

	if (merge.n) {
		assert(merge.n == n_seen);
		merge_finish(&merge, &h, &size);
		whole = malloc(size);
		assert(whole);
		for (i = 1; i <= merge.n; i++) {
			memcpy(whole + at, merge.iov[i].iov_base,
			       merge.iov[i].iov_len);
			at += (uint32_t)merge.iov[i].iov_len;
		}
		assert(at == size && size <= MAX_FRAME_SIZE);
		if (merge.n > 1) {
			assert(cut_init(&c, whole, size, &h));
			assert(c.n == n_seen);
			for (i = 0; i < c.n; i++)
				check_piece(&c, i);
		}
		free(whole);
	}
	for (i = 0; i < n_seen; i++)
		free(seen[i].copy);
	n_seen = 0;
	merge.n = 0;
}

static bool is_same(const struct sleeve_frame *a, const struct sleeve_frame *b)
{
	return a->vni == b->vni && a->flags == b->flags &&
	       a->csum_start == b->csum_start &&
	       a->csum_offset == b->csum_offset && a->size == b->size;
}

static void join(uint8_t *frame, const struct sleeve_frame *f)
{
	struct inner in;
	bool is_followed;

	if (!inner_parse(frame, f->size, &in)) {
		finish();
		return;
	}
	assert(merge_slot(frame, &in) < MERGE_SLOTS);
	/* The short way must say what the long one says. */
	is_followed = merge.n && n_seen && is_same(f, &seen[n_seen - 1].f) &&
		      merge_expect(&merge, seen[n_seen - 1].copy, f->size) &&
		      merge_follow(&merge, frame, f->size);
	if (is_followed) {
		see(frame, f);
		return;
	}
	if (merge.n && merge_add(&merge, 1, frame, &in, f)) {
		see(frame, f);
		return;
	}
	finish();
	if (merge_start(&merge, 1, frame, &in, f))
		see(frame, f);
}

static void fuzz_datagram(uint8_t *p, size_t size)
{
	uint8_t *at = p + SLEEVE_HEADER_SIZE, *frame;
	struct sleeve_header h;
	struct sleeve_frame f;
	struct sleeve_beat b;
	size_t left;

	if (sleeve_get_header(p, size, &h) != SLEEVE_OK)
		return;
	if (h.type != SLEEVE_DATA) {
		(void)!sleeve_get_beat(&h, p, size, &b);
		return;
	}
	memset(&f, 0, sizeof(f)); /* with the padding: it is compared */
	left = size - SLEEVE_HEADER_SIZE;
	while (left && sleeve_get_frame(&at, &left, &f, &frame) == SLEEVE_OK) {
		assert(frame >= p && frame + f.size <= p + size);
		join(frame, &f);
	}
	finish();
}

static void fuzz_frame(const uint8_t *p, size_t size)
{
	struct tap_header h;
	const uint8_t *payload;
	uint32_t i, n, sum = 0;
	struct inner in;
	struct cut c;

	if (size < sizeof(h))
		return;
	memcpy(&h, p, sizeof(h));
	p += sizeof(h);
	size -= sizeof(h);
	if (!cut_init(&c, p, size, &h) || !cut_limit(&c, 200 + h.hdr_len))
		return;
	for (i = 0; i < c.n; i++) {
		uint8_t *whole;

		n = cut_payload(&c, i, &payload);
		assert(n > 0 && payload + n <= p + size);
		sum += n;
		whole = malloc(cut_header_size(&c) + n);
		assert(whole);
		cut_header(&c, i, whole);
		memcpy(whole + cut_header_size(&c), payload, n);
		assert(inner_parse(whole, cut_header_size(&c) + n, &in));
		assert(in.payload == c.in.payload && in.l4 == c.in.l4);
		free(whole);
	}
	assert(sum == c.n_payload);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	if (size == 0 || size > MAX_FRAME_SIZE)
		return 0;
	copy = malloc(
		size == 1 ? 1
			  : size - 1); /* of its own, and to be written to */
	if (!copy)
		return 0;
	memcpy(copy, data + 1, size - 1);
	if (data[0] & 1)
		fuzz_frame(copy, size - 1);
	else
		fuzz_datagram(copy, size - 1);
	free(copy);
	return 0;
}
