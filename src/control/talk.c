/* SPDX-License-Identifier: Apache-2.0 */
#include "talk.h"

#include "report.h"
#include "session.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#define LINGER_LIMIT_US (2 * USEC_PER_SEC)
#define LINGER_LIMIT_SIZE (1024U * 1024U)
#define MAX_LINGERING 64U

int talks_open(struct talks *t, const struct hello *hello)
{
	conn_queue_init(&t->lingering);
	t->hello = *hello;
	t->codec = codec_new();
	return t->codec ? 0 : -ENOMEM;
}

void talks_close(struct talks *t)
{
	codec_free(t->codec);
	t->codec = NULL;
}

bool talk_begin(struct talks *t, struct conn *conn, usec_t now)
{
	conn->session = session_new(t->codec, &t->hello, now);
	if (!conn->session)
		return false;
	conn->state = CONN_TALKING;
	conn_watch(conn, CONTROL_READ);
	conn_mark(conn);
	conns_arm(conn->conns, session_deadline(conn->session));
	return true;
}

void talk_flush(struct talks *t, struct conn *conn, usec_t now)
{
	size_t budget = TALK_WRITE_SIZE;

	while (budget > 0) {
		size_t size;
		const uint8_t *data = session_output(conn->session, &size);
		ssize_t n;

		if (size == 0)
			return;
		n = send(conn->fd, data, size < budget ? size : budget,
			 MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0) {
			/* What came in before may still say why: read on. */
			session_sent(conn->session, now, size);
			conn->is_shut = true;
			return;
		}
		session_sent(conn->session, now, (size_t)n);
		t->n_bytes_out += (uint64_t)n;
		budget -= (size_t)n;
	}
}

/* Whoever is told of it may dial its target anew. */
static void come_up(struct conn *conn)
{
	target_t target = conn->target;

	conn_enqueue(conn, NULL);
	conn_give_id(conn);
	conn_set_target(conn, 0);
	conn->is_told_ready = true;
	report_up(conn, target);
}

/* Callbacks may close the session: then the rest is not delivered. */
static void take_bytes(struct talks *t, struct conn *conn, const uint8_t *data,
		       size_t size, usec_t now)
{
	struct message message;
	enum session_got got;

	while (size > 0) {
		size_t n = session_input(conn->session, now, data, size, &got,
					 &message);

		data += n;
		size -= n;
		if (got == SESSION_OPENED)
			come_up(conn);
		else if (got == SESSION_MESSAGE)
			report_message(conn, &message);
		else if (got == SESSION_IGNORED)
			t->n_ignored_messages++;
		else if (got == SESSION_ENDED)
			return;
	}
}

static void read_session(struct talks *t, struct conn *conn, usec_t now)
{
	ssize_t n = recv(conn->fd, t->buf, sizeof(t->buf), MSG_DONTWAIT);

	if (n > 0) {
		t->n_bytes_in += (uint64_t)n;
		take_bytes(t, conn, t->buf, (size_t)n, now);
	} else if (n == 0) {
		session_fail(conn->session, REASON_CLOSED, NULL);
	} else if (errno != EAGAIN && errno != EINTR) {
		session_fail(conn->session, conn_reason_of(errno), NULL);
	}
}

/* Reads on, so that no reset overtakes our refusal, but not for ever. */
static void read_lingering(struct talks *t, struct conn *conn)
{
	ssize_t n = recv(conn->fd, t->buf, sizeof(t->buf), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		conn->n_lingered += (size_t)n;
	if (n <= 0 || conn->n_lingered > LINGER_LIMIT_SIZE)
		conn->deadline = 0;
}

void talk_ready(struct talks *t, struct conn *conn, unsigned int revents,
		usec_t now)
{
	/* An error shows when read, behind what came before it. */
	if (!(revents & ~CONTROL_WRITE))
		return;
	if (conn->state == CONN_TALKING)
		read_session(t, conn, now);
	else
		read_lingering(t, conn);
}

void talk_tick(struct conn *conn, usec_t now)
{
	if (conn->state == CONN_TALKING)
		session_tick(conn->session, now);
}

static void settle_lingering(struct talks *t, struct conn *conn, usec_t now)
{
	size_t size;

	talk_flush(t, conn, now);
	session_output(conn->session, &size);
	if (conn->deadline <= now || conn->is_shut) {
		conn_free(conn);
		return;
	}
	if (size == 0) {
		shutdown(conn->fd, SHUT_WR);
		conn_watch(conn, CONTROL_READ);
	} else {
		conn_watch(conn, CONTROL_READ | CONTROL_WRITE);
	}
}

/* Its owner hears the last of it; what is left is to tell the peer. */
static void linger(struct talks *t, struct conn *conn, usec_t now)
{
	struct conn *oldest = TAILQ_FIRST(&t->lingering.list);

	conn->state = CONN_LINGERING;
	conn->deadline = now + LINGER_LIMIT_US;
	if (t->lingering.n >= MAX_LINGERING) {
		oldest->deadline = 0;
		conn_mark(oldest);
	}
	conn_enqueue(conn, &t->lingering);
	conns_arm(conn->conns, conn->deadline);
	settle_lingering(t, conn, now);
}

static void count_end(struct talks *t, const struct control_note *note)
{
	if (!note->was_up)
		t->n_handshake_failed++;
	if (note->reason == REASON_PROTOCOL && !note->is_from_peer)
		t->n_bad_messages++;
}

/*
 * The session is over. All that the owner can reach by number is taken down
 * before it is told: its callback may dial the same target again.
 */
static void end(struct talks *t, struct conn *conn, usec_t now)
{
	const struct control_io *io = &conn->conns->io;
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
	size_t size;

	snprintf(text, sizeof(text), "%s", session_text(conn->session));
	conn_forget_id(conn);
	conn_set_target(conn, 0);
	conn_enqueue(conn, NULL);
	session_output(conn->session, &size);
	if (size > 0 && !conn->is_shut)
		linger(t, conn, now);
	else
		conn_free(conn);
	count_end(t, &note);
	report_end(io, &note);
}

static void settle_talking(struct talks *t, struct conn *conn, usec_t now)
{
	size_t size;

	if (session_state(conn->session) != SESSION_CLOSED)
		talk_flush(t, conn, now);
	if (session_state(conn->session) == SESSION_CLOSED) {
		end(t, conn, now);
		return;
	}
	session_output(conn->session, &size);
	conn_watch(conn, CONTROL_READ | (size > 0 ? CONTROL_WRITE : 0));
	if (conn->id &&
	    session_is_ready(conn->session) != conn->is_told_ready) {
		conn->is_told_ready = !conn->is_told_ready;
		report_ready(conn);
	}
}

void talk_settle(struct talks *t, struct conn *conn, usec_t now)
{
	if (conn->state == CONN_TALKING)
		settle_talking(t, conn, now);
	else
		settle_lingering(t, conn, now);
}
