/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CARRIER_H
#define CARRIER_H

/*
 * Sleeve of one host, as src/sleeve does it with src/daemon's carrier: TAPs as
 * ports of the datapath, datagrams of core/sleeve_wire, a table that is a copy
 * of what the engine said when it was last published. It lives as long as the
 * daemon. It cuts nothing and joins nothing: one frame is one datagram.
 */

#include "core/engine.h"
#include "fake_dp.h"
#include "net.h"

struct host;
struct carrier;

struct carrier *carrier_new(void);
void carrier_free(struct carrier *c); /* NULL is fine */

/* ACTION_NETWORK, ACTION_SLEEVE_TABLE, ACTION_SLEEVE_BEAT */
void carrier_network(struct host *h, vni_t vni, bool is_wanted);
void carrier_table(struct host *h);
void carrier_beat(struct host *h, const struct action *action);

/* The datapath put a frame out to TAP @port. */
void carrier_frame(struct host *h, port_no_t port, const struct fake_packet *p);
void carrier_datagram(struct host *h, const struct net_datagram *d);

/* A newer table is owed: what it says of group frames may be out of date. */
bool carrier_is_stale(const struct host *h);

/* Of a network; PORT_NO_NONE: there is none (yet). */
port_no_t carrier_tap(const struct host *h, vni_t vni);

/* Somebody takes a TAP away; the daemon notices, and makes it again. */
void carrier_lose_tap(struct host *h, vni_t vni);

#endif
