/* SPDX-License-Identifier: Apache-2.0 */
#ifndef THREAD_H
#define THREAD_H

/* What a thread asks of the kernel for itself. 0 or -errno. */

#include "core/core.h"

/* -20 (first) to 19; -EACCES or -EPERM: it may not. */
int thread_set_nice(int nice) WARN_UNUSED;

/*
 * Kernels that share out processor time by sessions first (autogroup, usual
 * where no CPU weights of cgroups are) look at a nice value within its session
 * only. Gives one to the session too; 0 where there is nothing of the kind.
 * -EPERM: the process does not lead its session, which is somebody else's, or
 * may not.
 */
int thread_set_session_nice(int nice) WARN_UNUSED;

/*
 * The calling thread has no capability from here on. Others keep theirs, as
 * this one would if they dropped theirs: the kernel's are a thread's own.
 */
int thread_drop_capabilities(void) WARN_UNUSED;

#endif
