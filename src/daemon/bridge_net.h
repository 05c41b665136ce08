/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BRIDGE_NET_H
#define BRIDGE_NET_H

/*
 * The bridge of each network: the default one from the start, others from
 * their first port on. An alias in the kernel says whose a bridge is and of
 * which network: by it a restart finds them. Ports are put there by bridge.c.
 */

#include "bridge_state.h"

#define EACH_NET(b, net)                            \
	for (struct bridge_net *net = (b)->nets;    \
	     net < (b)->nets + MAX_NETWORKS; net++) \
		if (net->vni != VNI_NONE)

/* Those of the last life. 0 or -errno. */
int bridge_nets_adopt(struct bridges *b) WARN_UNUSED;
/* Is there one, of whomsoever among us? */
bool bridge_nets_are_there(struct rtnl *r);
struct bridge_net *bridge_net_find(struct bridges *b, vni_t vni);
struct bridge_net *bridge_net_by_index(struct bridges *b, uint32_t ifindex);
/* That of @vni, made if need be. NULL: @e says why. */
struct bridge_net *bridge_net_get(struct bridges *b, vni_t vni,
				  struct error *e);
bool bridge_net_is_default(const struct bridges *b,
			   const struct bridge_net *net);
void bridge_net_delete(struct bridges *b, struct bridge_net *net);
/* The bridge of a network without any port goes, but for the default one. */
void bridge_net_drop_if_empty(struct bridges *b, struct bridge_net *net);
/* Links in @net that are of kind "tun": TAPs, maybe of the last life. */
void bridge_net_find_tap(struct bridges *b, struct bridge_net *net);
void bridge_net_delete_taps(struct bridges *b, const struct bridge_net *net);

/* Its port towards the peers. NULL: none yet. */
struct bridge_port *bridge_net_tap(struct bridges *b,
				   const struct bridge_net *net);
/* The host's counts. */
bool bridge_net_has_port(struct bridges *b, const struct bridge_net *net);
/* By the kernel's word: a container's link is in it, known as a port or not. */
bool bridge_net_has_link(struct bridges *b, const struct bridge_net *net);

#endif
