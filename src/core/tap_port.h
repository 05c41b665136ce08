/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TAP_PORT_H
#define TAP_PORT_H

/*
 * Which networks have a TAP of sleeve, and as which port of the datapath. Asked
 * for when a network gets its first port here, known when the caller says so.
 */

#include "core.h"

struct tap_port {
	vni_t vni;
	port_no_t port_no; /* PORT_NO_NONE: asked for, not there yet */
};

struct tap_ports {
	struct tap_port list[MAX_NETWORKS];
	uint32_t n;
};

/* NULL: neither there nor asked for. */
struct tap_port *tap_ports_find(struct tap_ports *ts, vni_t vni);
/* False: at the limit. */
bool tap_ports_add(struct tap_ports *ts, vni_t vni);
void tap_ports_remove(struct tap_ports *ts, struct tap_port *t);

/* PORT_NO_NONE: it has none. */
port_no_t tap_ports_get(const struct tap_ports *ts, vni_t vni);
bool tap_ports_have(const struct tap_ports *ts, port_no_t port_no);

#endif
