/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IPAM_WORLD_H
#define IPAM_WORLD_H

/*
 * What gives addresses to containers, on hosts of the simulator: src/ipam and
 * the files of src/daemon that decide (ipam*.c, store*.c) as they are; made up
 * is what they stand on: files, clocks, timers, HTTP and etcd, sessions with
 * peers, the log (ipam_seam.c). One network has IPv4, the other IPv6.
 *
 *   etcd.c         the store
 *   ipam_disk.c    files of a host, that can be copied, lost and refused
 *   ipam_seam.c    what the daemon's files are linked with instead
 *   ipam_world.c   hosts, their daemons, containers that come and go
 *   ipam_check.c   what must hold
 *   ipam_step.c    random histories
 */

#include "daemon/ipam_book.h"
#include "etcd.h"
#include "host.h"
#include "ipam_disk.h"

#define IPAM_MAX_CONTAINERS 48U
#define IPAM_MAX_TIMERS 4U
#define IPAM_MAX_TALKS 64U
#define IPAM_MAX_WORD 64U
#define IPAM_MAX_GONE 32U
#define IPAM_VNI_4 100U
#define IPAM_VNI_6 200U
#define IPAM_LEASE_S 10U

struct daemon;
struct loop_timer;
struct store_http;

/* One that runs: it has what ADD answered, whatever the daemon thinks. */
struct container {
	bool is_alive;
	char id[24];
	vni_t vni;
	struct ip ip;
	port_no_t port_no; /* of the datapath; PORT_NO_NONE: none */
	peer_id_t owner;   /* as its host was called then */
	/* Of the store, in which its block was its host's; 0: in none. */
	uint32_t told_generation;
};

/* What a peer has said that it gives out from. */
struct ipam_word {
	peer_id_t id; /* PEER_ID_NONE: there is none */
	usec_t at;
	uint32_t n;
	struct block list[IPAM_MAX_WORD];
};

enum ipam_way { IPAM_WAY_OPEN, IPAM_WAY_CUT, IPAM_WAY_LOSSY };

struct ipam_host {
	struct ipam_world *w;
	struct host *h;
	struct daemon *d; /* NULL: none runs */
	struct disk state, run;
	struct disk own, backup; /* of one that is a clone; of some time ago */
	char own_name[MAX_NAME], backup_name[MAX_NAME];
	bool is_dead; /* what is written now is not written */
	uint32_t n_boots;
	enum ipam_way way; /* to the store */
	int32_t ppm;	   /* how much faster its clocks are */
	usec_t slept_us;   /* in all, until the one that goes on */
	usec_t asleep_since, asleep_until;
	uint32_t n_containers_ever;
	struct container containers[IPAM_MAX_CONTAINERS];
	struct loop_timer *timers[IPAM_MAX_TIMERS];
	struct store_http *http;
	uint64_t n_requests, n_asked; /* of etcd; of this host */
	uint32_t seen_generation; /* of the store, by this life of the daemon */
	uint32_t block;		  /* declared: which */
	struct {
		session_t session; /* 0: none */
		peer_id_t id;
	} talks[IPAM_MAX_TALKS];
	struct ipam_word heard[IPAM_MAX_TALKS]; /* the last of each peer */
};

struct ipam_world {
	struct sim *sim;
	struct etcd *etcd; /* NULL: blocks are declared */
	bool is_store_down;
	bool is_slow;	     /* some answers take long, until all is quiet */
	uint32_t generation; /* of the store's data */
	uint64_t last_serial;
	struct ipam_host *hosts[SIM_MAX_HOSTS];
	char gone[IPAM_MAX_GONE][MAX_NAME]; /* identities of nobody, the last */
	uint32_t n_gone;
	uint64_t n_given, n_refused;
	/* What an answer of the store becomes on its way, which takes it over
	 * and is an object; NULL: it arrives as it was. */
	json_t *(*forge)(void *ctx, json_t *reply);
	void *forge_ctx;
};

struct ipam_world *ipam_world_new(struct sim *sim, bool is_declared);
void ipam_world_free(struct ipam_world *w);

/* ADD of a new container, or (@id) of one that the book knows. False: the
 * daemon said no; *ret_code is why. */
bool ipam_add(struct ipam_host *ih, vni_t vni, const char *id, bool has_gateway,
	      const char **ret_code);
/* The container goes, and gives its address back if the daemon is there. */
void ipam_del(struct ipam_host *ih, struct container *c);
/* What the book has and no container of this host: all is given back. */
void ipam_collect(struct ipam_host *ih);

/* What the settings say from the next start or ipam_declare() on. */
void ipam_configure(struct ipam_host *ih);
void ipam_declare(struct ipam_host *ih, uint32_t block);

void ipam_power_off(struct ipam_host *ih);
/* NULL: with the disk as it was. */
void ipam_power_on(struct ipam_host *ih, const struct disk *disk,
		   const char *name);
/* Stops as systemctl stop does it: what can wait is written. */
void ipam_stop(struct ipam_host *ih);
void ipam_sleep(struct ipam_host *ih, usec_t for_us);
/* What the daemon, which runs, says of its store. */
const char *ipam_condition(struct ipam_host *ih);

/* ipam_seam.c: whose files, clock and log it is; NULL: nobody's. */
void ipam_enter(struct ipam_host *ih);
usec_t ipam_monotonic(const struct ipam_host *ih);

/* ipam_check.c: the store has changed. */
void ipam_note_told(struct ipam_world *w);

#endif
