/* SPDX-License-Identifier: Apache-2.0 */
#include "control_private.h"

#include <stdio.h>

void report_up(struct conn *conn)
{
	struct control *c = conn->control;
	struct event ev = { .type = EVENT_SESSION_UP };

	conn_enqueue(conn, NULL);
	conn->id = control_next_id(c);
	conn->is_told_ready = true;
	LIST_INSERT_HEAD(&c->by_id[conn->id % N_BUCKETS], conn, id_link);
	c->counters.n_sessions++;
	ev.session.session = conn->id;
	ev.session.target = conn->target;
	ev.session.hello = session_hello(conn->session);
	ev.session.local = conn->local;
	ev.session.remote = conn->remote;
	/* It stands: the target may be dialled anew. */
	conn_forget_target(conn);
	c->io.event(c->io.ctx, &ev);
}

void report_message(struct conn *conn, const struct message *message)
{
	struct control *c = conn->control;
	struct event ev = { .type = EVENT_MESSAGE };

	ev.message.session = conn->id;
	ev.message.message = message;
	c->io.event(c->io.ctx, &ev);
}

static void tell(struct control *c, const struct control_note *note)
{
	if (c->io.note)
		c->io.note(c->io.ctx, note);
}

static void count_end(struct control *c, const struct control_note *note)
{
	if (!note->was_up)
		c->counters.n_handshake_failed++;
	if (note->reason == REASON_PROTOCOL && !note->is_from_peer)
		c->counters.n_bad_messages++;
}

/*
 * Tells the owner that @conn is no more. All that it can reach by number is
 * taken down first: its callback may dial the same target again.
 */
void report_end(struct conn *conn, usec_t now)
{
	struct control *c = conn->control;
	char text[CODEC_MAX_TEXT];
	struct control_note note = {
		.reason = session_reason(conn->session),
		.is_from_peer = session_is_refused_by_peer(conn->session),
		.is_inbound = conn->is_inbound,
		.was_up = conn->id != 0,
		.session = conn->id,
		.target = conn->target,
		.remote = conn->remote,
		.text = text,
	};
	struct event ev = { 0 };
	size_t size;

	snprintf(text, sizeof(text), "%s", session_text(conn->session));
	conn_forget_id(conn);
	conn_forget_target(conn);
	conn_enqueue(conn, NULL);
	session_output(conn->session, &size);
	if (size > 0 && !conn->is_shut)
		conn_linger(conn, now);
	else
		conn_free(conn);
	count_end(c, &note);
	tell(c, &note);
	if (note.was_up) {
		ev.type = EVENT_SESSION_DOWN;
		ev.down.session = note.session;
		ev.down.reason = note.reason;
		c->io.event(c->io.ctx, &ev);
	} else if (note.target) {
		ev.type = EVENT_DIAL_FAILED;
		ev.dial.target = note.target;
		ev.dial.reason = note.reason;
		c->io.event(c->io.ctx, &ev);
	}
}

void report_failed_dial(struct conn *conn)
{
	struct control *c = conn->control;
	struct control_note note = {
		.reason = conn->dial->reason,
		.target = conn->target,
		.remote = conn->remote,
		.text = reason_text(conn->dial->reason),
	};
	struct event ev = { .type = EVENT_DIAL_FAILED };

	ev.dial.target = conn->target;
	ev.dial.reason = note.reason;
	conn_free(conn);
	tell(c, &note);
	c->io.event(c->io.ctx, &ev);
}

void report_ready(struct conn *conn)
{
	struct control *c = conn->control;
	struct event ev = { .type = EVENT_SESSION_READY };

	conn->is_told_ready = session_is_ready(conn->session);
	ev.ready.session = conn->id;
	ev.ready.is_ready = conn->is_told_ready;
	c->io.event(c->io.ctx, &ev);
}
