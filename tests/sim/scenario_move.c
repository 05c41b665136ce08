/* SPDX-License-Identifier: Apache-2.0 */
/* MACs and addresses that change their place, and those that may not. */
#include "check.h"
#include "scenario.h"

static void expect_owner(struct sim *sim, vni_t vni, const struct mac *mac,
			 const struct host *owner)
{
	struct entry_view view;
	uint32_t i;

	for (i = 0; i < sim->n_hosts; i++) {
		if (!engine_find_mac(sim->hosts[i]->engine, vni, mac, &view))
			sim_fail(sim, "host %u: a MAC is unknown", i);
		else if (view.owner != owner->hello.id)
			sim_fail(sim, "host %u: a MAC has the wrong owner", i);
	}
}

/* The same MAC and addresses at another host, the old one still there. */
void scenario_moved(struct sim *sim, uint32_t n_steps)
{
	struct sim_port old, *p, *from;
	struct host *a, *b, *c;
	uint64_t n_ops[3];
	uint32_t i;

	(void)n_steps;
	build_cluster(sim, 3);
	a = sim->hosts[0];
	b = sim->hosts[1];
	c = sim->hosts[2];
	old = a->ports[0];
	from = &c->ports[0];
	for (i = 0; i < 3; i++)
		n_ops[i] = sim->hosts[i]->dp.n_puts +
			   sim->hosts[i]->dp.n_deletes;
	p = host_attach(b, old.port.vni, &old.port.mac, old.port.ips,
			old.port.n_ips, false);
	sim_run(sim, USEC_PER_SEC);
	expect_owner(sim, old.port.vni, &old.port.mac, b);
	traffic_send(sim, c, from, p, TRAFFIC_UNICAST, TRAFFIC_MUST, NULL);
	traffic_send(sim, c, from, p, TRAFFIC_ARP, TRAFFIC_MUST, NULL);
	sim_run(sim, USEC_PER_SEC);
	host_detach(a, &a->ports[0]);
	sim_run(sim, USEC_PER_SEC);
	expect_owner(sim, old.port.vni, &old.port.mac, b);
	traffic_all_pairs(sim, true);
	sim_run(sim, USEC_PER_SEC);
	traffic_check(sim);
	for (i = 0; i < 3; i++) {
		n_ops[i] = sim->hosts[i]->dp.n_puts +
			   sim->hosts[i]->dp.n_deletes - n_ops[i];
		if (n_ops[i] > 16)
			sim_fail(sim,
				 "host %u: %llu flow operations for one "
				 "move",
				 i, (unsigned long long)n_ops[i]);
	}
}

/* An address comes back with another MAC at another host: all are told. */
void scenario_returned(struct sim *sim, uint32_t n_steps)
{
	const struct mac mac = build_mac(9, 9);
	struct sim_port old, *p;
	struct host *a, *b;
	uint32_t i, k;

	(void)n_steps;
	build_cluster(sim, 3);
	a = sim->hosts[0];
	b = sim->hosts[1];
	old = a->ports[0];
	host_detach(a, &a->ports[0]);
	sim_run(sim, sim_random(sim, 5 * USEC_PER_SEC));
	for (i = 0; i < 3; i++) {
		for (k = 0; k < HOST_MAX_PORTS; k++)
			sim->hosts[i]->ports[k].n_told = 0;
	}
	p = host_attach(b, old.port.vni, &mac, old.port.ips, old.port.n_ips,
			false);
	sim_run(sim, USEC_PER_SEC);
	for (i = 0; i < 3; i++) {
		for (k = 0; k < HOST_MAX_PORTS; k++) {
			const struct sim_port *q = &sim->hosts[i]->ports[k];

			if (!q->is_known || q == p)
				continue;
			if (q->port.vni != old.port.vni ? q->n_told != 0
							: q->n_told < 2)
				sim_fail(sim,
					 "host %u: port %u was told %u "
					 "times of a move",
					 i, q->port.port_no, q->n_told);
			else if (q->n_told && !mac_equal(&q->told_mac, &mac))
				sim_fail(sim, "host %u: told the wrong MAC", i);
		}
	}
	traffic_all_pairs(sim, true);
	sim_run(sim, USEC_PER_SEC);
	traffic_check(sim);
}

/* A virtual router's MAC goes forth and back between trusted ports. */
void scenario_learnt(struct sim *sim, uint32_t n_steps)
{
	const struct mac mac = { { 0, 0, 0x5e, 0, 1, 7 } };
	struct sim_port *ports[2], *from;
	uint32_t i;

	(void)n_steps;
	build_cluster(sim, 2);
	ports[0] = build_port(sim->hosts[0], 5, true);
	ports[1] = build_port(sim->hosts[1], 7, true);
	from = &sim->hosts[2]->ports[0];
	sim_run(sim, USEC_PER_SEC);
	for (i = 0; i < 6; i++) {
		struct host *h = sim->hosts[i % 2];

		traffic_send(sim, h, ports[i % 2], NULL, TRAFFIC_GRATUITOUS,
			     TRAFFIC_ALL, &mac);
		sim_run(sim, USEC_PER_SEC);
		expect_owner(sim, 100, &mac, h);
		/* The number of its own port, the MAC of the router. */
		ports[i % 2]->port.mac = mac;
		traffic_send(sim, sim->hosts[2], from, ports[i % 2],
			     TRAFFIC_UNICAST, TRAFFIC_MUST, NULL);
		ports[i % 2]->port.mac = build_mac(i % 2 + 1, i % 2 ? 7 : 5);
		sim_run(sim, sim_random(sim, 3 * USEC_PER_SEC));
	}
	traffic_check(sim);
	/* Silent for long enough, it is forgotten everywhere. */
	sim_run(sim, 700 * USEC_PER_SEC);
	for (i = 0; i < sim->n_hosts; i++) {
		struct entry_view view;

		if (engine_find_mac(sim->hosts[i]->engine, 100, &mac, &view))
			sim_fail(sim, "host %u: a silent MAC lives for ever",
				 i);
	}
	check_settled(sim);
}

/* Another's MAC, or a stranger's, from a port that may not. */
void scenario_foreign(struct sim *sim, uint32_t n_steps)
{
	const struct mac stranger = build_mac(77, 77);
	struct sim_port *thief, *victim, *other;

	(void)n_steps;
	build_cluster(sim, 3);
	thief = &sim->hosts[0]->ports[0];
	other = &sim->hosts[0]->ports[2];
	victim = &sim->hosts[1]->ports[0];
	traffic_send(sim, sim->hosts[0], thief, other, TRAFFIC_UNICAST,
		     TRAFFIC_NOBODY, &victim->port.mac);
	traffic_send(sim, sim->hosts[0], thief, NULL, TRAFFIC_GRATUITOUS,
		     TRAFFIC_NOBODY, &victim->port.mac);
	traffic_send(sim, sim->hosts[0], thief, victim, TRAFFIC_UNICAST,
		     TRAFFIC_NOBODY, &stranger);
	traffic_send_to(sim, sim->hosts[0], thief, &stranger, TRAFFIC_NOBODY);
	sim_run(sim, USEC_PER_SEC);
	if (!sim->hosts[0]->notes[NOTE_FOREIGN_MAC])
		sim_fail(sim, "nobody says who sent with a foreign MAC");
	expect_owner(sim, victim->port.vni, &victim->port.mac, sim->hosts[1]);
	traffic_all_pairs(sim, true);
	sim_run(sim, USEC_PER_SEC);
	traffic_check(sim);
}
