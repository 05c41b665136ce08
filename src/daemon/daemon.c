/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "audit.h"
#include "carrier.h"
#include "core/alloc.h"
#include "egress.h"
#include "hearsay.h"
#include "ipam_freed.h"
#include "log.h"
#include "mtu.h"
#include "notify.h"
#include "reload.h"
#include "start.h"
#include "turn.h"

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

static void follow_links(struct daemon *d)
{
	mtu_look(d->mtu);
	carrier_look(d->carrier);
}

static void on_hangup(void *ctx)
{
	struct daemon *d = ctx;
	struct error e = { .code = "" };

	notify("RELOADING=1");
	if (daemon_reload(d, &e))
		log_error("%s (%s)", e.message, e.hint);
	follow_links(d);
	notify("READY=1");
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
	d->mtu = mtu_new(d, d->visitor);
	d->hearsay = hearsay_new(d, daemon_turn);
	d->egress = egress_new(d, follow_links, daemon_turn);
	d->audit = audit_new(d);
	follow_links(d);
	egress_look(d->egress);
	ipam_freed_read(d->ipam, d->settings.socket);
	loop_signal(d->loop, SIGTERM, on_term, d);
	loop_signal(d->loop, SIGINT, on_term, d);
	loop_signal(d->loop, SIGHUP, on_hangup, d);
	daemon_turn(d);
	notify("READY=1");
	log_info(
		"ready: %s (%s), datapath %s: %s (%s; %s), MTU %u%s", d->name,
		d->settings.nickname, datapath_type(d->datapath),
		datapath_name(d->datapath),
		datapath_is_adopted(d->datapath) ? "adopted" : "new",
		datapath_reason(d->datapath), daemon_mtu(d),
		d->settings.is_insecure
			? "; INSECURE: peers are not authenticated, packets not "
			  "encrypted"
			: "");
	loop_run(d->loop);
	notify("STOPPING=1");
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
	d->argc = argc;
	d->argv = argv;
	switch (settings_read(argc, argv, &d->settings, &e)) {
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
