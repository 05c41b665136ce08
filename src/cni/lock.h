/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CNI_LOCK_H
#define CNI_LOCK_H

/*
 * One at a time for one interface of one container. When a runtime kills ADD,
 * the IPAM plugin that it had started may still be at work: DEL must not pass
 * it, or an address would be taken after it was given back.
 *
 * The lock is the name of an abstract Unix socket, which every process that
 * was started meanwhile has inherited: it is free when all of them have ended,
 * however they ended, and no file is left.
 */

#include "core/core.h"

struct cni_args;
struct cni_config;

#define LOCK_WAIT_US (15 * USEC_PER_SEC)

/*
 * A descriptor to close, or -1 when it could not be had in time: who holds it
 * so long is no reason to fail, and stderr says so.
 */
int lock_take(const struct cni_args *args, const struct cni_config *config);

#endif
