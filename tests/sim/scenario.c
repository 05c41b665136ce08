/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario.h"

#include "check.h"
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

const struct scenario scenarios[] = {
	{ "pairs", 3, play_pairs },
	{ 0 },
};
