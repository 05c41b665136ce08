/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MATCHES_H
#define MATCHES_H

/*
 * Keys of the flows that the pipeline makes (flow.h has the stages). Pure
 * values: who wants which of them is the pipeline's business.
 */

#include "flow.h"

/* Nothing but @fields, whose values the caller sets. */
struct flow_match match_of(uint32_t recirc_id, uint32_t fields);

/* A: @mac behind a port. */
struct flow_match match_source(port_no_t port_no, const struct mac *mac);
/* B, C, E: frames to @mac. */
struct flow_match match_unicast(uint32_t recirc_id, const struct mac *mac);
/* D: all that comes from @peer in @vni. */
struct flow_match match_arrival(const struct ip *peer, vni_t vni);
/* D: of that, what is for @mac; a group address stands for all of them. */
struct flow_match match_delivery(const struct ip *peer, vni_t vni,
				 const struct mac *mac);
/* D': what sleeve hands in. */
struct flow_match match_tap(port_no_t port_no);
/* F: a request (ARP or ND) for @ip. */
struct flow_match match_request(uint32_t recirc_id, const struct ip *ip);
/* G: group frames that came in by @in_port. */
struct flow_match match_flood(vni_t vni, port_no_t in_port);
/* H: heartbeats of @peer, to one of the two addresses of wire.h. */
struct flow_match match_probe(const struct ip *peer, const struct mac *dst);

#endif
