/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_H
#define SIM_H

/*
 * A cluster in one process: real engines, everything else made up. Time is a
 * number, randomness one seed; the same seed gives the same run.
 *
 *   sim.c       clock, queue of what happens when, failures
 *   net.c       the underlay: latency, loss, cuts; datagrams
 *   nat.c       routers that translate
 *   session.c   control sessions: hellos, ordered reliable messages
 *   fake_dp.c   the kernel's datapath
 *   exchange.c  … what is asked of it, and the answers
 *   bridge.c    … or a Linux bridge
 *   carrier*.c  the user-space path: TAPs, datagrams, its table
 *   host*.c     one host: engine, datapath, what its daemon keeps on disk
 *   check.c     what must hold after every step
 *   traffic.c   frames of containers and where they must arrive
 *   scenario*.c what is played; churn_step.c random histories
 *   shrink.c    … of which most is left out when one fails
 */

#include "core/engine.h"

#define SIM_MAX_HOSTS 128U

struct sim;
struct host;
struct net;
struct sessions;
struct traffic;
struct host_side;
struct ipam_world;

/* @ctx is the event's own, freed after the call (NULL: none). */
typedef void sim_fn(struct sim *sim, void *ctx, uint64_t arg);

struct sim_event {
	usec_t at;
	uint64_t order;
	sim_fn *f;
	void *ctx;
	uint64_t arg;
};

struct sim {
	usec_t now;
	uint64_t seed, random;
	const char *name; /* of the scenario */
	bool is_failed, is_verbose;
	bool has_sleeve; /* what hosts are made with */
	uint32_t heartbeats_per_sec;
	const uint32_t *steps; /* of a random history: these alone */
	uint32_t n_steps;
	struct sim_event *heap;
	size_t n_events, capacity;
	uint64_t order, n_done;
	struct net *net;
	struct sessions *sessions;
	struct traffic *traffic;
	const struct host_side *side; /* host.h; NULL: nothing */
	struct ipam_world *ipam;      /* ipam_world.h; NULL: none */
	struct host *hosts[SIM_MAX_HOSTS];
	uint32_t n_hosts;
	uint64_t max_events; /* an endless chain of them ends here */
};

struct sim_options {
	const char *name;
	uint64_t seed;
	uint32_t n_hosts, heartbeats_per_sec;
	bool has_sleeve, is_verbose;
	const uint32_t *steps; /* borrowed; NULL: all */
	uint32_t n_steps;
};

struct sim *sim_new(const struct sim_options *options);
void sim_free(struct sim *sim);

/* @ctx must come from malloc, or be NULL. */
void sim_post(struct sim *sim, usec_t at, sim_fn *f, void *ctx, uint64_t arg);
/* Lets everything happen until @for_us from now, or a failure. */
void sim_run(struct sim *sim, usec_t for_us);

/* 0 … @range - 1. */
uint64_t sim_random(struct sim *sim, uint64_t range);
bool sim_chance(struct sim *sim, unsigned int percent);

/* Is this step of a random history to be played? */
bool sim_has_step(const struct sim *sim, uint32_t number);

/* Says what, when and with which seed, and stops the run. */
void sim_fail(struct sim *sim, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void sim_log(const struct sim *sim, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

void *sim_alloc(size_t size);

#endif
