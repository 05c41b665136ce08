/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "net.h"
#include "session.h"

struct census {
	struct host *h;
	uint32_t n_wanted, n_met;
};

static void check_wanted(void *ctx, const struct flow_match *match,
			 const struct flow_actions *actions)
{
	struct census *c = ctx;
	const struct fake_flow *f = fake_dp_find(&c->h->dp, match);

	c->n_wanted++;
	if (!f)
		sim_fail(c->h->sim,
			 "host %u: a wanted flow is not there "
			 "(recirc %08x, fields %03x)",
			 c->h->index, match->recirc_id, match->fields);
	else if (!flow_actions_equal(&f->actions, actions))
		sim_fail(c->h->sim,
			 "host %u: a flow has other actions "
			 "(recirc %08x, fields %03x)",
			 c->h->index, match->recirc_id, match->fields);
	else
		c->n_met++;
}

/* Of a peer that has not spoken since the daemon started: its flows stay. */
static bool is_awaited(const struct host *h, const struct fake_flow *f)
{
	const struct ip *end = NULL;
	const struct host *peer;
	struct peer_view view;
	uint32_t i;

	if (f->match.fields & FLOW_TUN_SRC)
		end = &f->match.tun_src;
	for (i = 0; i < f->actions.n && !end; i++) {
		if (f->actions.list[i].type == FLOW_SET_TUNNEL)
			end = &f->actions.list[i].tunnel.dst;
	}
	peer = end ? host_of_ip(h->sim, end) : NULL;
	if (!peer || !engine_find_peer(h->engine, peer->hello.id, &view))
		return false;
	return !view.has_session ||
	       h->sim->now - view.session_since < USEC_PER_SEC;
}

void check_flows(struct host *h)
{
	struct census c = { .h = h };
	struct fake_flow *f;
	uint32_t i, n_left = 0;

	engine_all_flows(h->engine, check_wanted, &c);
	EACH_FAKE_FLOW(&h->dp, i, f)
	{
		if (engine_find_flow(h->engine, &f->match))
			continue;
		n_left += is_awaited(h, f) ? 0 : 1;
		if (!f->is_old)
			sim_fail(h->sim,
				 "host %u: a flow that nobody wants "
				 "(recirc %08x, fields %03x)",
				 h->index, f->match.recirc_id, f->match.fields);
	}
	if (n_left && h->sim->now > h->started_at + HOLD_US + 1000)
		sim_fail(h->sim, "host %u: %u flows of an earlier life",
			 h->index, n_left);
}

void check_host(struct host *h)
{
	const uint64_t n_ops = h->dp.n_puts + h->dp.n_deletes;

	if (h->dp.n_overlaps)
		sim_fail(h->sim, "host %u: overlapping flows", h->index);
	if (h->dp.n_idle_puts)
		sim_fail(h->sim, "host %u: a flow was put again as it was",
			 h->index);
	if (n_ops == h->n_checked_ops || h->is_short)
		return;
	h->n_checked_ops = n_ops;
	check_flows(h);
}

static void check_pair(struct sim *sim, struct host *a, struct host *b)
{
	struct peer_view view;

	if (a == b)
		return;
	if (session_count(sim, a->index, b->index) != 1)
		sim_fail(sim, "hosts %u and %u have %u sessions", a->index,
			 b->index, session_count(sim, a->index, b->index));
	else if (!engine_find_peer(a->engine, b->hello.id, &view))
		sim_fail(sim, "host %u does not know host %u", a->index,
			 b->index);
	else if (!view.has_session)
		sim_fail(sim, "host %u has no session with host %u: %s",
			 a->index, b->index, reason_code(view.session_reason));
	else if (view.state != PEER_UP)
		sim_fail(sim, "host %u has no path to host %u: %s", a->index,
			 b->index, reason_code(view.reason));
}

static void check_entries(struct sim *sim, struct host *a, struct host *b)
{
	struct entry_view view;
	struct peer_view peer;
	uint32_t i, n = 0;

	for (i = 0; i < HOST_MAX_PORTS; i++) {
		const struct sim_port *p = &b->ports[i];

		if (!p->is_known || !p->is_alive)
			continue;
		n++;
		if (!engine_find_mac(a->engine, p->port.vni, &p->port.mac,
				     &view))
			sim_fail(sim, "host %u does not know port %u of %u",
				 a->index, p->port.port_no, b->index);
		else if (view.owner != b->hello.id)
			sim_fail(sim,
				 "host %u takes port %u of %u for "
				 "another's",
				 a->index, p->port.port_no, b->index);
	}
	if (a != b && engine_find_peer(a->engine, b->hello.id, &peer) &&
	    peer.n_entries < n)
		sim_fail(sim, "host %u lacks entries of %u", a->index,
			 b->index);
}

struct reading {
	struct sim *sim;
	const struct host *here, *there;
};

static void compare_entry(void *ctx, const struct entry_view *entry)
{
	const struct reading *r = ctx;
	struct entry_view other;

	if (!entry->is_winner)
		return;
	if (!engine_find_mac(r->there->engine, entry->entry.vni,
			     &entry->entry.mac, &other))
		sim_fail(r->sim, "host %u knows a MAC that host %u does not",
			 r->here->index, r->there->index);
	else if (other.owner != entry->owner ||
		 other.entry.revision != entry->entry.revision)
		sim_fail(r->sim, "hosts %u and %u do not agree on a MAC",
			 r->here->index, r->there->index);
}

static void each_pair(struct sim *sim,
		      void (*f)(struct sim *sim, struct host *a,
				struct host *b))
{
	uint32_t i, k;

	for (i = 0; i < sim->n_hosts; i++) {
		for (k = 0; k < sim->n_hosts; k++) {
			struct host *a = sim->hosts[i], *b = sim->hosts[k];

			if (a->engine && b->engine && !sim->is_failed)
				f(sim, a, b);
		}
	}
}

static void compare(struct sim *sim, struct host *a, struct host *b)
{
	struct reading r = { sim, a, b };

	if (a != b)
		engine_all_entries(a->engine, compare_entry, &r);
}

void check_sessions(struct sim *sim)
{
	each_pair(sim, check_pair);
}

void check_agreed(struct sim *sim)
{
	each_pair(sim, compare);
}

void check_settled(struct sim *sim)
{
	check_sessions(sim);
	check_agreed(sim);
	each_pair(sim, check_entries);
}
