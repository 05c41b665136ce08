/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LEARN_H
#define LEARN_H

/*
 * MACs that nobody declared, behind trusted ports: who may have one, and what
 * a bridge learns of them by itself. Where flows forward, miss.c learns from
 * the packets that come up, and a MAC lives as long as its flow.
 */

#include "engine_state.h"

/* What is declared is nobody else's to use, trusted or not. */
bool learn_may(const struct engine *e, const struct local_port *p,
	       const struct mac *mac);

/* Before @port has its entry: nobody else may use its MAC from now on. */
void learn_declared(struct engine *e, const struct port *port);

/* EVENT_MAC_SEEN, EVENT_MAC_GONE */
void learn_seen(struct engine *e, usec_t now, const struct event *ev);
void learn_gone(struct engine *e, usec_t now, const struct event *ev);

#endif
