/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ARRIVAL_H
#define ARRIVAL_H

/*
 * D: what comes from a peer through the tunnel, and from nobody else.
 *
 *   narrow  {peer, network, MAC of ours} -> its port      one stage
 *           {peer, network, group bit}   -> REMOTE
 *   wide    {peer, network}              -> REMOTE        two stages
 *
 * Narrow saves a recirculation for each packet, but is peers times MACs: it is
 * taken while that product is small. The two overlap, and agree.
 */

#include "frame.h"
#include "pipeline_state.h"

#define ARRIVAL_MAX_NARROW 8192U
#define ARRIVAL_MIN_WIDE 4096U /* and back below this */

/* True: the form is another now, and all of D is to be looked at again. */
bool arrival_choose(struct pipeline *pl);

void arrival_of_peer(struct pipeline *pl, const struct peer *p, vni_t vni);
/* What was of a stranger, or of a network that had no part here, no longer is:
 * the answers that its packets got are void. */
void arrival_peer_new(struct pipeline *pl, const struct peer *p);
void arrival_network_new(struct pipeline *pl, vni_t vni);
/* In all networks, and what its packets made. */
void arrival_peer_gone(struct pipeline *pl, const struct peer *p);

/* @mac is at our @port_no; or no longer anywhere here. */
void arrival_of_mac(struct pipeline *pl, vni_t vni, const struct mac *mac,
		    port_no_t port_no);
void arrival_mac_gone(struct pipeline *pl, vni_t vni, const struct mac *mac);

/* The key of a lazy flow for what no D wanted. */
struct flow_match arrival_miss(const struct pipeline *pl, const struct ip *peer,
			       vni_t vni, const struct frame *f);

#endif
