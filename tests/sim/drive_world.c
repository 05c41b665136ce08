/* SPDX-License-Identifier: Apache-2.0 */
#include "drive_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drive_bytes.h"
#include "sound.h"

#define MAX_ACTIONS 100000U

static void fault(void *ctx, const char *what)
{
	const struct drive *d = ctx;

	fprintf(stderr, "drive: step %llu: %s\n",
		(unsigned long long)d->figures.n_steps, what);
	abort();
}

static void transmit(void *ctx, const struct flow_tunnel *tunnel,
		     const struct fake_packet *p)
{
	(void)p;
	if (!tunnel->dst_port || !tunnel->ttl || ip_is_zero(&tunnel->dst))
		fault(ctx, "a tunnel header that the kernel refuses");
}

static void deliver(void *ctx, port_no_t port, const struct fake_packet *p)
{
	(void)ctx;
	(void)port;
	(void)p;
}

static void upcall(void *ctx, const struct fake_packet *p)
{
	struct drive *d = ctx;
	struct waiting *w = &d->upcalls[d->n_upcalls];

	if (d->n_upcalls == N_UPCALLS || p->size > MAX_UPCALL)
		return; /* as the kernel when the socket is full */
	d->n_upcalls++;
	w->p = *p;
	memcpy(w->frame, p->frame, p->size);
}

void world_handle(struct drive *d, const struct event *ev)
{
	engine_handle(d->engine, d->now, ev);
}

static void apply_put(struct drive *d, const struct action *a)
{
	struct event ev = { .type = EVENT_FLOW_REFUSED };
	enum fake_result r;

	r = fake_dp_put(&d->dp, &a->flow.match, a->flow.actions);
	if (r == FAKE_OK)
		return;
	ev.flow.match = a->flow.match;
	ev.flow.refusal = FLOW_REFUSED_FULL;
	world_handle(d, &ev);
}

static void apply_query(struct drive *d, const struct action *a)
{
	const struct fake_flow *f = fake_dp_find(&d->dp, &a->flow.match);
	struct event ev = { .type = EVENT_FLOW_USED };

	ev.used.match = a->flow.match;
	ev.used.is_known = f != NULL;
	ev.used.idle_us = f && f->used_at != USEC_NEVER ? d->now - f->used_at
							: USEC_NEVER;
	world_handle(d, &ev);
}

static void apply_execute(struct drive *d, const struct action *a)
{
	const struct fake_packet p = { .in_port = a->execute.in_port,
				       .frame = a->execute.frame,
				       .size = a->execute.size };

	d->figures.n_executed++;
	if (!a->execute.actions->n)
		fault(d, "a packet with nowhere to go");
	fake_dp_execute(&d->dp, d->now, &p, a->execute.actions);
}

static void remember_dial(struct drive *d, target_t target)
{
	uint32_t i;

	for (i = 0; i < N_DIALS; i++) {
		if (!d->dials[i]) {
			d->dials[i] = target;
			return;
		}
	}
}

static void apply_close(struct drive *d, const struct action *a)
{
	struct event ev = { .type = EVENT_SESSION_DOWN };
	uint32_t i;

	for (i = 0; i < N_SESSIONS; i++) {
		if (d->sessions[i] != a->close.session)
			continue;
		ev.down.session = a->close.session;
		ev.down.reason = a->close.reason;
		d->sessions[i] = 0;
		world_handle(d, &ev);
		return;
	}
	/* It went down by itself in the meantime. */
	if (a->close.session > d->last_session)
		fault(d, "closes a session that never was");
}

static void check_send(struct drive *d, const struct action *a)
{
	const struct message *m = &a->send.message;
	uint32_t i;

	for (i = 0; i < N_SESSIONS; i++) {
		if (d->sessions[i] == a->send.session)
			break;
	}
	if (i == N_SESSIONS)
		fault(d, "sends to a session that is not there");
	if (m->type == MESSAGE_ENTRIES && m->entries.n > MESSAGE_MAX_ENTRIES)
		fault(d, "too many entries in a message");
	if (m->type == MESSAGE_PEERS && m->peers.n > MESSAGE_MAX_PEERS)
		fault(d, "too many peers in a message");
}

static void apply_beat(struct drive *d, const struct action *a)
{
	const uint32_t i = d->n_beats++ % N_BEATS;

	if (!a->beat.place.tx_token || !a->beat.place.endpoint.port)
		fault(d, "a heartbeat that cannot be sent");
	d->beats[i].peer_id = a->beat.place.peer_id;
	d->beats[i].cookie = a->beat.cookie;
	d->beats[i].seq = a->beat.seq;
}

static void apply(struct drive *d, const struct action *a)
{
	uint32_t i;

	switch (a->type) {
	case ACTION_DIAL:
		remember_dial(d, a->dial.target);
		break;
	case ACTION_CLOSE:
		apply_close(d, a);
		break;
	case ACTION_SEND:
		check_send(d, a);
		break;
	case ACTION_FLOW_PUT:
		apply_put(d, a);
		break;
	case ACTION_FLOW_DEL:
		fake_dp_delete(&d->dp, &a->flow.match);
		break;
	case ACTION_FLOW_QUERY:
		apply_query(d, a);
		break;
	case ACTION_EXECUTE:
		apply_execute(d, a);
		break;
	case ACTION_NETWORK:
		i = bytes_vni_index(a->network.vni);
		d->taps[i].is_wanted = a->network.is_wanted;
		d->taps[i].is_owed = true;
		break;
	case ACTION_SLEEVE_BEAT:
		apply_beat(d, a);
		break;
	case ACTION_SLEEVE_TABLE:
	case ACTION_NOTE:
	case ACTION_PORT_REVISION:
	case ACTION_TARGETS_CHANGED:
	case ACTION_PEERS_CHANGED:
		break;
	}
}

static void check_wanted(void *ctx, const struct flow_match *match,
			 const struct flow_actions *actions)
{
	struct drive *d = ctx;
	const struct fake_flow *f = fake_dp_find(&d->dp, match);
	const char *what = sound_flow(d->engine, match, actions);

	if (what)
		fault(d, what);
	if (!f && d->dp.n_flows < d->dp.max_flows)
		fault(d, "a wanted flow is not there");
	if (f && !flow_actions_equal(&f->actions, actions))
		fault(d, "a flow has other actions");
}

static void check(struct drive *d)
{
	const char *what = sound_learnt(d->engine, d->config.id);
	struct fake_flow *f;
	uint32_t i;

	if (what)
		fault(d, what);
	if (d->dp.n_overlaps)
		fault(d, "overlapping flows");
	if (d->dp.n_idle_puts)
		fault(d, "a flow was put again as it was");
	if (engine_deadline(d->engine) <= d->now)
		fault(d, "the deadline is not in the future");
	engine_all_flows(d->engine, check_wanted, d);
	EACH_FAKE_FLOW(&d->dp, i, f)
	{
		if (!f->is_old && !engine_find_flow(d->engine, &f->match))
			fault(d, "a flow that nobody wants");
	}
	if (d->dp.n_flows > d->figures.max_flows)
		d->figures.max_flows = d->dp.n_flows;
}

void world_drain(struct drive *d)
{
	struct action a;
	uint32_t n = 0;

	while (engine_poll(d->engine, d->now, &a)) {
		apply(d, &a);
		if (++n > MAX_ACTIONS)
			fault(d, "actions without end");
	}
	check(d);
}

void world_start(struct drive *d)
{
	const struct event started = { .type = EVENT_STARTED };
	struct fake_flow *f;
	uint32_t i;

	d->config.instance++;
	d->config.seed++;
	d->config.has_sleeve = d->figures.n_restarts % 3 != 2;
	d->config.has_check_len = d->figures.n_restarts % 4 != 3;
	d->engine = engine_new(&d->config, d->now);
	EACH_FAKE_FLOW(&d->dp, i, f)
	{
		struct event ev = { .type = EVENT_FLOW_FOUND };

		f->is_old = true;
		ev.flow.match = f->match;
		ev.flow.actions = &f->actions;
		world_handle(d, &ev);
	}
	for (i = 0; i < N_PORTS; i++) {
		struct event ev = { .type = EVENT_PORT_ADDED };

		ev.port = d->ports[i];
		if (ev.port.port_no)
			world_handle(d, &ev);
	}
	world_handle(d, &started);
	world_drain(d);
}

void world_open(struct drive *d)
{
	const struct fake_dp_io io = { .ctx = d,
				       .transmit = transmit,
				       .deliver = deliver,
				       .upcall = upcall,
				       .fault = fault };

	fake_dp_init(&d->dp, &io);
	world_start(d);
}
