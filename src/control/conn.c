/* SPDX-License-Identifier: Apache-2.0 */
#include "control_private.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum reason conn_reason_of(int errno_value)
{
	switch (errno_value) {
	case ECONNREFUSED:
		return REASON_REFUSED;
	case ETIMEDOUT:
		return REASON_TIMED_OUT;
	case ECONNRESET:
	case ECONNABORTED:
	case EPIPE:
		return REASON_CLOSED;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		return REASON_LIMIT;
	default:
		/* No route, no such local address, a firewall's refusal. */
		return REASON_UNREACHABLE;
	}
}

struct conn *conn_new(struct control *c, enum conn_state state)
{
	struct conn *conn = calloc(1, sizeof(*conn));

	if (!conn)
		return NULL;
	conn->control = c;
	conn->state = state;
	conn->fd = -1;
	TAILQ_INSERT_TAIL(&c->conns, conn, link);
	return conn;
}

static bool reserve_fd(struct control *c, int fd)
{
	size_t size = c->by_fd_size ? c->by_fd_size : 64;
	struct conn **table;

	if ((size_t)fd < c->by_fd_size)
		return true;
	while (size <= (size_t)fd)
		size *= 2;
	table = reallocarray(c->by_fd, size, sizeof(*table));
	if (!table)
		return false;
	memset(table + c->by_fd_size, 0,
	       (size - c->by_fd_size) * sizeof(*table));
	c->by_fd = table;
	c->by_fd_size = size;
	return true;
}

bool conn_attach(struct conn *conn, int fd)
{
	struct control *c = conn->control;

	assert(conn->fd < 0 && fd >= 0);
	if (!reserve_fd(c, fd))
		return false;
	assert(!c->by_fd[fd]);
	c->by_fd[fd] = conn;
	c->n_open++;
	conn->fd = fd;
	conn->watched = 0;
	return true;
}

void conn_detach(struct conn *conn)
{
	struct control *c = conn->control;

	if (conn->fd < 0)
		return;
	if (conn->watched)
		c->io.unwatch(c->io.ctx, conn->fd);
	c->by_fd[conn->fd] = NULL;
	c->n_open--;
	close(conn->fd);
	conn->fd = -1;
}

void conn_watch(struct conn *conn, unsigned int events)
{
	struct control *c = conn->control;

	if (conn->watched == events)
		return;
	conn->watched = events;
	c->io.watch(c->io.ctx, conn->fd, events);
}

void conn_mark(struct conn *conn)
{
	if (conn->is_marked)
		return;
	conn->is_marked = true;
	TAILQ_INSERT_TAIL(&conn->control->marked, conn, mark_link);
}

void conn_enqueue(struct conn *conn, struct conn_list *queue)
{
	struct control *c = conn->control;

	if (conn->queue)
		TAILQ_REMOVE(conn->queue, conn, queue_link);
	if (conn->queue == &c->handshakes)
		c->n_handshakes--;
	if (conn->queue == &c->lingering)
		c->n_lingering--;
	conn->queue = queue;
	if (queue)
		TAILQ_INSERT_TAIL(queue, conn, queue_link);
	if (queue == &c->handshakes)
		c->n_handshakes++;
	if (queue == &c->lingering)
		c->n_lingering++;
}

void conn_forget_id(struct conn *conn)
{
	if (conn->id == 0)
		return;
	LIST_REMOVE(conn, id_link);
	conn->id = 0;
	conn->control->counters.n_sessions--;
}

void conn_forget_target(struct conn *conn)
{
	if (conn->target == 0)
		return;
	conn->target = 0;
	conn->control->n_dials--;
}

void conn_free(struct conn *conn)
{
	struct control *c;

	if (!conn)
		return;
	c = conn->control;
	conn_detach(conn);
	conn_enqueue(conn, NULL);
	conn_forget_id(conn);
	dial_free(conn);
	session_free(conn->session);
	if (conn->is_marked)
		TAILQ_REMOVE(&c->marked, conn, mark_link);
	conn_forget_target(conn);
	TAILQ_REMOVE(&c->conns, conn, link);
	free(conn);
}

bool conn_talk(struct conn *conn, usec_t now)
{
	struct control *c = conn->control;

	conn->session = session_new(c->codec, &c->hello, now);
	if (!conn->session)
		return false;
	conn->state = CONN_TALKING;
	conn_watch(conn, CONTROL_READ);
	conn_mark(conn);
	control_arm(c, session_deadline(conn->session));
	return true;
}

void conn_flush(struct conn *conn, usec_t now)
{
	struct control *c = conn->control;
	size_t budget = WRITE_SIZE;

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
		c->counters.n_bytes_out += (uint64_t)n;
		budget -= (size_t)n;
	}
}

/* Callbacks may close the session: then the rest is not delivered. */
static void take_bytes(struct conn *conn, const uint8_t *data, size_t size,
		       usec_t now)
{
	struct message message;
	enum session_got got;

	while (size > 0) {
		size_t n = session_input(conn->session, now, data, size, &got,
					 &message);

		data += n;
		size -= n;
		if (got == SESSION_OPENED)
			report_up(conn);
		else if (got == SESSION_MESSAGE)
			report_message(conn, &message);
		else if (got == SESSION_IGNORED)
			conn->control->counters.n_ignored_messages++;
		else if (got == SESSION_ENDED)
			return;
	}
}

static void talk_ready(struct conn *conn, usec_t now)
{
	struct control *c = conn->control;
	ssize_t n = recv(conn->fd, c->buf, sizeof(c->buf), MSG_DONTWAIT);

	if (n > 0) {
		c->counters.n_bytes_in += (uint64_t)n;
		take_bytes(conn, c->buf, (size_t)n, now);
	} else if (n == 0) {
		session_fail(conn->session, REASON_CLOSED, NULL);
	} else if (errno != EAGAIN && errno != EINTR) {
		session_fail(conn->session, conn_reason_of(errno), NULL);
	}
}

/* Reads on, so that no reset overtakes our refusal, but not for ever. */
static void linger_ready(struct conn *conn)
{
	struct control *c = conn->control;
	ssize_t n = recv(conn->fd, c->buf, sizeof(c->buf), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		conn->n_lingered += (size_t)n;
	if (n <= 0 || conn->n_lingered > LINGER_LIMIT_SIZE)
		conn->linger_deadline = 0;
}

void conn_ready(struct conn *conn, unsigned int revents, usec_t now)
{
	conn_mark(conn);
	switch (conn->state) {
	case CONN_CONNECTING:
		dial_connected(conn, now);
		break;
	case CONN_TALKING:
		/* An error shows when read, behind what came before it. */
		if (revents & ~CONTROL_WRITE)
			talk_ready(conn, now);
		break;
	case CONN_LINGERING:
		if (revents & ~CONTROL_WRITE)
			linger_ready(conn);
		break;
	case CONN_RESOLVING:
	case CONN_FAILED:
		break;
	}
}

usec_t conn_deadline(const struct conn *conn)
{
	switch (conn->state) {
	case CONN_RESOLVING:
	case CONN_CONNECTING:
		return conn->dial->deadline;
	case CONN_TALKING:
		return session_deadline(conn->session);
	case CONN_LINGERING:
		return conn->linger_deadline;
	case CONN_FAILED:
		break;
	}
	return USEC_NEVER;
}

void conn_tick(struct conn *conn, usec_t now)
{
	if (conn_deadline(conn) > now)
		return;
	if (conn->state == CONN_RESOLVING || conn->state == CONN_CONNECTING)
		dial_timed_out(conn, now);
	else if (conn->state == CONN_TALKING)
		session_tick(conn->session, now);
	conn_mark(conn);
}

static void settle_lingering(struct conn *conn, usec_t now)
{
	size_t size;

	conn_flush(conn, now);
	session_output(conn->session, &size);
	if (conn->linger_deadline <= now || conn->is_shut) {
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

/* Its owner has heard the last of it; what is left is to tell the peer. */
void conn_linger(struct conn *conn, usec_t now)
{
	struct control *c = conn->control;
	struct conn *oldest = TAILQ_FIRST(&c->lingering);

	conn->state = CONN_LINGERING;
	conn->linger_deadline = now + LINGER_LIMIT_US;
	if (c->n_lingering >= MAX_LINGERING) {
		oldest->linger_deadline = 0;
		conn_mark(oldest);
	}
	conn_enqueue(conn, &c->lingering);
	control_arm(c, conn->linger_deadline);
	settle_lingering(conn, now);
}

static void settle_talking(struct conn *conn, usec_t now)
{
	size_t size;

	if (session_state(conn->session) != SESSION_CLOSED)
		conn_flush(conn, now);
	if (session_state(conn->session) == SESSION_CLOSED) {
		report_end(conn, now);
		return;
	}
	session_output(conn->session, &size);
	conn_watch(conn, CONTROL_READ | (size > 0 ? CONTROL_WRITE : 0));
	if (conn->id && session_is_ready(conn->session) != conn->is_told_ready)
		report_ready(conn);
}

void conn_settle(struct conn *conn, usec_t now)
{
	switch (conn->state) {
	case CONN_RESOLVING:
		if (!conn->dial->is_begun)
			dial_begin(conn, now);
		break;
	case CONN_CONNECTING:
		break;
	case CONN_TALKING:
		settle_talking(conn, now);
		break;
	case CONN_LINGERING:
		settle_lingering(conn, now);
		break;
	case CONN_FAILED:
		report_failed_dial(conn);
		break;
	}
}
