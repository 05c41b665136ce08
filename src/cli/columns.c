/* SPDX-License-Identifier: Apache-2.0 */
#include "columns.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cell {
	char *text;
	enum text_colour colour;
};

struct columns {
	size_t n_columns;
	const char *headings[COLUMNS_MAX_COLUMNS];
	bool is_right[COLUMNS_MAX_COLUMNS];
	size_t widths[COLUMNS_MAX_COLUMNS];
	size_t n_cells, capacity;
	struct cell *cells;
};

/* Characters, not bytes: UTF-8 continues with 10xxxxxx. */
static size_t width_of(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

struct columns *columns_new(const char *const *headings)
{
	struct columns *t = calloc(1, sizeof(*t));

	if (!t)
		abort();
	for (; *headings && t->n_columns < COLUMNS_MAX_COLUMNS; headings++) {
		size_t i = t->n_columns++;

		t->is_right[i] = **headings == '>';
		t->headings[i] = *headings + t->is_right[i];
		t->widths[i] = width_of(t->headings[i]);
	}
	return t;
}

void columns_free(struct columns *t)
{
	size_t i;

	if (!t)
		return;
	for (i = 0; i < t->n_cells; i++)
		free(t->cells[i].text);
	free(t->cells);
	free(t);
}

void columns_add_colour(struct columns *t, const char *text,
			enum text_colour colour)
{
	size_t column = t->n_cells % t->n_columns;
	struct cell *cell;
	size_t width;

	if (t->n_cells == t->capacity) {
		t->capacity = t->capacity ? t->capacity * 2 : 64;
		t->cells = reallocarray(t->cells, t->capacity,
					sizeof(*t->cells));
		if (!t->cells)
			abort();
	}
	cell = &t->cells[t->n_cells++];
	cell->text = text_clean(text && text[0] ? text : "-");
	cell->colour = colour;
	width = width_of(cell->text);
	if (t->widths[column] < width)
		t->widths[column] = width;
}

void columns_add(struct columns *t, const char *text)
{
	columns_add_colour(t, text, TEXT_PLAIN);
}

void columns_add_text(struct columns *t, const json_t *object, const char *key)
{
	columns_add(t, text_of(object, key));
}

void columns_add_integer(struct columns *t, const json_t *object,
			 const char *key)
{
	char buf[TEXT_SIZE];

	columns_add(t, text_integer(json_object_get(object, key), buf));
}

void columns_add_list(struct columns *t, const json_t *object, const char *key)
{
	char *text = text_join(json_object_get(object, key));

	columns_add(t, text);
	free(text);
}

void columns_add_since(struct columns *t, const json_t *object, const char *key)
{
	char buf[TEXT_SIZE];

	columns_add(t, text_since(json_object_get(object, key), buf));
}

void columns_add_state(struct columns *t, const json_t *object, const char *key)
{
	const char *state = text_of(object, key);

	columns_add_colour(t, state, text_colour_of_state(state));
}

size_t columns_rows(const struct columns *t)
{
	return t->n_cells / t->n_columns;
}

static void print_cell(const struct columns *t, size_t column, const char *text,
		       enum text_colour colour)
{
	bool is_last = column + 1 == t->n_columns;
	size_t pad = t->widths[column] - width_of(text);

	if (t->is_right[column])
		printf("%*s", (int)pad, "");
	if (colour != TEXT_PLAIN)
		printf("%s%s%s", text_colour(colour), text,
		       text_colour(TEXT_PLAIN));
	else
		fputs(text, stdout);
	if (is_last)
		putchar('\n');
	else
		printf("%*s", (int)(t->is_right[column] ? 2 : pad + 2), "");
}

void columns_print(const struct columns *t, const char *if_empty)
{
	size_t i, n = columns_rows(t) * t->n_columns;

	if (n == 0) {
		if (if_empty)
			puts(if_empty);
		return;
	}
	for (i = 0; i < t->n_columns; i++)
		print_cell(t, i, t->headings[i], TEXT_PLAIN);
	for (i = 0; i < n; i++)
		print_cell(t, i % t->n_columns, t->cells[i].text,
			   t->cells[i].colour);
}
