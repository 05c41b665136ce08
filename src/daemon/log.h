/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOG_H
#define LOG_H

/*
 * The daemon's log: one line to stderr, with the time, or with the level that
 * journald reads when systemd started us. The only place that prints.
 */

#include <stdbool.h>

#include "settings/log_level.h"

void log_open(enum log_level level);
void log_set_level(enum log_level level);
enum log_level log_level(void);

void log_print(enum log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#define log_error(...) log_print(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_print(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_print(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_print(LOG_DEBUG, __VA_ARGS__)

/*
 * For what packets or strangers can cause: at most ten lines in ten seconds
 * for each limit; then one line, as grave as the gravest of them, says how
 * many were left out. What the level keeps out does not count.
 */
struct log_limit {
	unsigned long long window; /* in ten seconds */
	unsigned int n, n_dropped;
	enum log_level gravest; /* of the dropped */
};
bool log_allows(enum log_level level, struct log_limit *limit);

#endif
