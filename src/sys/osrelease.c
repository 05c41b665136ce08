/* SPDX-License-Identifier: Apache-2.0 */
#include "osrelease.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "textfile.h"

struct wanted {
	const char *key;
	char *ret;
	size_t size;
};

static int take_line(void *arg, char *line)
{
	const struct wanted *w = arg;
	size_t n = strlen(w->key), len;
	char *value;

	if (strncmp(line, w->key, n) != 0 || line[n] != '=')
		return 0;
	value = line + n + 1;
	len = strlen(value);
	if (len >= 2 && (value[0] == '"' || value[0] == '\'') &&
	    value[len - 1] == value[0]) {
		value[len - 1] = '\0';
		value++;
	}
	snprintf(w->ret, w->size, "%s", value);
	return 0; /* the last one counts */
}

int osrelease_get(const char *root, const char *key, char *ret, size_t size)
{
	struct wanted w = { .key = key, .ret = ret, .size = size };
	int rc;

	if (size == 0)
		return -EINVAL;
	ret[0] = '\0';
	rc = textfile_lines(root, "/etc/os-release", take_line, &w);
	if (rc == -ENOENT)
		rc = textfile_lines(root, "/usr/lib/os-release", take_line, &w);
	return rc;
}
