/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge_sync.h"

#include <errno.h>
#include <string.h>

#include "bridge_net.h"
#include "bridge_port.h"
#include "core/view.h"
#include "log.h"
#include "sys/clock.h"

/* A comparison of all entries takes time: a twentieth of ours at most, so that
 * few requests wait for one, and a change is in it after this at most. Some
 * may follow each other at once, for changes seldom come alone. */
#define SYNC_SHARE 20U
#define SYNC_PAUSE_MAX_US (500 * USEC_PER_MS)
#define SYNC_AT_ONCE_US (250 * USEC_PER_MS)
#define RETRY_US USEC_PER_SEC
/* Forwarding entries are told one by one: sessions and local clients wait no
 * longer than so many take. */
#define MAX_FDB_AT_ONCE 2048U

/* The earlier one, if a comparison is due already. */
static void due(struct bridges *b, usec_t at)
{
	if (at >= b->due_at)
		return;
	b->due_at = at;
	loop_timer_set(b->timer, at);
}

struct wanting {
	struct bridges *b;
	struct facts *ret;
	const struct bridge_net *net; /* of the entry before */
};

static void want(struct wanting *w, struct fact f)
{
	if (f.kind == FACT_FDB || guard_is_there(w->b->guard))
		facts_add(w->ret, &f);
}

/* 0: the host's own; or nowhere, while there is no TAP. */
static uint32_t place_of(struct bridges *b, const struct bridge_net *net,
			 const struct entry_view *v, bool *ret_is_host)
{
	const struct bridge_port *p;

	*ret_is_host = v->owner == b->id && v->port_no == PORT_NO_HOST;
	if (v->owner != b->id)
		return net->tap;
	p = bridge_port_find(b, v->port_no);
	return p && p->is_joined && p->net == net ? p->ifindex : 0;
}

static void want_ip(struct wanting *w, const struct bridge_net *net,
		    const struct entry_view *v, const struct ip *ip,
		    uint32_t place, bool is_host)
{
	struct entry_view owner;

	/* Of several that claim it, one has it. */
	if (!engine_find_ip(w->b->engine, net->vni, ip, &owner) ||
	    owner.owner != v->owner ||
	    !mac_equal(&owner.entry.mac, &v->entry.mac) || (!place && !is_host))
		return;
	want(w, fact_of_ip(FACT_KNOWN4, net->vni, ip));
	if (is_host)
		want(w, fact_of_ip(FACT_HOST4, net->vni, ip));
	else
		want(w, fact_of_ip(FACT_OWNER4, place, ip));
}

static const struct bridge_net *net_of(struct wanting *w,
				       const struct entry_view *v)
{
	if (!v->is_winner)
		return NULL;
	if (!w->net || w->net->vni != v->entry.vni)
		w->net = bridge_net_find(w->b, v->entry.vni);
	return w->net;
}

static void want_entry(void *ctx, const struct entry_view *v)
{
	struct wanting *w = ctx;
	const struct bridge_net *net = net_of(w, v);
	const bool is_learnt = v->entry.flags & ENTRY_LEARNT;
	uint32_t place, value;
	bool is_host;
	size_t i;

	if (!net)
		return;
	place = place_of(w->b, net, v, &is_host);
	/* What the bridge learns here is its own business. */
	if (place && !(is_learnt && v->owner == w->b->id)) {
		value = place | (is_learnt ? 0 : FACT_IS_STICKY);
		want(w, fact_fdb(net->ifindex, &v->entry.mac, value));
	}
	for (i = 0; i < v->entry.n_ips; i++)
		want_ip(w, net, v, &v->entry.ips[i], place, is_host);
}

static void want_port(struct wanting *w, const struct bridge_port *p)
{
	struct entry_view v;

	want(w, fact_of_port(FACT_PORT, p->ifindex, p->net->vni));
	if (!p->net->is_exposed)
		want(w, fact_of_port(FACT_CLOSED, p->ifindex, 0));
	if (p->is_tap)
		return;
	if (!p->is_trusted) {
		want(w, fact_of_port(FACT_GUARDED, p->ifindex, 0));
		want(w, fact_source(p->ifindex, &p->mac));
	}
	/* New: the engine has not heard of it yet. */
	if (p->is_joined &&
	    !engine_find_mac(w->b->engine, p->net->vni, &p->mac, &v))
		want(w, fact_fdb(p->net->ifindex, &p->mac,
				 p->ifindex | FACT_IS_STICKY));
}

static void want_flood(void *ctx, vni_t vni, bool is_unknown, peer_id_t peer_id)
{
	struct bridges *b = ctx;
	struct bridge_net *net = bridge_net_find(b, vni);

	(void)peer_id;
	if (net && is_unknown)
		net->wants_flood = true;
}

static void want_all(struct bridges *b)
{
	struct wanting w = { .b = b, .ret = &b->wanted };
	uint32_t i;

	facts_clear(&b->wanted);
	EACH_NET(b, net)
	{
		const struct bridge_port *tap = bridge_net_tap(b, net);

		net->tap = tap && tap->is_joined ? tap->ifindex : 0;
		net->wants_flood = false;
	}
	for (i = 0; i < b->n_ports; i++)
		want_port(&w, &b->ports[i]);
	engine_all_entries(b->engine, want_entry, &w);
	facts_sort(&b->wanted);
	engine_all_floods(b->engine, want_flood, b);
}

/* Telling the kernel what differs */

struct telling {
	struct bridges *b;
	struct facts after;
	uint32_t n_fdb;
	bool has_more;
	bool waits;   /* bridge_sync_waits() */
	bool is_anew; /* the rules' table is: it is empty */
};

static bool is_failure(int error)
{
	/* What is to go went with its port. */
	return error && error != -ENOENT && error != -ENODEV &&
	       error != -EINVAL && error != -EOPNOTSUPP;
}

static void failed(struct bridges *b, const char *what, int error)
{
	b->n_errors++;
	b->must_read = true;
	if (log_allows(LOG_WARN, &b->limit))
		log_warn(
			"the bridge did not take %s: %s; it is looked at again",
			what, strerror(-error));
}

static void put_fdb(struct telling *t, const struct fact *f)
{
	const struct mac mac = fact_mac(f);
	const uint32_t port = f->value & ~FACT_IS_STICKY;
	int error;

	t->n_fdb++;
	error = rtnl_fdb_put(t->b->rtnl, port, &mac,
			     f->value & FACT_IS_STICKY ? RTNL_FDB_STICKY
						       : RTNL_FDB_STATIC);
	if (error)
		failed(t->b, "a forwarding entry", error);
	else
		facts_add(&t->after, f);
}

static void del_fdb(struct telling *t, const struct fact *f)
{
	const struct mac mac = fact_mac(f);
	const uint32_t port = f->value & ~FACT_IS_STICKY;
	const int error = rtnl_fdb_delete(t->b->rtnl, port, &mac);

	t->n_fdb++;
	if (is_failure(error))
		failed(t->b, "the end of a forwarding entry", error);
}

static void put(struct telling *t, const struct fact *is,
		const struct fact *wanted)
{
	if (wanted->kind != FACT_FDB) {
		if (is && !t->is_anew)
			guard_del(t->b->guard, is);
		guard_put(t->b->guard, wanted);
		facts_add(&t->after, wanted);
	} else if (t->n_fdb < MAX_FDB_AT_ONCE) {
		put_fdb(t, wanted);
	} else {
		t->has_more = true;
		if (is)
			facts_add(&t->after, is);
	}
}

/* Also one of the last life that is not taken over yet. */
static bool is_tap(struct bridges *b, uint32_t ifindex)
{
	const struct bridge_port *p = bridge_port_by_index(b, ifindex);

	if (p)
		return p->is_tap;
	EACH_NET(b, net)
	{
		if (net->old_tap == ifindex)
			return true;
	}
	return false;
}

static bool is_owned_by_peer(struct bridges *b, const struct fact *known)
{
	const struct bridge_net *net = bridge_net_find(b, fact_place(known));
	const struct bridge_port *p = net ? bridge_net_tap(b, net) : NULL;
	const struct ip ip = fact_ip(known);
	struct fact owner;

	if (!net)
		return false;
	owner = fact_of_ip(FACT_OWNER4, p ? p->ifindex : net->old_tap, &ip);
	return facts_find(&b->is, &owner) != NULL;
}

/*
 * Of the last life, about peers: they are given the time to say it again. What
 * is of this host is known.
 */
static bool is_kept(const struct telling *t, const struct fact *f)
{
	struct bridges *b = t->b;

	if (!f->is_inherited || !t->waits)
		return false;
	switch (f->kind) {
	case FACT_FDB:
		return is_tap(b, f->value & ~FACT_IS_STICKY);
	case FACT_PORT:
	case FACT_CLOSED:
	case FACT_OWNER4:
	case FACT_OWNER6:
		return is_tap(b, fact_place(f));
	case FACT_KNOWN4:
	case FACT_KNOWN6:
		return is_owned_by_peer(b, f);
	default:
		return false;
	}
}

static void keep(struct telling *t, const struct fact *f)
{
	if (t->is_anew && f->kind != FACT_FDB)
		guard_put(t->b->guard, f);
	facts_add(&t->after, f);
}

static void del(struct telling *t, const struct fact *f)
{
	if (is_kept(t, f)) {
		t->b->n_kept++;
		keep(t, f);
	} else if (f->kind != FACT_FDB) {
		if (!t->is_anew)
			guard_del(t->b->guard, f);
	} else if (t->n_fdb < MAX_FDB_AT_ONCE) {
		del_fdb(t, f);
	} else {
		t->has_more = true;
		facts_add(&t->after, f);
	}
}

static void compare(struct telling *t)
{
	const struct facts *is = &t->b->is, *wanted = &t->b->wanted;
	uint32_t i = 0, k = 0;
	int order;

	while (i < is->n || k < wanted->n) {
		order = i == is->n ? 1
			: k == wanted->n
				? -1
				: facts_compare(&is->list[i], &wanted->list[k]);
		if (order < 0) {
			del(t, &is->list[i++]);
			continue;
		}
		if (order > 0)
			put(t, NULL, &wanted->list[k]);
		else if (is->list[i].value != wanted->list[k].value)
			put(t, &is->list[i], &wanted->list[k]);
		else
			keep(t, &wanted->list[k]);
		i += order == 0;
		k++;
	}
}

/* 0 or -errno: of the rules. */
static int tell(struct bridges *b)
{
	struct telling t = { .b = b };
	int error;

	b->n_kept = 0;
	t.waits = bridge_sync_waits(b);
	t.is_anew = guard_begin(b->guard);
	compare(&t);
	error = guard_commit(b->guard);
	if (error)
		failed(b, "the rules' addresses", error);
	facts_free(&b->is);
	b->is = t.after;
	if (t.has_more)
		due(b, clock_monotonic_us());
	else if (b->must_read)
		due(b, clock_monotonic_us() + RETRY_US);
	return error;
}

static void set_floods(struct bridges *b)
{
	EACH_NET(b, net)
	{
		struct bridge_port *tap = bridge_net_tap(b, net);
		const bool was = net->is_flooded;

		if (!tap || was == net->wants_flood)
			continue;
		net->is_flooded = net->wants_flood;
		if (bridge_port_set_up(b, tap))
			net->is_flooded = was;
	}
}

static void count_learnt(struct bridges *b, uint32_t ifindex)
{
	struct bridge_port *p = bridge_port_by_index(b, ifindex);

	if (p && p->is_trusted)
		p->n_learnt++;
}

static int read_fdb(struct bridges *b, const struct bridge_net *net,
		    struct facts *ret)
{
	struct rtnl_fdb *list = NULL;
	size_t i, n = 0;
	int error = rtnl_fdb_list(b->rtnl, net->ifindex, &list, &n);

	for (i = 0; !error && i < n; i++) {
		const struct rtnl_fdb *fdb = &list[i];
		const bool is_sticky = fdb->type == RTNL_FDB_STICKY;
		struct fact f;

		if (fdb->type == RTNL_FDB_LEARNT)
			count_learnt(b, fdb->ifindex);
		if (fdb->type == RTNL_FDB_LOCAL ||
		    fdb->type == RTNL_FDB_LEARNT ||
		    fdb->ifindex == net->ifindex)
			continue;
		f = fact_fdb(net->ifindex, &fdb->mac,
			     fdb->ifindex | (is_sticky ? FACT_IS_STICKY : 0));
		facts_add(ret, &f);
	}
	free(list);
	return error;
}

/* What was inherited and is still there stays so. */
static void keep_marks(const struct facts *before, struct facts *now,
		       bool is_first)
{
	uint32_t i;

	for (i = 0; i < now->n; i++) {
		const struct fact *f = facts_find(before, &now->list[i]);

		now->list[i].is_inherited = is_first || (f && f->is_inherited);
	}
}

static int read_all(struct bridges *b, bool is_first)
{
	struct facts now = { .n = 0 };
	int error = guard_read(b->guard, &now);
	uint32_t i;

	for (i = 0; i < b->n_ports; i++)
		b->ports[i].n_learnt = 0;
	EACH_NET(b, net)
	{
		if (!error)
			error = guard_read_network(b->guard, net->vni, &now);
		if (!error)
			error = read_fdb(b, net, &now);
	}
	if (error) {
		facts_free(&now);
		return error;
	}
	for (i = 0; i < b->n_ports; i++) {
		if (b->ports[i].is_trusted)
			bridge_port_limit(b, &b->ports[i]);
	}
	facts_sort(&now);
	keep_marks(&b->is, &now, is_first);
	facts_free(&b->is);
	b->is = now;
	b->must_read = false;
	return 0;
}

int bridge_sync_now(struct bridges *b)
{
	const usec_t begin = clock_monotonic_us(), had = clock_thread_us();
	int error = 0;

	if (!b->engine || b->is_leaving)
		return 0;
	b->due_at = USEC_NEVER;
	if (b->must_read)
		error = read_all(b, false);
	if (error) {
		failed(b, "a question", error);
		due(b, begin + RETRY_US);
		return error;
	}
	want_all(b);
	error = tell(b);
	set_floods(b);
	pace_ran(&b->pace, clock_monotonic_us(), clock_thread_us() - had);
	return error;
}

static void tell_new(struct telling *t, const struct facts *wanted)
{
	struct facts *is = &t->b->is;
	uint32_t i;

	for (i = 0; i < wanted->n; i++) {
		const struct fact *f = &wanted->list[i];
		const struct fact *known = facts_find(is, f);

		if (!known || known->value != f->value)
			put(t, known, f);
	}
	for (i = 0; i < t->after.n; i++)
		facts_put(is, &t->after.list[i]);
}

int bridge_sync_port(struct bridges *b, const struct bridge_port *p)
{
	struct telling t = { .b = b };
	struct facts wanted = { .n = 0 };
	struct wanting w = { .b = b, .ret = &wanted };
	int error;

	if (!b->engine || b->is_leaving)
		return 0;
	/* A table that is made anew has all in one transaction. */
	if (b->must_read || guard_begin(b->guard))
		return bridge_sync_now(b);
	want_port(&w, p);
	facts_sort(&wanted);
	tell_new(&t, &wanted);
	error = guard_commit(b->guard);
	if (error)
		failed(b, "the rules' addresses", error);
	facts_free(&t.after);
	facts_free(&wanted);
	bridge_sync_later(b);
	return error;
}

void bridge_sync_later(struct bridges *b)
{
	if (b->engine)
		due(b, pace_next(&b->pace, clock_monotonic_us()));
}

bool bridge_sync_waits(const struct bridges *b)
{
	return clock_monotonic_us() < b->kept_until &&
	       !engine_is_complete(b->engine);
}

void bridge_sync_read_again(struct bridges *b)
{
	if (!b->must_read && b->engine)
		due(b, clock_monotonic_us() + RETRY_US);
	b->must_read = true;
}

void bridge_sync_start(struct bridges *b)
{
	const int error = read_all(b, true);

	b->pace = (struct pace){ .share = SYNC_SHARE,
				 .pause_max_us = SYNC_PAUSE_MAX_US,
				 .at_once_us = SYNC_AT_ONCE_US };
	b->kept_until = clock_monotonic_us() +
			b->settings->hold_time_s * USEC_PER_SEC;
	if (error)
		failed(b, "a question", error);
	bridge_sync_now(b);
}
