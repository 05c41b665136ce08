/* SPDX-License-Identifier: Apache-2.0 */
/* The underlay fails: hosts die, links are cut one way, lose, come back. */
#include "check.h"
#include "net.h"
#include "scenario.h"
#include "session.h"

static struct peer_view view_of(struct sim *sim, const struct host *h,
				const struct host *peer)
{
	struct peer_view view = { .state = PEER_DOWN };

	if (!engine_find_peer(h->engine, peer->hello.id, &view))
		sim_fail(sim, "host %u does not know host %u", h->index,
			 peer->index);
	return view;
}

static void expect_no_trace(struct sim *sim, const struct host *h,
			    const struct host *gone)
{
	struct fake_flow *f;
	uint32_t i, k;

	EACH_FAKE_FLOW(&h->dp, i, f)
	{
		bool is_there = ip_equal(&f->match.tun_src, &gone->ip);

		for (k = 0; k < f->actions.n; k++) {
			const struct flow_action *a = &f->actions.list[k];

			is_there |= a->type == FLOW_SET_TUNNEL &&
				    ip_equal(&a->tunnel.dst, &gone->ip);
		}
		if (is_there)
			sim_fail(sim,
				 "host %u has a flow of host %u, which is "
				 "gone (recirc %08x, fields %03x)",
				 h->index, gone->index, f->match.recirc_id,
				 f->match.fields);
	}
}

void scenario_host_dead(struct sim *sim, uint32_t n_steps)
{
	struct host *dead;
	struct peer_view v;
	uint32_t i;

	(void)n_steps;
	build_cluster(sim, 2);
	traffic_all_pairs(sim, true);
	sim_run(sim, USEC_PER_SEC);
	traffic_check(sim);
	dead = sim->hosts[2];
	sim_run(sim, sim_random(sim, HEARTBEAT_US)); /* anywhere in between */
	host_power_off(dead);
	sim_run(sim, 900 * USEC_PER_MS + 1000);
	for (i = 0; i < 2; i++) {
		v = view_of(sim, sim->hosts[i], dead);
		if (v.paths[PATH_FASTDP].state != PATH_DOWN)
			sim_fail(sim, "host %u: the path is not down in time",
				 i);
		if (!v.n_entries)
			sim_fail(sim, "host %u: entries went too early", i);
	}
	sim_run(sim, SESSION_TIMEOUT_US + USEC_PER_SEC + HOLD_US);
	for (i = 0; i < 2; i++) {
		if (engine_find_peer(sim->hosts[i]->engine, dead->hello.id, &v))
			sim_fail(sim, "host %u: a dead peer is kept", i);
		expect_no_trace(sim, sim->hosts[i], dead);
	}
	traffic_all_pairs(sim, true);
	sim_run(sim, USEC_PER_SEC);
	traffic_check(sim);
}

/* A to B works, B to A does not: A knows through the session. */
void scenario_one_way(struct sim *sim, uint32_t n_steps)
{
	struct host *a, *b;
	struct peer_view v;

	(void)n_steps;
	build_cluster(sim, 1);
	a = sim->hosts[0];
	b = sim->hosts[1];
	net_cut_data(sim, 1, 0, true);
	sim_run(sim, 4 * USEC_PER_SEC);
	v = view_of(sim, a, b);
	if (v.paths[PATH_FASTDP].state != PATH_UP)
		sim_fail(sim, "the direction that works is down: %s",
			 reason_code(v.reason));
	v = view_of(sim, b, a);
	if (v.paths[PATH_FASTDP].state != PATH_DOWN)
		sim_fail(sim, "the direction that is cut is up");
	traffic_send(sim, a, &a->ports[0], &b->ports[0], TRAFFIC_UNICAST,
		     TRAFFIC_MUST, NULL);
	sim_run(sim, 10 * USEC_PER_SEC);
	v = view_of(sim, a, b);
	if (v.paths[PATH_FASTDP].state != PATH_UP)
		sim_fail(sim, "the direction that works went down");
	net_cut_data(sim, 1, 0, false);
	sim_run(sim, 3 * USEC_PER_SEC);
	check_settled(sim);
	sim_run(sim, 40 * USEC_PER_SEC);
	check_settled(sim);
	traffic_check(sim);
}

/* Losses far between do not take a path down; by chance alone five in a row
 * come once in a thousand seeds. */
void scenario_lossy(struct sim *sim, uint32_t n_steps)
{
	uint32_t i, k;

	(void)n_steps;
	build_cluster(sim, 1);
	for (i = 0; i < sim->n_hosts; i++) {
		for (k = 0; k < sim->n_hosts; k++) {
			net_link(sim, i, k)->loss_percent = 10;
			net_link(sim, i, k)->loss_gap_us = USEC_PER_SEC;
		}
		sim->hosts[i]->notes[NOTE_PATH_DOWN] = 0;
	}
	sim_run(sim, 120 * USEC_PER_SEC);
	for (i = 0; i < sim->n_hosts; i++) {
		if (sim->hosts[i]->notes[NOTE_PATH_DOWN])
			sim_fail(sim, "host %u: a path went down", i);
	}
	check_settled(sim);
}

/* A host is installed anew: the same address, another identity. */
void scenario_reborn(struct sim *sim, uint32_t n_steps)
{
	struct host *h;
	struct peer_view v;
	peer_id_t old;
	uint32_t i;

	(void)n_steps;
	build_cluster(sim, 2);
	h = sim->hosts[2];
	old = h->hello.id;
	host_kill(h);
	fake_dp_flush(&h->dp);
	for (i = 0; i < HOST_MAX_PORTS; i++)
		h->ports[i].is_known = false;
	host_rename(h, "another");
	sim_run(sim, sim_random(sim, 10 * USEC_PER_SEC));
	for (i = 0; i < sim->n_hosts; i++)
		h->memory[i].is_kept = false;
	host_start(h);
	sim_run(sim, 5 * USEC_PER_SEC);
	build_port(h, 7, false);
	sim_run(sim, HOLD_US);
	check_settled(sim);
	traffic_stream(sim, 500 * USEC_PER_MS, 2 * HOLD_US);
	sim_run(sim, 2 * HOLD_US + USEC_PER_SEC);
	traffic_check(sim);
	for (i = 0; i < 2; i++) {
		if (engine_find_peer(sim->hosts[i]->engine, old, &v))
			sim_fail(sim, "host %u: the old identity lives on", i);
	}
	check_settled(sim);
}

/* Daemons restart while a host is dead, and it never comes back. */
void scenario_forgotten(struct sim *sim, uint32_t n_steps)
{
	struct host *dead;
	uint32_t i;

	(void)n_steps;
	build_cluster(sim, 2);
	dead = sim->hosts[2];
	for (i = 0; i < 2; i++)
		host_kill(sim->hosts[i]);
	host_power_off(dead);
	sim_run(sim, USEC_PER_SEC);
	for (i = 0; i < 2; i++)
		host_start(sim->hosts[i]);
	sim_run(sim, 2 * HOLD_US);
	for (i = 0; i < 2; i++)
		expect_no_trace(sim, sim->hosts[i], dead);
	traffic_all_pairs(sim, true);
	sim_run(sim, USEC_PER_SEC);
	traffic_check(sim);
}

/* Parted and joined again and again, for shorter and longer than the hold. */
void scenario_parted(struct sim *sim, uint32_t n_steps)
{
	uint32_t i, k, n;

	(void)n_steps;
	build_cluster(sim, 2);
	for (n = 0; n < 4; n++) {
		const bool is_long = sim_chance(sim, 30);

		for (i = 0; i < sim->n_hosts; i++) {
			for (k = 0; k < i; k++) {
				if (i % 2 != k % 2)
					net_cut(sim, i, k, true);
			}
		}
		sim_run(sim, is_long ? 2 * HOLD_US
				     : sim_random(sim, 8 * USEC_PER_SEC));
		for (i = 0; i < sim->n_hosts; i++) {
			for (k = 0; k < i; k++)
				net_cut(sim, i, k, false);
		}
		/* The longest pause between dials is 37 s. */
		sim_run(sim, is_long ? 40 * USEC_PER_SEC : 15 * USEC_PER_SEC);
		check_settled(sim);
		traffic_all_pairs(sim, true);
		sim_run(sim, USEC_PER_SEC);
		traffic_check(sim);
	}
}

/*
 * A daemon stays dead; the others restart, and for longer than the hold time
 * go on reaching what its kernel forwards to.
 */
void scenario_orphan(struct sim *sim, uint32_t n_steps)
{
	uint32_t i;

	(void)n_steps;
	build_cluster(sim, 2);
	host_kill(sim->hosts[2]);
	sim_run(sim, sim_random(sim, USEC_PER_SEC));
	for (i = 0; i < 2; i++) {
		host_kill(sim->hosts[i]);
		host_start(sim->hosts[i]);
	}
	traffic_stream(sim, 500 * USEC_PER_MS, 4 * HOLD_US);
	sim_run(sim, 3 * HOLD_US);
	traffic_check(sim);
	host_start(sim->hosts[2]);
	sim_run(sim, 40 * USEC_PER_SEC);
	check_settled(sim);
	for (i = 0; i < 3; i++)
		check_flows(sim->hosts[i]);
	traffic_check(sim);
}
