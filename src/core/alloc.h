/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOC_H
#define ALLOC_H

/*
 * The core allocates within its tables' limits only; running out of memory
 * there leaves nothing sensible to do, so it aborts.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static inline void *core_alloc(size_t size)
{
	void *p = calloc(1, size);

	if (!p)
		abort();
	return p;
}

/* Never NULL, of nothing neither. */
static inline void *core_realloc(void *old, size_t n, size_t size)
{
	void *p;

	if (size && n > SIZE_MAX / size)
		abort();
	p = realloc(old, n && size ? n * size : 1);
	if (!p)
		abort();
	return p;
}

#define CONTAINER_OF(p, type, member) \
	((type *)(void *)((char *)(p)-offsetof(type, member)))

#endif
