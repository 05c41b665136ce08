/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_SOCKET_H
#define CLIENT_SOCKET_H

/*
 * The daemon's Unix socket, seen from the other side: one JSON object a line
 * out, one JSON object a line back. Knows no verb; prints nothing.
 *
 * A connection that failed once (timeout, garbage, end of file) refuses all
 * further calls; an error that the daemon reported leaves it usable.
 */

#include <jansson.h>
#include <stddef.h>

#include "core/core.h"

struct error;
struct client;

#define CLIENT_DEFAULT_SOCKET "/run/fastdp/fastdpd.sock"
#define CLIENT_MAX_REQUEST (1024U * 1024U)
#define CLIENT_MAX_REPLY (64U * 1024U * 1024U)
/* The environment may have a shorter one, from 100. */
#define CLIENT_TIMEOUT_MS 30000
#define CLIENT_TIMEOUT_VARIABLE "FASTDP_TIMEOUT_MS"

/* error.code when nobody listens on the socket. */
#define CLIENT_NO_DAEMON "no-daemon"

/* 0 or -1 with *e set. */
int client_open(const char *path, struct client **ret, struct error *e)
	WARN_UNUSED;
void client_close(struct client *c); /* NULL is fine */

/*
 * Sends @request (borrowed) and waits for the reply, which the caller
 * json_decref()s: an object without the member "error". 0; or -1 and *e is
 * the daemon's own error or says what went wrong on the way.
 */
int client_call(struct client *c, const json_t *request, json_t **ret_reply,
		struct error *e) WARN_UNUSED;

/* The same, and the daemon gets a copy of the descriptor @fd. */
int client_call_with(struct client *c, const json_t *request, int fd,
		     json_t **ret_reply, struct error *e) WARN_UNUSED;

/* The network namespace of the daemon (SO_PEERCRED); the caller closes it. */
int client_netns(struct client *c, int *ret_fd, struct error *e) WARN_UNUSED;

#endif
