/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IPAM_DISPUTE_H
#define IPAM_DISPUTE_H

/*
 * What this host claims before others, and which of its blocks another host,
 * or the store, says are not its own. Both sides of a dispute stop giving out
 * from the block; who is right is the operator's to say.
 */

struct ipam;

/* Marks each block as disputed or not, with the reason; logs what is new. */
void ipam_dispute_judge(struct ipam *i);

/* Peers are told of the blocks and of leases that are in none of them. */
void ipam_dispute_announce(struct ipam *i);

#endif
