/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBSTONE_H
#define TOMBSTONE_H

/*
 * The last MAC of addresses that nobody has any more. Neighbour caches of
 * containers outlive a container: when its address comes back with another
 * MAC, that must be noticed. Bounded: the oldest goes first.
 */

#include "core.h"

#define MAX_TOMBSTONES 16384U
#define TOMBSTONE_AGE_US (1800 * USEC_PER_SEC)

struct tombstones *tombstones_new(uint64_t seed);
void tombstones_free(struct tombstones *t);

void tombstones_put(struct tombstones *t, usec_t now, vni_t vni,
		    const struct ip *ip, const struct mac *mac);

/* Takes out the one of (@vni, @ip); false: none, or too old. */
bool tombstones_take(struct tombstones *t, usec_t now, vni_t vni,
		     const struct ip *ip, struct mac *ret_mac);

#endif
