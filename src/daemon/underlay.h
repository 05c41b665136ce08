/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNDERLAY_H
#define UNDERLAY_H

/*
 * The link that carries the tunnels: its MTU bounds what containers may send.
 * With a local address it is the link that has it; else (or when that is lo
 * or a dummy, which carry nothing) that of the default route; else the UP link
 * with the smallest MTU, our own left out. The kernel is asked, nothing is
 * sent.
 */

#include "core/core.h"
#include "sys/rtnl.h"

struct underlay {
	char ifname[IF_NAMESIZE]; /* "": none found */
	uint32_t ifindex;
	uint32_t mtu;
	bool is_v6; /* a peer may be reached over IPv6 */
};

/* Outer headers of VXLAN: Ethernet (inner), VXLAN, UDP, IP. */
#define VXLAN_OVERHEAD_V4 50U
#define VXLAN_OVERHEAD_V6 70U
#define UNDERLAY_DEFAULT_MTU 1500U

/* @local zero: any. Nothing found: 1500 and no name. */
void underlay_look(struct rtnl *r, const struct ip *local,
		   struct underlay *ret);

/* The link that was found before, as it is now. False: it has gone. */
bool underlay_again(struct rtnl *r, struct underlay *u) WARN_UNUSED;

/* Of the tunnel on it: what containers cannot have of its MTU. */
uint32_t underlay_overhead(const struct underlay *u);

/* The MTU of containers on it; @wish 0: the largest that fits. */
uint32_t underlay_overlay_mtu(const struct underlay *u, uint32_t wish);

#endif
