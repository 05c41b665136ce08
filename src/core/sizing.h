/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIZING_H
#define SIZING_H

/*
 * How large packets to each peer may be: where the search of pmtu.h meets
 * probes, links, hints, and what follows from its results: flows that tell
 * long packets, and the places of sleeve. What becomes of a packet that is too
 * long is oversize's business.
 *
 * Sizes are of the outer IP packet; what of it is a container's, see below.
 */

#include "engine_state.h"

/* Outer headers before a container's frame: IP, UDP, and VXLAN's or ours. */
uint32_t sizing_overhead(const struct ip *remote, enum path_kind kind);
/* What a container may put in one IP packet to @p now; 0: not known. */
uint32_t sizing_mtu(const struct peer *p);
/* The least of all peers that have a path; 0: not known. */
uint32_t sizing_narrowest(const struct engine *e);

void sizing_init(struct engine *e, usec_t now, struct peer *p);
/* Its addresses, perhaps of another family. */
void sizing_place(struct engine *e, usec_t now, struct peer *p);
/* Paths may have come up or gone down: searches begin and end. */
void sizing_follow(struct engine *e, usec_t now, struct peer *p);

/* Flows of the last life say which peers were narrow; when they are settled
 * that is forgotten. */
void sizing_found(struct engine *e, const struct flow_match *m,
		  const struct flow_actions *a);
void sizing_forget_found(struct engine *e);

/* EVENT_EGRESS, but for what it says of liveness. */
void sizing_egress(struct engine *e, usec_t now, struct peer *p,
		   const struct event *ev);
/* EVENT_HINT_TOO_BIG */
void sizing_hint(struct engine *e, usec_t now, const struct event *ev);
/* EVENT_OVERLAY_MTU */
void sizing_overlay(struct engine *e, uint32_t mtu);

/* The peer acknowledged a probe; its proof was looked at. */
void sizing_acked(struct engine *e, usec_t now, struct peer *p,
		  enum path_kind kind, uint64_t seq);

/* A probe of this path that is owed. */
bool sizing_poll(struct engine *e, usec_t now, struct peer *p,
		 enum path_kind kind, struct action *ret);
usec_t sizing_deadline(const struct peer *p);

/* After any of these: results to flows, places and notes. */
void sizing_settle(struct engine *e, struct peer *p);

void sizing_view(const struct peer *p, enum path_kind kind,
		 struct path_view *ret);

#endif
