/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "scale.h"

enum fault {
	FAULT_MIGRATE, /* a container moves to another host */
	FAULT_WITHDRAW,
	FAULT_POWER, /* the host, for a while */
	FAULT_RESTART,
	FAULT_RESTART_EMPTY, /* without state, its kernel too */
	FAULT_CUT,	     /* all of it, for a while */
	FAULT_CUT_PATH,	     /* one encapsulation, for a while */
	FAULT_LOSS,
	FAULT_DISORDER, /* answers come twice, or late */
	FAULT_FULL,	/* its kernel takes no more flows */
	FAULT_UNHEARD,	/* … or its answers are lost */
	FAULT_MTU,
	FAULT_CLONE, /* it has another's identity for a while */
	FAULT_BREAK, /* one session */
	FAULT_NAT,   /* between it and all others, for a while */
	N_FAULTS
};

static struct place *any(uint32_t *ret)
{
	/* More often of a real host than its share is. */
	*ret = (uint32_t)sim_random(scale->sim, sim_chance(scale->sim, 1)
							? scale->n_reals
							: scale->n);
	return &scale->places[*ret];
}

static void say(uint32_t host, uint32_t container, bool is_withdrawn)
{
	struct place *p = &scale->places[host];

	if (!p->real)
		puppet_announce(host, container, is_withdrawn);
	else if (container / scale->n_containers == host)
		real_port(p->real, container, !is_withdrawn);
}

static void note_moved(uint32_t c)
{
	uint32_t i;

	for (i = 0; i < scale->n_moved; i++) {
		if (scale->moved[i] == c)
			return;
	}
	if ((scale->n_moved & (scale->n_moved - 1)) == 0) {
		scale->moved = realloc(scale->moved,
				       (scale->n_moved * 2 + 1) *
					       sizeof(scale->moved[0]));
		if (!scale->moved)
			abort();
	}
	scale->moved[scale->n_moved++] = c;
}

/* Real hosts have their own alone. */
static void migrate(void)
{
	const uint32_t all = scale->n * scale->n_containers;
	const uint32_t c = (uint32_t)sim_random(scale->sim, all);
	const uint32_t from = scale->owners[c];
	uint32_t to;

	if (any(&to)->real || from == to ||
	    scale->places[c / scale->n_containers].real)
		return;
	if (to != c / scale->n_containers)
		note_moved(c);
	scale->owners[c] = to;
	say(to, c, false);
	if (from != SCALE_NONE)
		say(from, c, true);
}

static void withdraw(void)
{
	uint32_t host, c;

	any(&host);
	c = host * scale->n_containers +
	    (uint32_t)sim_random(scale->sim, scale->n_containers);
	if (scale->owners[c] == host) {
		scale->owners[c] = SCALE_NONE;
		say(host, c, true);
	} else if (scale->owners[c] == SCALE_NONE) {
		scale->owners[c] = host;
		say(host, c, false);
	}
}

static void revive(uint32_t host)
{
	struct place *p = &scale->places[host];

	p->is_dead = false;
	/* What it had sessions with hears now that it knows of none. */
	wire_break(host, SCALE_NONE);
	if (p->real)
		real_start(p->real, false);
}

static void power_on(struct sim *sim, void *ctx, uint64_t arg)
{
	(void)sim;
	(void)ctx;
	revive((uint32_t)arg);
}

static void heal(uint32_t host)
{
	struct place *p = &scale->places[host];

	/* What was said meanwhile is lost, and so is the session. */
	if (p->has_no_control)
		wire_break(host, SCALE_NONE);
	p->is_cut[PATH_FASTDP] = p->is_cut[PATH_SLEEVE] = false;
	p->has_no_control = false;
	p->loss_percent = p->copy_percent = p->late_percent = 0;
	if (p->real) {
		p->real->dp.max_flows = UINT32_MAX;
		p->real->dp.lost_percent = 0;
	}
	p->mtu = SCALE_LINK_MTU;
}

static void heal_later(struct sim *sim, void *ctx, uint64_t arg)
{
	(void)sim;
	(void)ctx;
	heal((uint32_t)arg);
}

/* Its sessions end, and the next have its own name again. */
static void unclone(uint32_t host)
{
	struct place *p = &scale->places[host];

	if (p->victim == SCALE_NONE)
		return;
	p->victim = SCALE_NONE;
	p->hello.id = host + 1;
	p->hello.instance++;
	wire_break(host, SCALE_NONE);
}

static void unclone_later(struct sim *sim, void *ctx, uint64_t arg)
{
	(void)sim;
	(void)ctx;
	unclone((uint32_t)arg);
}

static void nat_over(struct sim *sim, void *ctx, uint64_t arg)
{
	(void)sim;
	(void)ctx;
	if (!scale->is_healed)
		scale_nat_end((uint32_t)arg);
}

static void clone(uint32_t host, struct place *p)
{
	uint32_t victim;

	if (p->real || p->is_dead || p->nat_port || p->victim != SCALE_NONE)
		return;
	any(&victim);
	if (victim == host)
		return;
	wire_break(host, SCALE_NONE);
	p->victim = victim;
	p->hello.id = victim + 1;
	p->hello.instance++;
	puppet_greet_all(host);
}

static void restart(uint32_t host, struct place *p, bool has_state)
{
	if (p->is_dead)
		return;
	if (p->real) {
		real_stop(p->real);
		real_start(p->real, has_state);
		return;
	}
	wire_break(host, SCALE_NONE);
	p->hello.instance++;
	puppet_greet_all(host);
}

static void do_way(enum fault fault, struct place *p)
{
	struct sim *sim = scale->sim;

	switch (fault) {
	case FAULT_CUT:
		p->is_cut[PATH_FASTDP] = p->is_cut[PATH_SLEEVE] = true;
		p->has_no_control = true;
		break;
	case FAULT_CUT_PATH:
		p->is_cut[sim_chance(sim, 60) ? PATH_FASTDP : PATH_SLEEVE] =
			true;
		break;
	case FAULT_LOSS:
		p->loss_percent = 20;
		break;
	case FAULT_DISORDER:
		p->copy_percent = p->late_percent = 20;
		break;
	case FAULT_FULL:
		if (p->real)
			p->real->dp.max_flows = p->real->dp.n_flows;
		break;
	case FAULT_UNHEARD:
		if (p->real)
			p->real->dp.lost_percent = 30;
		break;
	default:
		p->mtu = 1280 + (uint32_t)sim_random(sim, 220);
		break;
	}
}

static void do_host(enum fault fault, uint32_t host, struct place *p,
		    usec_t until)
{
	uint32_t other;

	switch (fault) {
	case FAULT_POWER:
		if (p->is_dead)
			break;
		p->is_dead = true;
		if (p->real)
			real_stop(p->real);
		sim_post(scale->sim, until, power_on, NULL, host);
		break;
	case FAULT_RESTART:
	case FAULT_RESTART_EMPTY:
		restart(host, p, fault == FAULT_RESTART);
		break;
	case FAULT_CLONE:
		clone(host, p);
		sim_post(scale->sim, until, unclone_later, NULL, host);
		break;
	case FAULT_BREAK:
		any(&other);
		wire_break(host, other);
		break;
	case FAULT_NAT:
		scale_nat_begin(host);
		sim_post(scale->sim, until, nat_over, NULL, host);
		break;
	default:
		do_way(fault, p);
		sim_post(scale->sim, until, heal_later, NULL, host);
		break;
	}
}

void scale_fault(void)
{
	struct sim *sim = scale->sim;
	const enum fault fault = (enum fault)sim_random(sim, N_FAULTS);
	const usec_t until = sim->now + USEC_PER_SEC +
			     sim_random(sim, 60 * USEC_PER_SEC);
	struct place *p;
	uint32_t host;

	if (fault == FAULT_MIGRATE) {
		migrate();
	} else if (fault == FAULT_WITHDRAW) {
		withdraw();
	} else {
		p = any(&host);
		do_host(fault, host, p, until);
	}
}

void scale_heal(void)
{
	uint32_t i;

	scale->is_healed = true;
	for (i = 0; i < scale->n; i++) {
		heal(i);
		unclone(i);
		if (scale->places[i].is_dead)
			revive(i);
	}
}
