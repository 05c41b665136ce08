/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_H
#define API_H

/*
 * The local socket: one JSON request a line in, one JSON reply a line out
 * (docs/protocol.md). Clients are root by the socket's mode, and still not
 * believed: lines, clients and time are bounded.
 */

#include <jansson.h>

#include "sys/error.h"

#define API_MAX_LINE (64UL * 1024)
#define API_MAX_CLIENTS 64U
#define API_TIMEOUT_US (30 * USEC_PER_SEC)

struct api;
struct daemon;

/* Listens; it is also the lock against a second daemon. NULL: @e says why. */
struct api *api_open(struct daemon *d, struct error *e);
void api_close(struct api *a);

/*
 * One verb: the reply, or NULL with @e. @request is an object and borrowed.
 * After it the daemon has its turn.
 */
typedef json_t *api_fn(struct daemon *d, const json_t *request,
		       struct error *e);

/* api_show.c */
api_fn api_status, api_peers, api_ports, api_directory, api_flows, api_metrics;
/* api_doctor.c */
api_fn api_doctor;
/* api_why.c */
api_fn api_why;
/* api_port.c */
api_fn api_plan, api_attach, api_detach, api_expose, api_hide;
/* api_admin.c */
api_fn api_peer_add, api_peer_remove, api_log_level, api_reload, api_reset,
	api_ping;

/* api_ipam.c */
api_fn api_ipam, api_ipam_claim, api_ipam_free, api_ipam_ready,
	api_ipam_reclaim, api_ipam_release;
/* Of `status`: the blocks of this host, and what is wrong with them. */
json_t *api_ipam_blocks(const struct daemon *d);
void api_ipam_warnings(const struct daemon *d, json_t *list);

/* {"done": "sentence"} */
json_t *api_done(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A text of the request; NULL: absent or no text. */
const char *api_text(const json_t *request, const char *key);

#endif
