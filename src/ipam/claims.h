/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLAIMS_H
#define CLAIMS_H

/*
 * Which host says that it gives out which blocks of addresses: one list a
 * host, replaced as a whole. Two hosts that claim the same address are both
 * wrong until one of them says something else; this only finds out.
 */

#include "core/message.h"
#include "prefix.h"

struct claims;

struct claims *claims_new(void);
void claims_free(struct claims *c); /* NULL is fine */

/* Who says it. Of one instance the higher revision is the later word. */
struct claimant {
	peer_id_t id;
	uint64_t instance, revision;
	const char *nickname;
};

/*
 * What @who claims from now on, instead of what it did before; all is copied.
 * An earlier word than the one that is known changes nothing. False: there
 * are MAX_PEERS hosts that claim something, or more than MESSAGE_MAX_BLOCKS
 * blocks; nothing is changed.
 */
bool claims_set(struct claims *c, const struct claimant *who,
		const struct block *list, uint32_t n) WARN_UNUSED;
void claims_forget(struct claims *c, peer_id_t id);

struct claim {
	peer_id_t id;
	const char *nickname; /* borrowed until the next change */
	struct block block;
};

/* One that has an address of @prefix in @vni. False: nobody has. */
bool claims_find(const struct claims *c, vni_t vni, const struct prefix *prefix,
		 struct claim *ret);

/* All: start with *pos = 0; false at the end. A change invalidates. */
bool claims_each(const struct claims *c, size_t *pos, struct claim *ret);

#endif
