/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OWNER_H
#define OWNER_H

/*
 * Who has entries, and in which networks: the directory's book of peers (and
 * of this host). For directory.c alone; it knows no MAC and no address.
 */

#include "core.h"
#include "list.h"
#include "table.h"

struct owner {
	struct table_node node; /* by id */
	peer_id_t id;
	struct list claims, networks;
	uint32_t n, n_bindings;
	uint32_t round; /* of snapshots */
};

struct owners {
	uint64_t seed;
	struct table by_id, members;
};

void owners_free(struct owners *os);

/* NULL: never had one. */
struct owner *owners_find(const struct owners *os, peer_id_t id);
struct owner *owners_make(struct owners *os, peer_id_t id);
/* It has no claims. */
void owners_remove(struct owners *os, struct owner *o);

/*
 * One more, or one less, of @owner's entries is of @vni. True: it takes part
 * in the network since, or no longer.
 */
bool owners_join(struct owners *os, struct owner *o, vni_t vni,
		 bool is_trusted);
bool owners_leave(struct owners *os, peer_id_t owner, vni_t vni,
		  bool is_trusted);
bool owners_is_member(const struct owners *os, peer_id_t owner, vni_t vni,
		      bool only_trusted);

/* Its networks: start with *last NULL; false: no more. */
bool owner_walk(const struct owner *o, const struct list **last,
		vni_t *ret_vni);

#endif
