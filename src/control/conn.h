/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONN_H
#define CONN_H

/*
 * TCP connections, from the first step of a dial to the last byte: what one
 * is, and where all of them are found, watched, queued and marked. What a
 * connection does is not known here: dial.h has it before it stands, talk.h
 * from then on.
 *
 *   dial ──> RESOLVING ──> CONNECTING ──┐
 *                │             │        ├──> TALKING ──> LINGERING ──> freed
 *                └──> FAILED <─┘        │
 *   accept ─────────────────────────────┘
 *
 * All that changes a connection marks it. control.c settles the marked ones
 * when nothing else runs: what is owed is written, told, freed. So no callback
 * meets a dangling pointer.
 */

#include "control_io.h"
#include "core/core.h"
#include "core/event.h"

#include <sys/queue.h>

#define CONN_BUCKETS 1024U

struct dial;
struct session;

enum conn_state {
	CONN_RESOLVING,
	CONN_CONNECTING,
	CONN_TALKING,
	CONN_LINGERING, /* reported as gone; the refusal is on its way */
	CONN_FAILED,	/* a dial that is to be reported */
};

TAILQ_HEAD(conn_list, conn);

/* Connections in the order in which they came to wait for something. */
struct conn_queue {
	struct conn_list list;
	uint32_t n;
};

struct conn {
	struct conns *conns;
	TAILQ_ENTRY(conn) link; /* conns.all */
	TAILQ_ENTRY(conn) mark_link;
	TAILQ_ENTRY(conn) queue_link;
	LIST_ENTRY(conn) id_link;
	struct conn_queue *queue; /* that it waits in; NULL: none */
	enum conn_state state;
	int fd; /* -1: none yet */
	unsigned int watched;
	session_t id;	 /* 0 before it is up and after it is down */
	target_t target; /* that waits to hear of it; 0: none */
	struct endpoint local, remote;
	struct dial *dial;	 /* dial.c's; NULL once connected */
	struct session *session; /* NULL before that */
	usec_t deadline;	 /* of a dial, of lingering; not a session's */
	size_t n_lingered;	 /* bytes thrown away */
	bool is_inbound;
	bool is_marked;
	bool is_told_ready; /* what the last event said */
	bool is_shut;	    /* nothing more will be sent */
};

/* All connections of a daemon. */
struct conns {
	struct control_io io;
	usec_t deadline; /* no connection's is earlier; may be too early */
	struct conn_list all, marked;
	struct conn **by_fd;
	size_t by_fd_size;
	LIST_HEAD(, conn) by_id[CONN_BUCKETS];
	session_t last_id;
	uint32_t n_open;     /* have a descriptor */
	uint32_t n_sessions; /* have a number */
	uint32_t n_targets;  /* have a target */
};

void conn_queue_init(struct conn_queue *q);

/* @io is copied. */
void conns_init(struct conns *cs, const struct control_io *io);
/* All were freed before. */
void conns_release(struct conns *cs);
/* NULL: not one of these. */
struct conn *conns_by_fd(const struct conns *cs, int fd);
struct conn *conns_by_id(const struct conns *cs, session_t id);
bool conns_has_target(const struct conns *cs, target_t target);
/* A deadline has come into being that may be the earliest. */
void conns_arm(struct conns *cs, usec_t deadline);

/* Without a deadline. NULL: no memory. */
struct conn *conn_new(struct conns *cs, enum conn_state state);
/* Closes. Its dial must be gone. NULL is fine. */
void conn_free(struct conn *conn);

/* @fd becomes the connection's, unless false: no memory. */
bool conn_attach(struct conn *conn, int fd) WARN_UNUSED;
void conn_detach(struct conn *conn);
void conn_watch(struct conn *conn, unsigned int events);

void conn_mark(struct conn *conn);
/* Out of its queue, and to the end of @queue unless that is NULL. */
void conn_enqueue(struct conn *conn, struct conn_queue *queue);
/* A number that no other has; conns_by_id() finds it from now on. */
void conn_give_id(struct conn *conn);
void conn_forget_id(struct conn *conn);
void conn_set_target(struct conn *conn, target_t target); /* 0: none */

/* USEC_NEVER: none. */
usec_t conn_deadline(const struct conn *conn);

/* What an errno of connect(), send() or recv() is called. */
enum reason conn_reason_of(int errno_value);

#endif
