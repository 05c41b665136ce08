/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_STATE_H
#define ENGINE_STATE_H

/*
 * The inside of the engine, for its own files only, and what they share:
 * notes, packets and closes that are owed, entries of ours, the directory's
 * changes.
 *   engine.c   the door: events to their places, what is owed in its order
 *   member.c   sessions, peers, what they tell each other
 *   miss.c     packets that no flow wanted
 *   health.c   which paths work; sizing.c: for packets how large
 *   view.c     what others see
 */

#include "action.h"
#include "announce.h"
#include "directory.h"
#include "engine_config.h"
#include "flowset.h"
#include "fragment.h"
#include "neighbour.h"
#include "peer.h"
#include "pipeline.h"
#include "port.h"
#include "target.h"
#include "timerq.h"
#include "views.h"

#define MAX_NOTES 128U
#define MAX_PACKETS 32U
#define MAX_CLOSES 64U
#define MAX_REMOVED 1024U

enum timer_kind {
	TIMER_PEER,
	TIMER_TARGET,
	TIMER_FLOW,
	TIMER_NEIGHBOUR,
	TIMER_GROUP,
	TIMER_HINTS,
};

/* A packet that came up, on its way back into the datapath. */
struct packet {
	uint8_t *frame;
	size_t size;
	vni_t vni; /* whose containers get it */
	port_no_t in_port;
	struct flow_actions actions;
	uint32_t mtu; /* cut into packets of so many bytes; 0: not */
	struct fragments cut;
};

struct engine {
	struct engine_config config;
	bool is_started;
	struct timerq timers;
	struct flowset flows;
	struct directory *directory;
	struct peers peers;
	struct ports ports;
	struct targets targets;
	struct announce announce;
	struct tap_ports taps;
	struct neighbours neighbours;
	struct pipeline pipeline;
	struct engine_counters counters;
	struct rate slow;  /* packets from peers that get no flow */
	usec_t settle_at;  /* then what nobody wanted of the last life goes */
	uint64_t revision; /* the last that we gave */
	uint32_t overlay_mtu;	/* what containers send; 0: not told */
	usec_t interval_us;	/* of heartbeats, with so many peers */
	struct table narrow;	/* peers that were, in the last life */
	struct rate probe_rate; /* of MTU probes */

	/* owed, oldest first */
	struct note notes[MAX_NOTES];
	struct note lost_note; /* where one more is written */
	uint32_t n_notes, first_note;
	struct packet packets[MAX_PACKETS];
	uint32_t n_packets, first_packet;
	struct {
		session_t session;
		enum reason reason;
	} closes[MAX_CLOSES];
	uint32_t n_closes;
	struct {
		port_no_t port_no;
		uint64_t revision;
	} revisions[MAX_PORTS];
	uint32_t n_revisions;
	bool targets_changed, peers_changed, networks_changed;
	bool sleeve_changed; /* its forwarding table is out of date */

	peer_id_t removed[MAX_REMOVED];
	uint32_t n_removed;

	/* what the last action points to */
	struct packet current;
	uint8_t frame[128];
	uint8_t *cut;	/* the last fragment; NULL until there was one */
	uint8_t *probe; /* NULL until there was one; PMTU_MAX_SIZE */
	struct flow_actions actions;
	struct entry entries[MESSAGE_MAX_ENTRIES];
	struct peer_hint hints[MESSAGE_MAX_PEERS];
	struct entry shown;
};

struct note *engine_note(struct engine *e, enum note_type type);
void engine_limit(struct engine *e, const char *what);
void engine_close(struct engine *e, session_t session, enum reason reason);
/* Puts or takes away an entry of ours; tells the peers. */
void engine_own(struct engine *e, usec_t now, const struct port *port,
		const struct mac *mac, bool is_learnt);
void engine_disown(struct engine *e, usec_t now, vni_t vni,
		   const struct mac *mac);
/* A packet goes on: @frame is copied. */
void engine_packet(struct engine *e, vni_t vni, const uint8_t *frame,
		   size_t size, port_no_t in_port,
		   const struct flow_actions *actions);
/* The same, cut, as fragment.h has it. False: no room. */
bool engine_packet_cut(struct engine *e, vni_t vni, const uint8_t *frame,
		       size_t size, port_no_t in_port,
		       const struct flow_actions *actions, uint32_t mtu);
/* Directory's changes to flows and notes. */
void engine_refresh(struct engine *e, usec_t now);

#endif
