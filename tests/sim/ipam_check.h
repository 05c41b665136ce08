/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IPAM_CHECK_H
#define IPAM_CHECK_H

/* What must hold of addresses; the rules are in docs/protocol.md. */

#include "ipam_world.h"

/*
 * @c was just given its address. With a store: its block is the host's there,
 * with the host's sign of life, unless the store has lost its data since the
 * host read it. Declared: nobody whom this host has heard claims it, too. Then:
 * no other container has it (but what the rules excuse). @is_kept: it was
 * given already, in this life of the host.
 */
void ipam_check_given(struct ipam_host *ih, struct container *c, bool is_kept);

/* It asked, and @e says why not: no time is promised that depends on an etcd
 * that does not answer. */
void ipam_check_refused(struct ipam_host *ih, const struct error *e);

/* Pools and book agree, no block overlaps another, tables are bounded. */
void ipam_check_host(struct ipam_host *ih);

/* Of a control session: what is heard is remembered here, too. */
void ipam_check_event(struct ipam_host *ih, const struct event *ev);
/* Its disk is another: who knows what that has heard. */
void ipam_check_disk(struct ipam_host *ih);
/* The daemon was killed: what it had not written yet. */
void ipam_check_killed(struct ipam_host *ih);
/* The operator says that @id is gone. */
void ipam_check_forget(struct ipam_host *ih, peer_id_t id);

/* All is quiet: hosts and store agree. */
void ipam_check_store(struct ipam_world *w);
/* … and what peers say of each other, too. */
void ipam_check_agreed(struct ipam_world *w);

#endif
