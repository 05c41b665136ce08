/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOST_APPLY_H
#define HOST_APPLY_H

/* The daemon's loop of one host: events in, actions to the world. */

#include "host.h"

/* What the kernel hands up: to the daemon, if there is one. @ctx: the host. */
void host_upcall(void *ctx, const struct fake_packet *p);

/* The same later, with a frame that is copied: EVENT_TOO_BIG. */
void host_frame_event(struct host *h, const struct event *ev,
		      const uint8_t *frame, size_t size);

/* What the daemon finds out of links: EVENT_OVERLAY_MTU, EVENT_EGRESS. */
void host_tell_mtu(struct host *h);

#endif
