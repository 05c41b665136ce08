/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIAL_H
#define DIAL_H

/*
 * A connection of ours until it stands: resolve the name, connect to its
 * addresses in turn; then talk.h has it. Or all of them failed, and the owner
 * is told of the last. Which targets are dialled, and when, is not known here.
 */

#include "conn.h"
#include "talk.h"

struct resolve;

/* What all dials share. */
struct dials {
	struct conns *conns;
	struct talks *talks; /* where what is connected goes */
	struct resolve *resolve;
	struct ip local; /* that we dial from; zero: any */
	uint32_t last_resolve_id;
	uint64_t n_dialled; /* connections that were tried */
};

/* 0 or -errno. @conns and @talks are borrowed until dials_close(). */
int dials_open(struct dials *d, struct conns *conns, struct talks *talks,
	       const struct ip *local) WARN_UNUSED;
void dials_close(struct dials *d); /* a failed or zeroed one too */
/* Watched for reading; then dials_ready() is due. */
int dials_fd(const struct dials *d);
void dials_ready(struct dials *d, usec_t now);

/* A new connection, marked; nothing when @target has one already. */
void dial_new(struct dials *d, target_t target, const char *host,
	      uint16_t port);
/* The descriptor of a connection that is CONNECTING is ready. */
void dial_ready(struct dials *d, struct conn *conn, usec_t now);
/* The deadline of one that is RESOLVING or CONNECTING has come. */
void dial_tick(struct dials *d, struct conn *conn, usec_t now);
/* Begins, where that was not done; tells of one that FAILED, and frees it. */
void dial_settle(struct dials *d, struct conn *conn, usec_t now);
/* Before the connection is freed; one without a dial is fine. */
void dial_free(struct dials *d, struct conn *conn);

#endif
