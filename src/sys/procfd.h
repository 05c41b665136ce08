/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCFD_H
#define PROCFD_H

/*
 * Which process holds which socket, as far as the caller may see: what
 * /proc/PID/fd says. Looks at every process, so ask once for all.
 */

#include <stdint.h>
#include <sys/types.h>

#include "core/core.h"

#define PROCFD_MAX_PROCESSES 65536U
#define PROCFD_MAX_FILES 65536U /* of one process */

/* @inode as in procnet.h; @command is cut to 15 bytes by the kernel. */
typedef void procfd_socket_fn(void *arg, uint64_t inode, pid_t pid,
			      const char *command);

/* @root as in textfile.h. 0 or -errno; processes that end are passed over. */
int procfd_sockets(const char *root, procfd_socket_fn *fn, void *arg)
	WARN_UNUSED;

#endif
