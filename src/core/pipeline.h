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
 * what says where a packet goes (way.h, group_flood) is not.
 */

#include "frame.h"
#include "pipeline_state.h"

/* B, C, E: where frames to @mac go. */
void pipeline_mac(struct pipeline *pl, vni_t vni, const struct mac *mac);
/* F: where requests for @ip go. */
void pipeline_ip(struct pipeline *pl, vni_t vni, const struct ip *ip);
/* A of a port; D of its network. */
void pipeline_port(struct pipeline *pl, const struct port *port);
void pipeline_port_gone(struct pipeline *pl, const struct port *port);
/* D and H of a peer, and all that leads to it. */
void pipeline_peer(struct pipeline *pl, struct peer *p);
/* B alone: what may be sent to it has changed (peer.max_frame). */
void pipeline_peer_frames(struct pipeline *pl, const struct peer *p);
/* Before its address changes or it is forgotten. */
void pipeline_peer_gone(struct pipeline *pl, const struct peer *p);

/* No kernel cuts an echo here: the whole one goes back. */
void pipeline_no_trunc(struct pipeline *pl);

/* All there is, once the first flows are owed. */
void pipeline_start(struct pipeline *pl);

/* Peers or ports of ours have come or gone: see arrival_choose(). */
void pipeline_again(struct pipeline *pl);

#endif
