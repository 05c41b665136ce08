/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/view.h"
#include "exchange.h"
#include "scale.h"

#define MAX_ACTIONS 20000000U

static void drain(struct real *r);
static void audit_later(struct real *r);

/* Of an engine of a life that is over nobody hears. */
struct late {
	struct real *r;
	uint64_t life;
	struct event ev;
};

static void take_late(struct sim *sim, void *ctx, uint64_t arg)
{
	const struct late *l = ctx;

	(void)sim;
	(void)arg;
	if (l->r->engine && l->r->life == l->life)
		real_tell(l->r, &l->ev);
}

/* An event without pointers, when the engine is not at work. */
static void later(struct real *r, const struct event *ev)
{
	struct late *l = sim_alloc(sizeof(*l));

	*l = (struct late){ .r = r, .life = r->life, .ev = *ev };
	sim_post(scale->sim, scale->sim->now + 1, take_late, l, 0);
}

void real_tell(struct real *r, const struct event *ev)
{
	if (!r->engine)
		return;
	if (r->is_draining) {
		later(r, ev);
		return;
	}
	engine_handle(r->engine, scale->sim->now, ev);
	drain(r);
}

static void put(struct real *r, const struct action *a)
{
	struct event ev;
	bool is_put;

	scale->f.n_puts++;
	if (!scale->has_kernel)
		return;
	is_put = exchange_put(scale->sim, &r->dp, a, &ev);
	if (r->dp.n_idle_puts || r->dp.n_overlaps)
		sim_fail(scale->sim, "host %u: a flow %s", r->host,
			 r->dp.n_overlaps ? "overlaps another"
					  : "was put again as it was");
	if (!is_put)
		later(r, &ev);
}

static void query(struct real *r, const struct action *a)
{
	struct event ev;

	exchange_query(scale->sim, &r->dp, a, &ev);
	if (!scale->has_kernel)
		ev.used.is_known = true;
	later(r, &ev);
}

static void network(struct real *r, const struct action *a)
{
	struct event ev = { .type = EVENT_TAP };

	if (!a->network.is_wanted)
		return;
	ev.tap.vni = a->network.vni;
	ev.tap.port_no = PORT_NO_TAP + a->network.vni % 2;
	later(r, &ev);
}

static void apply(struct real *r, const struct action *a)
{
	switch (a->type) {
	case ACTION_DIAL:
		wire_dial(r, a);
		break;
	case ACTION_SEND:
		wire_send(r, a);
		break;
	case ACTION_CLOSE:
		wire_close(r, a);
		break;
	case ACTION_FLOW_PUT:
		put(r, a);
		break;
	case ACTION_FLOW_DEL:
		scale->f.n_deletes++;
		if (scale->has_kernel)
			exchange_delete(scale->sim, &r->dp, a);
		break;
	case ACTION_FLOW_QUERY:
		query(r, a);
		break;
	case ACTION_EXECUTE:
		wire_probe(r, a);
		break;
	case ACTION_SLEEVE_BEAT:
		wire_beat(r, a);
		break;
	case ACTION_NETWORK:
		network(r, a);
		break;
	default:
		break;
	}
}

static void tick(struct sim *sim, void *ctx, uint64_t arg)
{
	struct real *r = &scale->reals[arg];

	(void)ctx;
	if (!r->engine || sim->now < r->timer_at)
		return;
	r->timer_at = USEC_NEVER;
	drain(r);
}

static void refused(void *ctx, const struct event *ev)
{
	later(ctx, ev);
}

/* Of a life that is over there is nothing to compare. */
static void audit(struct sim *sim, void *ctx, uint64_t arg)
{
	struct real *r = &scale->reals[arg];

	(void)ctx;
	r->dp.has_audit = false;
	if (r->engine && r->dp.is_in_doubt)
		exchange_audit(sim, &r->dp, r->engine, refused, r);
	audit_later(r);
}

static void audit_later(struct real *r)
{
	exchange_later(scale->sim, &r->dp, audit, (uint64_t)(r - scale->reals));
}

static void drain(struct real *r)
{
	uint32_t n = 0;
	struct action a;
	usec_t at;

	r->is_draining = true;
	while (engine_poll(r->engine, scale->sim->now, &a)) {
		apply(r, &a);
		if (++n > MAX_ACTIONS) {
			sim_fail(scale->sim, "host %u: actions without end",
				 r->host);
			break;
		}
	}
	r->is_draining = false;
	audit_later(r);
	at = engine_deadline(r->engine);
	if (at <= scale->sim->now)
		sim_fail(scale->sim,
			 "host %u: the deadline is not in the future", r->host);
	if (at == USEC_NEVER || at == r->timer_at)
		return;
	r->timer_at = at;
	sim_post(scale->sim, at, tick, NULL, (uint64_t)(r - scale->reals));
}

static void add_port(struct real *r, uint32_t c)
{
	struct event ev = { .type = EVENT_PORT_ADDED };

	memset(&ev.port, 0, sizeof(ev.port));
	ev.port.port_no = PORT_NO_FIRST + c % scale->n_containers;
	ev.port.vni = container_vni(c);
	ev.port.mac = container_mac(c);
	ev.port.n_ips = 2;
	container_ips(c, ev.port.ips);
	real_tell(r, &ev);
}

void real_port(struct real *r, uint32_t container, bool is_there)
{
	struct event ev = { .type = EVENT_PORT_REMOVED };

	if (is_there) {
		add_port(r, container);
		return;
	}
	ev.port_no = PORT_NO_FIRST + container % scale->n_containers;
	real_tell(r, &ev);
}

static void tell_flows(struct real *r)
{
	struct fake_flow *f;
	uint32_t i;

	EACH_FAKE_FLOW(&r->dp, i, f)
	{
		struct event ev = { .type = EVENT_FLOW_FOUND };

		ev.flow.match = f->match;
		ev.flow.actions = &f->actions;
		engine_handle(r->engine, scale->sim->now, &ev);
	}
}

static void tell_peers(struct real *r)
{
	uint32_t i;

	for (i = 0; i < scale->n; i++) {
		const struct place *p = &scale->places[i];
		struct event ev = { .type = EVENT_PEER_REMEMBERED };

		if (i == r->host || p->victim != SCALE_NONE)
			continue;
		ev.session.hello = &p->hello;
		ev.session.local.ip = scale->places[r->host].ip;
		ev.session.remote.ip = *scale_seen_ip(i);
		ev.session.remote.port = 6783;
		engine_handle(r->engine, scale->sim->now, &ev);
	}
}

static void tell_ports(struct real *r)
{
	uint32_t i;

	for (i = 0; i < scale->n_containers; i++) {
		const uint32_t c = r->host * scale->n_containers + i;

		if (scale->owners[c] == r->host)
			add_port(r, c);
	}
}

static void tell_world(struct real *r)
{
	struct event ev = { .type = EVENT_OVERLAY_MTU };
	char host[20];

	ev.mtu = SCALE_LINK_MTU - 50;
	real_tell(r, &ev);
	ev = (struct event){ .type = EVENT_TARGET_ADDED };
	/* One address joins all: the next host's. */
	snprintf(host, sizeof(host), "10.1.%u.%u",
		 ((r->host + 1) % scale->n + 1) >> 8,
		 ((r->host + 1) % scale->n + 1) & 255);
	ev.target.host = host;
	ev.target.port = 6783;
	ev.target.is_configured = true;
	real_tell(r, &ev);
	ev = (struct event){ .type = EVENT_STARTED };
	real_tell(r, &ev);
}

void real_start(struct real *r, bool has_state)
{
	struct place *p = &scale->places[r->host];
	const struct engine_config config = {
		.id = p->hello.id,
		.instance = p->hello.instance + 1,
		.seed = scale->sim->seed + p->hello.instance * 1024 + r->host,
		.vxlan_port = 6784,
		.control_port = 6783,
		.has_fastdp = true,
		.has_sleeve = true,
		.has_check_len = true,
		.has_discovery = true,
		.heartbeats_per_sec = scale->heartbeats_per_sec,
		.pmtu_raise_us = 60 * USEC_PER_SEC,
		.heartbeat_interval_us = 300 * USEC_PER_MS,
		.hold_us = 60 * USEC_PER_SEC
	};

	if (r->engine)
		return;
	p->hello.instance++;
	r->life++;
	r->timer_at = USEC_NEVER;
	r->engine = engine_new(&config, scale->sim->now);
	/* What is there is read. */
	r->dp.is_in_doubt = r->dp.is_unsure = false;
	if (!has_state)
		fake_dp_flush(&r->dp);
	r->is_draining = true; /* nothing is owed yet */
	if (has_state)
		tell_flows(r);
	r->is_draining = false;
	if (has_state)
		tell_peers(r);
	tell_ports(r);
	tell_world(r);
}

void real_stop(struct real *r)
{
	if (!r->engine)
		return;
	wire_break(r->host, SCALE_NONE);
	engine_free(r->engine);
	r->engine = NULL;
	r->life++;
}

static void fault(void *ctx, const char *what)
{
	const struct real *r = ctx;

	sim_fail(scale->sim, "host %u: %s", r->host, what);
}

static void nothing(void *ctx, const struct fake_packet *p)
{
	(void)ctx;
	(void)p;
}

static void transmit(void *ctx, const struct flow_tunnel *t,
		     const struct fake_packet *p)
{
	(void)t;
	nothing(ctx, p);
}

static void deliver(void *ctx, port_no_t port, const struct fake_packet *p)
{
	(void)port;
	nothing(ctx, p);
}

/* The first of all hosts. */
void reals_make(void)
{
	uint32_t i;

	scale->reals = sim_alloc(scale->n_reals * sizeof(struct real));
	for (i = 0; i < scale->n_reals; i++) {
		const struct fake_dp_io io = { .ctx = &scale->reals[i],
					       .transmit = transmit,
					       .deliver = deliver,
					       .upcall = nothing,
					       .fault = fault };

		scale->reals[i].host = i;
		scale->places[i].real = &scale->reals[i];
		fake_dp_init(&scale->reals[i].dp, &io);
	}
}

void reals_free(void)
{
	uint32_t i;

	for (i = 0; i < scale->n_reals; i++) {
		engine_free(scale->reals[i].engine);
		fake_dp_free(&scale->reals[i].dp);
		free(scale->reals[i].threads);
	}
	free(scale->reals);
}
