/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IPAM_BOOK_H
#define IPAM_BOOK_H

/*
 * Which container has which addresses, in one file a container's interface in
 * the state directory: on the disk before anybody is told, so that neither a
 * killed daemon nor a reboot makes an address that is in use look free. What
 * may be given out is not known here.
 */

#include <jansson.h>
#include <limits.h>

#include "core/alloc.h"
#include "core/core.h"
#include "core/list.h"
#include "core/table.h"

struct error;

#define IPAM_MAX_LEASES 16384U
#define IPAM_MAX_IPS 8U
#define LEASE_MAX_TEXT 256U

struct lease {
	struct list all;	/* in the order in which they were given */
	struct table_node node; /* by whose it is */
	uint64_t serial;
	char network[MAX_NAME];
	/* Whose it is: these three together are there once. */
	char container_id[LEASE_MAX_TEXT];
	char ifname[16];
	char owner[LEASE_MAX_TEXT]; /* "cni:NAME", or "" */
	char boot[40];		    /* the life of the host that gave it */
	uint8_t n_ips;
	struct ip ips[IPAM_MAX_IPS];
	uint8_t prefix_lens[IPAM_MAX_IPS];
};

struct ipam_book {
	struct list all;
	struct table table;
	unsigned int n, n_damaged;
	uint64_t serial;
	char directory[PATH_MAX - 64];
};

/* A file that cannot be read is put aside, said, and counted. */
int ipam_book_open(struct ipam_book *b, const char *state_dir, struct error *e)
	WARN_UNUSED;
void ipam_book_close(struct ipam_book *b); /* a zeroed one too */

/* Copies @lease, gives it a serial, writes it. NULL: @e says why not. */
struct lease *ipam_book_add(struct ipam_book *b, const struct lease *lease,
			    struct error *e) WARN_UNUSED;
/* Writes it again after a change. */
int ipam_book_save(struct ipam_book *b, const struct lease *lease,
		   struct error *e) WARN_UNUSED;
/* 0 and it is freed; or -1, and it stays, for the next start would find it. */
int ipam_book_remove(struct ipam_book *b, struct lease *lease, struct error *e)
	WARN_UNUSED;

struct lease *ipam_book_find(const struct ipam_book *b,
			     const char *container_id, const char *ifname,
			     const char *owner);

json_t *lease_json(const struct lease *l);

#define EACH_LEASE(b, node)                                        \
	for (struct list *node = (b)->all.next; node != &(b)->all; \
	     node = node->next)
#define LEASE_OF(node) CONTAINER_OF(node, struct lease, all)

#endif
