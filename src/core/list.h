/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIST_H
#define LIST_H

/*
 * The one list of the core: circular, doubly linked, intrusive. The head is a
 * node of its own. A node in no list points to itself.
 */

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
	l->next = l;
	l->prev = l;
}

static inline bool list_is_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

/* @node is moved when it is in a list already. */
static inline void list_append(struct list *head, struct list *node)
{
	list_remove(node);
	node->prev = head->prev;
	node->next = head;
	head->prev->next = node;
	head->prev = node;
}

/* The same, in front of all others; it may be the first already. */
static inline void list_prepend(struct list *head, struct list *node)
{
	list_remove(node);
	list_append(head->next, node);
}

#endif
