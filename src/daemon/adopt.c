/* SPDX-License-Identifier: Apache-2.0 */
#include "adopt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "hostport.h"
#include "log.h"
#include "state.h"
#include "sys/ovs_dp.h"

static bool is_known(void *ctx, port_no_t port_no, const char *ifname)
{
	static struct log_limit limit;
	const struct daemon *d = ctx;
	const struct port_record *r =
		port_no == PORT_NO_NONE ? portbook_find_host(&d->ports, ifname)
					: portbook_find(&d->ports, port_no);

	if (r && strcmp(r->host_ifname, ifname) == 0)
		return true;
	if (log_allows(LOG_WARN, &limit))
		log_warn("port %s of the datapath is in no record: taken out",
			 ifname);
	return false;
}

/* Ports of which nothing is known: they cannot be served, nor kept. */
static int drop_strangers(struct daemon *d, struct error *e)
{
	const int error = datapath_prune(d->datapath, is_known, d);

	return error ? error_set(e, "system",
				 "cannot take strangers out of the "
				 "datapath: %s",
				 strerror(-error))
		     : 0;
}

/* A bridge that was made anew may have another name than it had. */
static int take_host_link(struct daemon *d, struct port_record *r,
			  struct error *e)
{
	struct port_record now = *r;

	if (datapath_host_link(d->datapath, r->vni, now.host_ifname, e))
		return -1;
	if (strcmp(now.host_ifname, r->host_ifname) == 0)
		return 0;
	strcpy(now.ifname, now.host_ifname);
	return portbook_save(&d->ports, r, &now, e);
}

/*
 * The internal port is there with the datapath, and has another MAC when that
 * was made anew: containers know their gateway by the old one.
 */
static int take_host(struct daemon *d, struct port_record *r, struct error *e)
{
	struct rtnl_link link;
	int error;

	if (take_host_link(d, r, e))
		return -1;
	error = rtnl_link_by_name(d->rtnl, r->host_ifname, &link);
	if (!error && !mac_equal(&link.mac, &r->mac))
		error = rtnl_link_set_mac(d->rtnl, link.ifindex, &r->mac);
	return error ? error_set(e, error_code_of(-error),
				 "%s cannot be the host's port: %s",
				 r->host_ifname, strerror(-error))
		     : 0;
}

static int serve(struct daemon *d, struct port_record *r, struct error *e)
{
	struct port port;

	if (r->port_no == PORT_NO_HOST && take_host(d, r, e))
		return -1;
	port_record_value(r, &port);
	return datapath_add_port(d->datapath, &port, e);
}

/* A question that fails says nothing of it. */
static bool has_gone(struct daemon *d, const struct port_record *r)
{
	struct rtnl_link link;

	return rtnl_link_by_name(d->rtnl, r->host_ifname, &link) == -ENODEV;
}

static void warn_of_awaited(const struct port_record *r, const struct error *e)
{
	const char *who = r->container_id[0] ? r->container_id : r->netns_path;

	if (r->port_no == PORT_NO_HOST)
		log_warn("%s; the exposed addresses are kept, and it is tried "
			 "again every second",
			 e->message);
	else
		log_warn("the port of %s in %s is kept, but not served yet: "
			 "%s; it is tried again every second "
			 "('fastdpctl detach' gives it up)%s%s",
			 r->ifname, who, e->message, e->hint[0] ? "; " : "",
			 e->hint);
}

/* False: its link has gone. */
static bool take_port(struct daemon *d, struct port_record *r)
{
	struct error e = { .code = "" };

	if (serve(d, r, &e) == 0) {
		if (r->is_awaited)
			log_info("%s (%s) is served again", r->host_ifname,
				 r->ifname);
		r->is_awaited = false;
		return true;
	}
	if (has_gone(d, r)) {
		log_info("container port %s has gone meanwhile: %s",
			 r->host_ifname, e.message);
		return false;
	}
	if (!r->is_awaited)
		warn_of_awaited(r, &e);
	r->is_awaited = true;
	return true;
}

static void take_ports(struct daemon *d)
{
	struct list *node = d->ports.all.next, *next;

	d->next_port_no = PORT_NO_FIRST;
	for (; node != &d->ports.all; node = next) {
		struct port_record *r = RECORD_OF(node);

		next = node->next;
		if (r->port_no >= d->next_port_no)
			d->next_port_no = r->port_no + 1;
		/* Of one that is awaited, too: the kernel forwards to it. */
		if (take_port(d, r))
			daemon_port_event(d, EVENT_PORT_ADDED, r);
		else
			portbook_remove(&d->ports, r);
	}
}

/* True: some have gone. */
static bool take_awaited(struct daemon *d)
{
	struct list *node = d->ports.all.next, *next;
	bool is_one_gone = false;

	for (; node != &d->ports.all; node = next) {
		struct port_record *r = RECORD_OF(node);

		next = node->next;
		if (!r->is_awaited || take_port(d, r))
			continue;
		daemon_port_event(d, EVENT_PORT_REMOVED, r);
		portbook_remove(&d->ports, r);
		is_one_gone = true;
	}
	return is_one_gone;
}

bool adopt_is_awaiting(const struct daemon *d)
{
	EACH_RECORD(&d->ports, node)
	{
		if (RECORD_OF(node)->is_awaited)
			return true;
	}
	return false;
}

void adopt_awaited(struct daemon *d)
{
	struct error e = { .code = "" };

	if (take_awaited(d) && hostport_sync(d, NULL, &e))
		log_warn("%s", e.message);
}

struct foreign {
	uint8_t (*ufids)[OVS_UFID_SIZE];
	size_t n, capacity;
	unsigned int n_nameless;
	struct daemon *daemon;
};

static int take_flow(void *ctx, const struct ovs_flow *flow)
{
	/* To a probe socket that is no more: as good as none. */
	static const struct flow_actions nothing;
	struct foreign *f = ctx;
	const uint32_t pid = datapath_ovs(f->daemon->datapath)->pid;
	struct event ev;

	if (!flow->is_foreign) {
		memset(&ev, 0, sizeof(ev));
		ev.type = EVENT_FLOW_FOUND;
		ev.flow.match = flow->match;
		ev.flow.actions = flow->pid && flow->pid != pid
					  ? &nothing
					  : &flow->actions;
		daemon_event(f->daemon, &ev);
		return 0;
	}
	if (!flow->has_ufid) {
		f->n_nameless++;
		return 0;
	}
	if (f->n == f->capacity) {
		f->capacity = f->capacity ? f->capacity * 2 : 16;
		f->ufids = core_realloc(f->ufids, f->capacity,
					sizeof(*f->ufids));
	}
	memcpy(f->ufids[f->n++], flow->ufid, OVS_UFID_SIZE);
	return 0;
}

/* Flows that we would not make: another version's, or somebody's by hand.
 * They could overlap with ours. */
static void drop_foreign(struct daemon *d, struct foreign *f)
{
	struct ovs_flow_op op;
	size_t i;
	int error;

	if (f->n_nameless)
		log_warn("%u flows in the datapath have no UFID and are not "
			 "ours: left alone",
			 f->n_nameless);
	for (i = 0; i < f->n; i++) {
		memset(&op, 0, sizeof(op));
		op.type = OVS_FLOW_DEL;
		memcpy(op.ufid, f->ufids[i], sizeof(op.ufid));
		error = ovs_dp_flows(datapath_ovs(d->datapath), &op, 1);
		if (error || op.error)
			log_warn("a foreign flow stays: %s",
				 strerror(-(error ? error : op.error)));
	}
	if (f->n)
		log_warn("deleted %zu flows that this version does not make",
			 f->n);
	free(f->ufids);
}

static int take_flows(struct daemon *d, struct error *e)
{
	struct foreign foreign = { .daemon = d };
	int error;

	error = ovs_dp_flow_dump(datapath_ovs(d->datapath), take_flow,
				 &foreign);
	if (error) {
		free(foreign.ufids);
		return error_set(e, "system", "cannot read the flows: %s",
				 strerror(-error));
	}
	drop_foreign(d, &foreign);
	return 0;
}

int adopt_kernel(struct daemon *d, struct error *e)
{
	if (drop_strangers(d, e))
		return -1;
	take_ports(d);
	/* What failed once only need not wait. */
	take_awaited(d);
	datapath_follow(d->datapath, d->engine);
	return datapath_ovs(d->datapath) ? take_flows(d, e) : 0;
}
