/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath.h"

#include <errno.h>
#include <limits.h>
#include <linux/openvswitch.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/list.h"
#include "files.h"
#include "sys/clock.h"
#include "sys/upcall.h"

/* Upcalls a port may cause: what is above waits in the kernel, or is lost
 * there. The daemon's own cost of one is some 20 us. */
#define BUDGET_PER_SEC 2000U
#define BUDGET_BURST 500U
#define READ_AT_ONCE 16U
#define RESUME_AFTER_US (20 * USEC_PER_MS)

struct socket {
	struct list all;
	struct datapath *datapath;
	port_no_t port_no;
	struct upcall_socket upcall;
	struct loop_io *io;
	bool is_limited, is_paused;
	uint64_t tokens; /* in millionths of an upcall */
	usec_t filled_at;
};

struct datapath {
	struct ovs_dp ovs;
	struct loop *loop;
	struct datapath_events events;
	char vxlan_name[OVS_NAME_SIZE];
	char marker[PATH_MAX + 32]; /* says that the datapath is ours */
	uint16_t vxlan_port;
	bool is_adopted;
	struct list sockets;
	struct upcall_buffer *buffer;
	struct loop_timer *resume;
	struct ovs_vport_events vport_events;
	struct loop_io *vport_io;
	uint64_t n_paused, n_overruns, n_malformed; /* of closed ones too */
};

static struct socket *socket_of(struct list *node)
{
	return CONTAINER_OF(node, struct socket, all);
}

static void socket_close(struct datapath *d, struct socket *s)
{
	d->n_overruns += s->upcall.n_overruns;
	d->n_malformed += s->upcall.n_malformed;
	loop_io_free(s->io);
	upcall_close(&s->upcall);
	list_remove(&s->all);
	free(s);
}

static void resume(void *ctx)
{
	struct datapath *d = ctx;
	struct list *node;

	for (node = d->sockets.next; node != &d->sockets; node = node->next) {
		struct socket *s = socket_of(node);

		if (s->is_paused)
			loop_io_set(s->io, LOOP_READ);
		s->is_paused = false;
	}
}

static unsigned int allowance(struct socket *s)
{
	const usec_t now = clock_monotonic_us();
	const uint64_t full = (uint64_t)BUDGET_BURST * USEC_PER_SEC;

	if (!s->is_limited)
		return UPCALL_BATCH;
	s->tokens += (now - s->filled_at) * BUDGET_PER_SEC;
	s->filled_at = now;
	if (s->tokens > full)
		s->tokens = full;
	if (s->tokens / USEC_PER_SEC < READ_AT_ONCE)
		return (unsigned int)(s->tokens / USEC_PER_SEC);
	return READ_AT_ONCE;
}

static void pause_reading(struct socket *s)
{
	s->is_paused = true;
	s->datapath->n_paused++;
	loop_io_set(s->io, 0);
	loop_timer_set(s->datapath->resume,
		       clock_monotonic_us() + RESUME_AFTER_US);
}

static void on_readable(void *ctx, int fd, unsigned int events)
{
	struct socket *s = ctx;
	struct datapath *d = s->datapath;
	const unsigned int n_max = allowance(s);
	const struct ovs_upcall *upcalls;
	unsigned int i, n;

	(void)fd;
	(void)events;
	if (!n_max) {
		pause_reading(s);
		return;
	}
	if (upcall_read(&s->upcall, d->buffer, n_max, &upcalls, &n, NULL))
		return;
	if (s->is_limited)
		s->tokens -= (uint64_t)n * USEC_PER_SEC;
	/* Handling one may close this socket: @s is not touched any more. */
	for (i = 0; i < n; i++)
		d->events.upcall(d->events.ctx, &upcalls[i]);
	d->events.turn(d->events.ctx);
}

static struct socket *socket_open(struct datapath *d, port_no_t port_no,
				  uint32_t fixed_portid)
{
	const uint16_t family = d->ovs.genl.families.id[GENL_PACKET];
	struct socket *s = core_alloc(sizeof(*s));
	int error = upcall_open(&s->upcall, family, fixed_portid);

	if (error == -EADDRINUSE)
		error = upcall_open(&s->upcall, family, 0);
	if (error) {
		free(s);
		return NULL;
	}
	s->datapath = d;
	s->port_no = port_no;
	s->is_limited = !fixed_portid;
	s->tokens = (uint64_t)BUDGET_BURST * USEC_PER_SEC;
	s->filled_at = clock_monotonic_us();
	list_init(&s->all);
	list_append(&d->sockets, &s->all);
	s->io = loop_io_new(d->loop, s->upcall.fd, LOOP_READ, on_readable, s);
	return s;
}

static struct socket *find_socket(struct datapath *d, port_no_t port_no)
{
	struct list *node;

	for (node = d->sockets.next; node != &d->sockets; node = node->next) {
		if (socket_of(node)->port_no == port_no)
			return socket_of(node);
	}
	return NULL;
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
	const struct datapath *d;
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
static int claim(struct datapath *d, struct look *look, struct error *e)
{
	int error = ovs_dp_vports(&d->ovs, look_at, look);

	if (error)
		return error_set(e, "system", "cannot list the ports of %s: %s",
				 d->ovs.name, strerror(-error));
	if (look->has_vxlan || access(d->marker, F_OK) == 0)
		return 0;
	if (!look->has_stranger && !d->is_adopted)
		return 0;
	error_set(e, "in-use", "the datapath %s belongs to somebody else",
		  d->ovs.name);
	return error_hint(e, "choose another name with --bridge-name; "
			     "'ovs-dpctl show' lists what is there");
}

static int vxlan_failed(struct datapath *d, int error, struct error *e)
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

static int open_vxlan(struct datapath *d, const struct look *look,
		      struct error *e)
{
	struct socket *s = socket_open(d, PORT_NO_VXLAN, 0);
	int error;

	if (!s)
		return no_socket(e);
	if (look->has_vxlan && look->is_same_port) {
		error = ovs_dp_vport_set_pid(&d->ovs, PORT_NO_VXLAN,
					     s->upcall.portid);
		return error ? vxlan_failed(d, error, e) : 0;
	}
	if (look->has_vxlan) {
		error = ovs_dp_vport_del(&d->ovs, PORT_NO_VXLAN);
		if (error)
			return vxlan_failed(d, error, e);
	}
	error = ovs_dp_vport_add_vxlan(&d->ovs, d->vxlan_name, PORT_NO_VXLAN,
				       d->vxlan_port, s->upcall.portid);
	return error ? vxlan_failed(d, error, e) : 0;
}

static int open_host(struct datapath *d, struct error *e)
{
	struct socket *s = socket_open(d, PORT_NO_HOST, 0);
	int error;

	if (!s)
		return no_socket(e);
	error = ovs_dp_vport_set_pid(&d->ovs, PORT_NO_HOST, s->upcall.portid);
	return error ? error_set(e, "system", "cannot take port 0 of %s: %s",
				 d->ovs.name, strerror(-error))
		     : 0;
}

static int open_probe(struct datapath *d, struct error *e)
{
	struct socket *s = socket_open(d, PORT_NO_NONE, UPCALL_PROBE_PORTID);

	if (!s)
		return no_socket(e);
	ovs_dp_set_pid(&d->ovs, s->upcall.portid);
	return 0;
}

static int on_vport(void *ctx, const struct ovs_vport *v)
{
	struct datapath *d = ctx;
	struct socket *s;

	if (!v->is_deleted || v->dp_ifindex != d->ovs.ifindex)
		return 0;
	s = find_socket(d, v->port_no);
	if (!s)
		return 0;
	if (v->port_no == PORT_NO_HOST || v->port_no == PORT_NO_VXLAN) {
		d->events.gone(d->events.ctx, v->name);
		return 0;
	}
	socket_close(d, s);
	d->events.port_gone(d->events.ctx, v->port_no);
	return 0;
}

/* Events were lost: which of our ports does the kernel still have? */
static void look_again(struct datapath *d)
{
	struct list *node, *next;
	struct ovs_vport v;

	for (node = d->sockets.next; node != &d->sockets; node = next) {
		struct socket *s = socket_of(node);

		next = node->next;
		if (s->port_no == PORT_NO_NONE ||
		    ovs_dp_vport_get(&d->ovs, s->port_no, &v) != -ENODEV)
			continue;
		memset(&v, 0, sizeof(v));
		v.port_no = s->port_no;
		v.dp_ifindex = d->ovs.ifindex;
		v.is_deleted = true;
		snprintf(v.name, sizeof(v.name), "port %u", s->port_no);
		on_vport(d, &v);
	}
}

static void on_vport_event(void *ctx, int fd, unsigned int events)
{
	struct datapath *d = ctx;

	(void)fd;
	(void)events;
	if (ovs_vport_events_read(&d->vport_events, on_vport, d) == -ENOBUFS)
		look_again(d);
	d->events.turn(d->events.ctx);
}

static int mark(struct datapath *d, struct error *e)
{
	json_t *json = json_pack("{s:s}", "name", d->ovs.name);
	const int result = files_write(d->marker, json, e);

	json_decref(json);
	return result;
}

static int set_up(struct datapath *d, struct error *e)
{
	struct look look = { .d = d };

	if (d->is_adopted && claim(d, &look, e))
		return -1;
	if (mark(d, e))
		return -1;
	if (ovs_vport_events_open(&d->vport_events))
		return error_set(e, "system",
				 "cannot listen to the datapath's ports");
	d->vport_io = loop_io_new(d->loop, d->vport_events.fd, LOOP_READ,
				  on_vport_event, d);
	if (open_probe(d, e) || open_host(d, e) || open_vxlan(d, &look, e))
		return -1;
	return 0;
}

struct datapath *datapath_open(const struct settings *s, struct loop *loop,
			       const struct datapath_events *events,
			       struct error *e)
{
	struct datapath *d = core_alloc(sizeof(*d));
	bool is_created = false;
	int error;

	list_init(&d->sockets);
	d->vport_events.fd = -1;
	d->loop = loop;
	d->events = *events;
	d->vxlan_port = s->vxlan_port;
	snprintf(d->vxlan_name, sizeof(d->vxlan_name), "%.12s-vx",
		 s->bridge_name);
	snprintf(d->marker, sizeof(d->marker), "%s/datapath.json", s->run_dir);
	d->buffer = upcall_buffer_new();
	d->resume = loop_timer_new(loop, resume, d);
	error = ovs_dp_open(&d->ovs, s->bridge_name, true, &is_created);
	d->is_adopted = !is_created;
	if (!error && !set_up(d, e))
		return d;
	if (error)
		open_failed(s, error, e);
	else if (is_created && ovs_dp_delete(&d->ovs) == 0)
		unlink(d->marker);
	datapath_close(d);
	return NULL;
}

void datapath_close(struct datapath *d)
{
	if (!d)
		return;
	while (!list_is_empty(&d->sockets))
		socket_close(d, socket_of(d->sockets.next));
	loop_io_free(d->vport_io);
	loop_timer_free(d->resume);
	if (d->vport_events.fd >= 0)
		ovs_vport_events_close(&d->vport_events);
	upcall_buffer_free(d->buffer);
	ovs_dp_close(&d->ovs);
	free(d);
}

int datapath_delete(struct datapath *d, struct error *e)
{
	int error;

	/* Our own doing is no news. */
	loop_io_set(d->vport_io, 0);
	error = ovs_dp_delete(&d->ovs);
	if (error)
		return error_set(e, error_code_of(-error),
				 "cannot delete the datapath %s: %s",
				 d->ovs.name, strerror(-error));
	unlink(d->marker);
	return 0;
}

struct ovs_dp *datapath_ovs(struct datapath *d)
{
	return &d->ovs;
}

bool datapath_is_adopted(const struct datapath *d)
{
	return d->is_adopted;
}

const char *datapath_name(const struct datapath *d)
{
	return d->ovs.name;
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

int datapath_add_port(struct datapath *d, const char *ifname, port_no_t port_no,
		      struct error *e)
{
	struct socket *s = socket_open(d, port_no, 0);
	struct ovs_vport v;
	int error;

	if (!s)
		return no_socket(e);
	error = ovs_dp_vport_get(&d->ovs, port_no, &v);
	if (!error && strcmp(v.name, ifname) == 0)
		error = ovs_dp_vport_set_pid(&d->ovs, port_no,
					     s->upcall.portid);
	else
		error = ovs_dp_vport_add(&d->ovs, ifname, port_no,
					 s->upcall.portid);
	if (!error)
		return 0;
	socket_close(d, s);
	return add_failed(ifname, error, e);
}

void datapath_remove_port(struct datapath *d, port_no_t port_no)
{
	struct socket *s = find_socket(d, port_no);

	if (s)
		socket_close(d, s);
	/* -ENODEV: it went by itself. */
	if (port_no != PORT_NO_HOST && ovs_dp_vport_del(&d->ovs, port_no))
		return;
}

struct each {
	ovs_vport_fn *fn;
	void *ctx;
};

static int only_containers(void *ctx, const struct ovs_vport *v)
{
	const struct each *each = ctx;

	return v->port_no < PORT_NO_FIRST ? 0 : each->fn(each->ctx, v);
}

int datapath_each_port(struct datapath *d, ovs_vport_fn *fn, void *ctx)
{
	struct each each = { .fn = fn, .ctx = ctx };

	return ovs_dp_vports(&d->ovs, only_containers, &each);
}

void datapath_counters(const struct datapath *d, struct datapath_counters *ret)
{
	const struct list *node;

	ret->n_overruns = d->n_overruns;
	ret->n_malformed = d->n_malformed;
	ret->n_paused = d->n_paused;
	for (node = d->sockets.next; node != &d->sockets; node = node->next) {
		const struct socket *s = CONTAINER_OF(node, struct socket, all);

		ret->n_overruns += s->upcall.n_overruns;
		ret->n_malformed += s->upcall.n_malformed;
	}
}
