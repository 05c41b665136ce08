/* SPDX-License-Identifier: Apache-2.0 */
#include "control.h"

#include "check.h"
#include "control_private.h"
#include "sys/tcp.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One scan of all connections serves what is due within this time. */
#define SCAN_US (50 * USEC_PER_MS)

static_assert(CONTROL_READ == POLLIN && CONTROL_WRITE == POLLOUT, "poll");
static_assert(CONTROL_SOFT_SIZE == SESSION_SOFT_SIZE &&
		      CONTROL_AGAIN_SIZE == SESSION_AGAIN_SIZE &&
		      CONTROL_HARD_SIZE == SESSION_HARD_SIZE,
	      "limits");

static int open_all(struct control *c)
{
	struct endpoint local = { 0 };
	int r;

	c->codec = codec_new();
	if (!c->codec)
		return -ENOMEM;
	r = resolve_new(&c->resolve);
	if (r == 0)
		r = tcp_listen(&c->local, &c->listen_fd);
	if (r == 0)
		r = tcp_endpoints(c->listen_fd, &local, NULL);
	if (r < 0)
		return r;
	c->port = local.port;
	return 0;
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
	c->io = *io;
	c->hello = config->hello;
	c->local = config->local;
	c->listen_fd = -1;
	c->deadline = USEC_NEVER;
	TAILQ_INIT(&c->conns);
	TAILQ_INIT(&c->marked);
	TAILQ_INIT(&c->handshakes);
	TAILQ_INIT(&c->lingering);
	r = open_all(c);
	if (r < 0) {
		control_free(c);
		return r;
	}
	io->watch(io->ctx, c->listen_fd, CONTROL_READ);
	io->watch(io->ctx, resolve_fd(c->resolve), CONTROL_READ);
	*ret = c;
	return 0;
}

void control_free(struct control *c)
{
	struct conn *conn;

	if (!c)
		return;
	while ((conn = TAILQ_FIRST(&c->conns))) {
		if (conn->session && conn->fd >= 0)
			conn_flush(conn, 0);
		conn_free(conn);
	}
	if (c->listen_fd >= 0) {
		/* Opened last: then the resolver is watched too. */
		c->io.unwatch(c->io.ctx, c->listen_fd);
		c->io.unwatch(c->io.ctx, resolve_fd(c->resolve));
		close(c->listen_fd);
	}
	resolve_free(c->resolve);
	codec_free(c->codec);
	free(c->by_fd);
	free(c);
}

struct conn *control_find(struct control *c, session_t id)
{
	struct conn *conn;

	LIST_FOREACH(conn, &c->by_id[id % N_BUCKETS], id_link) {
		if (conn->id == id)
			return conn;
	}
	return NULL;
}

/* After four thousand million sessions it wraps: not onto one that lives. */
session_t control_next_id(struct control *c)
{
	do
		c->last_id++;
	while (c->last_id == 0 || control_find(c, c->last_id));
	return c->last_id;
}

void control_arm(struct control *c, usec_t deadline)
{
	if (deadline < c->deadline)
		c->deadline = deadline;
}

/*
 * Only what was marked before: what the callbacks mark now is for the next
 * turn, so that this one ends.
 */
static void settle(struct control *c, usec_t now)
{
	struct conn *last = TAILQ_LAST(&c->marked, conn_list), *conn;
	bool is_last = !last;

	while (!is_last && (conn = TAILQ_FIRST(&c->marked))) {
		is_last = conn == last;
		TAILQ_REMOVE(&c->marked, conn, mark_link);
		conn->is_marked = false;
		conn_settle(conn, now);
	}
}

/* Deadlines that moved away since cost a scan for nothing, now and then. */
static void scan(struct control *c, usec_t now)
{
	usec_t earliest = USEC_NEVER;
	struct conn *conn;

	if (now < c->deadline)
		return;
	TAILQ_FOREACH(conn, &c->conns, link) {
		usec_t deadline;

		conn_tick(conn, now);
		deadline = conn_deadline(conn);
		if (deadline < earliest)
			earliest = deadline;
	}
	c->deadline = earliest > now + SCAN_US ? earliest : now + SCAN_US;
}

void control_ready(struct control *c, int fd, unsigned int revents, usec_t now)
{
	assert(!c->is_busy);
	c->is_busy = true;
	if (fd == c->listen_fd)
		listener_ready(c, now);
	else if (fd == resolve_fd(c->resolve))
		dial_resolved(c, now);
	else if (fd >= 0 && (size_t)fd < c->by_fd_size && c->by_fd[fd])
		conn_ready(c->by_fd[fd], revents, now);
	settle(c, now);
	c->is_busy = false;
}

usec_t control_deadline(const struct control *c)
{
	if (!TAILQ_EMPTY(&c->marked))
		return 0;
	if (c->accept_at && c->accept_at < c->deadline)
		return c->accept_at;
	return c->deadline;
}

void control_tick(struct control *c, usec_t now)
{
	assert(!c->is_busy);
	c->is_busy = true;
	listener_tick(c, now);
	scan(c, now);
	settle(c, now);
	c->is_busy = false;
}

static bool is_dialled(const struct control *c, target_t target)
{
	const struct conn *conn;

	TAILQ_FOREACH(conn, &c->conns, link) {
		if (conn->target == target)
			return true;
	}
	return false;
}

void control_dial(struct control *c, target_t target, const char *host,
		  uint16_t port, usec_t now)
{
	struct conn *conn;
	struct dial *dial;

	(void)now;
	assert(target != 0);
	if (c->n_dials >= MAX_DIALS || is_dialled(c, target))
		return;
	dial = calloc(1, sizeof(*dial));
	conn = conn_new(c, CONN_RESOLVING);
	if (!dial || !conn)
		abort(); /* a few hundred bytes: nothing could be told either */
	dial->port = port;
	dial->deadline = USEC_NEVER;
	/* Too long a name is empty here, and fails as unknown. */
	if (strlen(host) < sizeof(dial->host))
		strcpy(dial->host, host);
	conn->dial = dial;
	conn->target = target;
	c->n_dials++;
	conn_mark(conn);
}

bool control_send(struct control *c, session_t session,
		  const struct message *message, usec_t now)
{
	struct conn *conn = control_find(c, session);

	if (!conn || session_state(conn->session) != SESSION_OPEN)
		return false;
	conn_mark(conn);
	if (!session_send(conn->session, now, message) &&
	    session_state(conn->session) == SESSION_OPEN)
		c->counters.n_unsendable++;
	return session_is_ready(conn->session);
}

void control_close(struct control *c, session_t session, enum reason reason,
		   usec_t now)
{
	struct conn *conn = control_find(c, session);

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
	c->hello = *hello;
	return true;
}

void control_counters(const struct control *c, struct control_counters *ret)
{
	const struct conn *conn;

	*ret = c->counters;
	ret->n_connections = 0;
	TAILQ_FOREACH(conn, &c->conns, link)
		ret->n_connections++;
}

uint16_t control_port(const struct control *c)
{
	return c->port;
}
