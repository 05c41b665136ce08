/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CNI_LINK_H
#define CNI_LINK_H

/*
 * What is left of a pair of interfaces that no daemon knows: of an ADD that
 * was killed half way, or of a container whose daemon is not there. Nothing
 * is taken away that another may have made.
 */

#include <jansson.h>
#include <stdbool.h>

#include "core/core.h"

struct cni_args;

/* "fd" and ten hexadecimal digits: a host end that the daemon named. */
bool link_is_host_name(const char *ifname);

/*
 * Deletes CNI_IFNAME in CNI_NETNS, if that is there and is a veth whose other
 * end is in @outside_fd (the daemon's namespace; -1: this process's) and has
 * one of the daemon's names, which no entry of @ports (NULL: not known) has.
 * With @mac (or NULL) it must have that MAC.
 *
 * 0: nothing of ours is there any more; else -errno.
 */
int link_remove_left(const struct cni_args *args, int outside_fd,
		     const json_t *ports, const char *mac) WARN_UNUSED;

#endif
