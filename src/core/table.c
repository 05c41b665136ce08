/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

#include <assert.h>

#include "alloc.h"

#define MIN_BUCKETS 16U

void table_free(struct table *t)
{
	free(t->buckets);
	memset(t, 0, sizeof(*t));
}

void table_free_nodes(struct table *t)
{
	struct table_node *node, *next;
	size_t i;

	for (i = 0; i < t->n_buckets; i++) {
		for (node = t->buckets[i]; node; node = next) {
			next = node->next;
			free(node);
		}
	}
	table_free(t);
}

static void push(struct table *t, struct table_node *node)
{
	struct table_node **bucket =
		&t->buckets[node->hash & (t->n_buckets - 1)];

	node->next = *bucket;
	*bucket = node;
}

static void grow(struct table *t)
{
	struct table old = *t;
	struct table_node *node, *next;
	size_t i;

	t->n_buckets = old.n_buckets ? old.n_buckets * 2 : MIN_BUCKETS;
	t->buckets = core_alloc(t->n_buckets * sizeof(struct table_node *));
	for (i = 0; i < old.n_buckets; i++) {
		for (node = old.buckets[i]; node; node = next) {
			next = node->next;
			push(t, node);
		}
	}
	free(old.buckets);
}

void table_add(struct table *t, struct table_node *node, uint64_t hash)
{
	if (t->n >= t->n_buckets)
		grow(t);
	node->hash = hash;
	push(t, node);
	t->n++;
}

void table_remove(struct table *t, struct table_node *node)
{
	struct table_node **p;

	assert(t->n > 0);
	p = &t->buckets[node->hash & (t->n_buckets - 1)];
	while (*p != node) {
		assert(*p);
		p = &(*p)->next;
	}
	*p = node->next;
	node->next = NULL;
	t->n--;
}

static struct table_node *same_hash(struct table_node *node, uint64_t hash)
{
	while (node && node->hash != hash)
		node = node->next;
	return node;
}

struct table_node *table_first(const struct table *t, uint64_t hash)
{
	if (!t->n_buckets)
		return NULL;
	return same_hash(t->buckets[hash & (t->n_buckets - 1)], hash);
}

struct table_node *table_next(const struct table_node *node)
{
	return same_hash(node->next, node->hash);
}

struct table_node *table_walk(const struct table *t, size_t *pos,
			      const struct table_node *last)
{
	struct table_node *node = last ? last->next : NULL;

	while (!node && *pos < t->n_buckets)
		node = t->buckets[(*pos)++];
	return node;
}
