/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CARRY_H
#define CARRY_H

/*
 * What sleeve needs to carry packets: a TAP for each network that has a port
 * here, tokens, the places of peers, and word that its forwarding table has
 * changed. Which path a peer's packets take is health's business.
 */

#include "engine_state.h"

/* The session is new: the peer is told our token; it has a place. */
void carry_session(struct engine *e, struct peer *p, bool is_new_instance);
/* MESSAGE_SLEEVE: its token. True: the path can be tried (again). */
bool carry_token(struct engine *e, struct peer *p, uint64_t token);
/* EVENT_TAP */
void carry_tap(struct engine *e, const struct event *ev);
/* EVENT_SLEEVE_MOVED: the datagram proved itself by our token. */
void carry_moved(struct engine *e, const struct event *ev);

bool carry_poll(struct engine *e, struct action *ret);

#endif
