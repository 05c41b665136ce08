/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CARRIER_H
#define CARRIER_H

/*
 * The daemon's sleeve: a TAP for each network as a port of the datapath, the
 * forwarding table made of what the engine knows, heartbeats out, events in.
 * The packets themselves are the business of sleeve's thread. A host without
 * TAPs has none: NULL, where a function below allows it.
 */

#include <jansson.h>

#include "core/action.h"
#include "sys/error.h"

struct carrier;
struct daemon;

/* False: this host has no TAPs, and @e says why; the tunnel is all there is. */
bool carrier_is_possible(struct error *e);

/* Binds the UDP port and starts the thread. NULL: @e says why. @turn: the
 * daemon's, after events. */
struct carrier *carrier_open(struct daemon *d, void (*turn)(struct daemon *d),
			     struct error *e);
void carrier_close(struct carrier *c);

/* ACTION_NETWORK, _SLEEVE_BEAT, _SLEEVE_TABLE */
void carrier_network(struct carrier *c, vni_t vni, bool is_wanted);
void carrier_beat(struct carrier *c, const struct action *action);
void carrier_publish(struct carrier *c);

/* A frame to the containers of @vni, from their TAP. 0 or -errno. */
int carrier_inject(struct carrier *c, vni_t vni, const uint8_t *frame,
		   size_t size) WARN_UNUSED;

/* The kernel took @port_no away. True: it was a TAP, which is made again. */
bool carrier_port_gone(struct carrier *c, port_no_t port_no);
/* At times: has the underlay's MTU changed? */
void carrier_look(struct carrier *c);

/* NULL is fine for the three above, and here.
 * Counters, for metrics: "sleeve_tx_frames", … */
void carrier_metrics(const struct carrier *c, json_t *metrics);

#endif
