/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYSCTL_H
#define SYSCTL_H

/*
 * Kernel parameters below /proc/sys, read only: those of the calling thread's
 * network namespace. We never set one.
 */

#include <stdint.h>

#include "core/core.h"

/*
 * The (first) number of @name, written as a path ("net/ipv4/ip_forward"), for
 * names of links have dots in them. @root as in textfile.h. -ENOENT: this
 * kernel has no such parameter; -EBADMSG: it is no number.
 */
int sysctl_read(const char *root, const char *name, int64_t *ret) WARN_UNUSED;

#endif
