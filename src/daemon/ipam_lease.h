/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IPAM_LEASE_H
#define IPAM_LEASE_H

/*
 * How long a lease of the book lasts: whether its container has a port, or is
 * of an earlier life of the host; and the lease of the host's own gateway,
 * which goes with the last container of the network. Which addresses are in
 * one is chosen by ipam_pick.
 */

#include "core/core.h"

struct error;
struct ipam;
struct lease;

/* One with no addresses yet, of this life of the host. Texts are copied; they
 * have to fit. */
void ipam_lease_fill(const struct ipam *i, struct lease *ret,
		     const char *network, const char *container_id,
		     const char *ifname, const char *owner);

bool ipam_lease_has_port(const struct ipam *i, const struct lease *l);
/* No port of this host, and of an earlier life of it: nobody has it now. */
bool ipam_lease_is_stale(const struct ipam *i, const struct lease *l);
/* One of the network is stale. */
bool ipam_lease_has_stale(const struct ipam *i, vni_t vni);

/* Out of the book, its addresses are free, peers are told. -1: it stays, and
 * @e says why. */
int ipam_lease_drop(struct ipam *i, struct lease *l, struct error *e)
	WARN_UNUSED;
/* Drops one stale lease with an address of the family in a block, for a
 * lease of @network that is being made: its gateway stays. False: there is
 * none. */
bool ipam_lease_drop_stale(struct ipam *i, const char *network, bool is_v4)
	WARN_UNUSED;

/* The lease of this host's own gateway in a network; NULL: none. */
struct lease *ipam_lease_gateway(const struct ipam *i, const char *network);
/* One of this host's own gateway, with no addresses yet. */
void ipam_lease_fill_gateway(const struct ipam *i, struct lease *ret,
			     const char *network);
/* Drops the gateway's lease when no container has one in the network. */
void ipam_lease_drop_gateway(struct ipam *i, const char *network);

#endif
