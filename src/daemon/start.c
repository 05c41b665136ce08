/* SPDX-License-Identifier: Apache-2.0 */
#include "start.h"

#include <cap-ng.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "adopt.h"
#include "api.h"
#include "apply.h"
#include "audit.h"
#include "books.h"
#include "carrier.h"
#include "config.h"
#include "core/alloc.h"
#include "doctor/safety.h"
#include "egress.h"
#include "files.h"
#include "hearsay.h"
#include "hooks.h"
#include "hostport.h"
#include "ipam.h"
#include "log.h"
#include "masq_ports.h"
#include "mtu.h"
#include "notify.h"
#include "state.h"
#include "sys/addr.h"
#include "sys/cleanup.h"
#include "sys/clock.h"
#include "sys/link_end.h"
#include "sys/ovs_dp.h"
#include "turn.h"
#include "visitor.h"

/* Of a host, however many peers it has. */
#define HEARTBEATS_PER_SEC 1000U
/* Set: this kernel is taken for one before 5.2. For tests; it only gives up
 * what a kernel may lack. */
#define VARIABLE_NO_CHECK_LEN "FASTDP_NO_CHECK_PKT_LEN"
/* One socket a container, and some. */
#define WANTED_FILES (MAX_PORTS + MAX_SESSIONS + 512)

static int check_privilege(struct error *e)
{
	capng_get_caps_process();
	if (capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN))
		return 0;
	error_set(e, "no-permission",
		  "fastdpd needs CAP_NET_ADMIN to program the kernel");
	return error_hint(e, "run it as root (sudo fastdpd ...), or from its "
			     "systemd unit: systemctl start fastdpd");
}

static int start_visitor(struct daemon *d, struct error *e)
{
	int error;

	d->visitor = visitor_start(&error);
	if (!error)
		return 0;
	return error_set(e, "system", "cannot start a process: %s",
			 strerror(-error));
}

static int drop_privilege(struct error *e)
{
	capng_clear(CAPNG_SELECT_BOTH);
	if (capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED,
			 CAP_NET_ADMIN) ||
	    capng_apply(CAPNG_SELECT_CAPS))
		return error_set(e, "no-permission",
				 "cannot drop the privileges that are not "
				 "needed");
	return 0;
}

static void raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= WANTED_FILES)
		return;
	limit.rlim_cur = WANTED_FILES < limit.rlim_max ? WANTED_FILES
						       : limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		return; /* then the limit is met later, and said then */
}

static int make_directories(const struct daemon *d, struct error *e)
{
	char directory[sizeof(d->settings.socket)];
	char *slash;

	if (files_make_directory(d->settings.state_dir, e) ||
	    files_make_directory(d->settings.run_dir, e))
		return -1;
	strcpy(directory, d->settings.socket);
	slash = strrchr(directory, '/');
	if (!slash || slash == directory)
		return 0;
	*slash = '\0';
	return files_make_directory(directory, e);
}

/* Two daemons of one identity would undo each other's work. */
static int lock_state(struct daemon *d, struct error *e)
{
	char path[sizeof(d->settings.state_dir) + 8];

	snprintf(path, sizeof(path), "%s/lock", d->settings.state_dir);
	d->lock_fd = files_lock(path, e);
	if (d->lock_fd >= 0)
		return 0;
	if (strcmp(e->code, "in-use") == 0)
		error_set(e, "in-use",
			  "another fastdpd is using the state directory %s",
			  d->settings.state_dir);
	return error_hint(e, "stop it, or give this one its own --state-dir "
			     "and --run-dir");
}

static int control_failed(const struct daemon *d, int error, struct error *e)
{
	const struct settings *s = &d->settings;
	char ip[ADDR_IP_SIZE];

	switch (-error) {
	case EADDRINUSE:
		error_set(e, "in-use", "TCP port %u is taken", s->control_port);
		return error_hint(e,
				  "'ss -tlnp sport = :%u' shows by whom; is "
				  "another fastdpd running? Choose another "
				  "with --control-port",
				  s->control_port);
	case EADDRNOTAVAIL:
		error_set(e, "not-found", "%s is not an address of this host",
			  addr_print_ip(&s->local_address, ip));
		return error_hint(e, "'ip address' shows those that are; give "
				     "one with --local-address");
	default:
		return error_set(e, error_code_of(-error),
				 "cannot listen on TCP port %u: %s",
				 s->control_port, strerror(-error));
	}
}

static void look_for_sleeve(struct daemon *d)
{
	struct error e = { .code = "" };

	d->has_sleeve = carrier_is_possible(&e);
	if (!d->has_sleeve)
		log_warn("no user-space path: %s; peers that VXLAN does not "
			 "reach are cut off",
			 e.message);
}

static int start_control(struct daemon *d, struct error *e)
{
	const struct settings *s = &d->settings;
	struct control_config config;
	struct control_io io = { 0 };
	int error;

	memset(&config, 0, sizeof(config));
	config.hello.version_min = PROTOCOL_VERSION_MIN;
	config.hello.version_max = PROTOCOL_VERSION_MAX;
	config.hello.id = d->id;
	config.hello.instance = d->instance;
	strcpy(config.hello.name, d->name);
	strcpy(config.hello.nickname, s->nickname);
	snprintf(config.hello.software, sizeof(config.hello.software), "%s",
		 PACKAGE_STRING);
	config.hello.control_port = s->control_port;
	config.hello.sleeve_port = s->sleeve_port;
	config.hello.vxlan_port = s->vxlan_port;
	config.hello.can_fastdp = d->choice.type == DATAPATH_TYPE_OVS;
	config.hello.can_sleeve = d->has_sleeve;
	config.hello.has_discovery = s->has_discovery;
	config.local.ip = s->local_address;
	config.local.port = s->control_port;
	hooks_control(d, &io);
	error = control_new(&config, &io, clock_monotonic_us(), &d->control);
	return error ? control_failed(d, error, e) : 0;
}

static void look_for_check_len(struct daemon *d)
{
	struct ovs_dp *ovs = datapath_ovs(d->datapath);

	/* On a bridge all goes through sleeve, which tells them itself. */
	d->has_check_len = true;
	if (!ovs)
		return;
	if (ovs_dp_has_check_len(ovs, &d->has_check_len) ||
	    getenv(VARIABLE_NO_CHECK_LEN))
		d->has_check_len = false;
	if (!d->has_check_len)
		log_warn("this datapath cannot tell long packets (Open vSwitch "
			 "can, from Linux 5.2 on): the MTU of all containers "
			 "is that of the narrowest path to any peer");
}

/* A long datagram has taken hosts off the net: better small than sorry. */
static void look_for_faults(struct daemon *d)
{
	struct underlay underlay;

	underlay_look(d->rtnl, &d->settings, &underlay);
	if (safety_is_capped(underlay.ifname, &d->capped))
		log_error("DANGER: %s; %s", d->capped.message, d->capped.hint);
}

static int start_datapath(struct daemon *d, struct error *e)
{
	struct datapath_config config = { .settings = &d->settings,
					  .choice = &d->choice,
					  .id = d->id,
					  .loop = d->loop,
					  .rtnl = d->rtnl };

	hooks_datapath(d, &config.events);
	d->datapath = datapath_open(&config, e);
	return d->datapath ? 0 : -1;
}

static int start_engine(struct daemon *d, struct error *e)
{
	const struct settings *s = &d->settings;
	struct engine_config config;

	memset(&config, 0, sizeof(config));
	look_for_check_len(d);
	look_for_faults(d);
	config.id = d->id;
	config.instance = d->instance;
	config.vxlan_port = s->vxlan_port;
	config.control_port = s->control_port;
	config.is_bridge = datapath_is_bridge(d->datapath);
	config.has_fastdp = !config.is_bridge;
	config.has_sleeve = d->has_sleeve;
	config.has_discovery = s->has_discovery;
	config.has_check_len = d->has_check_len;
	config.is_capped = error_is_set(&d->capped);
	config.heartbeat_interval_us = s->heartbeat_interval_ms * USEC_PER_MS;
	config.heartbeats_per_sec = HEARTBEATS_PER_SEC;
	config.pmtu_raise_us = s->pmtu_raise_s * USEC_PER_SEC;
	config.hold_us = s->hold_time_s * USEC_PER_SEC;
	if (clock_random(&config.seed, sizeof(config.seed)))
		return error_set(e, "system", "no random numbers");
	d->engine = engine_new(&config, clock_monotonic_us());
	d->apply = apply_new(d);
	return 0;
}

static void add_peers(struct daemon *d)
{
	struct event ev;
	size_t i;

	memset(&ev, 0, sizeof(ev));
	ev.type = EVENT_TARGET_ADDED;
	ev.target.is_configured = true;
	for (i = 0; i < d->settings.n_peers; i++) {
		ev.target.host = d->settings.peers[i].host;
		ev.target.port = d->settings.peers[i].port;
		daemon_event(d, &ev);
	}
}

int start_daemon(struct daemon *d, struct error *e)
{
	struct error why = { .code = "" };
	const struct event started = { .type = EVENT_STARTED };
	int error;

	d->started_at = clock_monotonic_us();
	d->lock_fd = -1;
	/* It keeps what is given up below, and nothing of what is opened. */
	if (check_privilege(e) || start_visitor(d, e))
		return -1;
	notify_open();
	if (make_directories(d, e) || lock_state(d, e) || books_identity(d, e))
		return -1;
	raise_limits();
	if (clock_random(&d->instance, sizeof(d->instance)))
		return error_set(e, "system", "no random numbers");
	error = rtnl_open(&d->rtnl);
	if (error)
		return error_set(e, "system", "no rtnetlink: %s",
				 strerror(-error));
	d->link_end = link_end_new();
	d->loop = loop_new();
	if (!d->loop)
		return error_set(e, "system", "no event loop");
	look_for_sleeve(d);
	datapath_choose(&d->settings, d->rtnl, &d->choice);
	/* The socket first: it is the lock against a second daemon. */
	d->api = api_open(d, e);
	if (!d->api || start_control(d, e))
		return -1;
	if (d->has_sleeve)
		d->carrier = carrier_open(d, daemon_turn, e);
	if (d->has_sleeve && !d->carrier)
		return -1;
	if (start_datapath(d, e) || start_engine(d, e) ||
	    portbook_open(&d->ports, d->settings.run_dir, e))
		return -1;
	if (adopt_kernel(d, e))
		return -1;
	books_load(d);
	d->ipam = ipam_open(d, e);
	if (!d->ipam)
		return -1;
	d->masq = masq_ports_new(d);
	if (hostport_restore(d, &why))
		log_warn("%s (%s)", why.message, why.hint);
	add_peers(d);
	daemon_mtu(d); /* before sleeve is told of it */
	daemon_event(d, &started);
	return drop_privilege(e);
}

void start_undo(struct daemon *d)
{
	size_t i;

	api_close(d->api);
	control_free(d->control);
	for (i = 0; i < d->n_control_io; i++)
		loop_io_free(d->control_io[i]);
	free(d->control_io);
	audit_free(d->audit);
	egress_free(d->egress);
	hearsay_free(d->hearsay);
	mtu_free(d->mtu);
	ipam_close(d->ipam);
	masq_ports_free(d->masq);
	apply_free(d->apply);
	engine_free(d->engine);
	carrier_close(d->carrier);
	datapath_close(d->datapath);
	portbook_close(&d->ports);
	loop_timer_free(d->timer);
	loop_free(d->loop);
	link_end_free(d->link_end);
	rtnl_close(d->rtnl);
	visitor_stop(d->visitor);
	if (d->lock_fd >= 0)
		close(d->lock_fd);
}
