/* SPDX-License-Identifier: Apache-2.0 */
#include "scale.h"

/*
 * Puppets behind a NAT. They dial, and nobody can dial them; the kernel's
 * tunnel does not get in; of sleeve what answers their own heartbeats does,
 * until the NAT forgets and gives them another port.
 */

#define ROUND_US USEC_PER_SEC

const struct ip *scale_seen_ip(uint32_t host)
{
	const struct place *p = &scale->places[host];

	return p->nat_port ? &p->nat_ip : &p->ip;
}

/* A heartbeat of its own gets there, from the port of now. */
static void tell_place(uint32_t host, struct real *r)
{
	const struct place *p = &scale->places[host];
	struct event ev = { .type = EVENT_SLEEVE_MOVED };

	ev.moved.peer_id = p->hello.id;
	ev.moved.endpoint.ip = p->nat_ip;
	ev.moved.endpoint.port = p->nat_port;
	wire_tell(host, r, PATH_SLEEVE, &ev);
}

static void new_port(struct place *p)
{
	p->nat_port = (uint16_t)(20000 + sim_random(scale->sim, 40000));
}

/* Once a second. @arg: the host, and above it the number of its NAT: of one that
 * is gone the rounds end. */
static void go_round(struct sim *sim, void *ctx, uint64_t arg)
{
	const uint32_t host = (uint32_t)arg;
	struct place *p = &scale->places[host];
	uint32_t i;

	(void)ctx;
	if (!p->nat_port || p->n_nats != arg >> 32)
		return;
	if (sim_chance(sim, 5))
		new_port(p);
	puppet_greet_all(host);
	for (i = 0; i < scale->n_reals; i++) {
		if (p->sessions[i])
			tell_place(host, &scale->reals[i]);
	}
	sim_post(sim, sim->now + ROUND_US, go_round, NULL, arg);
}

void scale_nat_begin(uint32_t host)
{
	struct place *p = &scale->places[host];

	if (p->real || p->nat_port || p->victim != SCALE_NONE)
		return;
	wire_break(host, SCALE_NONE);
	new_port(p);
	p->n_nats++;
	sim_post(scale->sim, scale->sim->now + 1, go_round, NULL,
		 (uint64_t)p->n_nats << 32 | host);
}

void scale_nat_end(uint32_t host)
{
	struct place *p = &scale->places[host];

	if (!p->nat_port)
		return;
	wire_break(host, SCALE_NONE);
	p->nat_port = 0;
	puppet_greet_all(host);
}
