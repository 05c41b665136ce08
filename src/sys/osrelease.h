/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OSRELEASE_H
#define OSRELEASE_H

/* os-release(5): which distribution this is. */

#include <stddef.h>

#include "core/core.h"

/*
 * The value of @key ("ID", "VERSION_ID") without its quotes, cut to @size; ""
 * when there is none. @root as in textfile.h. -ENOENT: there is no such file.
 */
int osrelease_get(const char *root, const char *key, char *ret, size_t size)
	WARN_UNUSED;

#endif
