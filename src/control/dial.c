/* SPDX-License-Identifier: Apache-2.0 */
#include "control_private.h"

#include "sys/addr.h"
#include "sys/tcp.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static void fail(struct conn *conn, enum reason reason)
{
	conn->dial->reason = reason;
	conn->state = CONN_FAILED;
	conn_mark(conn);
}

/* 0, or why not. */
static enum reason connect_to(struct conn *conn, const struct ip *ip)
{
	struct control *c = conn->control;
	struct endpoint remote = { .ip = *ip, .port = conn->dial->port };
	int fd, r;

	conn->remote = remote;
	if (c->n_open >= MAX_SESSIONS)
		return REASON_LIMIT;
	r = tcp_connect(&remote, &c->local.ip, &fd);
	if (r < 0)
		return conn_reason_of(-r);
	if (!conn_attach(conn, fd)) {
		close(fd);
		return REASON_LIMIT;
	}
	c->counters.n_dialled++;
	return REASON_NONE;
}

/* The addresses of a name are tried in turn; the last failure is told. */
static void connect_next(struct conn *conn, usec_t now)
{
	struct dial *dial = conn->dial;

	while (dial->next < dial->n) {
		dial->reason = connect_to(conn, &dial->addresses[dial->next++]);
		if (dial->reason != REASON_NONE)
			continue;
		conn->state = CONN_CONNECTING;
		dial->deadline = now + CONNECT_LIMIT_US;
		control_arm(conn->control, dial->deadline);
		conn_watch(conn, CONTROL_WRITE);
		conn_mark(conn);
		return;
	}
	fail(conn, dial->reason);
}

static void try_next(struct conn *conn, enum reason reason, usec_t now)
{
	conn->dial->reason = reason;
	conn_detach(conn);
	connect_next(conn, now);
}

void dial_begin(struct conn *conn, usec_t now)
{
	struct control *c = conn->control;
	struct dial *dial = conn->dial;
	int r;

	assert(!dial->is_begun);
	dial->is_begun = true;
	if (addr_parse_ip(dial->host, &dial->addresses[0])) {
		dial->n = 1;
		connect_next(conn, now);
		return;
	}
	dial->deadline = now + RESOLVE_LIMIT_US;
	control_arm(c, dial->deadline);
	if (++c->last_resolve_id == 0)
		c->last_resolve_id = 1;
	r = resolve_start(c->resolve, c->last_resolve_id, dial->host);
	if (r == 0)
		dial->resolve_id = c->last_resolve_id;
	else
		fail(conn,
		     r == -ENAMETOOLONG ? REASON_NAME_UNKNOWN : REASON_LIMIT);
}

static void take_result(struct control *c, const struct resolve_result *result,
			usec_t now)
{
	struct conn *conn;

	TAILQ_FOREACH(conn, &c->conns, link) {
		if (conn->dial && conn->dial->resolve_id == result->id)
			break;
	}
	if (!conn)
		return;
	conn->dial->resolve_id = 0;
	conn->dial->n = result->n;
	for (uint32_t i = 0; i < result->n; i++)
		conn->dial->addresses[i] = result->addresses[i];
	conn->dial->reason = REASON_NAME_UNKNOWN;
	connect_next(conn, now);
}

void dial_resolved(struct control *c, usec_t now)
{
	struct resolve_result result;

	while (resolve_next(c->resolve, &result))
		take_result(c, &result, now);
}

void dial_connected(struct conn *conn, usec_t now)
{
	int r = tcp_connect_result(conn->fd);

	if (r == 0)
		r = tcp_endpoints(conn->fd, &conn->local, &conn->remote);
	if (r == -ENOTCONN)
		return; /* woken too early */
	if (r < 0) {
		try_next(conn, conn_reason_of(-r), now);
		return;
	}
	if (!conn_talk(conn, now)) {
		conn_detach(conn);
		fail(conn, REASON_LIMIT);
		return;
	}
	dial_free(conn);
}

void dial_timed_out(struct conn *conn, usec_t now)
{
	if (conn->state == CONN_CONNECTING) {
		try_next(conn, REASON_TIMED_OUT, now);
		return;
	}
	fail(conn, REASON_NAME_UNKNOWN);
}

void dial_free(struct conn *conn)
{
	if (!conn->dial)
		return;
	if (conn->dial->resolve_id)
		resolve_cancel(conn->control->resolve, conn->dial->resolve_id);
	free(conn->dial);
	conn->dial = NULL;
}
