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

/* Whose an interface may be. */
struct link_whose {
	int outside_fd; /* the daemon's namespace; -1: this process's */
	bool is_known;	/* the daemon has said which ports it has: */
	const json_t *ports;
	const char *mark; /* that attach gave it (client/mark.h) */
	const char *mac;  /* of ADD's result; NULL: not known */
};

/*
 * Deletes CNI_IFNAME in CNI_NETNS, if that is there and is a veth whose other
 * end has one of the daemon's names, and it is this container's: no port and
 * without another's mark; when the ports are not known, with this container's
 * mark, or none and the result's MAC, and never with another MAC.
 *
 * 0: nothing of ours is there any more. 1: what is there may be ours; the
 * daemon will know. Else -errno.
 */
int link_remove_left(const struct cni_args *args,
		     const struct link_whose *whose) WARN_UNUSED;

#endif
