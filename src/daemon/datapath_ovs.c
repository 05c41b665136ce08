/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <linux/openvswitch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/alloc.h"
#include "datapath_kind.h"
#include "files.h"
#include "sys/ovs_dp.h"

#define PRUNE_ROUNDS 4U

struct ovs_datapath_own {
	struct datapath base;
	struct ovs_dp ovs;
	struct datapath_events events;
	char vxlan_name[OVS_NAME_SIZE];
	char marker[PATH_MAX + 32]; /* says that the datapath is ours */
	uint16_t vxlan_port;
	struct upcall_ports upcalls;
	struct ovs_vport_events vport_events;
	struct loop_io *vport_io;
};

static struct ovs_datapath_own *own(const struct datapath *d)
{
	return CONTAINER_OF(d, struct ovs_datapath_own, base);
}

static int no_socket(struct error *e)
{
	error_set(e, "limit", "no netlink socket for another port: %s",
		  strerror(errno));
	return error_hint(e, "raise the limit of open files (LimitNOFILE= of "
			     "the unit, or ulimit -n)");
}

static int open_failed(const struct settings *s, int error, struct error *e)
{
	switch (-error) {
	case ENOENT:
		error_set(e, "no-openvswitch",
			  "this kernel has no openvswitch.ko loaded, and could "
			  "not load it");
		return error_hint(e,
				  "run 'modprobe openvswitch'; Debian has it "
				  "in the kernel's own package "
				  "(linux-image-amd64), others in "
				  "kernel-modules or kernel-modules-core; "
				  "CONFIG_OPENVSWITCH is the setting");
	case EEXIST:
		error_set(e, "in-use",
			  "the link %s exists and is not a datapath of ours",
			  s->bridge_name);
		return error_hint(e,
				  "choose another name with --bridge-name, "
				  "or remove the link: ip link delete %s",
				  s->bridge_name);
	case EPERM:
		error_set(e, "no-permission",
			  "the kernel does not allow making a datapath");
		return error_hint(e, "run fastdpd as root, or give it "
				     "CAP_NET_ADMIN");
	default:
		return error_set(e, error_code_of(-error),
				 "cannot make the datapath %s: %s",
				 s->bridge_name, strerror(-error));
	}
}

struct look {
	const struct ovs_datapath_own *d;
	bool has_vxlan, has_stranger, is_same_port;
};

static int look_at(void *ctx, const struct ovs_vport *v)
{
	struct look *look = ctx;

	if (v->port_no == PORT_NO_VXLAN && v->type == OVS_VPORT_TYPE_VXLAN &&
	    strcmp(v->name, look->d->vxlan_name) == 0) {
		look->has_vxlan = true;
		look->is_same_port = v->udp_port == look->d->vxlan_port;
	} else if (v->port_no != PORT_NO_HOST) {
		look->has_stranger = true;
	}
	return 0;
}

/* Found, not made: it must bear our VXLAN port, or our note in the run
 * directory from when we made it. */
static int claim(struct ovs_datapath_own *d, struct look *look, struct error *e)
{
	int error = ovs_dp_vports(&d->ovs, look_at, look);

	if (error)
		return error_set(e, "system", "cannot list the ports of %s: %s",
				 d->ovs.name, strerror(-error));
	if (look->has_vxlan || access(d->marker, F_OK) == 0)
		return 0;
	if (!look->has_stranger && !d->base.is_adopted)
		return 0;
	error_set(e, "in-use", "the datapath %s belongs to somebody else",
		  d->ovs.name);
	return error_hint(e, "choose another name with --bridge-name; "
			     "'ovs-dpctl show' lists what is there");
}

static int vxlan_failed(struct ovs_datapath_own *d, int error, struct error *e)
{
	switch (-error) {
	case EADDRINUSE:
		error_set(e, "in-use", "UDP port %u is taken", d->vxlan_port);
		return error_hint(e,
				  "'ss -ulnp sport = :%u' may show by whom "
				  "(a VXLAN device of the kernel's has no "
				  "process: 'ip -d link show type vxlan'); "
				  "choose another with --vxlan-port",
				  d->vxlan_port);
	case EEXIST:
		error_set(e, "in-use", "the link name %s is taken",
			  d->vxlan_name);
		return error_hint(e,
				  "remove that link (ip link delete %s), or "
				  "choose another --bridge-name",
				  d->vxlan_name);
	case EAFNOSUPPORT:
		error_set(e, "no-vxlan",
			  "this kernel has no vport-vxlan.ko loaded, and could "
			  "not load it");
		return error_hint(e,
				  "run 'modprobe vport-vxlan'; it comes with "
				  "openvswitch.ko "
				  "(CONFIG_OPENVSWITCH_VXLAN)");
	default:
		return error_set(e, error_code_of(-error),
				 "cannot make the VXLAN port %s: %s",
				 d->vxlan_name, strerror(-error));
	}
}

static int open_vxlan(struct ovs_datapath_own *d, const struct look *look,
		      struct error *e)
{
	const uint32_t pid = upcall_ports_add(&d->upcalls, PORT_NO_VXLAN, 0);
	int error;

	if (!pid)
		return no_socket(e);
	if (look->has_vxlan && look->is_same_port) {
		error = ovs_dp_vport_set_pid(&d->ovs, PORT_NO_VXLAN, pid);
		return error ? vxlan_failed(d, error, e) : 0;
	}
	if (look->has_vxlan) {
		error = ovs_dp_vport_del(&d->ovs, PORT_NO_VXLAN);
		if (error)
			return vxlan_failed(d, error, e);
	}
	error = ovs_dp_vport_add_vxlan(&d->ovs, d->vxlan_name, PORT_NO_VXLAN,
				       d->vxlan_port, pid);
	return error ? vxlan_failed(d, error, e) : 0;
}

static int open_host(struct ovs_datapath_own *d, struct error *e)
{
	const uint32_t pid = upcall_ports_add(&d->upcalls, PORT_NO_HOST, 0);
	int error;

	if (!pid)
		return no_socket(e);
	error = ovs_dp_vport_set_pid(&d->ovs, PORT_NO_HOST, pid);
	return error ? error_set(e, "system", "cannot take port 0 of %s: %s",
				 d->ovs.name, strerror(-error))
		     : 0;
}

static int open_probe(struct ovs_datapath_own *d, struct error *e)
{
	const uint32_t pid = upcall_ports_add(&d->upcalls, PORT_NO_NONE,
					      UPCALL_PROBE_PORTID);

	if (!pid)
		return no_socket(e);
	ovs_dp_set_pid(&d->ovs, pid);
	return 0;
}

static int on_vport(void *ctx, const struct ovs_vport *v)
{
	struct ovs_datapath_own *d = ctx;

	if (!v->is_deleted || v->dp_ifindex != d->ovs.ifindex ||
	    !upcall_ports_has(&d->upcalls, v->port_no))
		return 0;
	if (v->port_no == PORT_NO_HOST || v->port_no == PORT_NO_VXLAN) {
		d->events.gone(d->events.ctx, v->name);
		return 0;
	}
	upcall_ports_remove(&d->upcalls, v->port_no);
	d->events.port_gone(d->events.ctx, v->port_no);
	return 0;
}

static void look_at_port(void *ctx, port_no_t port_no)
{
	struct ovs_datapath_own *d = ctx;
	struct ovs_vport v;

	if (port_no == PORT_NO_NONE ||
	    ovs_dp_vport_get(&d->ovs, port_no, &v) != -ENODEV)
		return;
	memset(&v, 0, sizeof(v));
	v.port_no = port_no;
	v.dp_ifindex = d->ovs.ifindex;
	v.is_deleted = true;
	snprintf(v.name, sizeof(v.name), "port %u", port_no);
	on_vport(d, &v);
}

/* With the datapath its ports go, but a new start serves them: they are not
 * given up. Without the module its family has gone, too. */
static bool is_there(struct ovs_datapath_own *d)
{
	struct ovs_datapath dp;
	const int error = ovs_dp_read(&d->ovs, &dp);

	if (error != -ENODEV && error != -ENOENT)
		return true;
	d->events.gone(d->events.ctx, d->ovs.name);
	return false;
}

static void on_vport_event(void *ctx, int fd, unsigned int events)
{
	struct ovs_datapath_own *d = ctx;

	(void)fd;
	(void)events;
	/* Events were lost: which of our ports does the kernel still have? */
	if (ovs_vport_events_read(&d->vport_events, on_vport, d) == -ENOBUFS &&
	    is_there(d))
		upcall_ports_each(&d->upcalls, look_at_port, d);
	d->events.turn(d->events.ctx);
}

static int mark(struct ovs_datapath_own *d, struct error *e)
{
	json_t *json = json_pack("{s:s}", "name", d->ovs.name);
	const int result = files_write(d->marker, json, e);

	json_decref(json);
	return result;
}

static int set_up(struct ovs_datapath_own *d, struct error *e)
{
	struct look look = { .d = d };

	if (d->base.is_adopted && claim(d, &look, e))
		return -1;
	if (mark(d, e))
		return -1;
	if (ovs_vport_events_open(&d->vport_events))
		return error_set(e, "system",
				 "cannot listen to the datapath's ports");
	d->vport_io = loop_io_new(d->upcalls.loop, d->vport_events.fd,
				  LOOP_READ, on_vport_event, d);
	if (open_probe(d, e) || open_host(d, e) || open_vxlan(d, &look, e))
		return -1;
	return 0;
}

static void close_ovs(struct datapath *base)
{
	struct ovs_datapath_own *d = own(base);

	upcall_ports_free(&d->upcalls);
	loop_io_free(d->vport_io);
	if (d->vport_events.fd >= 0)
		ovs_vport_events_close(&d->vport_events);
	ovs_dp_close(&d->ovs);
	free(d);
}

struct datapath *datapath_ovs_open(const struct datapath_config *config,
				   struct error *e)
{
	const struct settings *s = config->settings;
	struct ovs_datapath_own *d = core_alloc(sizeof(*d));
	bool is_created = false;
	int error;

	d->base.kind = &datapath_ovs_kind;
	d->vport_events.fd = -1;
	d->events = config->events;
	d->vxlan_port = s->vxlan_port;
	snprintf(d->vxlan_name, sizeof(d->vxlan_name), "%.12s-vx",
		 s->bridge_name);
	snprintf(d->marker, sizeof(d->marker), "%s/datapath.json", s->run_dir);
	error = ovs_dp_open(&d->ovs, s->bridge_name, true, &is_created);
	d->base.is_adopted = !is_created;
	d->upcalls.loop = config->loop;
	d->upcalls.family = d->ovs.genl.families.id[GENL_PACKET];
	d->upcalls.ctx = config->events.ctx;
	d->upcalls.upcall = config->events.upcall;
	d->upcalls.turn = config->events.turn;
	upcall_ports_init(&d->upcalls);
	if (!error && !set_up(d, e))
		return &d->base;
	if (error)
		open_failed(s, error, e);
	else if (is_created && ovs_dp_delete(&d->ovs) == 0)
		unlink(d->marker);
	close_ovs(&d->base);
	return NULL;
}

static int delete_ovs(struct datapath *base, struct error *e)
{
	struct ovs_datapath_own *d = own(base);
	int error;

	/* Our own doing is no news. */
	loop_io_set(d->vport_io, 0);
	error = ovs_dp_delete(&d->ovs);
	/* Somebody else was quicker. */
	if (error == -ENODEV || error == -ENOENT)
		error = 0;
	if (error) {
		loop_io_set(d->vport_io, LOOP_READ);
		return error_set(e, error_code_of(-error),
				 "cannot delete the datapath %s: %s",
				 d->ovs.name, strerror(-error));
	}
	unlink(d->marker);
	return 0;
}

struct ovs_dp *datapath_ovs_of(struct datapath *d)
{
	return &own(d)->ovs;
}

static const char *name_of(const struct datapath *d)
{
	return own(d)->ovs.name;
}

static int add_failed(const char *ifname, int error, struct error *e)
{
	error_set(e, error_code_of(-error), "cannot make %s a port: %s", ifname,
		  strerror(-error));
	if (error == -EBUSY)
		error_hint(e, "it is in a bridge or another datapath");
	else if (error == -ENODEV)
		error_hint(e, "there is no such link in the daemon's network "
			      "namespace");
	return -1;
}

static int add_link(struct ovs_datapath_own *d, const char *ifname,
		    port_no_t port_no, struct error *e)
{
	const uint32_t pid = upcall_ports_add(&d->upcalls, port_no, 0);
	struct ovs_vport v;
	int error;

	if (!pid)
		return no_socket(e);
	error = ovs_dp_vport_get(&d->ovs, port_no, &v);
	/* No answer is no reason to make what may be there. */
	if (!error && strcmp(v.name, ifname) == 0)
		error = ovs_dp_vport_set_pid(&d->ovs, port_no, pid);
	else if (!error || error == -ENODEV)
		error = ovs_dp_vport_add(&d->ovs, ifname, port_no, pid);
	if (!error)
		return 0;
	upcall_ports_remove(&d->upcalls, port_no);
	return add_failed(ifname, error, e);
}

/* The host's own is there with the datapath. */
static int add_port(struct datapath *d, const struct port *port,
		    struct error *e)
{
	if (port->port_no == PORT_NO_HOST)
		return 0;
	return add_link(own(d), port->ifname, port->port_no, e);
}

/* Whose network's it is, is in the flows. */
static int add_tap(struct datapath *d, const char *ifname, vni_t vni,
		   port_no_t port_no, struct error *e)
{
	(void)vni;
	return add_link(own(d), ifname, port_no, e);
}

static void remove_port(struct datapath *base, port_no_t port_no)
{
	struct ovs_datapath_own *d = own(base);

	if (port_no == PORT_NO_HOST)
		return;
	upcall_ports_remove(&d->upcalls, port_no);
	/* -ENODEV: it went by itself. */
	if (ovs_dp_vport_del(&d->ovs, port_no))
		return;
}

struct strangers {
	port_no_t *ports;
	size_t n, capacity;
	datapath_known_fn *is_known;
	void *ctx;
};

static int look_for_stranger(void *ctx, const struct ovs_vport *v)
{
	struct strangers *s = ctx;

	if (v->port_no < PORT_NO_FIRST ||
	    s->is_known(s->ctx, v->port_no, v->name))
		return 0;
	if (s->n == s->capacity) {
		s->capacity = s->capacity ? s->capacity * 2 : 16;
		s->ports = core_realloc(s->ports, s->capacity,
					sizeof(*s->ports));
	}
	s->ports[s->n++] = v->port_no;
	return 0;
}

/* 0: none is left; 1: there were some; or -errno. */
static int prune_once(struct ovs_dp *ovs, struct strangers *s)
{
	int error, failed = 0;

	s->n = 0;
	error = ovs_dp_vports(ovs, look_for_stranger, s);
	if (error)
		return error;
	if (!s->n)
		return 0;
	while (s->n) {
		error = ovs_dp_vport_del(ovs, s->ports[--s->n]);
		/* -ENODEV: it went by itself. */
		if (error && error != -ENODEV)
			failed = error;
	}
	return failed ? failed : 1;
}

/* The number of one that is left would be refused to a container. */
static int prune(struct datapath *d, datapath_known_fn *is_known, void *ctx)
{
	struct strangers s = { .is_known = is_known, .ctx = ctx };
	unsigned int round = 0;
	int rc = 1;

	while (rc && round++ < PRUNE_ROUNDS)
		rc = prune_once(&own(d)->ovs, &s);
	free(s.ports);
	return rc > 0 ? -EBUSY : rc;
}

static void put(json_t *metrics, const char *name, uint64_t value)
{
	json_object_set_new(metrics, name, json_integer((json_int_t)value));
}

static void metrics_of(struct datapath *base, json_t *metrics)
{
	struct ovs_datapath_own *d = own(base);
	struct upcall_port_counters c;
	struct ovs_datapath dp;

	upcall_ports_counters(&d->upcalls, &c);
	put(metrics, "upcall_overruns", c.n_overruns);
	put(metrics, "upcalls_malformed", c.n_malformed);
	put(metrics, "upcall_pauses", c.n_paused);
	if (ovs_dp_read(&d->ovs, &dp))
		return;
	put(metrics, "datapath_hit", dp.n_hit);
	put(metrics, "datapath_missed", dp.n_missed);
	put(metrics, "datapath_lost", dp.n_lost);
	put(metrics, "datapath_flows", dp.n_flows);
}

const struct datapath_kind datapath_ovs_kind = {
	.type = "ovs",
	.close = close_ovs,
	.delete = delete_ovs,
	.name = name_of,
	.add_port = add_port,
	.add_tap = add_tap,
	.remove_port = remove_port,
	.prune = prune,
	.metrics = metrics_of,
};
