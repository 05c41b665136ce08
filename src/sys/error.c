/* SPDX-License-Identifier: Apache-2.0 */
#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Control characters would let a peer or a file forge lines of the log. */
static void sanitize(char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
	}
}

int error_set(struct error *e, const char *code, const char *format, ...)
{
	va_list ap;

	if (!e)
		return -1;
	snprintf(e->code, sizeof(e->code), "%s", code);
	va_start(ap, format);
	vsnprintf(e->message, sizeof(e->message), format, ap);
	va_end(ap);
	sanitize(e->message);
	e->hint[0] = '\0';
	return -1;
}

int error_hint(struct error *e, const char *format, ...)
{
	va_list ap;

	if (!e)
		return -1;
	va_start(ap, format);
	vsnprintf(e->hint, sizeof(e->hint), format, ap);
	va_end(ap);
	sanitize(e->hint);
	return -1;
}

int error_prefix(struct error *e, const char *format, ...)
{
	char old[sizeof(e->message)];
	size_t n;
	va_list ap;

	if (!e)
		return -1;
	memcpy(old, e->message, sizeof(old));
	va_start(ap, format);
	vsnprintf(e->message, sizeof(e->message), format, ap);
	va_end(ap);
	n = strlen(e->message);
	snprintf(e->message + n, sizeof(e->message) - n, ": %s", old);
	sanitize(e->message);
	return -1;
}

void error_clear(struct error *e)
{
	if (e)
		memset(e, 0, sizeof(*e));
}

bool error_is_set(const struct error *e)
{
	return e && e->code[0] != '\0';
}

const char *error_code_of(int errno_value)
{
	switch (errno_value) {
	case EADDRINUSE:
	case EEXIST:
	case EBUSY:
		return "in-use";
	case EPERM:
	case EACCES:
		return "no-permission";
	case ENOENT:
	case ENODEV:
	case ESRCH:
		return "not-found";
	case EINVAL:
		return "invalid";
	case ENOMEM:
	case ENOSPC:
	case EMFILE:
	case ENFILE:
		return "limit";
	default:
		return "system";
	}
}
