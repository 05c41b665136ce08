/* SPDX-License-Identifier: Apache-2.0 */
/* Ways that carry less than the links at their ends, and change. */
#include "check.h"
#include "core/sleeve_wire.h"
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

static bool is_on_sleeve(struct sim *sim, uint32_t a, uint32_t b)
{
	struct host *h = sim->hosts[a], *to = sim->hosts[b];
	struct peer_view view = { .has_path = false };

	if (!engine_find_peer(h->engine, to->hello.id, &view))
		sim_fail(sim, "host %u does not know host %u", a, b);
	return view.has_path && view.path == PATH_SLEEVE;
}

/* Of IP, in one packet of a container of host @a to one of @b. */
static uint32_t room(struct sim *sim, uint32_t a, uint32_t b)
{
	const uint32_t mtu = net_link(sim, a, b)->mtu;

	if (is_on_sleeve(sim, a, b))
		return mtu - NET_UDP_OVERHEAD - SLEEVE_HEADER_SIZE -
		       SLEEVE_FRAME_SIZE - 14;
	return mtu - NET_VXLAN_OVERHEAD - 14;
}

/*
 * What fits arrives; one byte more is answered with what would have fitted,
 * or cut, where its sender allows that.
 */
static void try_pair(struct sim *sim, uint32_t a, uint32_t b)
{
	struct host *h = sim->hosts[a];
	struct sim_port *from = &h->ports[0], *to = &sim->hosts[b]->ports[0];
	const uint32_t max = room(sim, a, b);
	const uint32_t n = from->n_too_big;

	if (max >= h->told_mtu)
		return;

	traffic_send_sized(sim, h, from, to, max, true, TRAFFIC_MUST);
	sim_run(sim, 200 * USEC_PER_MS);
	if (from->n_too_big != n)
		sim_fail(sim,
			 "host %u: a packet of %u bytes to host %u is "
			 "refused (with %u)",
			 a, max, b, from->too_big_mtu);
	traffic_send_sized(sim, h, from, to, max + 1, true, TRAFFIC_NOBODY);
	sim_run(sim, 200 * USEC_PER_MS);
	if (from->n_too_big != n + 1 || from->too_big_mtu != max)
		sim_fail(sim,
			 "host %u: a packet of %u bytes to host %u gets %u "
			 "answers, the last says %u",
			 a, max + 1, b, from->n_too_big - n, from->too_big_mtu);
	/* Sleeve's thread cuts by itself. */
	if (is_on_sleeve(sim, a, b))
		return;
	/* The last piece bears the number. */
	traffic_send_sized(sim, h, from, to, max + 200, false, TRAFFIC_MUST);
	sim_run(sim, 200 * USEC_PER_MS);
}

static void try_all(struct sim *sim)
{
	uint32_t i, k;

	check_pmtu(sim);
	for (i = 0; i < sim->n_hosts; i++) {
		for (k = 0; k < sim->n_hosts; k++) {
			if (i != k && !sim->is_failed)
				try_pair(sim, i, k);
		}
	}
	traffic_check(sim);
}

/* Each way another MTU from the start; then all change at once, and are wide
 * again: each time found to the byte. */
void scenario_narrow(struct sim *sim, uint32_t n_steps)
{
	uint32_t n;

	(void)n_steps;
	narrow_all(sim);
	build_cluster(sim, 1);
	if (sim->has_sleeve && sim_chance(sim, 50))
		net_cut_path(sim, 0, 1, PATH_FASTDP, true);
	sim_run(sim, SETTLE_US);
	try_all(sim);
	for (n = 0; n < 2; n++) {
		narrow_all(sim);
		sim_run(sim, SETTLE_US);
		try_all(sim);
	}
	net_heal(sim);
	/* What has grown nobody is told: the raise timer finds it. */
	sim_run(sim, 2 * RAISE_US + SETTLE_US);
	try_all(sim);
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
	sim_run(sim, SETTLE_US);
	try_all(sim);
}
