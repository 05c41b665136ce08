/* SPDX-License-Identifier: Apache-2.0 */
#include "sysctl.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "textfile.h"

int sysctl_read(const char *root, const char *name, int64_t *ret)
{
	char path[PATH_MAX], text[64], *end;
	long long value;
	int n, rc;

	n = snprintf(path, sizeof(path), "/proc/sys/%s", name);
	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	rc = textfile_read(root, path, text, sizeof(text));
	if (rc)
		return rc;
	errno = 0;
	value = strtoll(text, &end, 10);
	if (end == text || errno || (*end && *end != '\t' && *end != ' '))
		return -EBADMSG;
	*ret = value;
	return 0;
}
