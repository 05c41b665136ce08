/* SPDX-License-Identifier: Apache-2.0 */
#include "fail.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys/cleanup.h"
#include "sys/error.h"

int cni_fail(struct cni_error *e, int code, const char *format, ...)
{
	va_list ap;

	e->code = code;
	e->details[0] = '\0';
	va_start(ap, format);
	vsnprintf(e->message, sizeof(e->message), format, ap);
	va_end(ap);
	return -1;
}

int cni_detail(struct cni_error *e, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(e->details, sizeof(e->details), format, ap);
	va_end(ap);
	return -1;
}

/* The daemon's codes (docs/protocol.md) and those of src/client. */
static int code_of(const char *code)
{
	static const struct {
		const char *text;
		int code;
	} codes[] = {
		{ "no-daemon", CNI_AGAIN },
		{ "timeout", CNI_AGAIN },
		{ "closed", CNI_AGAIN },
		{ "not-yet", CNI_AGAIN },
		{ "in-use", CNI_IN_USE },
		{ "no-addresses", CNI_IPAM },
		{ "overlap", CNI_IPAM },
		{ "exhausted", CNI_IPAM },
		{ "no-store", CNI_AGAIN },
		{ "cloned", CNI_IPAM },
		{ "invalid", CNI_CONFIG },
		{ "not-found", CNI_NO_CONTAINER },
		{ "no-permission", CNI_SYSTEM },
		{ "not-supported", CNI_SYSTEM },
		{ "system", CNI_SYSTEM },
	};
	size_t i;

	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		if (strcmp(codes[i].text, code) == 0)
			return codes[i].code;
	}
	return CNI_REFUSED;
}

int cni_fail_from(struct cni_error *e, const struct error *why)
{
	cni_fail(e, code_of(why->code), "%s", why->message);
	return cni_detail(e, "%s", why->hint);
}

int cni_fail_system(struct cni_error *e, int rc, const char *what,
		    const char *whom)
{
	cni_fail(e, CNI_SYSTEM, "cannot %s %s: %s", what, whom, strerror(-rc));
	if (rc == -EPERM || rc == -EACCES)
		cni_detail(e, "the plugin needs root's rights");
	return -1;
}

void cni_log(const char *format, ...)
{
	char line[2048];
	va_list ap;
	char *p;

	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	/* What others wrote must not look like a line of its own. */
	for (p = line; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	}
	fprintf(stderr, "fastdp: %s\n", line);
}

int cni_print(const json_t *json)
{
	CLEAN_FREE char *text = json_dumps(json, JSON_COMPACT);
	size_t size, done = 0;
	ssize_t n;

	if (!text)
		return -ENOMEM;
	size = strlen(text);
	text[size++] = '\n'; /* in the place of the zero */
	while (done < size) {
		n = write(STDOUT_FILENO, text + done, size - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		done += (size_t)n;
	}
	return 0;
}
