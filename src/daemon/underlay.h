/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNDERLAY_H
#define UNDERLAY_H

/*
 * The link that carries the tunnels: its MTU bounds what containers may send.
 * With a local address it is the link that has it; else (or when that is lo
 * or a dummy, which carry nothing) that of the default route; else the UP link
 * with the smallest MTU. Links of ours (own_link.h) are never it: their MTU
 * follows from its. Of the smallest are left out, besides, what is in a bridge
 * or bond, links of Open vSwitch, VXLAN devices, and bridges that lead nowhere
 * but to containers and machines of this host (docker0, cni0, virbr0): those
 * without a port, or with ports alone that are veth, TAP or a tunnel. The
 * kernel is asked, nothing is sent.
 */

#include "core/core.h"
#include "sys/rtnl.h"

struct settings;

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

/* Nothing found: 1500 and no name. */
void underlay_look(struct rtnl *r, const struct settings *s,
		   struct underlay *ret);

/* The link that was found before, as it is now. False: it has gone. */
bool underlay_again(struct rtnl *r, struct underlay *u) WARN_UNUSED;

/* Of the tunnel on it: what containers cannot have of its MTU. */
uint32_t underlay_overhead(const struct underlay *u);

/* The MTU of containers on it; @wish 0: the largest that fits. */
uint32_t underlay_overlay_mtu(const struct underlay *u, uint32_t wish);

#endif
