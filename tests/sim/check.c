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
		sim_fail(c->h->sim, "host %u: a wanted flow is not there "
				    "(recirc %08x, fields %03x)",
			 c->h->index, match->recirc_id, match->fields);
	else if (!flow_actions_equal(&f->actions, actions))
		sim_fail(c->h->sim, "host %u: a flow has other actions "
				    "(recirc %08x, fields %03x)",
			 c->h->index, match->recirc_id, match->fields);
	else
		c->n_met++;
}

void check_flows(struct host *h)
{
	struct census c = { .h = h };
	struct fake_flow *f;
	uint32_t i, n_left = 0;

	engine_all_flows(h->engine, check_wanted, &c);
	EACH_FAKE_FLOW(&h->dp, i, f) {
		if (engine_find_flow(h->engine, &f->match))
			continue;
		n_left++;
		if (!f->is_old)
			sim_fail(h->sim, "host %u: a flow that nobody wants "
					 "(recirc %08x, fields %03x)",
				 h->index, f->match.recirc_id,
				 f->match.fields);
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
			sim_fail(sim, "host %u takes port %u of %u for "
				      "another's",
				 a->index, p->port.port_no, b->index);
	}
	if (a != b && engine_find_peer(a->engine, b->hello.id, &peer) &&
	    peer.n_entries < n)
		sim_fail(sim, "host %u lacks entries of %u", a->index,
			 b->index);
}

void check_settled(struct sim *sim)
{
	uint32_t i, k;

	for (i = 0; i < sim->n_hosts; i++) {
		for (k = 0; k < sim->n_hosts; k++) {
			struct host *a = sim->hosts[i], *b = sim->hosts[k];

			if (!a->engine || !b->engine)
				continue;
			if (i != k)
				check_pair(sim, a, b);
			check_entries(sim, a, b);
		}
	}
}
