/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UTF8_H
#define UTF8_H

/*
 * Text that others wrote, on its way into JSON, which takes UTF-8 alone: names
 * of files and links may be any bytes, and a long text is cut anywhere.
 */

#include <jansson.h>
#include <stdbool.h>

bool utf8_is_valid(const char *text);

/*
 * A JSON text, with '?' for each byte of @text that belongs to no character.
 * NULL: out of memory, which json_object_set_new() and the like take.
 */
json_t *utf8_to_json(const char *text);

#endif
