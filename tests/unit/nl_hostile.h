/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NL_HOSTILE_H
#define NL_HOSTILE_H

/*
 * One netlink message in all the ways in which it can be wrong: cut at every
 * length, each byte changed. What reads it gets a copy of its own size, so that
 * a checker of memory sees a read beyond it.
 */

#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sys/nl.h"

typedef void nl_reader_fn(const struct nlmsghdr *nlh, void *arg);

/* As a receiver hands it on: its length is that of what came. */
static inline void nl_read_copy(const void *data, size_t size, nl_reader_fn *fn,
				void *arg)
{
	struct nlmsghdr *nlh = malloc(size);

	assert_non_null(nlh);
	memcpy(nlh, data, size);
	nlh->nlmsg_len = (uint32_t)size;
	fn(nlh, arg);
	free(nlh);
}

static inline void nl_read_cut(const struct nlmsghdr *good, nl_reader_fn *fn,
			       void *arg)
{
	size_t size;

	for (size = sizeof(*good); size < good->nlmsg_len; size++)
		nl_read_copy(good, size, fn, arg);
}

static inline void nl_read_changed(const struct nlmsghdr *good,
				   nl_reader_fn *fn, void *arg)
{
	static const uint8_t masks[] = { 0x01, 0x02, 0x04, 0x08, 0x10, 0x20,
					 0x40, 0x80, 0xff, 0x7f, 0xf0, 0x0f };
	const size_t size = good->nlmsg_len;
	uint8_t *copy = malloc(size);
	size_t i, k;

	assert_non_null(copy);
	memcpy(copy, good, size);
	for (i = sizeof(*good); i < size; i++) {
		for (k = 0; k < sizeof(masks); k++) {
			copy[i] ^= masks[k];
			nl_read_copy(copy, size, fn, arg);
			copy[i] ^= masks[k];
		}
	}
	free(copy);
}

#endif
