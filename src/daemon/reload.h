/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RELOAD_H
#define RELOAD_H

/*
 * The options of the start and the file as it is now: peers, networks, MTU and
 * log level change live; for the rest the daemon must be started again, and
 * says so. A file with an error changes nothing.
 */

#include "state.h"

int daemon_reload(struct daemon *d, struct error *e);

#endif
