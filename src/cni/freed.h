/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CNI_FREED_H
#define CNI_FREED_H

/*
 * Notes for a daemon that does not answer: containers that are gone, one in a
 * file, in the directory "freed" beside its socket. It takes away what it has
 * of them (port, addresses) before it serves anybody else.
 */

#include <limits.h>

#include "core/core.h"

struct cni_args;
struct cni_config;

#define FREED_PATH_SIZE (PATH_MAX + 64)

/* 0, and where it is in @path; or -errno. Twice the same is one note. */
int freed_write(const struct cni_args *args, const struct cni_config *config,
		char path[FREED_PATH_SIZE]) WARN_UNUSED;
void freed_remove(const char *path);

#endif
