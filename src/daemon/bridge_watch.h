/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BRIDGE_WATCH_H
#define BRIDGE_WATCH_H

/*
 * What the kernel says of bridges: MACs that trusted ports have learnt, ports
 * and bridges that went. The daemon is told by events (datapath.h); what is in
 * doubt is read again by bridge_sync.c.
 */

#include "bridge_state.h"

/* 0 or -errno. */
int bridge_watch_open(struct bridges *b) WARN_UNUSED;
void bridge_watch_close(struct bridges *b);
/* MACs that trusted ports have learnt before we listened. */
void bridge_watch_tell_learnt(struct bridges *b);

#endif
