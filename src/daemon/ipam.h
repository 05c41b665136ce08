/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IPAM_H
#define IPAM_H

/*
 * Addresses that this host gives to containers of its own: from the blocks
 * that it has, to whom, and whether another host says that it has the same.
 * The rules are in docs/protocol.md ("Addresses"). Knows no JSON request.
 */

#include "ipam/claims.h"
#include "ipam/pool.h"
#include "ipam_book.h"

struct daemon;
struct event;
struct ipam;
struct store;

/* For so long after its start the daemon waits for what peers claim. */
#define IPAM_SETTLE_US (5 * USEC_PER_SEC)

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
const struct lease *ipam_claim(struct ipam *i, const struct ipam_ask *ask,
			       struct error *e) WARN_UNUSED;
/* 1: they are free again, 0: it had none, -1: @e says why not. */
int ipam_free(struct ipam *i, const char *container_id, const char *ifname,
	      const char *owner, struct error *e) WARN_UNUSED;
/* 0: a claim would be served now. -1 and @e as ipam_claim() has it. */
int ipam_ready(struct ipam *i, const char *network, struct error *e)
	WARN_UNUSED;

/*
 * The gateway of the family of @ip in @network: with @is_host this host's own
 * (that ipam_claim() took with has_gateway), else the one that is configured.
 * False: there is none.
 */
bool ipam_gateway(const struct ipam *i, const char *network, bool is_host,
		  const struct ip *ip, struct ip *ret);

struct ipam_block {
	struct list all;
	char network[MAX_NAME];
	vni_t vni;
	struct pool *pool;
	bool is_kept;		/* false while settings are compared */
	bool is_disputed;	/* nothing is given out from it */
	char store_reason[256]; /* what etcd has against it; "": nothing */
	char reason[256];	/* a sentence, when it is; "": all is well */
};

#define EACH_BLOCK(i, node)                                                    \
	for (struct list *node = ipam_blocks(i)->next; node != ipam_blocks(i); \
	     node = node->next)
#define BLOCK_OF(node) CONTAINER_OF(node, struct ipam_block, all)

struct store *ipam_store(const struct ipam *i); /* NULL: none */
const struct list *ipam_blocks(const struct ipam *i);
const struct ipam_book *ipam_leases(const struct ipam *i);
const struct claims *ipam_claims(const struct ipam *i);

/* No port of this host, and of an earlier life of it: nobody has it now. */
bool ipam_is_stale(const struct ipam *i, const struct lease *l);

#endif
