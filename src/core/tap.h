/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TAP_H
#define TAP_H

/*
 * Which networks have a TAP of sleeve, and as which port of the datapath. Asked
 * for when a network gets its first port here, known when the caller says so.
 */

#include "core.h"

struct tap {
	vni_t vni;
	port_no_t port_no; /* PORT_NO_NONE: asked for, not there yet */
};

struct taps {
	struct tap list[MAX_NETWORKS];
	uint32_t n;
};

/* NULL: neither there nor asked for. */
struct tap *taps_find(struct taps *ts, vni_t vni);
/* False: at the limit. */
bool taps_add(struct taps *ts, vni_t vni);
void taps_remove(struct taps *ts, struct tap *t);

/* PORT_NO_NONE: it has none. */
port_no_t taps_port(const struct taps *ts, vni_t vni);
bool taps_is_port(const struct taps *ts, port_no_t port_no);

#endif
