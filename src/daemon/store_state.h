/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_STATE_H
#define STORE_STATE_H

/* What store.c, which talks, and store_plan.c, which decides, share. */

#include <limits.h>

#include "settings/ipam_settings.h"
#include "store_held.h"
#include "store_keys.h"

struct claims;
struct daemon;
struct loop_timer;
struct store_http;

enum store_state {
	STORE_STARTING,
	STORE_UP,
	STORE_NEW,    /* it has just been made: hosts say what they have */
	STORE_CLONED, /* somebody else has our identity */
	STORE_OLD,    /* somebody with our identity has given out more */
};

/* A further block, for a family of a network. */
struct store_wish {
	bool is_wanted;
	bool is_asked; /* for one; the answer has not been read yet */
	bool is_full;  /* no block of the range is free */
};

/* Of a round: which request is under way. */
enum store_step { STEP_IDLE, STEP_LEASE, STEP_READ, STEP_WRITE };

struct store {
	struct daemon *d;
	const struct ipam_settings *settings;
	const struct claims *claims;
	void (*changed)(void *ctx);
	void *ctx;
	struct store_http *http;
	struct loop_timer *timer;
	enum store_step step;
	unsigned int n_writes; /* of this round */
	bool is_asked_again;
	bool is_round_soon; /* the timer is set for one that was asked for */
	uint64_t lease;
	usec_t lease_us;   /* how long it counts, at most as was asked for */
	usec_t asked_at;   /* of the request under way, CLOCK_BOOTTIME */
	usec_t safe_until; /* of the last answer; 0: never */
	uint64_t old_instance;
	bool is_registered;
	bool is_held_sure; /* etcd says so of all blocks; or who else has them */
	enum store_state state;
	usec_t new_since; /* 0: the key "new" was not seen */
	char trouble[300];
	char reason[400];
	struct store_view view;
	struct store_held_list held;
	struct store_wish wishes[IPAM_MAX_NETWORKS][2]; /* IPv4, IPv6 */
	peer_id_t reclaim;
	bool is_idle; /* all was given back: none is leased until it is needed */
	bool is_changed;
	char run_path[PATH_MAX]; /* which life of the daemon it was */
};

#endif
