/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions: two names of one host, half-open ones, removal, clones, other
 * identities. */
#include "check.h"
#include "nat.h"
#include "net.h"
#include "scenario.h"
#include "session.h"

/* Everybody dials everybody by two names, all at once and again later. */
void scenario_names(struct sim *sim, uint32_t n_steps)
{
	uint32_t i, k;

	(void)n_steps;
	for (i = 0; i < sim->n_hosts; i++) {
		for (k = 0; k < sim->n_hosts; k++) {
			if (i == k)
				continue;
			host_add_target(sim->hosts[i], sim->hosts[k]);
			host_add_alias(sim->hosts[i], sim->hosts[k]);
		}
	}
	for (i = 0; i < sim->n_hosts; i++)
		host_start(sim->hosts[i]);
	for (i = 0; i < sim->n_hosts; i++)
		build_port(sim->hosts[i], 1, false);
	sim_run(sim, 3 * USEC_PER_SEC);
	check_settled(sim);
	for (k = 0; k < 3; k++) {
		i = (uint32_t)sim_random(sim, sim->n_hosts);
		host_kill(sim->hosts[i]);
		sim_run(sim, sim_random(sim, 2 * USEC_PER_SEC));
		host_start(sim->hosts[i]);
		sim_run(sim, 10 * USEC_PER_SEC);
		check_settled(sim);
	}
}

/*
 * A session is dead for one end only, as when a firewall forgets it: the new
 * one takes its place at once, though the other end still believes in it.
 */
void scenario_half_open(struct sim *sim, uint32_t n_steps)
{
	struct host *a = sim->hosts[sim_random(sim, 2)];
	struct host *b = sim->hosts[!a->index];
	struct peer_view view;

	(void)n_steps;
	build_cluster(sim, 1);
	sim_run(sim, 10 * USEC_PER_SEC);
	session_break(sim, a->index, b->index);
	sim_run(sim, 2 * USEC_PER_SEC);
	if (!engine_find_peer(a->engine, b->hello.id, &view) ||
	    !view.has_session)
		sim_fail(sim, "no session after a half-open one");
	if (!engine_find_peer(b->engine, a->hello.id, &view) ||
	    !view.has_session)
		sim_fail(sim, "the other end has no session");
	sim_run(sim, 10 * USEC_PER_SEC);
	check_settled(sim);
}

static void tell(struct host *h, enum event_type type, const struct host *peer)
{
	struct event ev = { .type = type };

	ev.peer_id = peer->hello.id;
	host_event(h, &ev);
}

/* The operator removes a peer, and takes it back. */
void scenario_removed(struct sim *sim, uint32_t n_steps)
{
	struct host *a = sim->hosts[0], *b = sim->hosts[1];
	struct entry_view entry;
	struct peer_view view;

	(void)n_steps;
	build_cluster(sim, 2);
	tell(a, EVENT_PEER_REMOVED, b);
	sim_run(sim, 5 * USEC_PER_SEC + sim_random(sim, 30 * USEC_PER_SEC));
	if (session_count(sim, 0, 1))
		sim_fail(sim, "a removed peer has a session");
	if (engine_find_peer(a->engine, b->hello.id, &view))
		sim_fail(sim, "a removed peer is known");
	if (engine_find_mac(a->engine, 100, &b->ports[0].port.mac, &entry))
		sim_fail(sim, "a removed peer has entries");
	tell(a, EVENT_PEER_ALLOWED, b);
	sim_run(sim, 40 * USEC_PER_SEC);
	check_settled(sim);
	traffic_all_pairs(sim, true);
	sim_run(sim, USEC_PER_SEC);
	traffic_check(sim);
}

/* A third host has the identity of another: both are named, one works. */
void scenario_cloned(struct sim *sim, uint32_t n_steps)
{
	struct host *a = sim->hosts[0], *b = sim->hosts[1], *c = sim->hosts[2];
	struct peer_view view;

	(void)n_steps;
	host_add_target(a, b);
	host_start(a);
	host_start(b);
	sim_run(sim, 2 * USEC_PER_SEC);
	host_rename(c, b->hello.name);
	host_add_target(c, a);
	host_start(c);
	sim_run(sim, 20 * USEC_PER_SEC);
	if (!a->notes[NOTE_CLONED])
		sim_fail(sim, "nobody notices the clone");
	if (!engine_find_peer(a->engine, b->hello.id, &view) ||
	    !ip_equal(&view.remote.ip, &b->ip))
		sim_fail(sim, "the clone took the place of the first");
	if (session_count(sim, 0, 1) != 1 || session_count(sim, 0, 2) != 0)
		sim_fail(sim, "%u and %u sessions", session_count(sim, 0, 1),
			 session_count(sim, 0, 2));
	/* And one that has our own. */
	host_rename(b, a->hello.name);
	host_kill(b);
	host_start(b);
	sim_run(sim, 5 * USEC_PER_SEC);
	if (session_count(sim, 0, 1))
		sim_fail(sim, "a session with our own identity");
}

/*
 * A host has the identity of one that is off, and then its own, and the other
 * one is back: who can only dial, from behind a NAT, finds both.
 */
void scenario_uncloned(struct sim *sim, uint32_t n_steps)
{
	struct host *h = sim->hosts[1], *off = sim->hosts[2];

	(void)n_steps;
	nat_put(sim->hosts[0]);
	host_rename(h, off->hello.name);
	host_add_target(sim->hosts[0], h);
	host_add_target(sim->hosts[0], off);
	host_start(sim->hosts[0]);
	host_start(h);
	sim_run(sim, USEC_PER_SEC + sim_random(sim, 40 * USEC_PER_SEC));
	if (session_count(sim, 0, 1) != 1)
		sim_fail(sim, "no session with the clone");
	host_kill(h);
	sim_run(sim, sim_random(sim, 30 * USEC_PER_SEC));
	host_rename(h, NULL);
	host_start(off);
	sim_run(sim, sim_random(sim, 60 * USEC_PER_SEC));
	host_start(h);
	sim_run(sim, 80 * USEC_PER_SEC);
	check_sessions(sim);
}

static void slow_link(struct sim *sim, uint32_t a, uint32_t b, usec_t us)
{
	net_link(sim, a, b)->latency_us = us;
	net_link(sim, b, a)->latency_us = us;
}

/*
 * One peer, cut off from a host, has a session with its clone, and tells where
 * that is: who can only dial, and is started again, takes both places for the
 * one host's. When the clone has its own identity it is found where it is said
 * to be.
 */
void scenario_hinted(struct sim *sim, uint32_t n_steps)
{
	struct host *const *hosts = sim->hosts;
	struct host *clone = hosts[1];
	uint32_t i;

	(void)n_steps;
	nat_put(hosts[0]);
	net_cut(sim, 2, 3, true);
	slow_link(sim, 0, 2, USEC_PER_MS);
	slow_link(sim, 0, 1, 5 * USEC_PER_MS);
	host_add_target(hosts[0], hosts[3]);
	for (i = 0; i < 3; i++)
		host_add_target(hosts[i], hosts[4]);
	host_add_target(hosts[3], hosts[4]);
	host_add_target(clone, hosts[3]);
	for (i = 0; i < 5; i++) {
		if (hosts[i] != clone)
			host_start(hosts[i]);
	}
	sim_run(sim, 5 * USEC_PER_SEC);
	host_rename(clone, hosts[2]->hello.name);
	host_start(clone);
	sim_run(sim, 5 * USEC_PER_SEC);
	if (session_count(sim, 3, 1) != 1 || session_count(sim, 4, 2) != 1)
		sim_fail(sim, "the clone does not live beside the first");
	host_kill(hosts[0]);
	host_start(hosts[0]);
	sim_run(sim, USEC_PER_SEC + sim_random(sim, 5 * USEC_PER_SEC));
	host_kill(clone);
	net_cut(sim, 2, 3, false);
	sim_run(sim, sim_random(sim, 30 * USEC_PER_SEC));
	host_rename(clone, NULL);
	host_start(clone);
	sim_run(sim, 80 * USEC_PER_SEC);
	check_sessions(sim);
}

/*
 * Two hosts that were told of each other by a third are cut off from each other
 * for long, and nobody tells them again.
 */
void scenario_estranged(struct sim *sim, uint32_t n_steps)
{
	struct host *const *hosts = sim->hosts;

	(void)n_steps;
	host_add_target(hosts[0], hosts[2]);
	host_add_target(hosts[1], hosts[2]);
	host_start(hosts[2]);
	host_start(hosts[0]);
	host_start(hosts[1]);
	sim_run(sim, 5 * USEC_PER_SEC);
	check_sessions(sim);
	net_cut(sim, 0, 1, true);
	sim_run(sim, 2 * HOLD_US + sim_random(sim, 900 * USEC_PER_SEC));
	net_cut(sim, 0, 1, false);
	/* The longest pause between dials is two minutes and a quarter more. */
	sim_run(sim, 160 * USEC_PER_SEC);
	check_sessions(sim);
}

/*
 * A host is installed anew: the same address, other identity. The end of the
 * old sessions and the beginning of the new ones come in any order.
 */
void scenario_renamed(struct sim *sim, uint32_t n_steps)
{
	struct host *h = sim->hosts[sim_random(sim, 3)];
	const peer_id_t old = h->hello.id;
	struct peer_view view;
	uint32_t i;

	(void)n_steps;
	build_cluster(sim, 2);
	if (sim_chance(sim, 50)) {
		host_kill(h);
		host_rename(h, "new");
		host_start(h);
	} else {
		/* Nobody was told: the old sessions last for a while. */
		host_power_off(h);
		host_power_on(h, false);
		host_rename(h, "new");
		host_start(h);
		build_port(h, 1, false);
		build_port(h, 2, false);
	}
	for (i = 0; i < 100; i++) {
		struct host *from = sim->hosts[i % 3];

		traffic_send(sim, from, &from->ports[0], NULL,
			     TRAFFIC_BROADCAST, TRAFFIC_ANY, NULL);
		sim_run(sim, 100);
	}
	sim_run(sim, 5 * USEC_PER_SEC);
	for (i = 0; i < sim->n_hosts; i++) {
		if (engine_find_peer(sim->hosts[i]->engine, old, &view))
			sim_fail(sim, "host %u keeps the old identity", i);
	}
	check_settled(sim);
	for (i = 0; i < sim->n_hosts; i++)
		traffic_send(sim, sim->hosts[i], &sim->hosts[i]->ports[0], NULL,
			     TRAFFIC_BROADCAST, TRAFFIC_ALL, NULL);
	sim_run(sim, USEC_PER_SEC);
	traffic_check(sim);
}

/*
 * A host whose peer's daemon is away starts again, and keeps what leads there.
 * Then the peer is back at another address.
 */
void scenario_elsewhere(struct sim *sim, uint32_t n_steps)
{
	struct host *h = sim->hosts[0], *away = sim->hosts[1];
	struct host *elsewhere = sim->hosts[2];

	(void)n_steps;
	build_cluster(sim, 2);
	host_kill(elsewhere);
	host_kill(away);
	sim_run(sim, sim_random(sim, HOLD_US / 2));
	host_kill(h);
	host_start(h);
	sim_run(sim, sim_random(sim, 3 * HOLD_US));
	host_rename(elsewhere, away->hello.name);
	host_start(elsewhere);
	sim_run(sim, 2 * HOLD_US);
	check_flows(h);
	host_kill(elsewhere);
	host_rename(elsewhere, NULL);
	host_start(elsewhere);
	host_start(away);
	sim_run(sim, 80 * USEC_PER_SEC);
	check_settled(sim);
}

/*
 * Hosts are upgraded one by one, while containers talk: what speaks the first
 * version alone does not meet what speaks only the second, and says so.
 */
void scenario_versions(struct sim *sim, uint32_t n_steps)
{
	struct host *last = sim->hosts[sim_random(sim, sim->n_hosts)];
	uint32_t i;

	(void)n_steps;
	for (i = 0; i < sim->n_hosts; i++)
		sim->hosts[i]->has_check_len = sim_chance(sim, 50);
	build_cluster(sim, 2);
	for (i = 0; i < sim->n_hosts; i++) {
		struct host *h = sim->hosts[i];

		if (h == last)
			continue;
		host_kill(h);
		traffic_all_pairs(sim, true);
		sim_run(sim, sim_random(sim, 5 * USEC_PER_SEC));
		host_speaks(h, 1, 2);
		host_start(h);
		sim_run(sim, 40 * USEC_PER_SEC);
		check_settled(sim);
	}
	for (i = 0; i < sim->n_hosts; i++) {
		struct host *h = sim->hosts[i];

		if (h == last)
			continue;
		host_kill(h);
		host_speaks(h, 2, 2);
		host_start(h);
	}
	sim_run(sim, 40 * USEC_PER_SEC);
	for (i = 0; i < sim->n_hosts; i++) {
		if (session_count(sim, i, last->index))
			sim_fail(sim, "versions 1 and 2 have a session");
	}
	if (last->last_note[NOTE_DIAL_FAILED].reason != REASON_VERSION)
		sim_fail(sim, "nobody says that the version is too old");
	host_kill(last);
	host_speaks(last, 1, 2);
	host_start(last);
	/* Without hope it is tried once a minute. */
	sim_run(sim, 80 * USEC_PER_SEC);
	check_settled(sim);
	traffic_all_pairs(sim, true);
	sim_run(sim, USEC_PER_SEC);
	traffic_check(sim);
}

/* A host says goodbye: forgotten at once, without the hold time. */
void scenario_leave(struct sim *sim, uint32_t n_steps)
{
	const struct event leaving = { .type = EVENT_LEAVING };
	struct host *gone = sim->hosts[sim_random(sim, 3)];
	struct peer_view view;
	uint32_t i;

	(void)n_steps;
	build_cluster(sim, 2);
	host_event(gone, &leaving);
	sim_run(sim, 10 * USEC_PER_MS);
	host_kill(gone);
	for (i = 0; i < sim->n_hosts; i++) {
		struct host *h = sim->hosts[i];

		if (h != gone &&
		    engine_find_peer(h->engine, gone->hello.id, &view))
			sim_fail(sim, "host %u: a peer that left is kept", i);
	}
	sim_run(sim, 5 * USEC_PER_SEC);
	host_start(gone);
	sim_run(sim, 40 * USEC_PER_SEC);
	check_settled(sim);
}
