/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOG_LEVEL_H
#define LOG_LEVEL_H

/* How much the daemon logs, and what people call that. */

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

const char *log_level_text(enum log_level level);
/* False, and *ret as it was: no such word. */
bool log_parse_level(const char *text, enum log_level *ret);

#endif
