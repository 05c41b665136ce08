/* SPDX-License-Identifier: Apache-2.0 */
#include "drain.h"

#include <stdlib.h>
#include <string.h>

#include "inner.h"

/* What a TAP gives at most, and more. */
#define READ_SIZE (MAX_FRAME_SIZE + 19U)
/* What tap_read() wants in front of a frame. */
#define LEAD (sizeof(struct tap_header))

struct drain {
	uint32_t n_frames;
	size_t used; /* of the buffer, without the lead */
	struct drain_frame frames[DRAIN_FRAMES];
	uint8_t buffer[LEAD + DRAIN_SIZE + READ_SIZE];
};

struct drain *drain_new(void)
{
	struct drain *d = malloc(sizeof(*d));

	if (d)
		memset(d, 0, offsetof(struct drain, frames));
	return d;
}

void drain_free(struct drain *d)
{
	free(d);
}

bool drain_has_room(const struct drain *d)
{
	return d->n_frames < DRAIN_FRAMES && d->used < DRAIN_SIZE;
}

bool drain_is_empty(const struct drain *d)
{
	return d->n_frames == 0;
}

void drain_clear(struct drain *d)
{
	d->n_frames = 0;
	d->used = 0;
}

struct drain_frame *drain_frame(struct drain *d, uint16_t index)
{
	return &d->frames[index];
}

void drain_complete_checksum(struct drain_frame *f)
{
	uint8_t *at = f->data + f->h.csum_start + f->h.csum_offset;
	uint16_t sum = (uint16_t)~inner_sum(f->data + f->h.csum_start,
					    f->size - f->h.csum_start);

	inner_put16(at, sum ? sum : 0xffff);
	f->h.flags = 0;
}

/* Writes the wire header; false: not a frame to forward. */
static bool prepare(struct drain_frame *f)
{
	struct sleeve_frame frame = { .vni = f->vni };

	if (f->size < SLEEVE_MIN_FRAME)
		return false;
	if (f->h.gso_type != TAP_GSO_NONE)
		return true; /* segments get their own */
	if (f->size > UINT16_MAX)
		return false;
	if (f->h.flags & TAP_NEEDS_CSUM) {
		if (f->h.csum_start < SLEEVE_MIN_FRAME ||
		    f->h.csum_start + f->h.csum_offset + 2U > f->size)
			return false;
		if (f->h.csum_start > UINT8_MAX ||
		    f->h.csum_offset > UINT8_MAX) {
			drain_complete_checksum(f);
		} else {
			frame.flags = SLEEVE_PARTIAL;
			frame.csum_start = (uint8_t)f->h.csum_start;
			frame.csum_offset = (uint8_t)f->h.csum_offset;
		}
	}
	frame.size = (uint16_t)f->size;
	sleeve_put_frame(&frame, f->data - SLEEVE_FRAME_SIZE);
	return true;
}

enum drain_result drain_read(struct drain *d, int fd, vni_t vni,
			     uint16_t *ret_index, uint32_t *ret_size)
{
	struct drain_frame *f = &d->frames[d->n_frames];
	uint8_t *data = d->buffer + LEAD + d->used + SLEEVE_FRAME_SIZE;
	const int n = tap_read(fd, data, READ_SIZE - SLEEVE_FRAME_SIZE, &f->h);

	if (n < 0)
		return DRAIN_NOTHING;
	f->data = data;
	f->size = (uint32_t)n;
	f->vni = vni;
	*ret_size = f->size;
	if (!prepare(f))
		return DRAIN_BAD;
	d->used += SLEEVE_FRAME_SIZE + f->size;
	*ret_index = (uint16_t)d->n_frames++;
	return DRAIN_READ;
}
