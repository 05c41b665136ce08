/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IPAM_PEERS_H
#define IPAM_PEERS_H

/*
 * Blocks of addresses between daemons: what we give out from is told to each
 * peer with a session, what they tell is kept. It goes over the control
 * sessions beside the engine, which knows nothing of it. Who is right when
 * two claim the same is not decided here, nor by anybody but the operator.
 */

#include "core/event.h"
#include "ipam/claims.h"

struct daemon;
struct ipam_peers;

struct ipam_peers *ipam_peers_new(struct daemon *d);
void ipam_peers_free(struct ipam_peers *p); /* NULL is fine */

/*
 * An event of the control sessions, before the engine has it. True: what
 * peers claim has changed.
 */
bool ipam_peers_event(struct ipam_peers *p, const struct event *ev);

/* All that this host claims from now on; copied. At most MESSAGE_MAX_BLOCKS;
 * the same again is not sent again. */
void ipam_peers_announce(struct ipam_peers *p, const struct block *list,
			 uint32_t n);

struct claims *ipam_peers_claims(struct ipam_peers *p); /* borrowed */

/* Every peer that can be reached has said what it claims. One of an earlier
 * version never does. */
bool ipam_peers_have_said(const struct ipam_peers *p);
/* There is a session with @id now. */
bool ipam_peers_talk(const struct ipam_peers *p, peer_id_t id);

#endif
