/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IPAM_BLOCK_H
#define IPAM_BLOCK_H

/*
 * The blocks of addresses that this host has: declared in the settings, or
 * held in the store. In which of them an address is, and what is taken of
 * each. Who disputes a block is written here, but found by ipam_dispute.
 */

#include "core/list.h"
#include "ipam/pool.h"

struct ipam;
struct lease;

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

const struct list *ipam_block_list(const struct ipam *i);

#define EACH_BLOCK(i, node)                                \
	for (struct list *node = ipam_block_list(i)->next; \
	     node != ipam_block_list(i); node = node->next)
#define BLOCK_OF(node) CONTAINER_OF(node, struct ipam_block, all)

/*
 * The list is what the settings and the store have now. Of a new block the
 * gateways and what is leased already are taken; one that is gone is freed.
 */
void ipam_block_reload(struct ipam *i);
/* Frees them all. */
void ipam_block_close(struct ipam *i);

/* The block that has @ip; NULL: none. */
struct ipam_block *ipam_block_find(const struct ipam *i, vni_t vni,
				   const struct ip *ip);
/* There is one of the family, whatever is left of it. */
bool ipam_block_has(const struct ipam *i, vni_t vni, bool is_v4);

/* The addresses of @l, as far as they are of a block, are free again. */
void ipam_block_give_back(struct ipam *i, const struct lease *l);

#endif
