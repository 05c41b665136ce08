/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BRIDGE_H
#define BRIDGE_H

/*
 * A Linux bridge for each network of a host without openvswitch: containers
 * and sleeve's TAP. Ports are isolated by their MAC; what is for nobody here
 * goes to the TAP, and what comes out of the TAP does not go back in.
 */

#include "fake_dp.h"

struct host;

void bridge_from_port(struct host *h, port_no_t port_no,
		      const struct fake_packet *p);
void bridge_from_tap(struct host *h, vni_t vni, const struct fake_packet *p);

#endif
