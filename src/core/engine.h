/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_H
#define ENGINE_H

/*
 * The only door of the core: events and time in, actions out.
 *
 * engine_handle() only changes state; engine_poll() derives what is owed from
 * that state, until it returns false; then engine_deadline() is in the future.
 * Refusals of the world (a full table in the kernel, a name that does not
 * resolve) come back in as events. The engine knows no socket, netlink, JSON
 * or log; the caller owns all I/O. One engine is one daemon; any number run
 * in one process.
 *
 *   start:  engine_new
 *           EVENT_FLOW_FOUND for each flow in the kernel, EVENT_PORT_ADDED for
 *           each port, EVENT_PEER_REMEMBERED for each peer of the last life,
 *           EVENT_TARGET_ADDED for each address to dial
 *           EVENT_STARTED              from here on actions are owed
 */

#include "action.h"
#include "core.h"
#include "engine_config.h"
#include "event.h"

struct engine *engine_new(const struct engine_config *config, usec_t now);
void engine_free(struct engine *e);

void engine_handle(struct engine *e, usec_t now, const struct event *ev);
bool engine_poll(struct engine *e, usec_t now, struct action *ret);
usec_t engine_deadline(const struct engine *e);

#endif
