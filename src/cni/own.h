/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CNI_OWN_H
#define CNI_OWN_H

/*
 * "ipam": {"type": "fastdp"}: addresses that the daemon gives out of the
 * blocks of this host. Looks to its caller like an IPAM plugin that was run.
 *
 * With no daemon, DEL leaves a note beside the daemon's socket, which the
 * daemon reads when it starts: the address is free then.
 */

#include <jansson.h>

#include "core/core.h"

struct cni_args;
struct cni_config;
struct cni_error;

#define OWN_TYPE "fastdp"

int own_run(const struct cni_args *args, const struct cni_config *config,
	    const char *verb, json_t **ret_reply, struct cni_error *e)
	WARN_UNUSED;

#endif
