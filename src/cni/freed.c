/* SPDX-License-Identifier: Apache-2.0 */
#include "freed.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/cleanup.h"

static int make_directory(const char *path)
{
	return mkdir(path, 0700) && errno != EEXIST ? -errno : 0;
}

/* The daemon reads whole notes only: it looks at names that end in ".json". */
static int write_whole(const char *path, const char *text)
{
	char temporary[FREED_PATH_SIZE + 32];
	FILE *f;
	int rc;

	snprintf(temporary, sizeof(temporary), "%s.%d", path, (int)getpid());
	f = fopen(temporary, "we");
	if (!f)
		return -errno;
	rc = fputs(text, f) < 0 ? -EIO : 0;
	if (fclose(f) && !rc)
		rc = -errno;
	if (!rc && rename(temporary, path))
		rc = -errno;
	if (rc)
		unlink(temporary);
	return rc;
}

int freed_write(const char *socket, const json_t *note,
		char path[FREED_PATH_SIZE])
{
	CLEAN_FREE char *text = json_dumps(note, JSON_COMPACT | JSON_SORT_KEYS);
	const char *slash = strrchr(socket, '/');
	const int size = slash ? (int)(slash - socket) : 1;
	char directory[FREED_PATH_SIZE];
	int rc;

	if (!text)
		return -ENOMEM;
	if (size >= PATH_MAX - 64)
		return -ENAMETOOLONG;
	snprintf(directory, sizeof(directory), "%.*s", size,
		 slash ? socket : ".");
	rc = size ? make_directory(directory) : 0;
	if (rc)
		return rc;
	snprintf(directory, sizeof(directory), "%.*s/freed", size,
		 slash ? socket : ".");
	rc = make_directory(directory);
	if (rc)
		return rc;
	snprintf(path, FREED_PATH_SIZE, "%.*s/freed/%016" PRIx64 ".json", size,
		 slash ? socket : ".", core_hash(text, strlen(text), 1));
	return write_whole(path, text);
}

void freed_remove(const char *path)
{
	unlink(path);
}
