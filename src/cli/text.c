/* SPDX-License-Identifier: Apache-2.0 */
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EPOCH_FROM 1000000000 /* 2001: no daemon has been up for so long */

const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text && text[0] ? text : NULL;
}

char *text_clean(const char *text)
{
	char *copy = strdup(text);
	unsigned char *p = (unsigned char *)copy;

	if (!copy)
		abort();
	for (; *p; p++) {
		/* C0, DEL, and C1, which UTF-8 spells C2 80 … C2 9F. */
		if (*p < 0x20 || *p == 0x7f)
			*p = '?';
		else if (*p == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f)
			p[0] = p[1] = '?';
	}
	return copy;
}

void text_print(const char *text)
{
	char *copy = text_clean(text);

	fputs(copy, stdout);
	free(copy);
}

const char *text_duration(uint64_t seconds, char buf[TEXT_SIZE])
{
	uint64_t minutes = seconds / 60, hours = minutes / 60;

	if (minutes == 0)
		snprintf(buf, TEXT_SIZE, "%" PRIu64 "s", seconds);
	else if (hours == 0)
		snprintf(buf, TEXT_SIZE, "%" PRIu64 "m%02" PRIu64 "s", minutes,
			 seconds % 60);
	else if (hours < 24)
		snprintf(buf, TEXT_SIZE, "%" PRIu64 "h%02" PRIu64 "m", hours,
			 minutes % 60);
	else
		snprintf(buf, TEXT_SIZE, "%" PRIu64 "d%02" PRIu64 "h",
			 hours / 24, hours % 24);
	return buf;
}

/* "2024-02-01T12:00:00Z", fractions of a second allowed. */
static bool parse_time(const char *text, time_t *ret)
{
	struct tm tm = { 0 };
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);

	if (!rest)
		return false;
	if (*rest == '.')
		rest += 1 + strspn(rest + 1, "0123456789");
	if (strcmp(rest, "Z") != 0 && strcmp(rest, "+00:00") != 0)
		return false;
	*ret = timegm(&tm);
	return true;
}

const char *text_since(const json_t *since, char buf[TEXT_SIZE])
{
	double number = json_number_value(since);
	time_t now = time(NULL), then;

	if (json_is_string(since)) {
		if (!parse_time(json_string_value(since), &then))
			return NULL;
	} else if (!json_is_number(since) || !(number >= 0) || number > 1e12) {
		return NULL;
	} else if (number < EPOCH_FROM) {
		return text_duration((uint64_t)number, buf);
	} else {
		then = (time_t)number;
	}
	/* A clock that was set back. */
	return text_duration(then < now ? (uint64_t)(now - then) : 0, buf);
}

const char *text_microseconds(const json_t *value, char buf[TEXT_SIZE])
{
	double us = json_number_value(value);

	if (!(us > 0) || us > 1e15)
		return NULL;
	if (us < 1000)
		snprintf(buf, TEXT_SIZE, "%.0fus", us);
	else if (us < 1000000)
		snprintf(buf, TEXT_SIZE, "%.1fms", us / 1000);
	else
		snprintf(buf, TEXT_SIZE, "%.1fs", us / 1000000);
	return buf;
}

const char *text_used(const json_t *milliseconds, char buf[TEXT_SIZE])
{
	double ms = json_number_value(milliseconds);

	if (!json_is_number(milliseconds) || !(ms >= 0) || ms > 1e15)
		return "never";
	if (ms < 1000)
		snprintf(buf, TEXT_SIZE, "%.0fms", ms);
	else
		text_duration((uint64_t)(ms / 1000), buf);
	return buf;
}

const char *text_integer(const json_t *value, char buf[TEXT_SIZE])
{
	if (!json_is_integer(value))
		return NULL;
	snprintf(buf, TEXT_SIZE, "%" JSON_INTEGER_FORMAT,
		 json_integer_value(value));
	return buf;
}

char *text_join(const json_t *array)
{
	size_t i, size = 0, n = 0;
	json_t *item;
	char *text;

	json_array_foreach(array, i, item)
		size += json_string_length(item) + 2;
	text = malloc(size + 1);
	if (!text)
		abort();
	json_array_foreach(array, i, item) {
		if (!json_is_string(item))
			continue;
		if (n) {
			memcpy(text + n, ", ", 2);
			n += 2;
		}
		memcpy(text + n, json_string_value(item),
		       json_string_length(item));
		n += json_string_length(item);
	}
	text[n] = '\0';
	return text;
}

const char *text_colour(enum text_colour colour)
{
	static int wanted = -1;
	const char *no_color;

	if (wanted < 0) {
		no_color = getenv("NO_COLOR");
		wanted = isatty(STDOUT_FILENO) && !(no_color && no_color[0]);
	}
	if (!wanted)
		return "";
	switch (colour) {
	case TEXT_GOOD:
		return "\033[32m";
	case TEXT_BAD:
		return "\033[31m";
	case TEXT_WAITING:
		return "\033[33m";
	case TEXT_PLAIN:
		break;
	}
	return "\033[0m";
}

enum text_colour text_colour_of_state(const char *state)
{
	if (!state)
		return TEXT_PLAIN;
	if (strcmp(state, "up") == 0)
		return TEXT_GOOD;
	if (strcmp(state, "down") == 0)
		return TEXT_BAD;
	if (strcmp(state, "connecting") == 0 || strcmp(state, "probing") == 0)
		return TEXT_WAITING;
	return TEXT_PLAIN;
}
