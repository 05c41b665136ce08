/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CNI_ARGS_H
#define CNI_ARGS_H

/*
 * The environment of one call: which verb, of which container. Strings are
 * the environment's own; empty ones count as absent.
 */

#include <stdbool.h>

#include "core/core.h"

struct cni_error;

enum cni_verb {
	CNI_ADD,
	CNI_DEL,
	CNI_CHECK,
	CNI_GC,
	CNI_STATUS,
	CNI_VERSION_VERB,
	N_CNI_VERBS,
};

#define CNI_MAX_ID 250U /* bytes: what the daemon keeps with a port */

struct cni_args {
	enum cni_verb verb;
	const char *container_id; /* NULL: absent, as for all below */
	const char *netns;	  /* a path */
	const char *ifname;
	const char *path; /* CNI_PATH: where plugins are, ':' between */
	const char *mac;  /* of CNI_ARGS; not checked */
	const char *ip;	  /* of CNI_ARGS; not checked */
	char words[4096]; /* CNI_ARGS, taken apart: what the two point into */
};

/*
 * The verb alone, for which nothing else need be right. -1 and CNI_ENVIRONMENT
 * in *e when there is none or an unknown one.
 */
int args_verb(struct cni_args *ret, struct cni_error *e) WARN_UNUSED;

/* All that this verb needs; all variables that are missing are named. */
int args_read(struct cni_args *args, struct cni_error *e) WARN_UNUSED;

const char *args_verb_name(enum cni_verb verb);

/* 1 or more of [A-Za-z0-9_.-], the first a letter or digit. */
bool args_is_id(const char *text);

#endif
