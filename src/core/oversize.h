/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OVERSIZE_H
#define OVERSIZE_H

/*
 * A container's packet that is too long for the peer that it is for: IPv4
 * without DF is cut and goes on, and so is IPv6 of no more than the 1 280 bytes
 * that its sender may always send; of others the sender is told what would fit;
 * where neither may be it is dropped and counted. Anybody in a container can
 * cause these, so all of it has a rate.
 */

#include "engine_state.h"

/*
 * A frame that came up for @c, at most @max_frame bytes of which may go to @p.
 * From a port of ours.
 */
void oversize_frame(struct engine *e, usec_t now, const struct event *ev,
		    const struct claim *c, struct peer *p, uint32_t max_frame);

/*
 * A group frame from a port of ours that is too long for one peer in @vni at
 * least: who takes it gets it, for the others it is cut, or else dropped and
 * counted. Nobody is told: that is for packets to one alone (RFC 1122 section
 * 3.2.2).
 */
void oversize_group(struct engine *e, usec_t now, const struct event *ev,
		    vni_t vni);

/* EVENT_TOO_BIG: sleeve had one, and did with it what it could. */
void oversize_of_sleeve(struct engine *e, usec_t now, const struct event *ev);

#endif
