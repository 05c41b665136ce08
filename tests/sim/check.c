/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "carrier.h"
#include "nat.h"
#include "net.h"
#include "session.h"
#include "sound.h"

struct census {
	struct host *h;
	uint32_t n_wanted, n_met;
};

static void check_wanted(void *ctx, const struct flow_match *match,
			 const struct flow_actions *actions)
{
	struct census *c = ctx;
	const struct fake_flow *f = fake_dp_find(&c->h->dp, match);
	const char *fault = sound_flow(c->h->engine, match, actions);

	c->n_wanted++;
	if (fault)
		sim_fail(c->h->sim, "host %u: %s", c->h->index, fault);
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
	struct peer_view view;
	size_t pos = 0;
	uint32_t i;

	if (f->match.fields & FLOW_TUN_SRC)
		end = &f->match.tun_src;
	for (i = 0; i < f->actions.n && !end; i++) {
		if (f->actions.list[i].type == FLOW_SET_TUNNEL)
			end = &f->actions.list[i].tunnel.dst;
	}
	/* Whoever the engine believes to be there: hosts have been clones. */
	while (end && engine_each_peer(h->engine, &pos, &view)) {
		if (ip_equal(&view.remote.ip, end) &&
		    (!view.has_session ||
		     h->sim->now - view.session_since < USEC_PER_SEC))
			return true;
	}
	return false;
}

void check_flows(struct host *h)
{
	struct census c = { .h = h };
	const char *fault = h->is_bridge ? NULL
					 : sound_learnt(h->engine, h->hello.id);
	struct fake_flow *f;
	uint32_t i, n_left = 0;

	if (fault)
		sim_fail(h->sim, "host %u: %s", h->index, fault);
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

	/*
	 * A refusal names the flow, not its actions. One that is late, of an
	 * older form than the kernel has taken since, is answered by a put of
	 * what is there: once too often rather than never.
	 */
	if (h->is_short)
		h->dp.n_idle_puts = 0;
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

/* What @a knows of @b; of two with one identity it knows one. */
static bool knows(const struct host *a, const struct host *b,
		  struct peer_view *ret)
{
	return engine_find_peer(a->engine, b->hello.id, ret) &&
	       ip_equal(&ret->remote.ip, nat_seen_ip(b));
}

/* How long a search may take after the way has changed. */
#define PMTU_SETTLE_US (15 * USEC_PER_SEC)

static bool is_settled(const struct sim *sim, const struct host *a,
		       const struct host *b, enum path_kind kind,
		       struct path_view *ret)
{
	const struct link *l = net_link(sim, a->index, b->index);
	struct peer_view view;

	if (!a->engine || !knows(a, b, &view))
		return false;
	*ret = view.paths[kind];
	return ret->plpmtu && ret->state == PATH_UP && !l->loss_percent &&
	       sim->now - ret->since > PMTU_SETTLE_US &&
	       sim->now - l->mtu_since > PMTU_SETTLE_US &&
	       sim->now - a->link_since > PMTU_SETTLE_US;
}

void check_too_long(struct sim *sim, uint32_t from, uint32_t to,
		    enum path_kind kind, uint32_t ip_size)
{
	const struct host *a = sim->hosts[from], *b = sim->hosts[to];
	struct path_view path;

	if (is_settled(sim, a, b, kind, &path))
		sim_fail(sim,
			 "host %u: a packet of %u bytes to host %u, where %u "
			 "fit (found: %u)",
			 from, ip_size, to, net_link(sim, from, to)->mtu,
			 path.plpmtu);
}

static void check_pair_pmtu(struct sim *sim, struct host *a, struct host *b)
{
	const struct link *l = net_link(sim, a->index, b->index);
	const uint32_t mtu = l->mtu < a->link_mtu ? l->mtu : a->link_mtu;
	struct path_view path;
	int i;

	for (i = 0; a != b && i < N_PATHS; i++) {
		if (is_settled(sim, a, b, (enum path_kind)i, &path) &&
		    path.plpmtu != mtu)
			sim_fail(sim,
				 "host %u: PLPMTU %u on path %d to host %u, "
				 "which carries %u",
				 a->index, path.plpmtu, i, b->index, mtu);
	}
}

void check_pmtu(struct sim *sim)
{
	each_pair(sim, check_pair_pmtu);
}

/* Nothing wrong with this way, both ways, for so long. */
static bool is_sound(const struct sim *sim, uint32_t a, uint32_t b,
		     enum path_kind kind, usec_t for_us)
{
	const struct link *l = net_link(sim, a, b);

	return !l->is_cut[kind] && !l->loss_percent && !l->hole_size &&
	       sim->now - l->cut_since[kind] > for_us &&
	       sim->now - l->mtu_since > for_us;
}

void check_cut(struct sim *sim, uint32_t from, uint32_t to, enum path_kind kind,
	       vni_t vni)
{
	const struct host *a = sim->hosts[from], *b = sim->hosts[to];
	const enum path_kind other = kind == PATH_FASTDP ? PATH_SLEEVE
							 : PATH_FASTDP;
	const struct link *l = net_link(sim, from, to);
	struct peer_view view;

	if (!a->engine || !b->engine || !knows(a, b, &view))
		return;
	/* What its kernel does is not known. */
	if (a->dp.is_in_doubt)
		return;
	/* Without a TAP there is but the tunnel: better than nowhere. */
	if (kind == PATH_FASTDP && carrier_tap(a, vni) == PORT_NO_NONE)
		return;
	if (view.paths[other].state != PATH_UP ||
	    sim->now - view.paths[other].since < DETECT_US ||
	    sim->now - l->cut_since[kind] < DETECT_US ||
	    sim->now - a->started_at < 2 * DETECT_US ||
	    sim->now - b->started_at < 2 * DETECT_US)
		return;
	if (is_sound(sim, from, to, other, DETECT_US) &&
	    is_sound(sim, to, from, other, DETECT_US))
		sim_fail(sim,
			 "host %u sends to host %u on path %d, which has been "
			 "dead for %llu ms",
			 from, to, kind,
			 (unsigned long long)(sim->now - l->cut_since[kind]) /
				 USEC_PER_MS);
}

static bool has_both(const struct host *h)
{
	return !h->is_bridge && !nat_is_behind(h);
}

static void check_pair_best(struct sim *sim, struct host *a, struct host *b)
{
	struct peer_view view;

	if (a == b)
		return;
	if (!engine_find_peer(a->engine, b->hello.id, &view))
		sim_fail(sim, "host %u does not know host %u", a->index,
			 b->index);
	else if (!view.has_path ||
		 (has_both(a) && has_both(b) && view.path != PATH_FASTDP))
		sim_fail(sim, "host %u is not on the best path to host %u: %s",
			 a->index, b->index, reason_code(view.reason));
}

void check_best(struct sim *sim)
{
	each_pair(sim, check_pair_best);
}
