/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario.h"

#include "check.h"
#include "churn_step.h"
#include "exchange.h"
#include "ipam_step.h"
#include "net.h"
#include "session.h"

/* Both dial at once: one session, and everybody reaches everybody. */
static void play_pairs(struct sim *sim, uint32_t n_steps)
{
	uint32_t i, k;

	(void)n_steps;
	build_cluster(sim, 3);
	traffic_all_pairs(sim, true);
	sim_run(sim, USEC_PER_SEC);
	for (i = 0; i < sim->n_hosts; i++) {
		for (k = 0; k < 3; k++)
			traffic_send(sim, sim->hosts[i],
				     &sim->hosts[i]->ports[k], NULL,
				     TRAFFIC_BROADCAST, TRAFFIC_ALL, NULL);
	}
	sim_run(sim, USEC_PER_SEC);
	traffic_check(sim);
}

static void broadcast_all(struct sim *sim)
{
	uint32_t i, k;

	for (i = 0; i < sim->n_hosts; i++) {
		for (k = 0; k < HOST_MAX_PORTS; k++) {
			struct sim_port *p = &sim->hosts[i]->ports[k];

			if (p->is_known && p->is_alive)
				traffic_send(sim, sim->hosts[i], p, NULL,
					     TRAFFIC_BROADCAST, TRAFFIC_ALL,
					     NULL);
		}
	}
}

/* One address joins all; everybody asks the first, or the one before. */
static void play_discovery(struct sim *sim, uint32_t n_steps)
{
	uint32_t i;

	(void)n_steps;
	if (sim_chance(sim, 50)) {
		build_chain(sim);
	} else {
		for (i = 1; i < sim->n_hosts; i++)
			host_add_target(sim->hosts[i], sim->hosts[0]);
		for (i = 0; i < sim->n_hosts; i++) {
			host_start(sim->hosts[i]);
			sim_run(sim, sim_random(sim, USEC_PER_SEC));
		}
	}
	for (i = 0; i < sim->n_hosts; i++)
		build_port(sim->hosts[i], 1, false);
	sim_run(sim, 5 * USEC_PER_SEC);
	check_settled(sim);
	traffic_all_pairs(sim, true);
	sim_run(sim, USEC_PER_SEC);
	traffic_check(sim);
}

/* A daemon dies and comes back: no frame is lost, no flow put again. */
static void play_restart(struct sim *sim, uint32_t n_steps)
{
	struct host *h;
	uint64_t n_puts;
	uint32_t i;

	(void)n_steps;
	build_cluster(sim, 3);
	broadcast_all(sim);
	sim_run(sim, USEC_PER_SEC);
	traffic_stream(sim, 20 * USEC_PER_MS, 20 * USEC_PER_SEC);
	h = sim->hosts[sim_random(sim, sim->n_hosts)];
	host_kill(h);
	sim_run(sim, sim_random(sim, 5 * USEC_PER_SEC));
	broadcast_all(sim);
	sim_run(sim, sim_random(sim, 5 * USEC_PER_SEC));
	n_puts = h->dp.n_puts;
	host_start(h);
	sim_run(sim, 8 * USEC_PER_SEC);
	check_settled(sim);
	if (h->dp.n_puts != n_puts)
		sim_fail(sim, "%llu flows were put after the restart",
			 (unsigned long long)(h->dp.n_puts - n_puts));
	broadcast_all(sim);
	sim_run(sim, HOLD_US);
	for (i = 0; i < sim->n_hosts; i++)
		check_flows(sim->hosts[i]);
	traffic_check(sim);
}

/* All daemons die; pairs that never spoke talk at once; all come back. */
static void play_all_dead(struct sim *sim, uint32_t n_steps)
{
	uint64_t n_puts = 0;
	uint32_t i;

	(void)n_steps;
	build_cluster(sim, 3);
	for (i = 0; i < sim->n_hosts; i++) {
		host_kill(sim->hosts[i]);
		sim_run(sim, sim_random(sim, USEC_PER_SEC));
	}
	traffic_stream(sim, 100 * USEC_PER_MS, 20 * USEC_PER_SEC);
	sim_run(sim, 5 * USEC_PER_SEC);
	for (i = 0; i < sim->n_hosts; i++)
		n_puts += sim->hosts[i]->dp.n_puts;
	for (i = 0; i < sim->n_hosts; i++) {
		host_start(sim->hosts[i]);
		sim_run(sim, sim_random(sim, USEC_PER_SEC));
	}
	sim_run(sim, 10 * USEC_PER_SEC);
	check_settled(sim);
	for (i = 0; i < sim->n_hosts; i++)
		n_puts -= sim->hosts[i]->dp.n_puts;
	if (n_puts)
		sim_fail(sim, "flows were put after the restart");
	traffic_check(sim);
}

/* A container goes while the daemon is away: withdrawn everywhere. */
static void play_gone(struct sim *sim, uint32_t n_steps)
{
	struct entry_view view;
	struct sim_port *p;
	struct host *h;
	struct mac mac;
	uint32_t i;

	(void)n_steps;
	build_cluster(sim, 3);
	h = sim->hosts[sim_random(sim, sim->n_hosts)];
	host_kill(h);
	sim_run(sim, sim_random(sim, 3 * USEC_PER_SEC));
	p = &h->ports[sim_random(sim, 3)];
	mac = p->port.mac;
	host_detach(h, p);
	sim_run(sim, sim_random(sim, 3 * USEC_PER_SEC));
	host_start(h);
	sim_run(sim, USEC_PER_SEC);
	for (i = 0; i < sim->n_hosts; i++) {
		if (engine_find_mac(sim->hosts[i]->engine, p->port.vni, &mac,
				    &view))
			sim_fail(sim, "host %u still knows what is gone", i);
		check_flows(sim->hosts[i]);
	}
	sim_run(sim, 5 * USEC_PER_SEC);
	check_settled(sim);
	traffic_all_pairs(sim, true);
	broadcast_all(sim);
	sim_run(sim, USEC_PER_SEC);
	traffic_check(sim);
}

/* Somebody flushes the kernel; or its table is full for a while. */
static void play_kernel(struct sim *sim, uint32_t n_steps)
{
	const struct event lost = { .type = EVENT_FLOWS_LOST };
	struct host *h = sim->hosts[0];

	(void)n_steps;
	build_cluster(sim, 3);
	broadcast_all(sim);
	sim_run(sim, USEC_PER_SEC);
	fake_dp_flush(&h->dp);
	host_event(h, &lost);
	traffic_all_pairs(sim, true);
	broadcast_all(sim);
	sim_run(sim, USEC_PER_SEC);
	check_flows(h);
	traffic_check(sim);
	h->dp.max_flows = h->dp.n_flows;
	h->is_short = true;
	build_port(h, 4, false);
	sim_run(sim, 3 * USEC_PER_SEC);
	if (!h->notes[NOTE_FLOW_REFUSED])
		sim_fail(sim, "nobody says that the kernel refuses");
	h->dp.max_flows = UINT32_MAX;
	sim_run(sim, 40 * USEC_PER_SEC);
	h->is_short = false;
	check_flows(h);
	traffic_all_pairs(sim, true);
	sim_run(sim, USEC_PER_SEC);
	traffic_check(sim);
}

/* Nobody knows whether the kernel did what it was asked for. */
static void play_unheard(struct sim *sim, uint32_t n_steps)
{
	struct host *h = sim->hosts[0], *other = sim->hosts[1];

	(void)n_steps;
	build_cluster(sim, 3);
	broadcast_all(sim);
	sim_run(sim, USEC_PER_SEC);
	h->dp.lost_percent = 100;
	h->is_short = true;
	build_port(h, 4, false);
	host_detach(other, &other->ports[0]);
	sim_run(sim, USEC_PER_SEC);
	if (!h->notes[NOTE_FLOW_REFUSED] || !h->dp.is_in_doubt)
		sim_fail(sim, "no answer was lost");
	/* The comparison is heard, and makes up for all of it. */
	h->dp.lost_percent = 0;
	sim_run(sim, EXCHANGE_AUDIT_US + USEC_PER_SEC);
	h->is_short = false;
	check_flows(h);
	traffic_all_pairs(sim, true);
	sim_run(sim, USEC_PER_SEC);
	traffic_check(sim);
}

const struct scenario scenarios[] = {
	{ "pairs", 3, SLEEVE_EITHER, play_pairs, NULL },
	{ "discovery", 6, SLEEVE_EITHER, play_discovery, NULL },
	{ "restart", 3, SLEEVE_EITHER, play_restart, NULL },
	{ "all-dead", 3, SLEEVE_EITHER, play_all_dead, NULL },
	{ "gone", 3, SLEEVE_EITHER, play_gone, NULL },
	{ "kernel", 2, SLEEVE_EITHER, play_kernel, NULL },
	{ "unheard", 2, SLEEVE_EITHER, play_unheard, NULL },
	{ "moved", 3, SLEEVE_EITHER, scenario_moved, NULL },
	{ "returned", 3, SLEEVE_EITHER, scenario_returned, NULL },
	{ "learnt", 3, SLEEVE_EITHER, scenario_learnt, NULL },
	{ "foreign", 2, SLEEVE_EITHER, scenario_foreign, NULL },
	{ "host-dead", 3, SLEEVE_EITHER, scenario_host_dead, NULL },
	{ "one-way", 2, SLEEVE_EITHER, scenario_one_way, NULL },
	{ "lossy", 3, SLEEVE_EITHER, scenario_lossy, NULL },
	{ "reborn", 3, SLEEVE_EITHER, scenario_reborn, NULL },
	{ "forgotten", 3, SLEEVE_EITHER, scenario_forgotten, NULL },
	{ "parted", 4, SLEEVE_EITHER, scenario_parted, NULL },
	{ "orphan", 3, SLEEVE_EITHER, scenario_orphan, NULL },
	{ "names", 3, SLEEVE_EITHER, scenario_names, NULL },
	{ "half-open", 2, SLEEVE_EITHER, scenario_half_open, NULL },
	{ "removed", 3, SLEEVE_EITHER, scenario_removed, NULL },
	{ "cloned", 3, SLEEVE_EITHER, scenario_cloned, NULL },
	{ "uncloned", 3, SLEEVE_YES, scenario_uncloned, NULL },
	{ "hinted", 5, SLEEVE_YES, scenario_hinted, NULL },
	{ "estranged", 3, SLEEVE_EITHER, scenario_estranged, NULL },
	{ "renamed", 3, SLEEVE_EITHER, scenario_renamed, NULL },
	{ "elsewhere", 3, SLEEVE_EITHER, scenario_elsewhere, NULL },
	{ "versions", 4, SLEEVE_EITHER, scenario_versions, NULL },
	{ "leave", 3, SLEEVE_EITHER, scenario_leave, NULL },
	{ "blocked", 2, SLEEVE_YES, scenario_blocked, NULL },
	{ "blackout", 3, SLEEVE_YES, scenario_blackout, NULL },
	{ "flapping", 2, SLEEVE_YES, scenario_flapping, NULL },
	{ "nat", 3, SLEEVE_YES, scenario_nat, NULL },
	{ "one-nat", 3, SLEEVE_YES, scenario_one_nat, NULL },
	{ "sleeve-dead", 3, SLEEVE_YES, scenario_sleeve_dead, NULL },
	{ "tap-lost", 3, SLEEVE_YES, scenario_tap_lost, NULL },
	{ "disorder", 3, SLEEVE_YES, scenario_disorder, NULL },
	{ "bridges", 4, SLEEVE_YES, scenario_bridges, NULL },
	{ "narrow", 3, SLEEVE_EITHER, scenario_narrow, NULL },
	{ "link-mtu", 3, SLEEVE_EITHER, scenario_link_mtu, NULL },
	{ "forged", 3, SLEEVE_EITHER, scenario_forged, NULL },
	{ "churn", 0, SLEEVE_EITHER, scenario_churn, churn_text },
	{ "ipam", 0, SLEEVE_EITHER, scenario_ipam, ipam_step_text },
	{ 0 },
};
