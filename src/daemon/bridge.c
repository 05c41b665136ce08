/* SPDX-License-Identifier: Apache-2.0 */
/* The kind of datapath that is Linux bridges, one for each network. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bridge_net.h"
#include "bridge_port.h"
#include "bridge_show.h"
#include "bridge_sync.h"
#include "bridge_watch.h"
#include "core/alloc.h"
#include "log.h"
#include "sys/cleanup.h"
#include "sys/clock.h"

static void look_at_rules(struct bridges *b)
{
	const bool was_there = guard_is_there(b->guard);

	if (!guard_look(b->guard))
		return;
	log_warn("%s", was_there ? "somebody deleted the bridges' rules: they "
				   "are made again"
				 : "the bridges' rules are made now");
	bridge_sync_read_again(b);
	bridge_sync_now(b);
}

/*
 * Where the kernel can have rules: those for all ports in the table. What was
 * in doubt after the first try is read in the second.
 */
static int sync_rules(struct bridges *b, const struct bridge_port *p)
{
	int error = bridge_sync_port(b, p);

	/* Those of the last life are in their bridges: see follow(). */
	if (!b->engine || (guard_is_there(b->guard) && !error))
		return 0;
	look_at_rules(b);
	if (guard_is_there(b->guard))
		return bridge_sync_now(b);
	return guard_is_awaited(b->guard) ? guard_error(b->guard) : 0;
}

static int no_rules(const char *ifname, int error, struct error *e)
{
	error_set(e, error_code_of(-error),
		  "cannot make %s a port: the bridges' rules for it could not "
		  "be made: %s",
		  ifname, strerror(-error));
	return error_hint(e, "try again; 'fastdpctl status' says what is "
			     "missing, 'nft list tables bridge' whether "
			     "somebody changes the rules");
}

static int join(struct bridges *b, struct bridge_port *p,
		const struct rtnl_link *link)
{
	int error = 0;

	if (!link->master_ifindex)
		error = rtnl_link_set_master(b->rtnl, p->ifindex,
					     p->net->ifindex);
	if (!error)
		error = bridge_port_set_up(b, p);
	if (error) {
		/* Half made it must not stay there, unguarded. */
		if (!link->master_ifindex &&
		    rtnl_link_set_master(b->rtnl, p->ifindex, 0))
			log_debug("%s had gone", p->ifname);
		return error;
	}
	p->is_joined = true;
	/* Behind a TAP are all MACs of its network. */
	if (p->is_tap)
		bridge_sync_now(b);
	else if (bridge_sync_port(b, p))
		log_debug("%s: it is tried again soon", p->ifname);
	return 0;
}

static int join_failed(const char *ifname, int error, struct error *e)
{
	error_set(e, error_code_of(-error), "cannot make %s a port: %s", ifname,
		  strerror(-error));
	if (error == -EBUSY)
		error_hint(e, "it is in another bridge or a datapath");
	else if (error == -ENODEV)
		error_hint(e, "there is no such link in the daemon's network "
			      "namespace");
	return -1;
}

static int add_link(struct bridges *b, const struct bridge_port *port,
		    vni_t vni, struct error *e)
{
	struct bridge_net *net = bridge_net_get(b, vni, e);
	struct bridge_port *p;
	struct rtnl_link link;
	int error;

	if (!net)
		return -1;
	if (b->n_ports == BRIDGE_MAX_PORTS)
		return error_set(e, "limit", "no more than %u ports",
				 BRIDGE_MAX_PORTS);
	error = rtnl_link_by_name(b->rtnl, port->ifname, &link);
	if (!error && link.master_ifindex &&
	    link.master_ifindex != net->ifindex)
		error = -EBUSY;
	if (error) {
		bridge_net_drop_if_empty(b, net);
		return join_failed(port->ifname, error, e);
	}
	p = &b->ports[b->n_ports++];
	*p = *port;
	p->net = net;
	p->ifindex = link.ifindex;
	p->is_learning = true;
	/* Rules first: no frame passes before them. */
	error = sync_rules(b, p);
	if (error) {
		no_rules(port->ifname, error, e);
	} else {
		error = join(b, p, &link);
		if (!error)
			return 0;
		join_failed(port->ifname, error, e);
	}
	bridge_port_forget(b, p);
	bridge_sync_later(b);
	bridge_net_drop_if_empty(b, net);
	return -1;
}

/* The bridge itself is the host's port; else the host is deaf there. */
static int expose(struct bridges *b, vni_t vni, bool is_exposed,
		  struct error *e)
{
	struct bridge_net *net = bridge_net_get(b, vni, e);
	int error;

	if (!net)
		return -1;
	error = rtnl_link_set_arp(b->rtnl, net->ifindex, is_exposed);
	if (error)
		return error_set(e, error_code_of(-error),
				 "cannot make %s the host's port: %s",
				 net->ifname, strerror(-error));
	net->is_exposed = is_exposed;
	bridge_sync_now(b);
	return 0;
}

static int add_port(struct datapath *d, const struct port *port,
		    struct error *e)
{
	struct bridge_port p = { .port_no = port->port_no,
				 .mac = port->mac,
				 .is_trusted = port->is_trusted };

	if (port->port_no == PORT_NO_HOST)
		return expose(bridges_of(d), port->vni, true, e);
	snprintf(p.ifname, sizeof(p.ifname), "%s", port->ifname);
	return add_link(bridges_of(d), &p, port->vni, e);
}

static int add_tap(struct datapath *d, const char *ifname, vni_t vni,
		   port_no_t port_no, struct error *e)
{
	struct bridge_port p = { .port_no = port_no, .is_tap = true };

	snprintf(p.ifname, sizeof(p.ifname), "%s", ifname);
	return add_link(bridges_of(d), &p, vni, e);
}

static void hide(struct bridges *b)
{
	EACH_NET(b, net)
	{
		struct error e = { .code = "" };

		if (net->is_exposed && expose(b, net->vni, false, &e))
			log_warn("%s", e.message);
	}
}

static void remove_port(struct datapath *d, port_no_t port_no)
{
	struct bridges *b = bridges_of(d);
	struct bridge_port *p = bridge_port_find(b, port_no);
	struct bridge_net *net;
	uint32_t ifindex;

	if (port_no == PORT_NO_HOST) {
		hide(b);
		return;
	}
	if (!p)
		return;
	net = p->net;
	ifindex = p->ifindex;
	bridge_port_forget(b, p);
	if (rtnl_link_set_master(b->rtnl, ifindex, 0))
		log_debug("port %u had gone", port_no);
	bridge_sync_later(b);
	bridge_net_drop_if_empty(b, net);
}

/* TAPs are known when their network is wanted: see follow(). */
static int prune(struct datapath *d, datapath_known_fn *is_known, void *ctx)
{
	struct bridges *b = bridges_of(d);
	CLEAN_FREE struct rtnl_link *list = NULL;
	size_t i, n = 0;
	int error = rtnl_link_list(b->rtnl, &list, &n);

	for (i = 0; !error && i < n; i++) {
		const struct rtnl_link *link = &list[i];

		if (!link->master_ifindex ||
		    !bridge_net_by_index(b, link->master_ifindex) ||
		    strcmp(link->kind, "tun") == 0 ||
		    is_known(ctx, PORT_NO_NONE, link->ifname))
			continue;
		error = rtnl_link_set_master(b->rtnl, link->ifindex, 0);
		/* It went by itself. */
		if (error == -ENODEV)
			error = 0;
	}
	return error;
}

static void follow(struct datapath *d, const struct engine *engine)
{
	struct bridges *b = bridges_of(d);

	EACH_NET(b, net)
	{
		if (bridge_net_has_port(b, net) ||
		    bridge_net_has_link(b, net)) {
			bridge_net_find_tap(b, net);
			continue;
		}
		bridge_net_delete_taps(b, net);
		bridge_net_drop_if_empty(b, net);
	}
	b->engine = engine;
	bridge_sync_start(b);
	bridge_watch_tell_learnt(b);
}

static void changed(struct datapath *d)
{
	bridge_sync_later(bridges_of(d));
}

static void look(struct datapath *d)
{
	struct bridges *b = bridges_of(d);
	uint32_t i;

	/* Their count of MACs is only near the truth: words of it get lost. */
	for (i = 0; i < b->n_ports; i++) {
		if (!b->ports[i].is_learning)
			bridge_sync_read_again(b);
	}
	look_at_rules(b);
	if (b->n_kept && !bridge_sync_waits(b))
		bridge_sync_later(b);
}

static int reload(struct datapath *d, struct error *e)
{
	struct bridges *b = bridges_of(d);

	EACH_NET(b, net)
	bridge_net_drop_if_empty(b, net);
	bridge_sync_later(b);
	return bridge_net_get(b, settings_vni(b->settings, DEFAULT_NETWORK), e)
		       ? 0
		       : -1;
}

static int host_link(struct datapath *d, vni_t vni, char ret[MAX_IFNAME],
		     struct error *e)
{
	const struct bridge_net *net = bridge_net_get(bridges_of(d), vni, e);

	if (!net)
		return -1;
	snprintf(ret, MAX_IFNAME, "%s", net->ifname);
	return 0;
}

static const char *name_of(const struct datapath *d)
{
	const struct bridges *b = CONTAINER_OF((struct datapath *)(uintptr_t)d,
					       struct bridges, base);
	size_t i;

	for (i = 0; i < MAX_NETWORKS; i++) {
		if (b->nets[i].vni != VNI_NONE &&
		    bridge_net_is_default(b, &b->nets[i]))
			return b->nets[i].ifname;
	}
	return b->settings->bridge_name;
}

static void close_bridges(struct datapath *d)
{
	struct bridges *b = bridges_of(d);

	bridge_watch_close(b);
	guard_close(b->guard);
	loop_timer_free(b->timer);
	facts_free(&b->is);
	facts_free(&b->wanted);
	free(b);
}

static int delete_bridges(struct datapath *d, struct error *e)
{
	struct bridges *b = bridges_of(d);

	(void)e;
	b->is_leaving = true;
	guard_delete(b->guard);
	EACH_NET(b, net)
	{
		bridge_net_delete_taps(b, net);
		bridge_net_delete(b, net);
	}
	b->n_ports = 0;
	return 0;
}

static void on_timer(void *ctx)
{
	bridge_sync_now(ctx);
}

const struct datapath_kind datapath_bridge_kind = {
	.type = "bridge",
	.close = close_bridges,
	.delete = delete_bridges,
	.name = name_of,
	.add_port = add_port,
	.add_tap = add_tap,
	.remove_port = remove_port,
	.prune = prune,
	.follow = follow,
	.changed = changed,
	.reload = reload,
	.host_link = host_link,
	.look = look,
	.flows = bridge_show_flows,
	.flow_to = bridge_show_flow_to,
	.missing = bridge_show_missing,
	.metrics = bridge_show_metrics,
};

bool datapath_bridge_is_there(struct rtnl *r)
{
	return bridge_nets_are_there(r);
}

static int open_failed(int error, struct error *e)
{
	return error_set(e, error_code_of(-error), "no bridges: %s",
			 strerror(-error));
}

struct datapath *datapath_bridge_open(const struct datapath_config *config,
				      struct error *e)
{
	const struct settings *s = config->settings;
	struct bridges *b = core_alloc(sizeof(*b));
	int error;

	b->base.kind = &datapath_bridge_kind;
	b->events = config->events;
	b->settings = s;
	b->id = config->id;
	b->rtnl = config->rtnl;
	b->loop = config->loop;
	b->has_lock = true;
	b->due_at = USEC_NEVER;
	b->timer = loop_timer_new(b->loop, on_timer, b);
	b->guard = guard_open(s->bridge_name, b->id);
	error = bridge_watch_open(b);
	if (!error)
		error = bridge_nets_adopt(b);
	if (error)
		open_failed(error, e);
	else if (bridge_net_get(b, settings_vni(s, DEFAULT_NETWORK), e))
		return &b->base;
	if (!b->base.is_adopted)
		guard_delete(b->guard);
	close_bridges(&b->base);
	return NULL;
}
