/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IPAM_ASK_H
#define IPAM_ASK_H

/*
 * What the plugin and the operator ask for: addresses for the interface of a
 * container, and giving them back. Knows no JSON request.
 */

#include "ipam_book.h"

struct error;
struct ipam;

/* For so long after its start the daemon waits for what peers claim. */
#define IPAM_SETTLE_US (5 * USEC_PER_SEC)

/* For whom, and what is asked for. All text is borrowed. */
struct ipam_ask {
	const char *network, *container_id, *ifname, *owner;
	bool has_gateway; /* the host itself is to be the gateway */
	size_t n_ips;	  /* 0: one of each family that there are blocks of */
	struct ip ips[IPAM_MAX_IPS];
};

/*
 * Addresses for an interface; the same again for one that has some. They are
 * on the disk when this returns. NULL: @e says why, with one of the codes
 * "no-addresses" (the network has no block), "not-yet", "overlap",
 * "exhausted", "in-use", "invalid", "limit", "system".
 */
const struct lease *ipam_ask_claim(struct ipam *i, const struct ipam_ask *ask,
				   struct error *e) WARN_UNUSED;
/* 1: they are free again, 0: it had none, -1: @e says why not. */
int ipam_ask_free(struct ipam *i, const char *container_id, const char *ifname,
		  const char *owner, struct error *e) WARN_UNUSED;
/* 0: a claim would be served now. -1 and @e as ipam_ask_claim() has it. */
int ipam_ask_ready(struct ipam *i, const char *network, struct error *e)
	WARN_UNUSED;

/*
 * The gateway of the family of @ip in @network: with @is_host this host's own
 * (that ipam_ask_claim() took with has_gateway), else the one that is
 * configured. False: there is none.
 */
bool ipam_ask_gateway(const struct ipam *i, const char *network, bool is_host,
		      const struct ip *ip, struct ip *ret);

#endif
