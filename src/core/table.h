/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TABLE_H
#define TABLE_H

/*
 * The one hash table of the core: intrusive, chained, growing.
 *
 * It knows hashes, not keys: the caller compares. Several nodes may have the
 * same key. The order of iteration follows from hashes and history alone,
 * never from addresses, so that runs repeat.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table_node {
	struct table_node *next;
	uint64_t hash;
};

struct table {
	struct table_node **buckets;
	size_t n_buckets; /* a power of two, or 0 */
	size_t n;
};

void table_free(struct table *t); /* not the nodes */
/* And what they begin: each node is the first member of what was allocated. */
void table_free_nodes(struct table *t);
void table_add(struct table *t, struct table_node *node, uint64_t hash);
/* @node must be in @t. */
void table_remove(struct table *t, struct table_node *node);

/* The first node with @hash, or the next one after @node; NULL: no more. */
struct table_node *table_first(const struct table *t, uint64_t hash);
struct table_node *table_next(const struct table_node *node);

/*
 * All nodes: start with *pos = 0 and @last NULL, then hand in the node before.
 * The table must not change meanwhile.
 */
struct table_node *table_walk(const struct table *t, size_t *pos,
			      const struct table_node *last);

#endif
