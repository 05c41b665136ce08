/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERROR_H
#define ERROR_H

/*
 * What a person will read: a stable code, one sentence, and what to do next.
 *
 * Layers that talk to people (config, start-up, API, client) take a
 * `struct error *`, which may be NULL; each failing call sets it once, callers
 * may add context with error_prefix(). It owns no memory.
 */

#include <stdbool.h>

struct error {
	char code[32];	   /* "in-use", "no-permission", …; "" is no error */
	char message[512]; /* one sentence, no newline, no full stop */
	char hint[512];	   /* what to do next; may be "" */
};

/*
 * All three return -1, so that `return error_set(...)` reads well where a
 * function returns 0 or -1. Too long a text is cut.
 */
int error_set(struct error *e, const char *code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int error_hint(struct error *e, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Puts "text: " before the message that is there. */
int error_prefix(struct error *e, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

void error_clear(struct error *e);
bool error_is_set(const struct error *e);

/* Code for an errno value: EADDRINUSE -> "in-use"; others "system". */
const char *error_code_of(int errno_value);

#endif
