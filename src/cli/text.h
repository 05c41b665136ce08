/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEXT_H
#define TEXT_H

/*
 * Values of a reply as people read them. Whatever is absent or of another
 * type is no error here: it has no text.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define TEXT_SIZE 32 /* enough for a duration or a number */

/* The string under @key, borrowed; NULL when absent, empty or no string. */
const char *text_of(const json_t *object, const char *key);

/* To stdout; bytes that a terminal would obey are shown as '?'. */
void text_print(const char *text);
/* The same with a copy, that the caller frees. */
char *text_clean(const char *text);

/* "45s", "3m12s", "2h05m", "3d04h" */
const char *text_duration(uint64_t seconds, char buf[TEXT_SIZE]);

/*
 * How long ago: @since is a UTC time as text (RFC 3339), seconds since 1970,
 * or seconds that have passed (below a thousand million). NULL: no time.
 */
const char *text_since(const json_t *since, char buf[TEXT_SIZE]);

/* "310us", "3.1ms", "1.2s"; NULL when 0 or no number: not known. */
const char *text_microseconds(const json_t *value, char buf[TEXT_SIZE]);

/* "12ms", "45s", …; "never" when absent or negative. */
const char *text_used(const json_t *milliseconds, char buf[TEXT_SIZE]);

/* An integer; NULL when it is none. */
const char *text_integer(const json_t *value, char buf[TEXT_SIZE]);

/* Strings of an array with ", " between; freed by the caller. "" for none. */
char *text_join(const json_t *array);

/* Colours, or "" where they are not wanted: no terminal, or NO_COLOR set. */
enum text_colour { TEXT_PLAIN, TEXT_GOOD, TEXT_BAD, TEXT_WAITING };
const char *text_colour(enum text_colour colour);
/* Of "up", "down", "connecting", "probing". */
enum text_colour text_colour_of_state(const char *state);

#endif
