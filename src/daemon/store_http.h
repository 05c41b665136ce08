/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_HTTP_H
#define STORE_HTTP_H

/*
 * JSON over HTTP, one request at a time, in the daemon's loop (libcurl): asks
 * the same endpoint as long as it answers, else the next. Knows no etcd.
 */

#include <jansson.h>

#include "core/core.h"

struct ipam_settings;
struct loop;
struct store_http;

#define STORE_HTTP_MAX_REPLY (8UL * 1024 * 1024)

/*
 * @reply is borrowed, and an object. NULL: nobody answered, or not so; @why is
 * a sentence. @status: of HTTP, 0 when there was none.
 */
typedef void store_http_fn(void *ctx, const json_t *reply, long status,
			   const char *why);

/* NULL: libcurl cannot be used. @s is borrowed for good. */
struct store_http *store_http_new(struct loop *loop,
				  const struct ipam_settings *s,
				  store_http_fn *fn, void *ctx);
void store_http_free(struct store_http *h); /* NULL is fine; fn is not called */

/*
 * Posts @body (taken over) to ENDPOINT@path; fn is called later, and not before
 * this returns. One that was under way is dropped.
 */
void store_http_post(struct store_http *h, const char *path, json_t *body,
		     usec_t timeout);
/* The endpoint that is asked, for people. */
const char *store_http_endpoint(const struct store_http *h);

#endif
