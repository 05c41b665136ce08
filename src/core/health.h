/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEALTH_H
#define HEALTH_H

/*
 * Which paths to each peer work: heartbeats out, answers in, and what follows
 * from a path that comes up or goes down. path.[ch] is one path's liveness;
 * this is where it meets frames, flows and messages.
 */

#include "engine_state.h"

/* The peer has a place (a new one, perhaps): its paths are tried. */
void health_start(struct engine *e, usec_t now, struct peer *p);

/* The peer's timer: to the next deadline of its paths, or of its memory. */
void health_arm(struct engine *e, struct peer *p);

/* Its timer came: paths that time has made down. */
void health_expire(struct engine *e, usec_t now, struct peer *p);

/* The peer answered probe @seq, on whichever way. */
void health_answered(struct engine *e, usec_t now, struct peer *p,
		     enum path_kind kind, uint64_t seq);

/* EVENT_SLEEVE_REPLY */
void health_beat(struct engine *e, usec_t now, const struct event *ev);

/* A packet of VNI_PROBE: an answer, or a request that is handed to us too. */
void health_probe(struct engine *e, usec_t now, const struct event *ev);

/* A heartbeat that is owed. */
bool health_poll(struct engine *e, usec_t now, struct action *ret);

#endif
