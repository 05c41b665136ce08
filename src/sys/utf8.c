/* SPDX-License-Identifier: Apache-2.0 */
#include "utf8.h"

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

#define MAX_CHARACTER 4 /* bytes, RFC 3629 section 3 */

bool utf8_is_valid(const char *text)
{
	json_t *value = json_string(text);
	const bool is_valid = value != NULL;

	json_decref(value);
	return is_valid;
}

/* How many bytes of @text are a character; 0: they are none. */
static size_t character(const char *text, size_t size)
{
	json_t *value;
	size_t n;

	for (n = 1; n <= MAX_CHARACTER && n <= size; n++) {
		value = json_stringn(text, n);
		json_decref(value);
		if (value)
			return n;
	}
	return 0;
}

json_t *utf8_to_json(const char *text)
{
	json_t *value = json_string(text);
	CLEAN_FREE char *copy = NULL;
	size_t size, i, n;

	if (value)
		return value;
	copy = strdup(text);
	if (!copy)
		return NULL;
	size = strlen(copy);
	for (i = 0; i < size; i += n ? n : 1) {
		n = character(copy + i, size - i);
		if (n == 0)
			copy[i] = '?';
	}
	return json_string(copy);
}
