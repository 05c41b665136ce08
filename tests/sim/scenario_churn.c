/* SPDX-License-Identifier: Apache-2.0 */
/* Everything at random; what must hold is checked after every step. */
#include "carrier.h"
#include "check.h"
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

static void attach(struct sim *sim)
{
	struct host *h = any_host(sim);
	/* Few numbers and hosts, so that MACs and addresses meet. */
	const unsigned int owner = 1 + (unsigned int)sim_random(sim, 3);
	const unsigned int n = 1 + (unsigned int)sim_random(sim, 6);
	const struct mac mac = build_mac(owner, n);
	const struct ip ips[2] = {
		build_ip4(1, 1 + (unsigned int)sim_random(sim, 8)),
		build_ip6(1, 1 + (unsigned int)sim_random(sim, 8))
	};
	uint32_t i;

	for (i = 0; i < HOST_MAX_PORTS; i++) {
		/* A host refuses two ports with one MAC. */
		if (h->ports[i].is_known &&
		    mac_equal(&h->ports[i].port.mac, &mac))
			return;
	}
	if (h->n_ports < 6)
		host_attach(h, n % 2 ? 100 : 200, &mac, ips,
			    (uint8_t)sim_random(sim, 3), sim_chance(sim, 20));
}

static void detach(struct sim *sim)
{
	struct host *h = any_host(sim);
	struct sim_port *p = any_port(sim, h);

	if (p)
		host_detach(h, p);
}

static void talk(struct sim *sim)
{
	const struct mac stranger = build_mac(50,
					      (unsigned int)sim_random(sim, 4));
	struct host *h = any_host(sim), *to = any_host(sim);
	struct sim_port *from = any_port(sim, h);
	struct sim_port *target = any_port(sim, to);
	const enum traffic_kind kinds[] = { TRAFFIC_UNICAST, TRAFFIC_ARP,
					    TRAFFIC_ND, TRAFFIC_BROADCAST,
					    TRAFFIC_GRATUITOUS };

	if (!from)
		return;
	if (target && target != from && sim_chance(sim, 70))
		traffic_send(sim, h, from, target, kinds[sim_random(sim, 5)],
			     TRAFFIC_ANY,
			     sim_chance(sim, 10) ? &stranger : NULL);
	else
		traffic_send_to(sim, h, from, &stranger, TRAFFIC_ANY);
}

static void fail_link(struct sim *sim)
{
	const uint32_t a = (uint32_t)sim_random(sim, sim->n_hosts);
	const uint32_t b = (uint32_t)sim_random(sim, sim->n_hosts);

	if (a == b)
		return;
	switch (sim_random(sim, sim->has_sleeve ? 9 : 4)) {
	case 0:
		net_cut(sim, a, b, true);
		break;
	case 1:
		net_cut_data(sim, a, b, true);
		break;
	case 2:
		net_link(sim, a, b)->loss_percent = 20;
		break;
	case 3:
		net_link(sim, a, b)->copy_percent = 10;
		net_link(sim, a, b)->late_percent = 10;
		break;
	case 4:
	case 5:
		net_cut_path(sim, a, b, PATH_FASTDP, true);
		break;
	case 6:
		net_cut_path(sim, a, b, PATH_SLEEVE, true);
		break;
	case 7:
		if (nat_is_behind(sim->hosts[a]))
			nat_rebind(sim->hosts[a]);
		break;
	default:
		net_cut(sim, a, b, false);
		net_link(sim, a, b)->loss_percent = 0;
		net_link(sim, a, b)->copy_percent = 0;
		break;
	}
}

static void step(struct sim *sim)
{
	const struct event lost = { .type = EVENT_FLOWS_LOST };
	struct host *h = any_host(sim);

	switch (sim_random(sim, 20)) {
	case 0:
		host_kill(h);
		break;
	case 1:
	case 2:
		host_start(h);
		break;
	case 3:
		fail_link(sim);
		break;
	case 4:
		if (h->engine && sim_chance(sim, 20)) {
			fake_dp_flush(&h->dp);
			host_event(h, &lost);
		}
		carrier_lose_tap(h, sim_chance(sim, 50) ? 100 : 200);
		break;
	case 5:
	case 6:
	case 7:
		attach(sim);
		break;
	case 8:
	case 9:
		detach(sim);
		break;
	default:
		talk(sim);
		break;
	}
}

static void heal(struct sim *sim)
{
	uint32_t i;

	net_heal(sim);
	for (i = 0; i < sim->n_hosts; i++) {
		sim->hosts[i]->tap_fault_percent = 0;
		host_start(sim->hosts[i]);
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
	uint32_t i;

	mix(sim);
	build_mesh(sim);
	for (i = 0; i < n_steps && !sim->is_failed; i++) {
		step(sim);
		sim_run(sim, sim_random(sim, sim_chance(sim, 10)
						     ? 4 * USEC_PER_SEC
						     : 100 * USEC_PER_MS));
	}
	heal(sim);
	/* The longest pause between dials is 37 s; a TAP may fail again. */
	sim_run(sim, 80 * USEC_PER_SEC);
	check_sessions(sim);
	check_best(sim);
	check_agreed(sim);
	for (i = 0; i < sim->n_hosts && !sim->is_failed; i++)
		check_flows(sim->hosts[i]);
	traffic_check(sim);
	talk_all(sim);
	sim_run(sim, USEC_PER_SEC);
	traffic_check(sim);
}
