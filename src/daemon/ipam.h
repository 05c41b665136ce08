/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IPAM_H
#define IPAM_H

/*
 * Addresses that this host gives to containers of its own, as a whole: opened,
 * told of what happens, and looked into. The rules are in docs/protocol.md
 * ("Addresses"). The parts: ipam_block has the blocks, ipam_dispute who says
 * that they are not ours, ipam_lease who has addresses and for how long,
 * ipam_pick chooses them, ipam_ask serves those who want some.
 */

#include "core/core.h"

struct claims;
struct daemon;
struct error;
struct event;
struct ipam;
struct ipam_book;
struct store;

/* NULL: @e says why. The engine and the ports must be there. */
struct ipam *ipam_open(struct daemon *d, struct error *e);
void ipam_close(struct ipam *i); /* NULL is fine */

/* An event of the control sessions, before the engine has it. */
void ipam_event(struct ipam *i, const struct event *ev);
/* The settings are others than before. */
void ipam_reload(struct ipam *i);
/*
 * What @id claims counts no more: the operator says that the host has gone.
 * False: there is a session with it, it has not.
 */
bool ipam_forget(struct ipam *i, peer_id_t id) WARN_UNUSED;

/* There is a session with @id now. */
bool ipam_talks(const struct ipam *i, peer_id_t id);

/* All borrowed. */
struct store *ipam_store(const struct ipam *i); /* NULL: none */
const struct ipam_book *ipam_leases(const struct ipam *i);
const struct claims *ipam_claims(const struct ipam *i);

#endif
