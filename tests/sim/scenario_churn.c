/* SPDX-License-Identifier: Apache-2.0 */
/* Everything at random; what must hold is checked after every step. */
#include "carrier.h"
#include "check.h"
#include "churn_step.h"
#include "nat.h"
#include "net.h"
#include "scenario.h"

static struct host *any_host(struct sim *sim)
{
	return sim->hosts[sim_random(sim, sim->n_hosts)];
}

static struct sim_port *any_port(struct sim *sim, struct host *h)
{
	const uint32_t first = (uint32_t)sim_random(sim, HOST_MAX_PORTS);
	uint32_t i;

	for (i = 0; i < HOST_MAX_PORTS; i++) {
		struct sim_port *p = &h->ports[(first + i) % HOST_MAX_PORTS];

		if (p->is_known && p->is_alive)
			return p;
	}
	return NULL;
}

static void heal(struct sim *sim)
{
	uint32_t i;

	net_heal(sim);
	for (i = 0; i < sim->n_hosts; i++) {
		struct host *h = sim->hosts[i];

		h->tap_fault_percent = 0;
		h->dp.max_flows = UINT32_MAX;
		h->dp.lost_percent = 0;
		host_set_link(h, NET_LINK_MTU);
		if (h->is_clone) {
			host_kill(h);
			host_rename(h, NULL);
			h->is_clone = false;
		}
		if (!h->has_power)
			host_power_on(h, true);
		host_start(h);
	}
}

/* After the faults: each port that no other host claims too is reached. */
static bool is_unique(const struct sim *sim, const struct sim_port *p)
{
	uint32_t i, k;

	for (i = 0; i < sim->n_hosts; i++) {
		for (k = 0; k < HOST_MAX_PORTS; k++) {
			const struct sim_port *q = &sim->hosts[i]->ports[k];

			if (q != p && q->is_known && q->is_alive &&
			    mac_equal(&q->port.mac, &p->port.mac))
				return false;
		}
	}
	return true;
}

static void talk_all(struct sim *sim)
{
	uint32_t i, k, n;

	for (i = 0; i < sim->n_hosts; i++) {
		for (k = 0; k < HOST_MAX_PORTS; k++) {
			struct sim_port *p = &sim->hosts[i]->ports[k];

			if (!p->is_known || !p->is_alive || !is_unique(sim, p))
				continue;
			for (n = 0; n < sim->n_hosts; n++) {
				struct host *h = sim->hosts[n];
				struct sim_port *from = any_port(sim, h);

				if (from && from != p &&
				    from->port.vni == p->port.vni)
					traffic_send(sim, h, from, p,
						     TRAFFIC_UNICAST,
						     TRAFFIC_MUST, NULL);
			}
		}
	}
}

/* With sleeve: one in three runs has a host behind a NAT, one in three hosts
 * without openvswitch.ko. */
static void mix(struct sim *sim)
{
	uint32_t i;

	if (!sim->has_sleeve)
		return;
	if (sim_chance(sim, 30))
		nat_put(any_host(sim));
	for (i = 0; i < sim->n_hosts; i++)
		sim->hosts[i]->tap_fault_percent = 5;
	if (sim_chance(sim, 70))
		return;
	for (i = 0; i < sim->n_hosts; i++)
		sim->hosts[i]->is_bridge = sim_chance(sim, 40);
}

void scenario_churn(struct sim *sim, uint32_t n_steps)
{
	struct churn_step step;
	char text[128];
	uint32_t i;

	mix(sim);
	build_mesh(sim);
	for (i = 0; i < n_steps && !sim->is_failed; i++) {
		if (!sim_has_step(sim, i))
			continue;
		churn_make(sim, i, &step);
		sim_log(sim, "step %u: %s", i,
			churn_text(sim, i, text, sizeof(text)));
		churn_do(sim, &step);
		sim_run(sim, step.pause_us);
	}
	heal(sim);
	/* The longest pause between dials is 37 s; a TAP may fail again. */
	sim_run(sim, 80 * USEC_PER_SEC);
	for (i = 0; i < sim->n_hosts; i++)
		sim->hosts[i]->is_short = false;
	check_sessions(sim);
	check_best(sim);
	check_agreed(sim);
	check_pmtu(sim);
	for (i = 0; i < sim->n_hosts && !sim->is_failed; i++)
		check_flows(sim->hosts[i]);
	traffic_check(sim);
	talk_all(sim);
	sim_run(sim, USEC_PER_SEC);
	traffic_check(sim);
}
