/* SPDX-License-Identifier: Apache-2.0 */
#include "egress.h"

#include <errno.h>
#include <string.h>

#include "core/alloc.h"
#include "core/table.h"
#include "hearsay.h"
#include "log.h"
#include "pace.h"
#include "state.h"
#include "sys/clock.h"

/* Changes come in flocks. */
#define DEBOUNCE_US (10 * USEC_PER_MS)
/* A host with a busy routing table: a tenth of our time at most. */
#define LOOK_SHARE 10U
#define LOOK_PAUSE_MAX_US (500 * USEC_PER_MS)
/* What the kernel has learnt: so many peers at a time, in turn. */
#define GLANCE_US (2 * USEC_PER_SEC)
#define GLANCE_PEERS 16U
#define EVENTS_AT_ONCE 1024U
#define LINKS_KEPT 8U
/* Nobody's link is smaller; what a heartbeat takes. */
#define ALWAYS_FITS 128U
/* Of a peer whose link is not known yet. */
#define BASE_SIZE 1280U

struct egress_peer {
	struct table_node node;
	peer_id_t id;
	struct endpoint local, remote;
	bool is_told;
	bool is_up;
	uint32_t link_mtu, route_mtu;
	uint64_t look; /* the last one that saw it */
};

struct egress {
	struct daemon *daemon;
	void (*moved)(struct daemon *d);
	void (*turn)(struct daemon *d);
	struct rtnl_watch *watch;
	struct loop_io *io;
	struct loop_timer *soon, *glance;
	bool is_due, is_moved;
	struct pace pace; /* of looks */
	struct table peers;
	uint64_t n_looks;
	size_t cursor;	 /* of the next glance */
	bool is_refused; /* the kernel does not let us make it forget */
	uint64_t n_forgotten;
	/* links of the look that goes on */
	struct rtnl_link links[LINKS_KEPT];
	size_t n_links;
};

static uint64_t hash_of(peer_id_t id)
{
	return core_hash(&id, sizeof(id), 0);
}

static struct egress_peer *find(const struct egress *e, peer_id_t id)
{
	struct table_node *n;

	for (n = table_first(&e->peers, hash_of(id)); n; n = table_next(n)) {
		struct egress_peer *p = CONTAINER_OF(n, struct egress_peer,
						     node);

		if (p->id == id)
			return p;
	}
	return NULL;
}

static struct egress_peer *find_or_add(struct egress *e, peer_id_t id)
{
	struct egress_peer *p = find(e, id);

	if (p)
		return p;
	p = core_alloc(sizeof(*p));
	p->id = id;
	table_add(&e->peers, &p->node, hash_of(id));
	return p;
}

static const struct rtnl_link *link_of(struct egress *e, uint32_t ifindex)
{
	struct rtnl_link *link;
	size_t i;

	for (i = 0; i < e->n_links; i++) {
		if (e->links[i].ifindex == ifindex)
			return &e->links[i];
	}
	link = &e->links[i < LINKS_KEPT ? i : LINKS_KEPT - 1];
	if (rtnl_link_by_index(e->daemon->rtnl, ifindex, link))
		return NULL;
	if (i < LINKS_KEPT)
		e->n_links++;
	return link;
}

static int route_of(const struct egress *e, const struct egress_peer *p,
		    struct rtnl_route *ret)
{
	const bool has_source = !ip_is_zero(&p->local.ip) &&
				ip_is_v4(&p->local.ip) ==
					ip_is_v4(&p->remote.ip);

	return rtnl_route_get(e->daemon->rtnl, &p->remote.ip,
			      has_source ? &p->local.ip : NULL, ret);
}

/* No answer says nothing of the path. */
static bool is_own_trouble(int error)
{
	return error == -ETIMEDOUT || error == -ENOMEM || error == -ENOBUFS ||
	       error == -EBADMSG || error == -EAGAIN;
}

static uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* False: it could not be found out, and is as it was. */
static bool ask(struct egress *e, const struct egress_peer *p,
		struct event *ret)
{
	const struct rtnl_link *link;
	struct rtnl_route route;
	int error = route_of(e, p, &route);

	memset(ret, 0, sizeof(*ret));
	ret->type = EVENT_EGRESS;
	ret->egress.peer_id = p->id;
	ret->egress.link_mtu = p->link_mtu;
	ret->egress.route_mtu = p->route_mtu;
	if (is_own_trouble(error))
		return false;
	link = error ? NULL : link_of(e, route.ifindex);
	if (!link)
		return true;
	ret->egress.is_up = (link->flags & IFF_UP) &&
			    (link->flags & IFF_RUNNING);
	ret->egress.link_mtu = link->mtu;
	/* An operator's word binds as the link does. */
	if (route.mtu && !route.is_learnt)
		ret->egress.link_mtu = min_u32(link->mtu, route.mtu);
	ret->egress.route_mtu = ret->egress.link_mtu;
	if (route.is_learnt)
		ret->egress.route_mtu = min_u32(route.mtu, link->mtu);
	return true;
}

static void look_at(struct egress *e, struct egress_peer *p)
{
	struct event ev;

	if (!ask(e, p, &ev))
		return;
	if (p->is_told && p->is_up == ev.egress.is_up &&
	    p->link_mtu == ev.egress.link_mtu &&
	    p->route_mtu == ev.egress.route_mtu)
		return;
	p->is_told = true;
	p->is_up = ev.egress.is_up;
	p->link_mtu = ev.egress.link_mtu;
	p->route_mtu = ev.egress.route_mtu;
	daemon_event(e->daemon, &ev);
}

static void free_unseen(struct egress *e)
{
	struct table_node *n, *last = NULL;
	struct egress_peer *gone[64];
	size_t pos, i, n_gone;

	do {
		pos = 0;
		n_gone = 0;
		last = NULL;
		while (n_gone < 64 && (n = table_walk(&e->peers, &pos, last))) {
			struct egress_peer *p =
				CONTAINER_OF(n, struct egress_peer, node);

			last = n;
			if (p->look != e->n_looks)
				gone[n_gone++] = p;
		}
		for (i = 0; i < n_gone; i++) {
			table_remove(&e->peers, &gone[i]->node);
			free(gone[i]);
		}
	} while (n_gone == 64);
}

/* The engine is read before it is told anything: that may change it. */
static size_t take_peers(struct egress *e, struct egress_peer **ret, size_t max)
{
	struct peer_view view;
	size_t pos = 0, n = 0;

	e->n_looks++;
	while (n < max && engine_each_peer(e->daemon->engine, &pos, &view)) {
		struct egress_peer *p;

		if (ip_is_zero(&view.remote.ip))
			continue;
		p = find_or_add(e, view.id);
		if (!ip_equal(&p->remote.ip, &view.remote.ip) ||
		    !ip_equal(&p->local.ip, &view.local.ip))
			p->is_told = false;
		p->local = view.local;
		p->remote = view.remote;
		p->look = e->n_looks;
		ret[n++] = p;
	}
	free_unseen(e);
	return n;
}

void egress_look(struct egress *e)
{
	struct egress_peer *peers[MAX_PEERS];
	usec_t begin, end;
	size_t n, i;

	if (!e)
		return;
	begin = clock_monotonic_us();
	e->is_due = false;
	e->n_links = 0;
	n = take_peers(e, peers, MAX_PEERS);
	for (i = 0; i < n; i++)
		look_at(e, peers[i]);
	hearsay_follow(e->daemon->hearsay);
	end = clock_monotonic_us();
	pace_ran(&e->pace, end, end - begin);
	loop_timer_set(e->glance, n ? end + GLANCE_US : USEC_NEVER);
}

static void look_soon(struct egress *e, usec_t wait)
{
	const usec_t at = clock_monotonic_us() + wait;

	if (e->is_due)
		return;
	e->is_due = true;
	loop_timer_set(e->soon, pace_next(&e->pace, at));
}

void egress_peers_changed(struct egress *e)
{
	if (e)
		look_soon(e, 0);
}

static void on_soon(void *ctx)
{
	struct egress *e = ctx;

	egress_look(e);
	if (e->is_moved) {
		e->is_moved = false;
		e->moved(e->daemon);
	}
	e->turn(e->daemon);
}

static void on_glance(void *ctx)
{
	struct egress *e = ctx;
	struct egress_peer *peers[GLANCE_PEERS];
	struct table_node *node = NULL;
	size_t pos = 0, i, n = 0, k = 0;

	if (e->cursor >= e->peers.n)
		e->cursor = 0;
	while (n < GLANCE_PEERS && (node = table_walk(&e->peers, &pos, node))) {
		if (k++ >= e->cursor)
			peers[n++] = CONTAINER_OF(node, struct egress_peer,
						  node);
	}
	e->cursor += n;
	e->n_links = 0;
	for (i = 0; i < n; i++)
		look_at(e, peers[i]);
	hearsay_follow(e->daemon->hearsay);
	loop_timer_set(e->glance, e->peers.n ? clock_monotonic_us() + GLANCE_US
					     : USEC_NEVER);
	e->turn(e->daemon);
}

static void on_change(void *ctx, int fd, unsigned int events)
{
	struct egress *e = ctx;
	struct rtnl_event ev;
	unsigned int n;
	int rc = 1;

	(void)fd;
	(void)events;
	for (n = 0; n < EVENTS_AT_ONCE && rc == 1; n++)
		rc = rtnl_watch_next(e->watch, &ev);
	/* Lost ones are no matter: all is looked at. */
	if (rc < 0 && rc != -ENOBUFS) {
		log_error("changes of links and routes are seen late: %s",
			  strerror(-rc));
		loop_io_free(e->io);
		e->io = NULL;
	}
	e->is_moved = true;
	look_soon(e, DEBOUNCE_US);
}

static void forget(struct egress *e, struct egress_peer *p,
		   const struct rtnl_route *route)
{
	const int error = rtnl_route_forget(e->daemon->rtnl, &p->remote.ip,
					    route);

	if (!error) {
		/* What is learnt again is news. */
		p->route_mtu = p->link_mtu;
		e->is_refused = false;
		e->n_forgotten++;
		return;
	}
	if (!e->is_refused)
		log_warn("the kernel's word of a narrow path (%u) cannot be "
			 "taken back: %s; a path that has become wider is used "
			 "when the kernel forgets it, within ten minutes",
			 route->mtu, strerror(-error));
	e->is_refused = true;
}

uint64_t egress_n_forgotten(const struct egress *e)
{
	return e ? e->n_forgotten : 0;
}

bool egress_may_probe(struct egress *e, peer_id_t id, size_t size)
{
	struct egress_peer *p;
	struct rtnl_route route;

	if (size <= ALWAYS_FITS)
		return true;
	p = e ? find(e, id) : NULL;
	if (!p || !p->is_told)
		return size <= BASE_SIZE;
	if (size > p->link_mtu)
		return false;
	if (!route_of(e, p, &route) && route.is_learnt && route.mtu < size)
		forget(e, p, &route);
	return true;
}

bool egress_may_probe_frame(struct egress *e, peer_id_t id, size_t frame_size)
{
	const struct egress_peer *p = e ? find(e, id) : NULL;
	const bool is_v4 = p && ip_is_v4(&p->remote.ip);

	return egress_may_probe(e, id,
				frame_size + (is_v4 ? EGRESS_OVERHEAD_V4
						    : EGRESS_OVERHEAD_V6));
}

struct egress *egress_new(struct daemon *d, void (*moved)(struct daemon *d),
			  void (*turn)(struct daemon *d))
{
	struct egress *e = core_alloc(sizeof(*e));
	int error;

	e->daemon = d;
	e->moved = moved;
	e->turn = turn;
	e->pace = (struct pace){ .share = LOOK_SHARE,
				 .pause_max_us = LOOK_PAUSE_MAX_US };
	e->soon = loop_timer_new(d->loop, on_soon, e);
	e->glance = loop_timer_new(d->loop, on_glance, e);
	error = rtnl_watch_open(&e->watch);
	if (error)
		log_error("changes of links and routes are seen late: %s",
			  strerror(-error));
	else
		e->io = loop_io_new(d->loop, rtnl_watch_fd(e->watch), LOOP_READ,
				    on_change, e);
	return e;
}

void egress_free(struct egress *e)
{
	if (!e)
		return;
	e->n_looks++; /* none is of this look */
	free_unseen(e);
	table_free(&e->peers);
	loop_io_free(e->io);
	rtnl_watch_close(e->watch);
	loop_timer_free(e->soon);
	loop_timer_free(e->glance);
	free(e);
}
