/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_HELD_H
#define STORE_HELD_H

/*
 * The blocks that this host has leased, by its own account: a file in the
 * state directory, which counts when the store cannot be asked, and is on the
 * disk before anything is given out. Knows no request, and not what others
 * have.
 */

#include <limits.h>

#include "ipam/prefix.h"

struct error;

#define STORE_MAX_HELD 256U

struct store_held {
	char network[MAX_NAME];
	struct prefix prefix;
	bool is_leaving;  /* it is being given back */
	char reason[256]; /* why nothing is given out from it; or "" */
};

/* All of the file; zeroed it has none. */
struct store_held_list {
	struct store_held list[STORE_MAX_HELD];
	size_t n;
	uint64_t cluster; /* of etcd, that leased them */
	uint64_t serial;  /* of the changes of this host's book */
	char path[PATH_MAX];
};

/* Reads @state_dir's. -1: it is there, and @e says why it cannot be read. */
int store_held_load(struct store_held_list *l, const char *state_dir,
		    struct error *e) WARN_UNUSED;
/* All is on the disk after this; false: it could not be written. */
bool store_held_save(const struct store_held_list *l);

/* One that is held has an address of @p. */
bool store_held_overlaps(const struct store_held_list *l, const char *network,
			 const struct prefix *p);
/* Added and on the disk. False: there are too many, or it cannot be written. */
bool store_held_add(struct store_held_list *l, const char *network,
		    const struct prefix *p) WARN_UNUSED;
/* Not held any more; the last one takes its place in the list. */
void store_held_drop(struct store_held_list *l, size_t i);

#endif
