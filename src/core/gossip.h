/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GOSSIP_H
#define GOSSIP_H

/*
 * What peers tell each other in their sessions: entries, addresses of other
 * peers, tokens, which heartbeats were heard, that they leave. Who is a peer is
 * member.h's.
 */

#include "engine_state.h"

/* EVENT_MESSAGE: of nobody's session it is dropped. */
void gossip_message(struct engine *e, usec_t now, const struct event *ev);

/* The next message that is owed to a peer whose session takes more. */
bool gossip_poll(struct engine *e, struct action *ret);

#endif
