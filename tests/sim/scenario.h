/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SCENARIO_H
#define SCENARIO_H

#include "host.h"
#include "traffic.h"

enum scenario_sleeve { SLEEVE_EITHER, SLEEVE_NO, SLEEVE_YES };

struct scenario {
	const char *name;
	uint32_t n_hosts;	     /* 0: as asked for */
	enum scenario_sleeve sleeve; /* either: every other seed */
	void (*play)(struct sim *sim, uint32_t n_steps);
	/* Of steps that can be left out: what one is; NULL: of none. */
	const char *(*text)(const struct sim *sim, uint32_t number, char *buf,
			    size_t size);
};

extern const struct scenario scenarios[]; /* the last has no name */
/* scenario_move.c */
void scenario_moved(struct sim *sim, uint32_t n_steps);
void scenario_returned(struct sim *sim, uint32_t n_steps);
void scenario_learnt(struct sim *sim, uint32_t n_steps);
void scenario_foreign(struct sim *sim, uint32_t n_steps);
/* scenario_path.c */
void scenario_host_dead(struct sim *sim, uint32_t n_steps);
void scenario_one_way(struct sim *sim, uint32_t n_steps);
void scenario_lossy(struct sim *sim, uint32_t n_steps);
void scenario_reborn(struct sim *sim, uint32_t n_steps);
void scenario_forgotten(struct sim *sim, uint32_t n_steps);
void scenario_parted(struct sim *sim, uint32_t n_steps);
void scenario_orphan(struct sim *sim, uint32_t n_steps);
/* scenario_session.c */
void scenario_names(struct sim *sim, uint32_t n_steps);
void scenario_half_open(struct sim *sim, uint32_t n_steps);
void scenario_removed(struct sim *sim, uint32_t n_steps);
void scenario_cloned(struct sim *sim, uint32_t n_steps);
void scenario_uncloned(struct sim *sim, uint32_t n_steps);
void scenario_hinted(struct sim *sim, uint32_t n_steps);
void scenario_estranged(struct sim *sim, uint32_t n_steps);
void scenario_renamed(struct sim *sim, uint32_t n_steps);
void scenario_elsewhere(struct sim *sim, uint32_t n_steps);
void scenario_versions(struct sim *sim, uint32_t n_steps);
void scenario_leave(struct sim *sim, uint32_t n_steps);
/* scenario_sleeve.c */
void scenario_blocked(struct sim *sim, uint32_t n_steps);
void scenario_blackout(struct sim *sim, uint32_t n_steps);
void scenario_flapping(struct sim *sim, uint32_t n_steps);
void scenario_nat(struct sim *sim, uint32_t n_steps);
void scenario_one_nat(struct sim *sim, uint32_t n_steps);
void scenario_sleeve_dead(struct sim *sim, uint32_t n_steps);
void scenario_tap_lost(struct sim *sim, uint32_t n_steps);
void scenario_disorder(struct sim *sim, uint32_t n_steps);
void scenario_bridges(struct sim *sim, uint32_t n_steps);
/* scenario_mtu.c */
void scenario_narrow(struct sim *sim, uint32_t n_steps);
void scenario_link_mtu(struct sim *sim, uint32_t n_steps);
void scenario_forged(struct sim *sim, uint32_t n_steps);
/* scenario_churn.c */
void scenario_churn(struct sim *sim, uint32_t n_steps);
/* scenario_ipam.c: of the program sim alone */
void scenario_ipam(struct sim *sim, uint32_t n_steps);

/* Ways to a cluster that all scenarios share. */
void build_mesh(struct sim *sim);  /* every host dials every other */
void build_chain(struct sim *sim); /* each dials the one before it */
/* The port @n of a host, in network 100 or 200, with both families. */
struct sim_port *build_port(struct host *h, unsigned int n, bool is_trusted);
/* Mesh, @n_ports containers a host, settled. */
void build_cluster(struct sim *sim, unsigned int n_ports);

struct mac build_mac(unsigned int host, unsigned int n);
struct ip build_ip4(unsigned int host, unsigned int n);
struct ip build_ip6(unsigned int host, unsigned int n);

#endif
