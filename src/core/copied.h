/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COPIED_H
#define COPIED_H

/*
 * Who got copies of a network's group frames in the last life: read from the
 * flows that were found at the start. A peer takes part there until it has told
 * what it has: a restart must not cut it off.
 *
 * It knows addresses, not peers. Bounded by what the kernel had.
 */

#include "flow.h"
#include "table.h"

struct copied {
	uint64_t seed;
	struct table table; /* by address */
};

void copied_init(struct copied *c, uint64_t seed);
void copied_free(struct copied *c);

/* A flow of the last life; others than those of PEERS are passed over. */
void copied_found(struct copied *c, const struct flow_match *match,
		  const struct flow_actions *actions);

bool copied_has(const struct copied *c, const struct ip *ip, vni_t vni);

/* All are forgotten but those of peers that @is_kept says. */
void copied_release(struct copied *c,
		    bool (*is_kept)(const void *ctx, const struct ip *peer),
		    const void *ctx);

/* One of the networks that @ip got copies of, and it is forgotten; false: none
 * is left. */
bool copied_take(struct copied *c, const struct ip *ip, vni_t *ret_vni);

#endif
