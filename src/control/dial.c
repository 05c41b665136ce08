/* SPDX-License-Identifier: Apache-2.0 */
#include "dial.h"

#include "report.h"
#include "sys/addr.h"
#include "sys/resolve.h"
#include "sys/tcp.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RESOLVE_LIMIT_US (30 * USEC_PER_SEC)
#define CONNECT_LIMIT_US (5 * USEC_PER_SEC) /* for each address of a name */
#define MAX_DIALS (2U * MAX_TARGETS)

/* What is needed until the connection stands. */
struct dial {
	char host[MAX_HOST];
	uint16_t port;
	bool is_begun;
	uint32_t resolve_id; /* 0: no request is under way */
	uint32_t n, next;
	struct ip addresses[RESOLVE_MAX_ADDRESSES];
	enum reason reason; /* of the last failure */
};

int dials_open(struct dials *d, struct conns *conns, struct talks *talks,
	       const struct ip *local)
{
	const struct control_io *io = &conns->io;
	int r;

	d->conns = conns;
	d->talks = talks;
	d->local = *local;
	r = resolve_new(&d->resolve);
	if (r < 0)
		return r;
	io->watch(io->ctx, resolve_fd(d->resolve), CONTROL_READ);
	return 0;
}

void dials_close(struct dials *d)
{
	const struct control_io *io;

	if (!d->resolve)
		return;
	io = &d->conns->io;
	io->unwatch(io->ctx, resolve_fd(d->resolve));
	resolve_free(d->resolve);
	d->resolve = NULL;
}

int dials_fd(const struct dials *d)
{
	return resolve_fd(d->resolve);
}

void dial_new(struct dials *d, target_t target, const char *host, uint16_t port)
{
	struct conn *conn;
	struct dial *dial;

	assert(target != 0);
	if (d->conns->n_targets >= MAX_DIALS ||
	    conns_has_target(d->conns, target))
		return;
	dial = calloc(1, sizeof(*dial));
	conn = conn_new(d->conns, CONN_RESOLVING);
	if (!dial || !conn)
		abort(); /* a few hundred bytes: nothing could be told either */
	dial->port = port;
	/* Too long a name is empty here, and fails as unknown. */
	if (strlen(host) < sizeof(dial->host))
		strcpy(dial->host, host);
	conn->dial = dial;
	conn_set_target(conn, target);
	conn_mark(conn);
}

void dial_free(struct dials *d, struct conn *conn)
{
	if (!conn->dial)
		return;
	if (conn->dial->resolve_id)
		resolve_cancel(d->resolve, conn->dial->resolve_id);
	free(conn->dial);
	conn->dial = NULL;
}

static void fail(struct conn *conn, enum reason reason)
{
	conn->dial->reason = reason;
	conn->state = CONN_FAILED;
	conn_mark(conn);
}

/* 0, or why not. */
static enum reason connect_to(struct dials *d, struct conn *conn,
			      const struct ip *ip)
{
	struct endpoint remote = { .ip = *ip, .port = conn->dial->port };
	int fd, r;

	conn->remote = remote;
	if (d->conns->n_open >= MAX_SESSIONS)
		return REASON_LIMIT;
	r = tcp_connect(&remote, &d->local, &fd);
	if (r < 0)
		return conn_reason_of(-r);
	if (!conn_attach(conn, fd)) {
		close(fd);
		return REASON_LIMIT;
	}
	d->n_dialled++;
	return REASON_NONE;
}

/* The addresses of a name are tried in turn; the last failure is told. */
static void connect_next(struct dials *d, struct conn *conn, usec_t now)
{
	struct dial *dial = conn->dial;

	while (dial->next < dial->n) {
		dial->reason = connect_to(d, conn,
					  &dial->addresses[dial->next++]);
		if (dial->reason != REASON_NONE)
			continue;
		conn->state = CONN_CONNECTING;
		conn->deadline = now + CONNECT_LIMIT_US;
		conns_arm(d->conns, conn->deadline);
		conn_watch(conn, CONTROL_WRITE);
		conn_mark(conn);
		return;
	}
	fail(conn, dial->reason);
}

static void try_next(struct dials *d, struct conn *conn, enum reason reason,
		     usec_t now)
{
	conn->dial->reason = reason;
	conn_detach(conn);
	connect_next(d, conn, now);
}

static void begin(struct dials *d, struct conn *conn, usec_t now)
{
	struct dial *dial = conn->dial;
	int r;

	dial->is_begun = true;
	if (addr_parse_ip(dial->host, &dial->addresses[0])) {
		dial->n = 1;
		connect_next(d, conn, now);
		return;
	}
	conn->deadline = now + RESOLVE_LIMIT_US;
	conns_arm(d->conns, conn->deadline);
	if (++d->last_resolve_id == 0)
		d->last_resolve_id = 1;
	r = resolve_start(d->resolve, d->last_resolve_id, dial->host);
	if (r == 0)
		dial->resolve_id = d->last_resolve_id;
	else
		fail(conn,
		     r == -ENAMETOOLONG ? REASON_NAME_UNKNOWN : REASON_LIMIT);
}

static void take_result(struct dials *d, const struct resolve_result *result,
			usec_t now)
{
	struct conn *conn;

	TAILQ_FOREACH(conn, &d->conns->all, link) {
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
	connect_next(d, conn, now);
}

void dials_ready(struct dials *d, usec_t now)
{
	struct resolve_result result;

	while (resolve_next(d->resolve, &result))
		take_result(d, &result, now);
}

void dial_ready(struct dials *d, struct conn *conn, usec_t now)
{
	int r = tcp_connect_result(conn->fd);

	if (r == 0)
		r = tcp_endpoints(conn->fd, &conn->local, &conn->remote);
	if (r == -ENOTCONN)
		return; /* woken too early */
	if (r < 0) {
		try_next(d, conn, conn_reason_of(-r), now);
		return;
	}
	if (!talk_begin(d->talks, conn, now)) {
		conn_detach(conn);
		fail(conn, REASON_LIMIT);
		return;
	}
	dial_free(d, conn);
}

void dial_tick(struct dials *d, struct conn *conn, usec_t now)
{
	if (conn->state == CONN_CONNECTING)
		try_next(d, conn, REASON_TIMED_OUT, now);
	else
		fail(conn, REASON_NAME_UNKNOWN);
}

/* It is gone before it is told of: the callback may dial the target again. */
static void end(struct dials *d, struct conn *conn)
{
	struct control_note note = {
		.reason = conn->dial->reason,
		.target = conn->target,
		.remote = conn->remote,
		.text = reason_text(conn->dial->reason),
	};

	dial_free(d, conn);
	conn_free(conn);
	report_end(&d->conns->io, &note);
}

void dial_settle(struct dials *d, struct conn *conn, usec_t now)
{
	if (conn->state == CONN_FAILED)
		end(d, conn);
	else if (!conn->dial->is_begun)
		begin(d, conn, now);
}
