/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DRIVE_WORLD_H
#define DRIVE_WORLD_H

/*
 * The world of one engine that is driven (drive.h), for its own files: it
 * takes the engine's actions, answers, and looks after every drain whether all
 * is as it must be.
 */

#include "core/engine.h"
#include "core/view.h"
#include "drive.h"
#include "fake_dp.h"

#define N_SESSIONS 12U
#define N_DIALS 16U
#define N_PORTS 8U
#define N_UPCALLS 16U
#define MAX_UPCALL 160U
#define N_VNIS 3U
#define N_BEATS 8U

struct waiting {
	struct fake_packet p;
	uint8_t frame[MAX_UPCALL];
};

struct drive {
	struct engine *engine;
	struct fake_dp dp;
	struct engine_config config;
	usec_t now;
	session_t sessions[N_SESSIONS], last_session;
	target_t dials[N_DIALS];
	struct port ports[N_PORTS]; /* port_no 0: none */
	/* TAPs of the networks of drive_bytes.h, and heartbeats of sleeve */
	struct {
		bool is_wanted, is_owed;
	} taps[N_VNIS];
	struct {
		peer_id_t peer_id;
		uint64_t cookie, seq;
	} beats[N_BEATS];
	uint32_t n_beats;
	struct waiting upcalls[N_UPCALLS];
	uint32_t n_upcalls;
	struct drive_figures figures;
};

/* The datapath, and the first life of the engine. */
void world_open(struct drive *d);
void world_start(struct drive *d);
void world_handle(struct drive *d, const struct event *ev);
/* Until the engine rests; then everything is checked. */
void world_drain(struct drive *d);

#endif
