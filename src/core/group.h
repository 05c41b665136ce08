/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GROUP_H
#define GROUP_H

/*
 * G, FLOOD and PEERS: what goes to many. The pipeline's half that is about
 * networks, as pipeline.h is about MACs, addresses, ports and peers.
 */

#include "frame.h"
#include "pipeline_state.h"

/* G, and where copies of group frames go. */
void group_network(struct pipeline *pl, vni_t vni);
/* The same soon: see regroup.h. */
void group_changed(struct pipeline *pl, vni_t vni);
void group_run(struct pipeline *pl, usec_t now, bool is_hurried);
/* PEERS of the last life may have gone: nothing is to go there any more. */
void group_released(struct pipeline *pl);
/* A peer at @ip has told what it has, or is not there any more. */
void group_told(struct pipeline *pl, const struct ip *ip);

/*
 * The match of the class that an untagged group frame belongs to in stage
 * @recirc_id; all classes are disjoint, and the kernel finds it for the frame.
 */
struct flow_match group_match(const struct frame *f, uint32_t recirc_id);

/* Address that a request (ARP or ND) asks for. */
bool group_asked_ip(const struct frame *f, struct ip *ret);

/*
 * Actions for a class of group frames: to the network's flood, or nowhere when
 * it asks for an address that is known to be elsewhere.
 */
void group_class(struct pipeline *pl, const struct flow_match *match,
		 struct flow_actions *ret);

/* All ports of @vni but @except. */
void group_flood(struct pipeline *pl, vni_t vni, port_no_t except,
		 struct flow_actions *ret);
/* Only trusted ports, here and (@to_peers) elsewhere. */
void group_flood_trusted(struct pipeline *pl, vni_t vni, port_no_t except,
			 bool to_peers, struct flow_actions *ret);

/* Before a network's TAP at @port_no goes. */
void group_tap_gone(struct pipeline *pl, vni_t vni, port_no_t port_no);

/* The peers on fastdp that take part in @vni and do not take every frame. */
size_t group_narrow(struct pipeline *pl, vni_t vni,
		    const struct peer *ret[MAX_PEERS]);

#endif
