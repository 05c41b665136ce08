/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_PRIVATE_H
#define CONTROL_PRIVATE_H

/*
 * What control.c, conn.c, dial.c and listener.c share; for nobody else.
 *
 *   dial ──> RESOLVING ──> CONNECTING ──┐
 *                │             │        ├──> TALKING ──> LINGERING ──> freed
 *                └──> FAILED <─┘        │
 *   accept ─────────────────────────────┘
 *
 * All that changes a connection marks it; conn_settle() then does what is
 * owed: writes, delivers events, frees. It alone frees, and only
 * control_settle() calls it, so that no callback meets a dangling pointer.
 */

#include "codec.h"
#include "control.h"
#include "session.h"
#include "sys/resolve.h"

#include <sys/queue.h>

#define RESOLVE_LIMIT_US (30 * USEC_PER_SEC)
#define CONNECT_LIMIT_US (5 * USEC_PER_SEC) /* for each address of a name */
#define LINGER_LIMIT_US (2 * USEC_PER_SEC)
#define LINGER_LIMIT_SIZE (1024U * 1024U)
#define MAX_LINGERING 64U
#define MAX_DIALS (2U * MAX_TARGETS)
#define READ_SIZE 65536U   /* from one connection in one turn */
#define WRITE_SIZE 262144U /* to one connection in one turn */
#define N_BUCKETS 1024U

enum conn_state {
	CONN_RESOLVING,
	CONN_CONNECTING,
	CONN_TALKING,
	CONN_LINGERING, /* reported as gone; the refusal is on its way */
	CONN_FAILED,	/* a dial that is to be reported */
};

/* What is needed until the connection stands. */
struct dial {
	char host[MAX_HOST];
	uint16_t port;
	bool is_begun;
	uint32_t resolve_id; /* 0: no request is under way */
	uint32_t n, next;
	struct ip addresses[RESOLVE_MAX_ADDRESSES];
	enum reason reason; /* of the last failure */
	usec_t deadline;
};

TAILQ_HEAD(conn_list, conn);

struct conn {
	struct control *control;
	TAILQ_ENTRY(conn) link; /* control.conns */
	TAILQ_ENTRY(conn) mark_link;
	TAILQ_ENTRY(conn) queue_link;
	LIST_ENTRY(conn) id_link;
	struct conn_list *queue; /* control.handshakes or .lingering, or NULL */
	enum conn_state state;
	int fd; /* -1: none yet */
	unsigned int watched;
	session_t id;	 /* 0 before it is up and after it is down */
	target_t target; /* that waits to hear of it; 0: none */
	struct endpoint local, remote;
	struct dial *dial; /* NULL once connected */
	struct session *session;
	usec_t linger_deadline;
	size_t n_lingered; /* bytes thrown away */
	bool is_inbound;
	bool is_marked;
	bool is_told_ready; /* what the last event said */
	bool is_shut;	    /* nothing more will be sent */
};

struct control {
	struct control_io io;
	struct hello hello;
	struct endpoint local; /* as configured */
	uint16_t port;
	int listen_fd;
	usec_t accept_at; /* not 0: paused until then */
	struct codec *codec;
	struct resolve *resolve;
	uint32_t last_resolve_id;
	session_t last_id;
	usec_t deadline; /* no connection's is earlier; may be too early */
	bool is_busy;	 /* in control_ready() or control_tick() */
	struct conn_list conns, marked, handshakes, lingering;
	uint32_t n_dials, n_handshakes, n_lingering;
	uint32_t n_open; /* connections that have a descriptor */
	struct conn **by_fd;
	size_t by_fd_size;
	LIST_HEAD(, conn) by_id[N_BUCKETS];
	struct control_counters counters;
	uint8_t buf[READ_SIZE];
};

/* control.c */
struct conn *control_find(struct control *c, session_t id);
session_t control_next_id(struct control *c);
/* A deadline that was set outside conn_tick(). */
void control_arm(struct control *c, usec_t deadline);

/* conn.c */
struct conn *conn_new(struct control *c, enum conn_state state);
/* @fd becomes the connection's, unless false. */
bool conn_attach(struct conn *conn, int fd) WARN_UNUSED;
void conn_detach(struct conn *conn);
void conn_free(struct conn *conn);
void conn_mark(struct conn *conn);
void conn_watch(struct conn *conn, unsigned int events);
void conn_enqueue(struct conn *conn, struct conn_list *queue);
bool conn_talk(struct conn *conn, usec_t now) WARN_UNUSED;
void conn_ready(struct conn *conn, unsigned int revents, usec_t now);
void conn_tick(struct conn *conn, usec_t now);
usec_t conn_deadline(const struct conn *conn);
void conn_settle(struct conn *conn, usec_t now); /* may free it */
void conn_flush(struct conn *conn, usec_t now);
void conn_linger(struct conn *conn, usec_t now); /* may free it */
void conn_forget_id(struct conn *conn);
void conn_forget_target(struct conn *conn);
enum reason conn_reason_of(int errno_value);

/* report.c: the only place that calls the owner's event and note. */
void report_up(struct conn *conn);
void report_message(struct conn *conn, const struct message *message);
void report_ready(struct conn *conn);
void report_end(struct conn *conn, usec_t now); /* may free it */
void report_failed_dial(struct conn *conn);	/* frees it */

/* dial.c */
void dial_begin(struct conn *conn, usec_t now);
void dial_connected(struct conn *conn, usec_t now);
void dial_timed_out(struct conn *conn, usec_t now);
void dial_resolved(struct control *c, usec_t now);
void dial_free(struct conn *conn);

/* listener.c */
void listener_ready(struct control *c, usec_t now);
void listener_tick(struct control *c, usec_t now);

#endif
