/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses for containers, with and without a store, under all faults. */
#include <string.h>

#include "check.h"
#include "daemon/ipam_block.h"
#include "daemon/ipam_state.h"
#include "daemon/state.h"
#include "ipam_check.h"
#include "ipam_step.h"
#include "scenario.h"

/* ADD again and again as a plugin is called, until there is nothing left. */
static void fill(struct ipam_world *w, vni_t vni)
{
	bool is_done[SIM_MAX_HOSTS] = { false };
	uint32_t n_tries, i, n_left = w->sim->n_hosts;
	const char *code;

	for (n_tries = 0; n_left && n_tries < 400; n_tries++) {
		for (i = 0; i < w->sim->n_hosts; i++) {
			struct ipam_host *ih = w->hosts[i];

			if (is_done[i] || ipam_add(ih, vni, NULL, false, &code))
				continue;
			is_done[i] = strcmp(code, "exhausted") == 0 ||
				     strcmp(code, "none") == 0;
			n_left -= is_done[i];
		}
		sim_run(w->sim, 200 * USEC_PER_MS);
	}
	for (i = 0; i < w->sim->n_hosts; i++) {
		if (!is_done[i])
			sim_fail(w->sim,
				 "host %u still waits for an address in "
				 "network %u",
				 i, vni);
	}
}

/* As many as there are: no block of the range is free, and none has room. */
static void check_full(struct ipam_world *w)
{
	struct store_view view;
	uint32_t i, n_places = 0, n_free = 0;
	size_t b;

	if (!w->etcd)
		return;
	etcd_view(w->etcd, &view);
	for (b = 0; b < view.n_blocks; b++) {
		n_places += strcmp(view.blocks[b].network, "blue") == 0;
	}
	store_keys_release(&view);
	for (i = 0; i < w->sim->n_hosts; i++) {
		EACH_BLOCK(w->hosts[i]->d->ipam, node)
		{
			const struct ipam_block *k = BLOCK_OF(node);

			if (k->vni == IPAM_VNI_4 && !k->is_disputed)
				n_free += pool_size(k->pool) -
					  pool_used(k->pool);
		}
	}
	if (n_places != 8 || n_free)
		sim_fail(w->sim,
			 "exhausted, with %u blocks of 8 leased and %u "
			 "addresses free",
			 n_places, n_free);
}

static void empty(struct ipam_world *w)
{
	uint32_t i, k;

	for (i = 0; i < w->sim->n_hosts; i++) {
		for (k = 0; k < IPAM_MAX_CONTAINERS; k++) {
			if (w->hosts[i]->containers[k].is_alive)
				ipam_del(w->hosts[i],
					 &w->hosts[i]->containers[k]);
		}
		ipam_collect(w->hosts[i]);
		if (w->hosts[i]->d->ipam->book.n)
			sim_fail(w->sim, "host %u: its book is not empty", i);
	}
}

static void settle(struct ipam_world *w)
{
	ipam_step_heal(w);
	sim_run(w->sim, 60 * USEC_PER_SEC);
	if (w->sim->is_failed)
		return;
	if (ipam_step_rename(w))
		sim_run(w->sim, 40 * USEC_PER_SEC);
	ipam_step_reclaim(w);
	/* What is in use of blocks that were another's disputes these. */
	if (!w->etcd)
		empty(w);
	sim_run(w->sim, 10 * USEC_PER_SEC);
}

void scenario_ipam(struct sim *sim, uint32_t n_steps)
{
	struct ipam_world *w = ipam_world_new(sim, sim->seed % 3 == 0);
	struct ipam_step step;
	char text[160];
	uint32_t i;

	build_mesh(sim);
	for (i = 0; i < n_steps && !sim->is_failed; i++) {
		if (!sim_has_step(sim, i))
			continue;
		sim_log(sim, "step %u: %s", i,
			ipam_step_text(sim, i, text, sizeof(text)));
		ipam_step_make(sim, i, &step);
		ipam_step_do(w, &step);
		sim_run(sim, step.pause_us);
	}
	if (!sim->is_failed)
		settle(w);
	if (!sim->is_failed) {
		check_sessions(sim);
		check_agreed(sim);
		ipam_check_agreed(w);
	}
	if (!sim->is_failed)
		fill(w, IPAM_VNI_4);
	if (!sim->is_failed) {
		check_full(w);
		empty(w);
	}
	sim_log(sim, "%llu addresses, %llu times none",
		(unsigned long long)w->n_given,
		(unsigned long long)w->n_refused);
	ipam_world_free(w);
}
