/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SETTINGS_KEYS_H
#define SETTINGS_KEYS_H

/* The options of fastdpd, which are the keys of [daemon] as well: a name, how
 * a value gets into the settings, and what --help says. For settings.c. */

#include "settings.h"

#define SETTINGS_N_KEYS 21U

struct settings_key {
	const char *name;
	/* 0, or -1 and @e says what was wanted instead of @value. */
	int (*set)(struct settings *s, const char *value, struct error *e);
	const char *argument; /* NULL: it has none */
	const char *help;
	/* Where it is in the settings, if only a start takes it. Size 0: a
	 * reload takes it, or it cannot be another then. */
	size_t at, size;
	bool is_text;
};

/* Is it one of those, and another in @a than in @b? */
bool settings_key_is_ignored(const struct settings_key *k,
			     const struct settings *a,
			     const struct settings *b);

extern const struct settings_key settings_keys[SETTINGS_N_KEYS];

#endif
