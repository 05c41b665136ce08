/* SPDX-License-Identifier: Apache-2.0 */
#include "hooks.h"

#include <string.h>

#include "carrier.h"
#include "core/alloc.h"
#include "hostport.h"
#include "ipam.h"
#include "log.h"
#include "state.h"
#include "sys/addr.h"
#include "sys/clock.h"
#include "turn.h"

static void on_control_fd(void *ctx, int fd, unsigned int events)
{
	struct daemon *d = ctx;
	unsigned int revents = 0;

	if (events & LOOP_READ)
		revents |= CONTROL_READ;
	if (events & LOOP_WRITE)
		revents |= CONTROL_WRITE;
	control_ready(d->control, fd, revents, clock_monotonic_us());
	daemon_turn(d);
}

static struct loop_io **io_of(struct daemon *d, int fd)
{
	const size_t index = (size_t)fd;
	size_t n = d->n_control_io;

	if (index >= n) {
		n = index * 2 + 16;
		d->control_io = core_realloc(d->control_io, n,
					     sizeof(*d->control_io));
		memset(d->control_io + d->n_control_io, 0,
		       (n - d->n_control_io) * sizeof(*d->control_io));
		d->n_control_io = n;
	}
	return &d->control_io[index];
}

static void watch(void *ctx, int fd, unsigned int events)
{
	struct daemon *d = ctx;
	struct loop_io **io = io_of(d, fd);
	const unsigned int wanted = (events & CONTROL_READ ? LOOP_READ : 0) |
				    (events & CONTROL_WRITE ? LOOP_WRITE : 0);

	if (*io)
		loop_io_set(*io, wanted);
	else
		*io = loop_io_new(d->loop, fd, wanted, on_control_fd, d);
}

static void unwatch(void *ctx, int fd)
{
	struct daemon *d = ctx;
	struct loop_io **io = io_of(d, fd);

	loop_io_free(*io);
	*io = NULL;
}

static void on_control_event(void *ctx, const struct event *ev)
{
	struct daemon *d = ctx;

	ipam_event(d->ipam, ev);
	daemon_event(d, ev);
}

static void on_control_note(void *ctx, const struct control_note *note)
{
	static struct log_limit limit;
	char remote[ADDR_ENDPOINT_SIZE];
	enum log_level level = LOG_DEBUG;

	(void)ctx;
	if (note->is_from_peer)
		level = LOG_WARN;
	else if (note->reason == REASON_CLONED)
		level = LOG_ERROR;
	if (!log_allows(level, &limit))
		return;
	addr_print_endpoint(&note->remote, remote);
	if (level == LOG_WARN)
		log_warn("%s refuses us: %s", remote, note->text);
	else if (level == LOG_ERROR)
		log_error("%s: %s", remote, note->text);
	else
		log_debug("connection with %s ended: %s", remote, note->text);
}

void hooks_control(struct daemon *d, struct control_io *ret)
{
	ret->ctx = d;
	ret->watch = watch;
	ret->unwatch = unwatch;
	ret->event = on_control_event;
	ret->note = on_control_note;
}

static void on_upcall(void *ctx, const struct ovs_upcall *upcall)
{
	struct daemon *d = ctx;
	struct event ev;

	memset(&ev, 0, sizeof(ev));
	ev.type = EVENT_UPCALL;
	ev.upcall.in_port = upcall->in_port;
	ev.upcall.recirc_id = upcall->recirc_id;
	ev.upcall.tun_id = upcall->tun_id;
	ev.upcall.tun_src = upcall->tun_src;
	ev.upcall.frame = upcall->frame;
	ev.upcall.size = upcall->size;
	daemon_event(d, &ev);
}

static void on_turn(void *ctx)
{
	daemon_turn(ctx);
}

static void on_port_gone(void *ctx, port_no_t port_no)
{
	struct daemon *d = ctx;
	struct port_record *r = portbook_find(&d->ports, port_no);
	struct error e = { .code = "" };
	struct event ev;

	if (carrier_port_gone(d->carrier, port_no))
		return;
	memset(&ev, 0, sizeof(ev));
	ev.type = EVENT_PORT_REMOVED;
	ev.port_no = port_no;
	daemon_event(d, &ev);
	if (!r)
		return;
	log_info("%s (%s) has gone", r->host_ifname, r->ifname);
	portbook_remove(&d->ports, r);
	if (hostport_sync(d, NULL, &e))
		log_warn("%s", e.message);
}

static void on_mac(void *ctx, port_no_t port_no, const struct mac *mac,
		   bool is_there)
{
	struct event ev;

	memset(&ev, 0, sizeof(ev));
	ev.type = is_there ? EVENT_MAC_SEEN : EVENT_MAC_GONE;
	ev.seen.port_no = port_no;
	ev.seen.mac = *mac;
	daemon_event(ctx, &ev);
}

void hooks_gone(struct daemon *d, const char *what)
{
	if (d->is_stopping)
		return;
	log_error("somebody deleted %s, which nothing is forwarded without: "
		  "stopping, so that a new start makes it again",
		  what);
	daemon_stop(d, 1);
}

static void on_gone(void *ctx, const char *what)
{
	hooks_gone(ctx, what);
}

void hooks_datapath(struct daemon *d, struct datapath_events *ret)
{
	ret->ctx = d;
	ret->upcall = on_upcall;
	ret->turn = on_turn;
	ret->port_gone = on_port_gone;
	ret->gone = on_gone;
	ret->mac = on_mac;
}
