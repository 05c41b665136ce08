/* SPDX-License-Identifier: Apache-2.0 */
#include "sleeve_wire.h"

#include "bytes.h"

/*
 * Fields of a header whose length was checked as a whole: one load each, where
 * bytes.h would test each field again. Compilers make a byte swap of it.
 */
static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint64_t get64(const uint8_t *p)
{
	uint64_t v = 0;
	int i;

	for (i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put64(uint8_t *p, uint64_t v)
{
	int i;

	for (i = 7; i >= 0; i--, v >>= 8)
		p[i] = (uint8_t)v;
}

void sleeve_put_header(const struct sleeve_header *h,
		       uint8_t p[SLEEVE_HEADER_SIZE])
{
	p[0] = SLEEVE_VERSION;
	p[1] = (uint8_t)h->type;
	put16(p + 2, 0);
	put64(p + 4, h->token);
	put64(p + SLEEVE_SEQ_AT, h->seq);
}

void sleeve_set_seq(uint8_t p[SLEEVE_HEADER_SIZE], uint64_t seq)
{
	put64(p + SLEEVE_SEQ_AT, seq);
}

uint64_t sleeve_get_seq(const uint8_t p[SLEEVE_HEADER_SIZE])
{
	return get64(p + SLEEVE_SEQ_AT);
}

enum sleeve_verdict sleeve_get_header(const uint8_t *p, size_t size,
				      struct sleeve_header *ret)
{
	if (size < SLEEVE_HEADER_SIZE)
		return SLEEVE_BAD;
	if (p[0] != SLEEVE_VERSION || p[1] < SLEEVE_DATA ||
	    p[1] > SLEEVE_REPLY || get16(p + 2) != 0)
		return SLEEVE_BAD_VERSION;
	ret->type = (enum sleeve_type)p[1];
	ret->token = get64(p + 4);
	ret->seq = sleeve_get_seq(p);
	return SLEEVE_OK;
}

void sleeve_put_frame(const struct sleeve_frame *f,
		      uint8_t p[SLEEVE_FRAME_SIZE])
{
	put16(p, f->size);
	p[2] = (uint8_t)(f->vni >> 16);
	p[3] = (uint8_t)(f->vni >> 8);
	p[4] = (uint8_t)f->vni;
	p[5] = f->flags;
	p[6] = f->csum_start;
	p[7] = f->csum_offset;
}

/* Is the checksum's place inside of the frame? */
static bool is_partial_sound(const struct sleeve_frame *f)
{
	if (!(f->flags & SLEEVE_PARTIAL))
		return f->csum_start == 0 && f->csum_offset == 0 &&
		       f->flags == 0;
	return f->csum_start >= SLEEVE_MIN_FRAME &&
	       f->csum_start + f->csum_offset + 2U <= f->size;
}

enum sleeve_verdict sleeve_get_frame(uint8_t **p, size_t *size,
				     struct sleeve_frame *ret,
				     uint8_t **ret_data)
{
	const uint8_t *h = *p;
	struct sleeve_frame f;

	if (*size < SLEEVE_FRAME_SIZE)
		return SLEEVE_BAD;
	f.size = get16(h);
	f.vni = (vni_t)h[2] << 16 | (vni_t)h[3] << 8 | h[4];
	f.flags = h[5];
	f.csum_start = h[6];
	f.csum_offset = h[7];
	if (f.size < SLEEVE_MIN_FRAME || f.size > *size - SLEEVE_FRAME_SIZE)
		return SLEEVE_BAD;
	if (f.flags & ~(SLEEVE_PARTIAL | SLEEVE_CUT_UDP) ||
	    !is_partial_sound(&f))
		return SLEEVE_BAD;
	*ret = f;
	*ret_data = *p + SLEEVE_FRAME_SIZE;
	*p += SLEEVE_FRAME_SIZE + (size_t)f.size;
	*size -= SLEEVE_FRAME_SIZE + (size_t)f.size;
	return SLEEVE_OK;
}

bool sleeve_put_beat(const struct sleeve_header *h,
		     const struct sleeve_beat *beat, uint8_t *p, size_t size)
{
	struct writer w = writer_of(p, size);
	uint8_t header[SLEEVE_HEADER_SIZE];

	if (size < SLEEVE_BEAT_SIZE || size > SLEEVE_MAX_DATAGRAM)
		return false;
	sleeve_put_header(h, header);
	write_bytes(&w, header, sizeof(header));
	write_number(&w, beat->cookie, 8);
	write_number(&w, beat->number, 8);
	write_number(&w, h->type == SLEEVE_REQUEST ? size : beat->size, 2);
	write_zeros(&w, w.left);
	return w.is_ok;
}

enum sleeve_verdict sleeve_get_beat(const struct sleeve_header *h,
				    const uint8_t *p, size_t size,
				    struct sleeve_beat *ret)
{
	struct reader r = reader_of(p, size);
	struct sleeve_beat beat;

	read_bytes(&r, SLEEVE_HEADER_SIZE);
	beat.cookie = read_u64(&r);
	beat.number = read_u64(&r);
	beat.size = read_u16(&r);
	if (!r.is_ok || beat.size < SLEEVE_BEAT_SIZE)
		return SLEEVE_BAD;
	if (h->type == SLEEVE_REQUEST && beat.size != size)
		return SLEEVE_BAD;
	*ret = beat;
	return SLEEVE_OK;
}

static size_t beat_unit(struct sleeve_header *h, const uint8_t *p, size_t size)
{
	struct sleeve_beat beat;
	size_t unit = SLEEVE_BEAT_SIZE;

	if (h->type == SLEEVE_REQUEST) {
		h->type = SLEEVE_REPLY; /* whatever its size */
		if (sleeve_get_beat(h, p, size, &beat) != SLEEVE_OK)
			return 0;
		unit = beat.size;
	}
	return unit < size ? unit : 0;
}

size_t sleeve_train_unit(uint8_t *p, size_t size)
{
	struct sleeve_header h;
	struct sleeve_frame f;
	uint8_t *at, *data;
	size_t left;

	if (sleeve_get_header(p, size, &h) != SLEEVE_OK)
		return 0;
	if (h.type != SLEEVE_DATA)
		return beat_unit(&h, p, size);
	at = p + SLEEVE_HEADER_SIZE;
	left = size - SLEEVE_HEADER_SIZE;
	while (left >= SLEEVE_SEQ_AT) {
		if (!memcmp(at, p, SLEEVE_SEQ_AT))
			return size - left;
		if (sleeve_get_frame(&at, &left, &f, &data) != SLEEVE_OK)
			return 0;
	}
	return 0;
}
