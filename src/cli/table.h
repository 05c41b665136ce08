/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TABLE_H
#define TABLE_H

/*
 * Rows of text under headings, each column as wide as its widest cell. Cells
 * are copied; bytes that a terminal would obey become '?'. Out of memory
 * aborts.
 */

#include <jansson.h>

#include "text.h"

#define TABLE_MAX_COLUMNS 12

struct table;

/* Headings end with NULL; one that begins with '>' aligns to the right. */
struct table *table_new(const char *const *headings);
void table_free(struct table *t); /* NULL is fine */

/* The next cell, from left to right and on in the next row. NULL: "-". */
void table_add(struct table *t, const char *text);
void table_add_colour(struct table *t, const char *text,
		      enum text_colour colour);

/* The member of that name, by its kind. */
void table_add_text(struct table *t, const json_t *object, const char *key);
void table_add_integer(struct table *t, const json_t *object, const char *key);
void table_add_list(struct table *t, const json_t *object, const char *key);
void table_add_since(struct table *t, const json_t *object, const char *key);
void table_add_state(struct table *t, const json_t *object, const char *key);

size_t table_rows(const struct table *t);

/* To stdout; a table without a row prints @if_empty alone (NULL: nothing). */
void table_print(const struct table *t, const char *if_empty);

#endif
