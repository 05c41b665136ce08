/* SPDX-License-Identifier: Apache-2.0 */
#include "host_apply.h"

#include <stdlib.h>
#include <string.h>

#include "carrier.h"
#include "check.h"
#include "exchange.h"
#include "nat.h"
#include "net.h"
#include "session.h"

#define MAX_ACTIONS 200000U
#define UPCALL_US 60U
#define REPLY_US 30U

/* An event without pointers that comes a little later. */
struct reply {
	uint32_t host;
	uint64_t life;
	struct event ev;
};

static void take_reply(struct sim *sim, void *ctx, uint64_t arg)
{
	const struct reply *r = ctx;
	struct host *h = sim->hosts[r->host];

	(void)arg;
	if (h->engine && h->life == r->life)
		host_event(h, &r->ev);
}

static void reply(struct host *h, const struct event *ev, usec_t after)
{
	struct reply *r = sim_alloc(sizeof(*r));

	r->host = h->index;
	r->life = h->life;
	r->ev = *ev;
	sim_post(h->sim, h->sim->now + after, take_reply, r, 0);
}

/* One with a frame. */
struct late {
	uint32_t host;
	uint64_t life;
	struct event ev;
	size_t size;
	uint8_t frame[];
};

static void take_late(struct sim *sim, void *ctx, uint64_t arg)
{
	struct late *l = ctx;
	struct host *h = sim->hosts[l->host];

	(void)arg;
	if (!h->engine || h->life != l->life)
		return;
	if (l->ev.type == EVENT_UPCALL) {
		l->ev.upcall.frame = l->frame;
		l->ev.upcall.size = l->size;
	} else {
		l->ev.too_big.frame = l->frame;
		l->ev.too_big.size = l->size;
	}
	host_event(h, &l->ev);
}

void host_frame_event(struct host *h, const struct event *ev,
		      const uint8_t *frame, size_t size)
{
	struct late *l = sim_alloc(sizeof(*l) + size);

	l->host = h->index;
	l->life = h->life;
	l->ev = *ev;
	l->size = size;
	memcpy(l->frame, frame, size);
	sim_post(h->sim, h->sim->now + UPCALL_US, take_late, l, 0);
}

void host_upcall(void *ctx, const struct fake_packet *p)
{
	struct host *h = ctx;
	struct event ev = { .type = EVENT_UPCALL };

	if (!h->engine) {
		h->dp.n_lost++;
		return;
	}
	ev.upcall.in_port = p->in_port;
	ev.upcall.recirc_id = p->recirc_id;
	ev.upcall.tun_id = p->tun_id;
	ev.upcall.tun_src = p->tun_src;
	host_frame_event(h, &ev, p->frame, p->size);
}

void host_hint(struct host *h, const struct host *to, enum path_kind path,
	       uint32_t mtu)
{
	struct event ev = { .type = EVENT_HINT_TOO_BIG };

	if (!h->engine)
		return;
	h->n_hints++;
	ev.hint.ip = *nat_seen_ip(to);
	ev.hint.path = path;
	ev.hint.mtu = mtu;
	reply(h, &ev, net_latency(h->sim, h->index, to->index));
}

/* Of every peer: the link that leads there, as the kernel has it. */
static void tell_egress(struct host *h)
{
	struct event ev = { .type = EVENT_EGRESS };
	struct peer_view view;
	size_t pos = 0;

	ev.egress.is_up = true;
	ev.egress.link_mtu = h->link_mtu;
	ev.egress.route_mtu = h->link_mtu;
	while (engine_each_peer(h->engine, &pos, &view)) {
		ev.egress.peer_id = view.id;
		reply(h, &ev, 1);
	}
}

void host_tell_mtu(struct host *h)
{
	struct event ev = { .type = EVENT_OVERLAY_MTU };

	if (!h->engine)
		return;
	h->told_mtu = h->link_mtu - NET_VXLAN_OVERHEAD - 14;
	ev.mtu = h->told_mtu;
	tell_egress(h);
	host_event(h, &ev);
}

static void apply_put(struct host *h, const struct action *a)
{
	struct event ev;

	if (!exchange_put(h->sim, &h->dp, a, &ev))
		reply(h, &ev, REPLY_US);
}

static void apply_query(struct host *h, const struct action *a)
{
	struct event ev;

	exchange_query(h->sim, &h->dp, a, &ev);
	reply(h, &ev, REPLY_US);
}

static void apply_execute(struct host *h, const struct action *a)
{
	const struct fake_packet p = { .in_port = a->execute.in_port,
				       .frame = a->execute.frame,
				       .size = a->execute.size };

	fake_dp_execute(&h->dp, h->sim->now, &p, a->execute.actions);
}

/*
 * Peers of this life, as the engine has them now, with their last hello: each
 * once, also when a clone of it has been elsewhere.
 */
static void keep_peers(struct host *h)
{
	struct peer_view view;
	uint32_t i;

	for (i = 0; i < h->sim->n_hosts; i++) {
		struct memory *m = &h->memory[i];

		m->is_kept = m->hello.id &&
			     engine_find_peer(h->engine, m->hello.id, &view) &&
			     ip_equal(&m->remote.ip, &view.remote.ip);
	}
}

static void apply_note(struct host *h, const struct note *n)
{
	h->notes[n->type]++;
	h->last_note[n->type] = *n;
	sim_log(h->sim, "host %u: note %d %s (%016llx)", h->index, n->type,
		reason_code(n->reason), (unsigned long long)n->peer_id);
}

static void apply(struct host *h, const struct action *a)
{
	struct sim_port *p;

	switch (a->type) {
	case ACTION_DIAL:
		session_dial(h->sim, h, a->dial.target, a->dial.host,
			     a->dial.port);
		break;
	case ACTION_CLOSE:
		session_close(h->sim, h, a->close.session, a->close.reason);
		break;
	case ACTION_SEND:
		session_send(h->sim, h, a->send.session, &a->send.message);
		break;
	case ACTION_FLOW_PUT:
		apply_put(h, a);
		break;
	case ACTION_FLOW_DEL:
		exchange_delete(h->sim, &h->dp, a);
		break;
	case ACTION_FLOW_QUERY:
		apply_query(h, a);
		break;
	case ACTION_EXECUTE:
		apply_execute(h, a);
		break;
	case ACTION_NETWORK:
		carrier_network(h, a->network.vni, a->network.is_wanted);
		break;
	case ACTION_SLEEVE_BEAT:
		carrier_beat(h, a);
		break;
	case ACTION_SLEEVE_TABLE:
		carrier_table(h);
		break;
	case ACTION_NOTE:
		apply_note(h, &a->note);
		break;
	case ACTION_PORT_REVISION:
		p = host_port(h, a->port_revision.port_no);
		if (p)
			p->port.revision = a->port_revision.revision;
		break;
	case ACTION_PEERS_CHANGED:
		keep_peers(h);
		tell_egress(h);
		break;
	case ACTION_TARGETS_CHANGED:
		break;
	}
}

static void drain(struct host *h);
static void audit_later(struct host *h);

static void tick(struct sim *sim, void *ctx, uint64_t arg)
{
	struct host *h = sim->hosts[arg % SIM_MAX_HOSTS];

	(void)ctx;
	if (!h->engine || h->life != arg / SIM_MAX_HOSTS)
		return;
	if (h->timer_at > sim->now)
		return; /* an older timer: a later one was set */
	h->timer_at = USEC_NEVER;
	drain(h);
}

static void arm(struct host *h)
{
	const usec_t at = engine_deadline(h->engine);

	if (at <= h->sim->now)
		sim_fail(h->sim, "host %u: the deadline is not in the future",
			 h->index);
	if (at == USEC_NEVER || at == h->timer_at)
		return;
	h->timer_at = at;
	sim_post(h->sim, at, tick, NULL, h->life * SIM_MAX_HOSTS + h->index);
}

static void refused(void *ctx, const struct event *ev)
{
	host_event(ctx, ev);
}

static void audit(struct sim *sim, void *ctx, uint64_t arg)
{
	struct host *h = sim->hosts[arg % SIM_MAX_HOSTS];

	(void)ctx;
	if (!h->engine || h->life != arg / SIM_MAX_HOSTS)
		return;
	h->dp.has_audit = false;
	if (exchange_audit(sim, &h->dp, h->engine, refused, h))
		host_is_sound(h);
	audit_later(h);
}

static void audit_later(struct host *h)
{
	exchange_later(h->sim, &h->dp, audit,
		       h->life * SIM_MAX_HOSTS + h->index);
}

static void drain(struct host *h)
{
	struct action a;
	uint32_t n = 0;

	h->is_draining = true;
	while (engine_poll(h->engine, h->sim->now, &a)) {
		apply(h, &a);
		if (++n > MAX_ACTIONS) {
			sim_fail(h->sim, "host %u: actions without end",
				 h->index);
			break;
		}
	}
	h->is_draining = false;
	arm(h);
	audit_later(h);
	check_host(h);
}

void host_event(struct host *h, const struct event *ev)
{
	if (!h->engine)
		return;
	if (h->is_draining) {
		reply(h, ev, 1);
		return;
	}
	if (h->sim->side)
		h->sim->side->event(h, ev);
	engine_handle(h->engine, h->sim->now, ev);
	drain(h);
}

void host_session_up(struct host *h, const struct event *ev)
{
	const struct host *other = host_seen_as(h->sim, &ev->session.remote.ip);
	struct memory *m = &h->memory[other->index];

	m->hello = *ev->session.hello;
	m->local = ev->session.local;
	m->remote = ev->session.remote;
	host_event(h, ev);
}
