/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bridge_net.h"
#include "bridge_port.h"
#include "bridge_sync.h"
#include "log.h"
#include "sys/clock.h"

/* The rest waits for the next turn. */
#define EVENTS_AT_ONCE 512U
#define REOPEN_US USEC_PER_SEC

static void learnt(struct bridges *b, struct bridge_port *p,
		   const struct mac *mac, bool is_there)
{
	if (is_there)
		p->n_learnt++;
	else if (p->n_learnt)
		p->n_learnt--;
	bridge_port_limit(b, p);
	b->events.mac(b->events.ctx, p->port_no, mac, is_there);
}

static const struct fact *known(struct bridges *b, const struct rtnl_fdb *fdb)
{
	const struct fact key = fact_fdb(fdb->bridge, &fdb->mac, 0);

	return facts_find(&b->is, &key);
}

static void on_fdb(struct bridges *b, const struct rtnl_fdb *fdb)
{
	struct bridge_port *p = bridge_port_by_index(b, fdb->ifindex);
	const struct fact *f;

	if (!p || fdb->type == RTNL_FDB_LOCAL)
		return;
	if (p->is_trusted && fdb->type == RTNL_FDB_LEARNT) {
		learnt(b, p, &fdb->mac, true);
		return;
	}
	f = known(b, fdb);
	if (f && (f->value & ~FACT_IS_STICKY) == fdb->ifindex)
		return;
	/* An entry of a peer's has moved to a trusted port: it may age. */
	if (p->is_trusted && f) {
		learnt(b, p, &fdb->mac, true);
		if (rtnl_fdb_put(b->rtnl, p->ifindex, &fdb->mac,
				 RTNL_FDB_LEARNT))
			log_debug("a MAC behind %s had gone", p->ifname);
	}
	bridge_sync_read_again(b);
}

static void on_fdb_gone(struct bridges *b, const struct rtnl_fdb *fdb)
{
	struct bridge_port *p = bridge_port_by_index(b, fdb->ifindex);
	const struct fact *f = known(b, fdb);

	if (p && p->is_trusted && fdb->type == RTNL_FDB_LEARNT)
		learnt(b, p, &fdb->mac, false);
	else if (p && f && (f->value & ~FACT_IS_STICKY) == fdb->ifindex)
		bridge_sync_read_again(b);
}

static void port_gone(struct bridges *b, struct bridge_port *p)
{
	const port_no_t port_no = p->port_no;
	struct bridge_net *net = p->net;

	bridge_port_forget(b, p);
	bridge_sync_later(b);
	bridge_net_drop_if_empty(b, net);
	b->events.port_gone(b->events.ctx, port_no);
}

static void warn(struct bridges *b, const char *what, const char *ifname,
		 const char *then)
{
	if (log_allows(LOG_WARN, &b->limit))
		log_warn("somebody %s %s: it is %s", what, ifname, then);
}

/*
 * Somebody took it out of its bridge, where it still is: who wants a container
 * gone detaches it. With its bridge it is as before: a new start makes that
 * again, and must find the port. False: it has gone.
 */
static bool put_back(struct bridges *b, struct bridge_port *p)
{
	struct rtnl_link link = { .master_ifindex = 0 };
	int error = rtnl_link_by_index(b->rtnl, p->ifindex, &link);

	/* TAPs are made again by who has them. */
	if (p->is_tap || error == -ENODEV ||
	    (link.master_ifindex && link.master_ifindex != p->net->ifindex))
		return false;
	/* No answer says nothing of it. */
	if (error || link.master_ifindex ||
	    rtnl_link_by_index(b->rtnl, p->net->ifindex, &link) == -ENODEV)
		return true;
	error = rtnl_link_set_master(b->rtnl, p->ifindex, p->net->ifindex);
	if (!error)
		error = bridge_port_set_up(b, p);
	if (error) {
		/* Half made it must not stay there, unguarded. */
		if (rtnl_link_set_master(b->rtnl, p->ifindex, 0))
			log_debug("%s had gone", p->ifname);
		return false;
	}
	warn(b, "took out of its bridge", p->ifname, "put back");
	/* Its entries have gone. */
	bridge_sync_read_again(b);
	return true;
}

static void link_down(struct bridges *b, uint32_t ifindex, const char *ifname)
{
	struct rtnl_link link;

	/* It was down when it was made: what counts is what it is now. */
	if (rtnl_link_by_index(b->rtnl, ifindex, &link) || link.flags & IFF_UP)
		return;
	if (!rtnl_link_set_up(b->rtnl, ifindex, true))
		warn(b, "set down", ifname, "set up again");
}

static void on_link_down(struct bridges *b, uint32_t ifindex)
{
	const struct bridge_port *p = bridge_port_by_index(b, ifindex);
	const struct bridge_net *net = bridge_net_by_index(b, ifindex);

	if (net)
		link_down(b, ifindex, net->ifname);
	else if (p && p->is_joined)
		link_down(b, ifindex, p->ifname);
}

static void on_event(struct bridges *b, const struct rtnl_bridge_event *ev)
{
	struct bridge_port *p;
	struct bridge_net *net;

	switch (ev->type) {
	case RTNL_BRIDGE_FDB:
		on_fdb(b, &ev->fdb);
		return;
	case RTNL_BRIDGE_FDB_GONE:
		on_fdb_gone(b, &ev->fdb);
		return;
	case RTNL_BRIDGE_LINK_DOWN:
		on_link_down(b, ev->ifindex);
		return;
	case RTNL_BRIDGE_PORT_GONE:
	case RTNL_BRIDGE_LINK_GONE:
		break;
	}
	p = bridge_port_by_index(b, ev->ifindex);
	net = bridge_net_by_index(b, ev->ifindex);
	if (p && p->is_joined) {
		if (ev->type != RTNL_BRIDGE_PORT_GONE || !put_back(b, p))
			port_gone(b, p);
	}
	if (net && ev->type == RTNL_BRIDGE_LINK_GONE)
		b->events.gone(b->events.ctx, net->ifname);
}

/* Events were lost: what does the kernel still have of ours? */
static void look_at_links(struct bridges *b)
{
	struct rtnl_link link;
	uint32_t i = b->n_ports;

	EACH_NET(b, net)
	{
		if (rtnl_link_by_index(b->rtnl, net->ifindex, &link) == -ENODEV)
			b->events.gone(b->events.ctx, net->ifname);
		else
			link_down(b, net->ifindex, net->ifname);
	}
	while (i-- > 0) {
		struct bridge_port *p = &b->ports[i];
		const int error = rtnl_link_by_index(b->rtnl, p->ifindex,
						     &link);

		/* No answer says nothing of the port. */
		if (error == -ENODEV ||
		    (!error && link.master_ifindex != p->net->ifindex &&
		     !put_back(b, p)))
			port_gone(b, p);
		else if (p->is_joined)
			link_down(b, p->ifindex, p->ifname);
	}
	bridge_sync_read_again(b);
}

static void stop(struct bridges *b)
{
	loop_io_free(b->io);
	rtnl_bridge_watch_close(b->watch);
	b->io = NULL;
	b->watch = NULL;
}

static void on_readable(void *ctx, int fd, unsigned int events)
{
	struct bridges *b = ctx;
	struct rtnl_bridge_event ev;
	unsigned int n = 0;
	int rc = 1;

	(void)fd;
	(void)events;
	while (rc > 0 && n++ < EVENTS_AT_ONCE && !b->is_leaving) {
		rc = rtnl_bridge_watch_next(b->watch, &ev);
		if (rc > 0)
			on_event(b, &ev);
	}
	if (rc == -ENOBUFS) {
		b->n_news_lost++;
		look_at_links(b);
	}
	if (rc < 0 && rc != -ENOBUFS) {
		log_error("no word of bridges: %s; it is asked for again",
			  strerror(-rc));
		stop(b);
		loop_timer_set(b->reopen, clock_monotonic_us() + REOPEN_US);
	}
	b->events.turn(b->events.ctx);
}

static int start(struct bridges *b)
{
	const int error = rtnl_bridge_watch_open(&b->watch);

	if (!error)
		b->io = loop_io_new(b->loop, rtnl_bridge_watch_fd(b->watch),
				    LOOP_READ, on_readable, b);
	return error;
}

/* What was said meanwhile is lost: all is looked at. */
static void on_reopen(void *ctx)
{
	struct bridges *b = ctx;

	if (b->is_leaving)
		return;
	if (start(b)) {
		loop_timer_set(b->reopen, clock_monotonic_us() + REOPEN_US);
		return;
	}
	look_at_links(b);
	bridge_watch_tell_learnt(b);
	b->events.turn(b->events.ctx);
}

int bridge_watch_open(struct bridges *b)
{
	b->reopen = loop_timer_new(b->loop, on_reopen, b);
	return start(b);
}

void bridge_watch_close(struct bridges *b)
{
	loop_timer_free(b->reopen);
	stop(b);
}

void bridge_watch_tell_learnt(struct bridges *b)
{
	uint32_t port;

	/* They are counted as they are told. */
	for (port = 0; port < b->n_ports; port++)
		b->ports[port].n_learnt = 0;
	EACH_NET(b, net)
	{
		struct rtnl_fdb *list = NULL;
		size_t i, n = 0;

		if (rtnl_fdb_list(b->rtnl, net->ifindex, &list, &n))
			bridge_sync_read_again(b);
		for (i = 0; i < n; i++)
			on_fdb(b, &list[i]);
		free(list);
	}
}
