/* SPDX-License-Identifier: Apache-2.0 */
#include "control.h"

#include "check.h"
#include "conn.h"
#include "dial.h"
#include "listener.h"
#include "session.h"
#include "talk.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

/* One scan of all connections serves what is due within this time. */
#define SCAN_US (50 * USEC_PER_MS)

static_assert(CONTROL_READ == POLLIN && CONTROL_WRITE == POLLOUT, "poll");
static_assert(CONTROL_MAX_HANDSHAKES == LISTENER_MAX_HANDSHAKES &&
		      CONTROL_MAX_HANDSHAKES_PER_IP ==
			      LISTENER_MAX_HANDSHAKES_PER_IP &&
		      CONTROL_SOFT_SIZE == SESSION_SOFT_SIZE &&
		      CONTROL_AGAIN_SIZE == SESSION_AGAIN_SIZE &&
		      CONTROL_HARD_SIZE == SESSION_HARD_SIZE,
	      "limits");

/*
 * Who is asked is decided here, by a connection's state; what is below never
 * calls back up.
 */
struct control {
	struct conns conns;
	struct talks talks;
	struct dials dials;
	struct listener listener;
	uint64_t n_unsendable;
	bool is_busy; /* in control_ready() or control_tick() */
};

static int open_all(struct control *c, const struct control_config *config)
{
	int r;

	r = talks_open(&c->talks, &config->hello);
	if (r == 0)
		r = listener_open(&c->listener, &c->conns, &c->talks,
				  &config->local);
	if (r == 0)
		r = dials_open(&c->dials, &c->conns, &c->talks,
			       &config->local.ip);
	return r;
}

int control_new(const struct control_config *config,
		const struct control_io *io, usec_t now, struct control **ret)
{
	struct control *c;
	int r;

	(void)now;
	if (check_hello(&config->hello) != CODEC_OK)
		return -EINVAL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	conns_init(&c->conns, io);
	r = open_all(c, config);
	if (r < 0) {
		control_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

void control_free(struct control *c)
{
	struct conn *conn;

	if (!c)
		return;
	while ((conn = TAILQ_FIRST(&c->conns.all))) {
		if (conn->session && conn->fd >= 0)
			talk_flush(&c->talks, conn, 0);
		dial_free(&c->dials, conn);
		conn_free(conn);
	}
	dials_close(&c->dials);
	listener_close(&c->listener);
	talks_close(&c->talks);
	conns_release(&c->conns);
	free(c);
}

static void settle_one(struct control *c, struct conn *conn, usec_t now)
{
	switch (conn->state) {
	case CONN_RESOLVING:
	case CONN_CONNECTING:
	case CONN_FAILED:
		dial_settle(&c->dials, conn, now);
		break;
	case CONN_TALKING:
	case CONN_LINGERING:
		talk_settle(&c->talks, conn, now);
		break;
	}
}

/*
 * Only what was marked before: what the callbacks mark now is for the next
 * turn, so that this one ends.
 */
static void settle(struct control *c, usec_t now)
{
	struct conn_list *marked = &c->conns.marked;
	struct conn *last = TAILQ_LAST(marked, conn_list), *conn;
	bool is_last = !last;

	while (!is_last && (conn = TAILQ_FIRST(marked))) {
		is_last = conn == last;
		TAILQ_REMOVE(marked, conn, mark_link);
		conn->is_marked = false;
		settle_one(c, conn, now);
	}
}

static void tick_one(struct control *c, struct conn *conn, usec_t now)
{
	if (conn_deadline(conn) > now)
		return;
	switch (conn->state) {
	case CONN_RESOLVING:
	case CONN_CONNECTING:
		dial_tick(&c->dials, conn, now);
		break;
	case CONN_TALKING:
		talk_tick(conn, now);
		break;
	case CONN_LINGERING: /* to be settled is all it needs */
	case CONN_FAILED:
		break;
	}
	conn_mark(conn);
}

/* Deadlines that moved away since cost a scan for nothing, now and then. */
static void scan(struct control *c, usec_t now)
{
	usec_t earliest = USEC_NEVER;
	struct conn *conn;

	if (now < c->conns.deadline)
		return;
	TAILQ_FOREACH(conn, &c->conns.all, link) {
		usec_t deadline;

		tick_one(c, conn, now);
		deadline = conn_deadline(conn);
		if (deadline < earliest)
			earliest = deadline;
	}
	c->conns.deadline = earliest > now + SCAN_US ? earliest : now + SCAN_US;
}

static void ready_one(struct control *c, struct conn *conn,
		      unsigned int revents, usec_t now)
{
	conn_mark(conn);
	switch (conn->state) {
	case CONN_CONNECTING:
		dial_ready(&c->dials, conn, now);
		break;
	case CONN_TALKING:
	case CONN_LINGERING:
		talk_ready(&c->talks, conn, revents, now);
		break;
	case CONN_RESOLVING:
	case CONN_FAILED:
		break;
	}
}

void control_ready(struct control *c, int fd, unsigned int revents, usec_t now)
{
	struct conn *conn = conns_by_fd(&c->conns, fd);

	assert(!c->is_busy);
	c->is_busy = true;
	if (fd == c->listener.fd)
		listener_ready(&c->listener, now);
	else if (fd == dials_fd(&c->dials))
		dials_ready(&c->dials, now);
	else if (conn)
		ready_one(c, conn, revents, now);
	settle(c, now);
	c->is_busy = false;
}

usec_t control_deadline(const struct control *c)
{
	usec_t accept_at = listener_deadline(&c->listener);

	if (!TAILQ_EMPTY(&c->conns.marked))
		return 0;
	return accept_at < c->conns.deadline ? accept_at : c->conns.deadline;
}

void control_tick(struct control *c, usec_t now)
{
	assert(!c->is_busy);
	c->is_busy = true;
	listener_tick(&c->listener, now);
	scan(c, now);
	settle(c, now);
	c->is_busy = false;
}

void control_dial(struct control *c, target_t target, const char *host,
		  uint16_t port, usec_t now)
{
	(void)now;
	dial_new(&c->dials, target, host, port);
}

bool control_send(struct control *c, session_t session,
		  const struct message *message, usec_t now)
{
	struct conn *conn = conns_by_id(&c->conns, session);

	if (!conn || session_state(conn->session) != SESSION_OPEN)
		return false;
	conn_mark(conn);
	if (!session_send(conn->session, now, message) &&
	    session_state(conn->session) == SESSION_OPEN)
		c->n_unsendable++;
	return session_is_ready(conn->session);
}

void control_close(struct control *c, session_t session, enum reason reason,
		   usec_t now)
{
	struct conn *conn = conns_by_id(&c->conns, session);

	(void)now;
	if (!conn)
		return;
	session_close(conn->session,
		      reason == REASON_NONE ? REASON_CLOSED : reason, NULL);
	conn_mark(conn);
}

bool control_set_hello(struct control *c, const struct hello *hello)
{
	if (check_hello(hello) != CODEC_OK)
		return false;
	c->talks.hello = *hello;
	return true;
}

void control_counters(const struct control *c, struct control_counters *ret)
{
	const struct conn *conn;

	*ret = (struct control_counters){
		.n_accepted = c->listener.n_accepted,
		.n_dialled = c->dials.n_dialled,
		.n_refused_limit = c->listener.n_refused,
		.n_handshake_failed = c->talks.n_handshake_failed,
		.n_bad_messages = c->talks.n_bad_messages,
		.n_ignored_messages = c->talks.n_ignored_messages,
		.n_unsendable = c->n_unsendable,
		.n_accept_paused = c->listener.n_paused,
		.n_bytes_in = c->talks.n_bytes_in,
		.n_bytes_out = c->talks.n_bytes_out,
		.n_sessions = c->conns.n_sessions,
	};
	TAILQ_FOREACH(conn, &c->conns.all, link)
		ret->n_connections++;
}

uint16_t control_port(const struct control *c)
{
	return c->listener.port;
}
