/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BYTES_H
#define BYTES_H

/*
 * Bounded reader and writer of network byte order; the only place that moves
 * a wire pointer. After the first access beyond the end all further ones fail
 * too: check `is_ok` once, at the end.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct reader {
	const uint8_t *p;
	size_t left;
	bool is_ok;
};

struct writer {
	uint8_t *p;
	size_t left;
	size_t size; /* written so far */
	bool is_ok;
};

static inline struct reader reader_of(const uint8_t *p, size_t size)
{
	return (struct reader){ .p = p, .left = size, .is_ok = true };
}

/* The next @size bytes, or NULL. */
static inline const uint8_t *read_bytes(struct reader *r, size_t size)
{
	const uint8_t *p = r->p;

	if (!r->is_ok || size > r->left) {
		r->is_ok = false;
		return NULL;
	}
	r->p += size;
	r->left -= size;
	return p;
}

static inline uint64_t read_number(struct reader *r, size_t size)
{
	const uint8_t *p = read_bytes(r, size);
	uint64_t v = 0;
	size_t i;

	for (i = 0; p && i < size; i++)
		v = v << 8 | p[i];
	return v;
}

static inline uint8_t read_u8(struct reader *r)
{
	return (uint8_t)read_number(r, 1);
}

static inline uint16_t read_u16(struct reader *r)
{
	return (uint16_t)read_number(r, 2);
}

static inline uint32_t read_u32(struct reader *r)
{
	return (uint32_t)read_number(r, 4);
}

static inline uint64_t read_u64(struct reader *r)
{
	return read_number(r, 8);
}

static inline struct writer writer_of(uint8_t *p, size_t size)
{
	return (struct writer){ .p = p, .left = size, .is_ok = true };
}

static inline void write_bytes(struct writer *w, const void *p, size_t size)
{
	if (!w->is_ok || size > w->left) {
		w->is_ok = false;
		return;
	}
	memcpy(w->p, p, size);
	w->p += size;
	w->left -= size;
	w->size += size;
}

static inline void write_number(struct writer *w, uint64_t v, size_t size)
{
	uint8_t text[8];
	size_t i;

	for (i = size; i > 0; i--, v >>= 8)
		text[i - 1] = (uint8_t)v;
	write_bytes(w, text, size);
}

static inline void write_zeros(struct writer *w, size_t size)
{
	if (!w->is_ok || size > w->left) {
		w->is_ok = false;
		return;
	}
	memset(w->p, 0, size);
	w->p += size;
	w->left -= size;
	w->size += size;
}

#endif
