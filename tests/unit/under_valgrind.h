/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNDER_VALGRIND_H
#define UNDER_VALGRIND_H

/*
 * What valgrind does itself, the kernel is not asked for: limits of descriptors,
 * accept() at such a limit, close_range(2).
 */

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static inline bool is_under_valgrind(void)
{
	const char *preload = getenv("LD_PRELOAD");

	return preload && strstr(preload, "vgpreload_");
}

#endif
