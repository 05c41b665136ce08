/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CNI_IPAM_H
#define CNI_IPAM_H

/*
 * Addresses: the daemon's own where the type is OWN_TYPE (own.h); else of
 * another plugin, run for its addresses: found in CNI_PATH, with the same
 * environment and the same stdin to the byte. It may be anything: what it
 * writes and how long it takes are bounded, and it may not answer at all.
 */

#include <jansson.h>
#include <stdbool.h>

#include "core/core.h"

struct cni_args;
struct cni_config;
struct cni_error;

#define IPAM_MAX_OUTPUT (1024U * 1024)
#define IPAM_TIMEOUT_US (60 * USEC_PER_SEC)

/*
 * Runs the plugin that the configuration names with the verb @verb. 0, with
 * what it wrote in *ret_reply where that is not NULL; -1 with its own code and
 * words in *e, or CNI_IPAM.
 *
 * *ret_is_unsure, where not NULL: it failed in a way that leaves open whether
 * it has done something (it was killed, or wrote what cannot be read).
 */
int ipam_run(const struct cni_args *args, const struct cni_config *config,
	     const char *verb, json_t **ret_reply, bool *ret_is_unsure,
	     struct cni_error *e) WARN_UNUSED;

#endif
