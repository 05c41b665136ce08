/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOOKS_H
#define HOOKS_H

/*
 * Where the world calls the daemon: sessions, upcalls, ports that vanish.
 * Each becomes an event of the engine, or a line of the log.
 */

#include "control/control.h"
#include "datapath.h"

struct daemon;

void hooks_control(struct daemon *d, struct control_io *ret);
void hooks_datapath(struct daemon *d, struct datapath_events *ret);

/* Nothing is forwarded any more, because somebody deleted @what: the daemon
 * stops, and the next start makes it with the ports that it had. */
void hooks_gone(struct daemon *d, const char *what);

#endif
