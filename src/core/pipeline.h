/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PIPELINE_H
#define PIPELINE_H

/*
 * Directory, peers and ports -> the flows that should be (flow.h has the
 * stages, docs/architecture.md the letters A to H).
 *
 * Each function looks again at one thing that may have changed and tells the
 * flow set what is wanted for it: the cost follows the change, not the size
 * of the cluster. Calling one too often changes nothing.
 *
 * On a host with a Linux bridge there are no flows, and all of this is silent;
 * what says where a packet goes (pipeline_to_owner, pipeline_flood) is not.
 */

#include "frame.h"
#include "pipeline_state.h"

/* B, C, E: where frames to @mac go. */
void pipeline_mac(struct pipeline *pl, vni_t vni, const struct mac *mac);
/* F: where requests for @ip go. */
void pipeline_ip(struct pipeline *pl, vni_t vni, const struct ip *ip);
/* G, and where copies of group frames go. */
void pipeline_network(struct pipeline *pl, vni_t vni);
/* A of a port; D of its network. */
void pipeline_port(struct pipeline *pl, const struct port *port);
void pipeline_port_gone(struct pipeline *pl, const struct port *port);
/* D and H of a peer, and all that leads to it. */
void pipeline_peer(struct pipeline *pl, struct peer *p);
/* B alone: what may be sent to it has changed (peer.max_frame). */
void pipeline_peer_frames(struct pipeline *pl, const struct peer *p);
/* Before its address changes or it is forgotten. */
void pipeline_peer_gone(struct pipeline *pl, const struct peer *p);
/* The networks whose copies go to @ip are looked at again. */
void pipeline_copies(struct pipeline *pl, const struct ip *ip);

/* The longest frame that flows may send to @p in @vni; 0: any. */
uint32_t pipeline_max_frame(const struct pipeline *pl, const struct peer *p,
			    vni_t vni);
/* No kernel cuts an echo here: the whole one goes back. */
void pipeline_no_trunc(struct pipeline *pl);

/* Actions that bring a frame to the owner of @c. False: no way there. */
bool pipeline_to_owner(struct pipeline *pl, const struct claim *c,
		       struct flow_actions *ret);

/*
 * The match of the class that an untagged group frame belongs to in stage
 * @recirc_id; all classes are disjoint, and the kernel finds it for the frame.
 */
struct flow_match pipeline_group_match(const struct frame *f,
				       uint32_t recirc_id);

/* Address that a request (ARP or ND) asks for. */
bool pipeline_asked_ip(const struct frame *f, struct ip *ret);

/*
 * Actions for a class of group frames: to the network's flood, or nowhere when
 * it asks for an address that is known to be elsewhere.
 */
void pipeline_group(struct pipeline *pl, const struct flow_match *match,
		    struct flow_actions *ret);

/* All ports of @vni but @except. */
void pipeline_flood(struct pipeline *pl, vni_t vni, port_no_t except,
		    struct flow_actions *ret);
/* Only trusted ports, here and (@to_peers) elsewhere. */
void pipeline_flood_trusted(struct pipeline *pl, vni_t vni, port_no_t except,
			    bool to_peers, struct flow_actions *ret);

/* All there is, once the first flows are owed. */
void pipeline_start(struct pipeline *pl);

/* Peers or ports of ours have come or gone: see arrival_choose(). */
void pipeline_again(struct pipeline *pl);

/* Before a network's TAP at @port_no goes. */
void pipeline_tap_gone(struct pipeline *pl, vni_t vni, port_no_t port_no);

/* The VXLAN header to @p; false: it has no address yet. */
bool pipeline_tunnel(const struct peer *p, vni_t vni, struct flow_tunnel *ret);

#endif
