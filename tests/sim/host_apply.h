/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOST_APPLY_H
#define HOST_APPLY_H

/* The daemon's loop of one host: events in, actions to the world. */

#include "host.h"

/* What the kernel hands up: to the daemon, if there is one. @ctx: the host. */
void host_upcall(void *ctx, const struct fake_packet *p);

#endif
