/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SOUND_H
#define SOUND_H

/*
 * Whether what an engine wants makes sense with what it knows: flows that agree
 * with the datapath may still be those of a port that has gone. To be asked
 * when nothing is owed; not of one on a bridge, which wants no flows.
 */

#include "core/flow.h"

struct engine;

/* One wanted flow, of the first stage. NULL: it does; else what is wrong. */
const char *sound_flow(const struct engine *e, const struct flow_match *match,
		       const struct flow_actions *actions);
/* Its learnt MACs: each has a flow that ages. @self: its identity. */
const char *sound_learnt(const struct engine *e, peer_id_t self);

#endif
