/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_MARK_H
#define CLIENT_MARK_H

/*
 * What an interface in a container says of itself (its alias: `ip link`): for
 * whom it was made. It is there without a daemon, and a path to a namespace
 * may lead to another container's by the time that one is to go.
 */

#include <stdbool.h>

#define MARK_SIZE 32

/* Of @ifname of the container @container_id of @owner. Returns @buf. */
const char *mark_of(const char *owner, const char *container_id,
		    const char *ifname, char buf[MARK_SIZE]);
/* Is @alias such a mark, whoever's? */
bool mark_is_one(const char *alias);

#endif
