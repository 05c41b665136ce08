/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PUPPET_H
#define PUPPET_H

/*
 * The peers of the one engine whose scale is measured: they are spoken for.
 * They are dialled, announce their containers, tell of each other, and answer
 * heartbeats and probes after a round trip.
 */

#include "control/codec.h"
#include "sim.h"

#define SCALE_LINK_MTU 1500U

struct puppet {
	struct hello hello;
	struct ip ip;
	session_t session; /* 0: none */
	uint64_t revision;
	bool is_dead; /* answers nothing */
};

struct figures {
	uint64_t n_in, n_out, in_bytes, out_bytes; /* messages of sessions */
	uint64_t n_beats, n_probes, beat_bytes;
	uint64_t n_puts, n_deletes;
	uint64_t n_faults;
};

struct scale {
	struct sim *sim;
	struct engine *engine;
	struct codec *codec;
	struct puppet *puppets;
	uint32_t n, n_containers;
	session_t last_session;
	uint32_t n_flows, max_flows;
	usec_t timer_at;
	bool is_draining;
	struct figures f;
};

extern struct scale *scale; /* the one that is measured */

/* scale.c: an event for the engine, now. */
void scale_tell(const struct event *ev);

void puppets_make(void);
/* One of them dies for a while, restarts, or announces anew. */
void puppets_fault(void);
/* What the engine does to them: ACTION_DIAL, _EXECUTE, _SLEEVE_BEAT. */
void puppet_dial(const struct action *a);
void puppet_probe(const struct action *a);
void puppet_beat(const struct action *a);
void puppet_closed(session_t session);
/* A message of a session, for the figures. */
void puppet_count(const struct message *m, bool is_in);

#endif
