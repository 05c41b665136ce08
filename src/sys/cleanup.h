/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLEANUP_H
#define CLEANUP_H

/*
 * Guards for function-local descriptors and buffers. What leaves the function
 * is stolen first: `return STEAL_FD(fd)`.
 */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_fclose(FILE **f)
{
	if (*f)
		fclose(*f);
}

#define CLEAN_FD __attribute__((cleanup(cleanup_close)))
#define CLEAN_FREE __attribute__((cleanup(cleanup_free)))
#define CLEAN_FILE __attribute__((cleanup(cleanup_fclose)))

#define STEAL_FD(fd)                \
	__extension__({             \
		int stolen_ = (fd); \
		(fd) = -1;          \
		stolen_;            \
	})

#define STEAL_PTR(p)                         \
	__extension__({                      \
		__typeof__(p) stolen_ = (p); \
		(p) = NULL;                  \
		stolen_;                     \
	})

#endif
