/* SPDX-License-Identifier: Apache-2.0 */
/* Ways that carry less than the links at their ends, and change. */
#include "check.h"
#include "net.h"
#include "scenario.h"

#define SETTLE_US (20 * USEC_PER_SEC)

static uint32_t some_mtu(struct sim *sim)
{
	return 1280 + (uint32_t)sim_random(sim, 221);
}

static void narrow_all(struct sim *sim)
{
	uint32_t i, k;

	for (i = 0; i < sim->n_hosts; i++) {
		for (k = 0; k < sim->n_hosts; k++) {
			if (i != k && sim_chance(sim, 70))
				net_set_mtu(sim, i, k, some_mtu(sim),
					    sim_chance(sim, 50));
		}
	}
}

/* Each way another MTU from the start; then all change at once, and are wide
 * again: each time found to the byte. */
void scenario_narrow(struct sim *sim, uint32_t n_steps)
{
	uint32_t n;

	(void)n_steps;
	narrow_all(sim);
	build_cluster(sim, 1);
	sim_run(sim, SETTLE_US);
	check_pmtu(sim);
	for (n = 0; n < 2; n++) {
		narrow_all(sim);
		sim_run(sim, SETTLE_US);
		check_pmtu(sim);
	}
	net_heal(sim);
	/* What has grown nobody is told: the raise timer finds it. */
	sim_run(sim, 2 * RAISE_US + SETTLE_US);
	check_pmtu(sim);
}

/* The host's own link changes: at once, for it is asked, not provoked. */
void scenario_link_mtu(struct sim *sim, uint32_t n_steps)
{
	struct host *h = sim->hosts[0];
	uint32_t n;

	(void)n_steps;
	build_cluster(sim, 1);
	sim_run(sim, SETTLE_US);
	check_pmtu(sim);
	for (n = 0; n < 4; n++) {
		host_set_link(h, n % 2 ? NET_LINK_MTU : some_mtu(sim));
		sim_run(sim, SETTLE_US);
		check_pmtu(sim);
		check_sessions(sim);
		check_flows(h);
	}
	if (h->n_over_link)
		sim_fail(sim, "%llu packets were longer than the link",
			 (unsigned long long)h->n_over_link);
	traffic_all_pairs(sim, true);
	sim_run(sim, USEC_PER_SEC);
	traffic_check(sim);
}

/* Forged ICMP errors, by the thousand: no path is narrower for them. */
void scenario_forged(struct sim *sim, uint32_t n_steps)
{
	uint32_t i, k;

	(void)n_steps;
	narrow_all(sim);
	build_cluster(sim, 1);
	sim_run(sim, SETTLE_US);
	for (i = 0; i < 1000; i++) {
		k = (uint32_t)sim_random(sim, sim->n_hosts - 1) + 1;
		host_hint(sim->hosts[0], sim->hosts[k],
			  sim_chance(sim, 50) ? PATH_FASTDP : PATH_SLEEVE,
			  (uint32_t)sim_random(sim, 2000));
		sim_run(sim, sim_random(sim, 20 * USEC_PER_MS));
	}
	check_pmtu(sim);
}
