/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RESOLVE_H
#define RESOLVE_H

/*
 * Host names into addresses, without blocking: one worker thread that calls
 * getaddrinfo(), a bounded queue, and a descriptor that becomes readable.
 * Numeric addresses need none of it: see addr_parse_ip().
 *
 * The thread starts with the first name. It inherits the network namespace
 * and the capabilities of the thread that asked first, and blocks all
 * signals.
 */

#include "core/core.h"
#include "core/message.h"

#define RESOLVE_MAX_WAITING 256U
#define RESOLVE_MAX_ADDRESSES 8U

struct resolve;

struct resolve_result {
	uint32_t id;
	uint32_t n; /* 0: the name is unknown, or no server answered */
	struct ip addresses[RESOLVE_MAX_ADDRESSES]; /* in order of preference */
};

/* 0 or -errno. */
int resolve_new(struct resolve **ret) WARN_UNUSED;

/*
 * Never waits: a look-up that is under way is left to the thread, which then
 * ends by itself. NULL is fine.
 */
void resolve_free(struct resolve *r);

/* Readable while resolve_next() has something. */
int resolve_fd(const struct resolve *r);

/*
 * @id is the caller's name for the request. 0; -EAGAIN: too many wait;
 * -ENAMETOOLONG; or -errno: no thread.
 */
int resolve_start(struct resolve *r, uint32_t id, const char *host) WARN_UNUSED;

/* No result for @id will come. */
void resolve_cancel(struct resolve *r, uint32_t id);

/* The next finished request; false: none. */
bool resolve_next(struct resolve *r, struct resolve_result *ret) WARN_UNUSED;

#endif
