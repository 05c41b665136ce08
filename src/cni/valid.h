/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CNI_VALID_H
#define CNI_VALID_H

/*
 * The attachments that the runtime lists for GC: those that are in use. Of
 * all others of this network's nothing may be left.
 */

#include <jansson.h>

#include "core/core.h"

struct cni_config;
struct cni_error;

/* With one odd entry nothing is certain: then nothing is to be taken away. */
int valid_check(const struct cni_config *config, struct cni_error *e)
	WARN_UNUSED;

/*
 * Whether @object, a port or a lease as the daemon shows it, is of this
 * network and of no attachment that is listed.
 */
bool valid_is_stale(const struct cni_config *config, const json_t *object);

#endif
