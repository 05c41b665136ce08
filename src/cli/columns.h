/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COLUMNS_H
#define COLUMNS_H

/*
 * Rows of text under headings, each column as wide as its widest cell. Cells
 * are copied; bytes that a terminal would obey become '?'. Out of memory
 * aborts.
 */

#include <jansson.h>

#include "text.h"

#define COLUMNS_MAX_COLUMNS 12

struct columns;

/* Headings end with NULL; one that begins with '>' aligns to the right. */
struct columns *columns_new(const char *const *headings);
void columns_free(struct columns *t); /* NULL is fine */

/* The next cell, from left to right and on in the next row. NULL: "-". */
void columns_add(struct columns *t, const char *text);
void columns_add_colour(struct columns *t, const char *text,
			enum text_colour colour);

/* The member of that name, by its kind. */
void columns_add_text(struct columns *t, const json_t *object, const char *key);
void columns_add_integer(struct columns *t, const json_t *object,
			 const char *key);
void columns_add_list(struct columns *t, const json_t *object, const char *key);
void columns_add_since(struct columns *t, const json_t *object,
		       const char *key);
void columns_add_state(struct columns *t, const json_t *object,
		       const char *key);

size_t columns_rows(const struct columns *t);

/* To stdout; a table without a row prints @if_empty alone (NULL: nothing). */
void columns_print(const struct columns *t, const char *if_empty);

#endif
