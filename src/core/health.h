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

/*
 * So many peers: a host's heartbeats stay below its budget, in that each peer
 * gets fewer. A thousand peers on both paths have one each 3 s at the default
 * of 1000 a second, and loss is noticed within 5/3 of that.
 */
void health_pace(struct engine *e);

/* EVENT_EGRESS: whether there is a way out, and how wide it is. */
void health_egress(struct engine *e, usec_t now, const struct event *ev);
/* EVENT_HINT_UNREACHABLE: anybody can say that; the path is asked. */
void health_unreachable(struct engine *e, usec_t now, const struct event *ev);
/* The kernel did not send. */
void health_refused(struct engine *e, usec_t now, peer_id_t id,
		    enum path_kind kind);

/* EVENT_SLEEVE_REPLY */
void health_beat(struct engine *e, usec_t now, const struct event *ev);

/* A packet of VNI_PROBE: an answer, or a request that is handed to us too. */
void health_probe(struct engine *e, usec_t now, const struct event *ev);

/* A heartbeat that is owed. */
bool health_poll(struct engine *e, usec_t now, struct action *ret);

#endif
