/* SPDX-License-Identifier: Apache-2.0 */
#include "log_level.h"

#include <stddef.h>
#include <string.h>

static const char *const texts[] = {
	[LOG_ERROR] = "error",
	[LOG_WARN] = "warn",
	[LOG_INFO] = "info",
	[LOG_DEBUG] = "debug",
};

const char *log_level_text(enum log_level level)
{
	return texts[level];
}

bool log_parse_level(const char *text, enum log_level *ret)
{
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (strcmp(texts[i], text) == 0) {
			*ret = (enum log_level)i;
			return true;
		}
	}
	return false;
}
