/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEXTFILE_H
#define TEXTFILE_H

/*
 * Small text files of the kernel and the system, read whole or by the line,
 * below a root directory of the caller's ("" for the real one): where a
 * container has mounted its host's, or where a test has put its own.
 *
 * Functions return 0 or -errno. A file that is longer than the limit is cut,
 * and what would end a text early is shown as '?'.
 */

#include <stddef.h>

#include "core/core.h"

#define TEXTFILE_MAX_LINE 4096U
#define TEXTFILE_MAX_LINES 2000000U

/* "@root/@path" opened for reading: a descriptor, or -errno. */
int textfile_open(const char *root, const char *path) WARN_UNUSED;

/* Into @ret, cut to @size with the zero; the newline at its end is left out. */
int textfile_read(const char *root, const char *path, char *ret, size_t size)
	WARN_UNUSED;

/*
 * Calls @line for each line, without its newline; a line that is longer than
 * TEXTFILE_MAX_LINE is cut. What @line returns, other than 0, ends it and is
 * returned.
 */
typedef int textfile_line_fn(void *arg, char *line);
int textfile_lines(const char *root, const char *path, textfile_line_fn *line,
		   void *arg) WARN_UNUSED;

#endif
