/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BRIDGE_PORT_H
#define BRIDGE_PORT_H

/*
 * The ports that bridges have: in the table, and how the kernel treats each.
 * It knows neither why a port comes or goes nor what is said of it to others.
 */

#include "bridge_state.h"

/* NULL: there is none. Valid until a port is forgotten: another moves there. */
struct bridge_port *bridge_port_find(struct bridges *b, port_no_t port_no);
struct bridge_port *bridge_port_by_index(struct bridges *b, uint32_t ifindex);
/* From the table alone. */
void bridge_port_forget(struct bridges *b, struct bridge_port *p);
/* Learning, flooding and lock, as they should be. 0 or -errno. */
int bridge_port_set_up(struct bridges *b, struct bridge_port *p) WARN_UNUSED;
/* As many MACs as the engine takes of a port, and not more. */
void bridge_port_limit(struct bridges *b, struct bridge_port *p);

#endif
