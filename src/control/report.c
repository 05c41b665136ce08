/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include "session.h"

static void tell(const struct control_io *io, const struct event *ev)
{
	io->event(io->ctx, ev);
}

void report_up(const struct conn *conn, target_t target)
{
	struct event ev = { .type = EVENT_SESSION_UP };

	ev.session.session = conn->id;
	ev.session.target = target;
	ev.session.hello = session_hello(conn->session);
	ev.session.local = conn->local;
	ev.session.remote = conn->remote;
	tell(&conn->conns->io, &ev);
}

void report_message(const struct conn *conn, const struct message *message)
{
	struct event ev = { .type = EVENT_MESSAGE };

	ev.message.session = conn->id;
	ev.message.message = message;
	tell(&conn->conns->io, &ev);
}

void report_ready(const struct conn *conn)
{
	struct event ev = { .type = EVENT_SESSION_READY };

	ev.ready.session = conn->id;
	ev.ready.is_ready = conn->is_told_ready;
	tell(&conn->conns->io, &ev);
}

void report_end(const struct control_io *io, const struct control_note *note)
{
	struct event ev = { 0 };

	if (io->note)
		io->note(io->ctx, note);
	if (note->was_up) {
		ev.type = EVENT_SESSION_DOWN;
		ev.down.session = note->session;
		ev.down.reason = note->reason;
		tell(io, &ev);
	} else if (note->target) {
		ev.type = EVENT_DIAL_FAILED;
		ev.dial.target = note->target;
		ev.dial.reason = note->reason;
		tell(io, &ev);
	}
}
