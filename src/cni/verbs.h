/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CNI_VERBS_H
#define CNI_VERBS_H

/*
 * One file a verb. What they print on success they print themselves; 0, or -1
 * with *e set and nothing left behind.
 */

#include "core/core.h"

struct cni_args;
struct cni_config;
struct cni_error;

typedef int verb_fn(const struct cni_args *args, struct cni_config *config,
		    struct cni_error *e);

verb_fn verb_add, verb_del, verb_check, verb_gc, verb_status;

/* @config may be anything: only its text has been read. */
int verb_version(const struct cni_config *config, struct cni_error *e)
	WARN_UNUSED;

#endif
