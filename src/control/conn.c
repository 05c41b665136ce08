/* SPDX-License-Identifier: Apache-2.0 */
#include "conn.h"

#include "session.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void conn_queue_init(struct conn_queue *q)
{
	TAILQ_INIT(&q->list);
	q->n = 0;
}

void conns_init(struct conns *cs, const struct control_io *io)
{
	memset(cs, 0, sizeof(*cs));
	cs->io = *io;
	cs->deadline = USEC_NEVER;
	TAILQ_INIT(&cs->all);
	TAILQ_INIT(&cs->marked);
}

void conns_release(struct conns *cs)
{
	assert(TAILQ_EMPTY(&cs->all));
	free(cs->by_fd);
}

struct conn *conns_by_fd(const struct conns *cs, int fd)
{
	if (fd < 0 || (size_t)fd >= cs->by_fd_size)
		return NULL;
	return cs->by_fd[fd];
}

struct conn *conns_by_id(const struct conns *cs, session_t id)
{
	struct conn *conn;

	LIST_FOREACH(conn, &cs->by_id[id % CONN_BUCKETS], id_link) {
		if (conn->id == id)
			return conn;
	}
	return NULL;
}

bool conns_has_target(const struct conns *cs, target_t target)
{
	const struct conn *conn;

	TAILQ_FOREACH(conn, &cs->all, link) {
		if (conn->target == target)
			return true;
	}
	return false;
}

void conns_arm(struct conns *cs, usec_t deadline)
{
	if (deadline < cs->deadline)
		cs->deadline = deadline;
}

struct conn *conn_new(struct conns *cs, enum conn_state state)
{
	struct conn *conn = calloc(1, sizeof(*conn));

	if (!conn)
		return NULL;
	conn->conns = cs;
	conn->state = state;
	conn->fd = -1;
	conn->deadline = USEC_NEVER;
	TAILQ_INSERT_TAIL(&cs->all, conn, link);
	return conn;
}

void conn_free(struct conn *conn)
{
	struct conns *cs;

	if (!conn)
		return;
	assert(!conn->dial);
	cs = conn->conns;
	conn_detach(conn);
	conn_enqueue(conn, NULL);
	conn_forget_id(conn);
	conn_set_target(conn, 0);
	session_free(conn->session);
	if (conn->is_marked)
		TAILQ_REMOVE(&cs->marked, conn, mark_link);
	TAILQ_REMOVE(&cs->all, conn, link);
	free(conn);
}

static bool reserve_fd(struct conns *cs, int fd)
{
	size_t size = cs->by_fd_size ? cs->by_fd_size : 64;
	struct conn **table;

	if ((size_t)fd < cs->by_fd_size)
		return true;
	while (size <= (size_t)fd)
		size *= 2;
	table = reallocarray(cs->by_fd, size, sizeof(*table));
	if (!table)
		return false;
	memset(table + cs->by_fd_size, 0,
	       (size - cs->by_fd_size) * sizeof(*table));
	cs->by_fd = table;
	cs->by_fd_size = size;
	return true;
}

bool conn_attach(struct conn *conn, int fd)
{
	struct conns *cs = conn->conns;

	assert(conn->fd < 0 && fd >= 0);
	if (!reserve_fd(cs, fd))
		return false;
	assert(!cs->by_fd[fd]);
	cs->by_fd[fd] = conn;
	cs->n_open++;
	conn->fd = fd;
	conn->watched = 0;
	return true;
}

void conn_detach(struct conn *conn)
{
	struct conns *cs = conn->conns;

	if (conn->fd < 0)
		return;
	if (conn->watched)
		cs->io.unwatch(cs->io.ctx, conn->fd);
	cs->by_fd[conn->fd] = NULL;
	cs->n_open--;
	close(conn->fd);
	conn->fd = -1;
}

void conn_watch(struct conn *conn, unsigned int events)
{
	const struct control_io *io = &conn->conns->io;

	if (conn->watched == events)
		return;
	conn->watched = events;
	io->watch(io->ctx, conn->fd, events);
}

void conn_mark(struct conn *conn)
{
	if (conn->is_marked)
		return;
	conn->is_marked = true;
	TAILQ_INSERT_TAIL(&conn->conns->marked, conn, mark_link);
}

void conn_enqueue(struct conn *conn, struct conn_queue *queue)
{
	if (conn->queue) {
		TAILQ_REMOVE(&conn->queue->list, conn, queue_link);
		conn->queue->n--;
	}
	conn->queue = queue;
	if (queue) {
		TAILQ_INSERT_TAIL(&queue->list, conn, queue_link);
		queue->n++;
	}
}

/* After four thousand million sessions it wraps: not onto one that lives. */
void conn_give_id(struct conn *conn)
{
	struct conns *cs = conn->conns;

	assert(conn->id == 0);
	do
		cs->last_id++;
	while (cs->last_id == 0 || conns_by_id(cs, cs->last_id));
	conn->id = cs->last_id;
	LIST_INSERT_HEAD(&cs->by_id[conn->id % CONN_BUCKETS], conn, id_link);
	cs->n_sessions++;
}

void conn_forget_id(struct conn *conn)
{
	if (conn->id == 0)
		return;
	LIST_REMOVE(conn, id_link);
	conn->id = 0;
	conn->conns->n_sessions--;
}

void conn_set_target(struct conn *conn, target_t target)
{
	if (conn->target)
		conn->conns->n_targets--;
	conn->target = target;
	if (target)
		conn->conns->n_targets++;
}

usec_t conn_deadline(const struct conn *conn)
{
	switch (conn->state) {
	case CONN_RESOLVING:
	case CONN_CONNECTING:
	case CONN_LINGERING:
		return conn->deadline;
	case CONN_TALKING:
		return session_deadline(conn->session);
	case CONN_FAILED:
		break;
	}
	return USEC_NEVER;
}

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
