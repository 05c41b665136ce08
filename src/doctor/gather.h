/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATHER_H
#define GATHER_H

/*
 * Finds the facts of this host: asks the kernel and the daemon, changes
 * nothing, sends no packet, loads no module, judges nothing. What cannot be
 * found out stays unknown.
 *
 * Namespaces: links, sockets and settings are those of the calling thread's
 * network namespace, which should be the daemon's.
 */

#include <jansson.h>

#include "facts.h"

struct error;

/* The daemon's reply to a verb, a new reference; NULL: @e says why. */
typedef json_t *gather_ask_fn(void *arg, const char *verb, struct error *e);

/* What takes so long, when it does. */
typedef void gather_say_fn(void *arg, const char *what);

struct gather {
	const char *root;     /* of files, as in sys/textfile.h */
	const char *config;   /* fastdpd.conf */
	uint32_t interval_ms; /* between two samples, with the daemon up */
	gather_ask_fn *ask;   /* NULL: the daemon is not asked */
	gather_say_fn *say;   /* NULL: nobody wants to know */
	void *arg;
};

/* Into facts of facts_new(). Takes about interval_ms, four times that when a
 * card seems to stand still. */
void gather_facts(const struct gather *g, struct facts *ret);

#endif
