/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IPAM_PICK_H
#define IPAM_PICK_H

/*
 * Which addresses a new lease gets from the blocks of this host, and why there
 * is none. Those that are chosen are taken in their pools; writes no book.
 */

#include "core/core.h"

struct error;
struct ipam;
struct lease;

/*
 * One that this host gave out before it was booted may be given out again: its
 * block is this host's, nobody disputes that, and nobody else has it.
 */
bool ipam_pick_is_ours(const struct ipam *i, vni_t vni, const struct ip *ip);

/* An address of @l's network is to be of that family: there is a block, or
 * with leases of blocks a range. */
bool ipam_pick_wants(const struct ipam *i, const char *network, vni_t vni,
		     bool is_v4);

/* ipam_pick_any() would find one of that family. */
bool ipam_pick_has_free(const struct ipam *i, vni_t vni, bool is_v4);

/*
 * Addresses are added to @l: one of each family that is wanted, or exactly
 * those in @ips. -1: @e says why not, and what @l has by then is the caller's
 * to give back.
 */
int ipam_pick_any(struct ipam *i, struct lease *l, vni_t vni, struct error *e)
	WARN_UNUSED;
int ipam_pick_these(struct ipam *i, struct lease *l, vni_t vni,
		    const struct ip *ips, size_t n_ips, struct error *e)
	WARN_UNUSED;

/* -1, and @e: there is no block at all. */
int ipam_pick_no_block(const char *network, struct error *e);
/* -1, and @e: why the blocks of that family gave nothing. */
int ipam_pick_nothing_left(const struct ipam *i, vni_t vni, bool is_v4,
			   const char *network, struct error *e);

#endif
