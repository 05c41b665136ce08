/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WAY_H
#define WAY_H

/*
 * Actions that bring a frame to somebody: a container here, or a peer by the
 * path that carries its packets now. What the pipeline's flows end with, and
 * what packets that came up take by themselves.
 */

#include "pipeline_state.h"

/* The VXLAN header to @p; false: it has no address yet. */
bool way_tunnel(const struct peer *p, vni_t vni, struct flow_tunnel *ret);

/* Sleeve carries its packets, and the network has a TAP. */
bool way_is_by_tap(const struct pipeline *pl, const struct peer *p, vni_t vni);

/* These append; false: there is no such way. */
bool way_to_tap(const struct pipeline *pl, vni_t vni, struct flow_actions *ret);
bool way_to_peer(const struct pipeline *pl, const struct peer *p, vni_t vni,
		 struct flow_actions *ret);

/* To the owner of @c and nothing else. False: no way there. */
bool way_to_owner(const struct pipeline *pl, const struct claim *c,
		  struct flow_actions *ret);

/* The longest frame that flows may send to @p in @vni; 0: any. */
uint32_t way_max_frame(const struct pipeline *pl, const struct peer *p,
		       vni_t vni);

#endif
