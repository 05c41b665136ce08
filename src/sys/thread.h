/* SPDX-License-Identifier: Apache-2.0 */
#ifndef THREAD_H
#define THREAD_H

/* What a thread asks of the kernel for itself alone. 0 or -errno. */

#include "core/core.h"

/* -20 (first) to 19; -EACCES or -EPERM: it may not. */
int thread_set_nice(int nice) WARN_UNUSED;

/*
 * The calling thread has no capability from here on. Others keep theirs, as
 * this one would if they dropped theirs: the kernel's are a thread's own.
 */
int thread_drop_capabilities(void) WARN_UNUSED;

#endif
