/* SPDX-License-Identifier: Apache-2.0 */
/* Both paths: one is blocked, flaps, is translated; hosts that have but one. */
#include "carrier.h"
#include "check.h"
#include "nat.h"
#include "net.h"
#include "scenario.h"
#include "session.h"

#define STREAM_US (20 * USEC_PER_MS)

static void expect_path(struct sim *sim, const struct host *h,
			const struct host *peer, enum path_kind path)
{
	struct peer_view view;

	if (!engine_find_peer(h->engine, peer->hello.id, &view) ||
	    !view.has_path || view.path != path)
		sim_fail(sim, "host %u is not on path %d to host %u: %s",
			 h->index, path, peer->index, reason_code(view.reason));
}

/* A while in which frames may be lost, then none any more. */
static void gap(struct sim *sim, usec_t us)
{
	traffic_expect(sim, TRAFFIC_WELL);
	sim_run(sim, us);
	traffic_expect(sim, TRAFFIC_MUST);
}

static uint64_t n_choices(const struct sim *sim)
{
	uint64_t n = 0;
	uint32_t i;

	for (i = 0; i < sim->n_hosts; i++)
		n += sim->hosts[i]->notes[NOTE_CHOICE];
	return n;
}

/*
 * VXLAN is dropped, both ways or one: sleeve takes over within a second, and
 * gives back without losing a frame. Sleeve is dropped: nobody notices.
 */
void scenario_blocked(struct sim *sim, uint32_t n_steps)
{
	struct host *a = sim->hosts[0], *b = sim->hosts[1];
	const bool is_one_way = sim_chance(sim, 50);

	(void)n_steps;
	build_cluster(sim, 2);
	sim_run(sim, 3 * USEC_PER_SEC);
	check_best(sim);
	traffic_stream(sim, STREAM_US, 40 * USEC_PER_SEC);
	sim_run(sim, USEC_PER_SEC + sim_random(sim, USEC_PER_SEC));
	if (is_one_way)
		net_cut_way(sim, 0, 1, PATH_FASTDP, true);
	else
		net_cut_path(sim, 0, 1, PATH_FASTDP, true);
	gap(sim, DETECT_US);
	sim_run(sim, 5 * USEC_PER_SEC);
	expect_path(sim, a, b, PATH_SLEEVE);
	expect_path(sim, b, a, is_one_way ? PATH_FASTDP : PATH_SLEEVE);
	net_cut_path(sim, 0, 1, PATH_FASTDP, false);
	sim_run(sim, 5 * USEC_PER_SEC);
	check_best(sim);
	net_cut_path(sim, 0, 1, PATH_SLEEVE, true);
	sim_run(sim, 5 * USEC_PER_SEC);
	net_cut_path(sim, 0, 1, PATH_SLEEVE, false);
	sim_run(sim, 5 * USEC_PER_SEC);
	check_best(sim);
	traffic_check(sim);
}

/* Both at once, for less and for longer than the hold time. */
void scenario_blackout(struct sim *sim, uint32_t n_steps)
{
	uint32_t n;

	(void)n_steps;
	build_cluster(sim, 2);
	sim_run(sim, 3 * USEC_PER_SEC);
	for (n = 0; n < 3; n++) {
		net_cut_data(sim, 0, 1, true);
		if (sim_chance(sim, 70))
			net_cut_data(sim, 1, 0, true);
		sim_run(sim, sim_random(sim, 2 * HOLD_US));
		net_heal(sim);
		/* Asked again after a second, and believed after 2, 4 and 8. */
		sim_run(sim, (3 + (UINT64_C(2) << n)) * USEC_PER_SEC);
		check_best(sim);
		traffic_all_pairs(sim, true);
		sim_run(sim, USEC_PER_SEC);
		traffic_check(sim);
		check_settled(sim);
	}
}

/* Blocked and free every second: a bounded number of switches, ends right. */
void scenario_flapping(struct sim *sim, uint32_t n_steps)
{
	uint64_t n;
	uint32_t i;

	(void)n_steps;
	build_cluster(sim, 1);
	sim_run(sim, 3 * USEC_PER_SEC);
	n = n_choices(sim);
	traffic_expect(sim, TRAFFIC_WELL);
	traffic_stream(sim, 100 * USEC_PER_MS, 60 * USEC_PER_SEC);
	for (i = 0; i < 60; i++) {
		net_cut_path(sim, 0, 1, PATH_FASTDP, i % 2 == 0);
		sim_run(sim, USEC_PER_SEC);
	}
	n = n_choices(sim) - n;
	if (n > 12)
		sim_fail(sim, "%llu switches in a minute of flapping",
			 (unsigned long long)n);
	net_cut_path(sim, 0, 1, PATH_FASTDP, false);
	sim_run(sim, 65 * USEC_PER_SEC);
	check_best(sim);
	traffic_expect(sim, TRAFFIC_MUST);
	traffic_all_pairs(sim, true);
	sim_run(sim, USEC_PER_SEC);
	traffic_check(sim);
}

/* One host behind a NAT, which forgets from time to time. */
void scenario_nat(struct sim *sim, uint32_t n_steps)
{
	struct host *inside = sim->hosts[sim_random(sim, sim->n_hosts)];
	uint32_t n;

	(void)n_steps;
	nat_put(inside);
	build_cluster(sim, 2);
	sim_run(sim, 3 * USEC_PER_SEC);
	check_best(sim);
	traffic_stream(sim, 100 * USEC_PER_MS, 60 * USEC_PER_SEC);
	for (n = 0; n < 4; n++) {
		sim_run(sim, sim_random(sim, 3 * USEC_PER_SEC));
		nat_rebind(inside);
		gap(sim, 3 * USEC_PER_SEC);
		sim_run(sim, USEC_PER_SEC);
		check_best(sim);
	}
	check_sessions(sim);
	traffic_check(sim);
}

static void expect_known(struct sim *sim, const struct host *by,
			 const struct host *h)
{
	struct peer_view view;

	if (!engine_find_peer(by->engine, h->hello.id, &view))
		sim_fail(sim, "host %u has forgotten host %u, which answers it",
			 by->index, h->index);
}

/*
 * Two hosts behind one NAT, as two that were installed one after the other at
 * one address: sessions end, and whoever is first again has a new one. The
 * other one answers by sleeve: it is not gone.
 */
void scenario_one_nat(struct sim *sim, uint32_t n_steps)
{
	struct host *const *hosts = sim->hosts;
	uint32_t n, i;

	(void)n_steps;
	nat_put(hosts[0]);
	nat_share(hosts[1], hosts[0]);
	build_mesh(sim);
	for (i = 0; i < 3; i++)
		build_port(hosts[i], 1, false);
	sim_run(sim, 8 * USEC_PER_SEC);
	for (n = 0; n < 6; n++) {
		session_break(sim, 2, 0);
		session_break(sim, 2, 1);
		for (i = 0; i < 10000; i++) {
			sim_run(sim, USEC_PER_MS);
			expect_known(sim, hosts[2], hosts[0]);
			expect_known(sim, hosts[2], hosts[1]);
		}
	}
	sim_run(sim, 40 * USEC_PER_SEC);
	if (session_count(sim, 0, 2) != 1 || session_count(sim, 1, 2) != 1)
		sim_fail(sim, "who is behind the NAT has no session");
	/* One is no more: the other one is not taken for it. */
	host_kill(hosts[0]);
	sim_run(sim, 90 * USEC_PER_SEC);
	expect_known(sim, hosts[2], hosts[1]);
}

/* The daemon of a sleeve pair dies: back in a second; fastdp loses nothing. */
void scenario_sleeve_dead(struct sim *sim, uint32_t n_steps)
{
	struct host *h = sim->hosts[0];
	struct sim_port *far, *near;
	uint32_t i;

	(void)n_steps;
	build_cluster(sim, 1);
	net_cut_path(sim, 0, 1, PATH_FASTDP, true);
	sim_run(sim, 5 * USEC_PER_SEC);
	expect_path(sim, h, sim->hosts[1], PATH_SLEEVE);
	near = &h->ports[0];
	far = &sim->hosts[2]->ports[0];
	host_kill(h);
	for (i = 0; i < 10; i++) {
		traffic_send(sim, h, near, far, TRAFFIC_UNICAST, TRAFFIC_MUST,
			     NULL);
		traffic_send(sim, sim->hosts[2], far, near, TRAFFIC_UNICAST,
			     TRAFFIC_MUST, NULL);
		sim_run(sim, sim_random(sim, USEC_PER_SEC));
	}
	host_start(h);
	sim_run(sim, USEC_PER_SEC);
	traffic_all_pairs(sim, true);
	sim_run(sim, USEC_PER_SEC);
	traffic_check(sim);
	check_settled(sim);
}

/* TAPs are taken away while packets go through them. */
void scenario_tap_lost(struct sim *sim, uint32_t n_steps)
{
	uint32_t i;

	(void)n_steps;
	build_cluster(sim, 2);
	net_cut_path(sim, 0, 1, PATH_FASTDP, true);
	sim_run(sim, 5 * USEC_PER_SEC);
	for (i = 0; i < 4; i++) {
		traffic_all_pairs(sim, true);
		sim_run(sim, USEC_PER_SEC);
		traffic_check(sim);
		carrier_lose_tap(sim->hosts[i % 2], i < 2 ? 100 : 200);
		/* Made again after two seconds; once in a while after four. */
		sim_run(sim, 9 * USEC_PER_SEC);
		check_flows(sim->hosts[i % 2]);
	}
	traffic_all_pairs(sim, true);
	sim_run(sim, USEC_PER_SEC);
	traffic_check(sim);
}

/* Duplicates and overtaking on both paths: nothing is taken for something
 * else, no path goes down for it. */
void scenario_disorder(struct sim *sim, uint32_t n_steps)
{
	uint32_t i, k;

	(void)n_steps;
	build_cluster(sim, 2);
	sim_run(sim, 3 * USEC_PER_SEC);
	for (i = 0; i < sim->n_hosts; i++) {
		for (k = 0; k < sim->n_hosts; k++) {
			net_link(sim, i, k)->copy_percent = 20;
			net_link(sim, i, k)->late_percent = 20;
		}
		sim->hosts[i]->notes[NOTE_PATH_DOWN] = 0;
	}
	if (sim_chance(sim, 50)) {
		net_cut_path(sim, 0, 1, PATH_FASTDP, true);
		sim_run(sim, 2 * USEC_PER_SEC);
		sim->hosts[0]->notes[NOTE_PATH_DOWN] = 0;
		sim->hosts[1]->notes[NOTE_PATH_DOWN] = 0;
	}
	traffic_stream(sim, 100 * USEC_PER_MS, 20 * USEC_PER_SEC);
	sim_run(sim, 21 * USEC_PER_SEC);
	traffic_check(sim);
	for (i = 0; i < sim->n_hosts; i++) {
		if (sim->hosts[i]->notes[NOTE_PATH_DOWN])
			sim_fail(sim, "host %u: a path went down", i);
	}
	check_sessions(sim);
}

/* Hosts without openvswitch.ko among others: all reach each other. */
void scenario_bridges(struct sim *sim, uint32_t n_steps)
{
	uint32_t i;

	(void)n_steps;
	for (i = 0; i < sim->n_hosts; i++)
		sim->hosts[i]->is_bridge = i > 1 && sim_chance(sim, 70);
	sim->hosts[sim_random(sim, sim->n_hosts)]->is_bridge = true;
	build_cluster(sim, 2);
	sim_run(sim, 3 * USEC_PER_SEC);
	check_best(sim);
	traffic_stream(sim, 200 * USEC_PER_MS, 20 * USEC_PER_SEC);
	sim_run(sim, 5 * USEC_PER_SEC + 100 * USEC_PER_MS);
	i = (uint32_t)sim_random(sim, sim->n_hosts);
	host_kill(sim->hosts[i]);
	host_start(sim->hosts[i]);
	gap(sim, 3 * USEC_PER_SEC);
	sim_run(sim, 12 * USEC_PER_SEC);
	check_best(sim);
	check_settled(sim);
	traffic_check(sim);
}
