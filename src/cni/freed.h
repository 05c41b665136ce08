/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CNI_FREED_H
#define CNI_FREED_H

/*
 * Notes for a daemon that is not there: requests that it serves when it
 * starts, one in a file, in the directory "freed" beside its socket.
 */

#include <jansson.h>
#include <limits.h>

#include "core/core.h"

#define FREED_PATH_SIZE (PATH_MAX + 64)

/* 0, and where it is in @path; or -errno. Twice the same is one note. */
int freed_write(const char *socket, const json_t *note,
		char path[FREED_PATH_SIZE]) WARN_UNUSED;
void freed_remove(const char *path);

#endif
