/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api.h"
#include "apply.h"
#include "config.h"
#include "core/alloc.h"
#include "log.h"
#include "start.h"
#include "sys/clock.h"

/* A turn is long, never endless: what is left goes on in the next. */
#define MAX_ACTIONS_PER_TURN 200000U

void daemon_event(struct daemon *d, const struct event *ev)
{
	engine_handle(d->engine, clock_monotonic_us(), ev);
}

static void drain(struct daemon *d)
{
	struct action action;
	unsigned int n = 0;

	do {
		while (n++ < MAX_ACTIONS_PER_TURN &&
		       engine_poll(d->engine, clock_monotonic_us(), &action))
			apply_action(d->apply, &action);
	} while (apply_flush(d->apply) && n < MAX_ACTIONS_PER_TURN);
}

void daemon_turn(struct daemon *d)
{
	usec_t at;

	drain(d);
	control_tick(d->control, clock_monotonic_us());
	/* Events of the tick may have made new work. */
	drain(d);
	at = engine_deadline(d->engine);
	if (control_deadline(d->control) < at)
		at = control_deadline(d->control);
	loop_timer_set(d->timer, at);
}

void daemon_stop(struct daemon *d, int code)
{
	d->is_stopping = true;
	d->exit_code = code;
	loop_stop(d->loop);
}

const char *daemon_network_name(const struct daemon *d, vni_t vni,
				char ret[MAX_NAME])
{
	const char *name = settings_network_name(&d->settings, vni);

	if (name) {
		snprintf(ret, MAX_NAME, "%s", name);
		return ret;
	}
	EACH_RECORD(&d->ports, node) {
		if (RECORD_OF(node)->vni == vni) {
			snprintf(ret, MAX_NAME, "%s",
				 RECORD_OF(node)->network);
			return ret;
		}
	}
	snprintf(ret, MAX_NAME, "vni-%u", vni);
	return ret;
}

static bool has_peer(const struct settings *s, const char *host, uint16_t port)
{
	size_t i;

	for (i = 0; i < s->n_peers; i++) {
		if (s->peers[i].port == port &&
		    strcmp(s->peers[i].host, host) == 0)
			return true;
	}
	return false;
}

static void change_target(struct daemon *d, enum event_type type,
			  const char *host, uint16_t port)
{
	struct event ev;

	memset(&ev, 0, sizeof(ev));
	ev.type = type;
	ev.target.host = host;
	ev.target.port = port;
	ev.target.is_configured = true;
	daemon_event(d, &ev);
}

static void reload_peers(struct daemon *d, const struct settings *old)
{
	const struct settings *s = &d->settings;
	size_t i;

	for (i = 0; i < old->n_peers; i++) {
		if (!has_peer(s, old->peers[i].host, old->peers[i].port))
			change_target(d, EVENT_TARGET_REMOVED,
				      old->peers[i].host, old->peers[i].port);
	}
	for (i = 0; i < s->n_peers; i++) {
		if (!has_peer(old, s->peers[i].host, s->peers[i].port))
			change_target(d, EVENT_TARGET_ADDED, s->peers[i].host,
				      s->peers[i].port);
	}
}

/* Peers, networks, log level and MTU change live; for the rest it must be
 * started again, and says so. */
int daemon_reload(struct daemon *d, struct error *e)
{
	struct settings fresh, old = d->settings;

	if (start_settings(&fresh, e))
		return error_prefix(e, "nothing was changed");
	memcpy(d->settings.peers, fresh.peers, sizeof(fresh.peers));
	d->settings.n_peers = fresh.n_peers;
	memcpy(d->settings.networks, fresh.networks, sizeof(fresh.networks));
	d->settings.n_networks = fresh.n_networks;
	d->settings.mtu = fresh.mtu;
	d->settings.log_level = fresh.log_level;
	log_set_level(fresh.log_level);
	reload_peers(d, &old);
	if (strcmp(fresh.bridge_name, old.bridge_name) ||
	    strcmp(fresh.nickname, old.nickname) ||
	    fresh.control_port != old.control_port ||
	    fresh.vxlan_port != old.vxlan_port ||
	    !ip_equal(&fresh.local_address, &old.local_address) ||
	    fresh.heartbeat_interval_ms != old.heartbeat_interval_ms)
		log_warn("names, addresses, ports and heartbeats change with "
			 "the next start only");
	log_info("configuration read again");
	return 0;
}

static void on_timer(void *ctx)
{
	daemon_turn(ctx);
}

static void on_term(void *ctx)
{
	struct daemon *d = ctx;

	log_info("stopping; the kernel goes on forwarding "
		 "('fastdpctl reset --force' takes everything away)");
	daemon_stop(d, 0);
}

static void on_hangup(void *ctx)
{
	struct daemon *d = ctx;
	struct error e = { .code = "" };

	start_notify("RELOADING=1");
	if (daemon_reload(d, &e))
		log_error("%s (%s)", e.message, e.hint);
	start_notify("READY=1");
	daemon_turn(d);
}

static int fail(const struct error *e)
{
	fprintf(stderr, "fastdpd: %s\n", e->message);
	if (e->hint[0])
		fprintf(stderr, "  %s\n", e->hint);
	return 1;
}

static void run(struct daemon *d)
{
	d->timer = loop_timer_new(d->loop, on_timer, d);
	loop_signal(d->loop, SIGTERM, on_term, d);
	loop_signal(d->loop, SIGINT, on_term, d);
	loop_signal(d->loop, SIGHUP, on_hangup, d);
	daemon_turn(d);
	start_notify("READY=1");
	log_info("ready: %s (%s), datapath %s (%s), MTU %u%s", d->name,
		 d->settings.nickname, datapath_name(d->datapath),
		 datapath_is_adopted(d->datapath) ? "adopted" : "new",
		 underlay_overlay_mtu(&d->underlay, d->settings.mtu),
		 d->settings.is_insecure ?
			 "; INSECURE: peers are not authenticated, packets not "
			 "encrypted" :
			 "");
	loop_run(d->loop);
	start_notify("STOPPING=1");
	/* Last messages, a goodbye perhaps. */
	daemon_turn(d);
}

int daemon_main(int argc, char *argv[])
{
	struct daemon *d;
	struct error e = { .code = "" };
	int code;

	signal(SIGPIPE, SIG_IGN);
	d = core_alloc(sizeof(*d));
	switch (start_read(d, argc, argv, &e)) {
	case SETTINGS_OK:
		break;
	case SETTINGS_DONE:
		free(d);
		return 0;
	case SETTINGS_USAGE:
		free(d);
		fail(&e);
		return 2;
	case SETTINGS_ERROR:
		free(d);
		return fail(&e);
	}
	log_open(d->settings.log_level);
	if (start_daemon(d, &e)) {
		code = fail(&e);
	} else {
		run(d);
		code = d->exit_code;
	}
	start_undo(d);
	free(d);
	return code;
}
