/* SPDX-License-Identifier: Apache-2.0 */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sys/clock.h"

#define LIMIT_LINES 10U
#define LIMIT_WINDOW_US (10 * USEC_PER_SEC)

/* As syslog(3). */
static const int priorities[] = {
	[LOG_ERROR] = 3,
	[LOG_WARN] = 4,
	[LOG_INFO] = 6,
	[LOG_DEBUG] = 7,
};

static enum log_level current = LOG_INFO;
static bool is_journal;

void log_open(enum log_level level)
{
	is_journal = getenv("JOURNAL_STREAM") != NULL;
	current = level;
	setvbuf(stderr, NULL, _IOLBF, 0);
}

void log_set_level(enum log_level level)
{
	current = level;
}

enum log_level log_level(void)
{
	return current;
}

static void print_time(void)
{
	const uint64_t now = clock_realtime_us();
	const time_t seconds = (time_t)(now / USEC_PER_SEC);
	struct tm tm;
	char text[32];

	gmtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	fprintf(stderr, "%s.%03uZ ", text,
		(unsigned int)(now % USEC_PER_SEC / USEC_PER_MS));
}

void log_print(enum log_level level, const char *format, ...)
{
	char line[1024];
	char *p;
	va_list ap;

	if (level > current)
		return;
	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	/* What a peer sent must not forge a line of its own. */
	for (p = line; *p; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	}
	if (is_journal) {
		fprintf(stderr, "<%d>%s\n", priorities[level], line);
		return;
	}
	print_time();
	fprintf(stderr, "%-5s %s\n", log_level_text(level), line);
}

bool log_allows(enum log_level level, struct log_limit *limit)
{
	const unsigned long long window = clock_monotonic_us() /
					  LIMIT_WINDOW_US;

	if (level > current)
		return false;
	if (limit->window != window) {
		if (limit->n_dropped)
			log_print(limit->gravest,
				  "%u more lines like the last were left out",
				  limit->n_dropped);
		limit->window = window;
		limit->n = 0;
		limit->n_dropped = 0;
	}
	if (limit->n++ < LIMIT_LINES)
		return true;
	if (!limit->n_dropped++ || level < limit->gravest)
		limit->gravest = level;
	return false;
}
