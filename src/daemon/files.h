/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FILES_H
#define FILES_H

/*
 * Small JSON files that outlive the daemon, each written whole or not at all.
 */

#include <jansson.h>

#include "sys/error.h"

#define FILES_MAX_SIZE (16UL * 1024 * 1024)

/* The directory and those above it, mode 0755. 0 or -1 with @e. */
int files_make_directory(const char *path, struct error *e);

/* Through a temporary file beside it, renamed. 0 or -1 with @e. */
int files_write(const char *path, const json_t *json, struct error *e);

/*
 * Takes the lock file @path for the life of the returned descriptor (and of
 * this process at most). -1 with @e, code "in-use": another process has it.
 */
int files_lock(const char *path, struct error *e);

/* NULL: not there (no error), or not readable as JSON (@e is set). */
json_t *files_read(const char *path, struct error *e);

/* 0, or -1 with @e; one that is not there is no error. */
int files_remove(const char *path, struct error *e);
/* As PATH.bad, for people to look at: nobody reads it again. False: it cannot
 * be renamed. */
bool files_put_aside(const char *path);
/* What was renamed or removed in it is on the disk after this. 0, or -1 with
 * @e. */
int files_sync_directory(const char *path, struct error *e);
/* Calls @fn with the path of each file that ends in ".json", in any order. 0,
 * or -1 with @e: the directory cannot be read. */
typedef void files_fn(void *ctx, const char *path);
int files_each(const char *directory, files_fn *fn, void *ctx, struct error *e);

#endif
