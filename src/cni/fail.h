/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CNI_FAIL_H
#define CNI_FAIL_H

/*
 * What a plugin says when it fails: the codes of the CNI specification, those
 * of our own from 100 up, one sentence, and what to do about it.
 *
 * Functions that take a `struct cni_error *` return 0, or -1 with it set. It
 * owns no memory.
 */

#include <jansson.h>

struct error;

enum cni_code {
	CNI_VERSION = 1,      /* a version that this plugin does not speak */
	CNI_UNSUPPORTED = 2,  /* a field whose value asks for too much */
	CNI_NO_CONTAINER = 3, /* no such container: nothing to clean up */
	CNI_ENVIRONMENT = 4,
	CNI_IO = 5,
	CNI_DECODE = 6,
	CNI_CONFIG = 7,
	CNI_AGAIN = 11,
	CNI_NOT_READY = 50, /* STATUS: ADD would fail */
	CNI_LIMITED = 51,   /* STATUS: those who are there suffer too */
	/* ours */
	CNI_IN_USE = 100,      /* an interface, address or MAC is taken */
	CNI_IPAM = 101,	       /* no address, and no code of a plugin's why */
	CNI_REFUSED = 102,     /* by the daemon */
	CNI_SYSTEM = 103,      /* by the kernel */
	CNI_NOT_AS_SAID = 104, /* CHECK: not what ADD had made */
};

struct cni_error {
	int code;
	char message[1024];
	char details[1024]; /* may be "" */
};

/* Too long a text is cut. Always -1; @e must not be NULL. */
int cni_fail(struct cni_error *e, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int cni_detail(struct cni_error *e, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* What the daemon, or the way to it, said. */
int cni_fail_from(struct cni_error *e, const struct error *why);
/* @rc is -errno. */
int cni_fail_system(struct cni_error *e, int rc, const char *what,
		    const char *whom);

/* A line on stderr, which runtimes keep or drop. */
void cni_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One line on stdout; 0 or -errno. */
int cni_print(const json_t *json);

#endif
