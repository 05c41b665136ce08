/* SPDX-License-Identifier: Apache-2.0 */
#include "framing.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define MIN_CAPACITY 512U

static uint32_t read_size(const uint8_t header[FRAME_HEADER_SIZE])
{
	return (uint32_t)header[0] << 24 | (uint32_t)header[1] << 16 |
	       (uint32_t)header[2] << 8 | header[3];
}

static void write_size(uint8_t header[FRAME_HEADER_SIZE], uint32_t size)
{
	header[0] = (uint8_t)(size >> 24);
	header[1] = (uint8_t)(size >> 16);
	header[2] = (uint8_t)(size >> 8);
	header[3] = (uint8_t)size;
}

/*
 * Grows with the bytes that came, not with the size that was announced: who
 * wants our memory has to send for it.
 */
static bool reader_reserve(struct frame_reader *r, size_t size)
{
	size_t capacity = r->capacity ? r->capacity : MIN_CAPACITY;
	uint8_t *buf;

	if (size <= r->capacity)
		return true;
	while (capacity < size)
		capacity *= 2;
	buf = realloc(r->buf, capacity);
	if (!buf)
		return false;
	r->buf = buf;
	r->capacity = capacity;
	return true;
}

static bool reader_append(struct frame_reader *r, const uint8_t *data,
			  size_t size)
{
	if (!reader_reserve(r, r->size + size))
		return false;
	memcpy(r->buf + r->size, data, size);
	r->size += size;
	return true;
}

/* So far as it is known: the header, or the whole frame. */
static size_t wanted_size(const struct frame_reader *r)
{
	if (r->size < FRAME_HEADER_SIZE)
		return FRAME_HEADER_SIZE;
	return FRAME_HEADER_SIZE + (size_t)read_size(r->buf);
}

/* The whole frame is in @data: nothing is copied. */
static bool read_whole(const uint8_t *data, size_t size, size_t max_size,
		       struct frame *ret)
{
	size_t wanted;

	if (size < FRAME_HEADER_SIZE)
		return false;
	wanted = read_size(data);
	if (wanted > max_size || wanted > size - FRAME_HEADER_SIZE)
		return false;
	ret->data = data + FRAME_HEADER_SIZE;
	ret->size = wanted;
	return true;
}

enum frame_result frame_read(struct frame_reader *r, size_t max_size,
			     const uint8_t *data, size_t size,
			     size_t *ret_taken, struct frame *ret)
{
	size_t taken = 0;

	*ret_taken = 0;
	if (size == 0)
		return FRAME_MORE;
	if (r->size == 0 && read_whole(data, size, max_size, ret)) {
		*ret_taken = FRAME_HEADER_SIZE + ret->size;
		return FRAME_COMPLETE;
	}
	do {
		size_t missing = wanted_size(r) - r->size;
		size_t n = missing < size - taken ? missing : size - taken;

		if (!reader_append(r, data + taken, n))
			return FRAME_NO_MEMORY;
		taken += n;
		*ret_taken = taken;
		if (n < missing)
			return FRAME_MORE;
		if (read_size(r->buf) > max_size)
			return FRAME_TOO_LONG;
	} while (r->size < wanted_size(r));
	ret->data = r->buf + FRAME_HEADER_SIZE;
	ret->size = r->size - FRAME_HEADER_SIZE;
	return FRAME_COMPLETE;
}

void frame_reader_free(struct frame_reader *r)
{
	free(r->buf);
	*r = (struct frame_reader){ 0 };
}

size_t send_queue_size(const struct send_queue *q)
{
	return q->end - q->start;
}

const uint8_t *send_queue_data(const struct send_queue *q)
{
	return q->buf + q->start;
}

static bool queue_reserve(struct send_queue *q, size_t size)
{
	size_t used = send_queue_size(q);
	size_t capacity = q->capacity ? q->capacity : MIN_CAPACITY;
	uint8_t *buf;

	if (size <= q->capacity - q->end)
		return true;
	if (q->start > 0) {
		memmove(q->buf, q->buf + q->start, used);
		q->start = 0;
		q->end = used;
	}
	if (size <= q->capacity - q->end)
		return true;
	while (capacity < used + size)
		capacity *= 2;
	buf = realloc(q->buf, capacity);
	if (!buf)
		return false;
	q->buf = buf;
	q->capacity = capacity;
	return true;
}

bool send_queue_add(struct send_queue *q, size_t limit, const uint8_t *data,
		    size_t size)
{
	assert(size <= UINT32_MAX);
	if (send_queue_size(q) + FRAME_HEADER_SIZE + size > limit)
		return false;
	if (!queue_reserve(q, FRAME_HEADER_SIZE + size))
		return false;
	write_size(q->buf + q->end, (uint32_t)size);
	if (size > 0)
		memcpy(q->buf + q->end + FRAME_HEADER_SIZE, data, size);
	q->end += FRAME_HEADER_SIZE + size;
	return true;
}

void send_queue_sent(struct send_queue *q, size_t size)
{
	assert(size <= send_queue_size(q));
	q->start += size;
	if (q->start == q->end)
		send_queue_free(q);
}

void send_queue_free(struct send_queue *q)
{
	free(q->buf);
	*q = (struct send_queue){ 0 };
}
