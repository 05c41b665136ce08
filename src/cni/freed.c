/* SPDX-License-Identifier: Apache-2.0 */
#include "freed.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "args.h"
#include "config.h"
#include "port.h"
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

static char *note_of(const struct cni_args *args,
		     const struct cni_config *config)
{
	char owner[PORT_OWNER_SIZE];
	json_t *note = port_request("del");
	char *text;

	json_object_set_new(note, "container_id",
			    json_string(args->container_id));
	json_object_set_new(note, "ifname", json_string(args->ifname));
	json_object_set_new(note, "owner",
			    json_string(port_owner(config->name, owner)));
	text = json_dumps(note, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(note);
	return text;
}

int freed_write(const struct cni_args *args, const struct cni_config *config,
		char path[FREED_PATH_SIZE])
{
	CLEAN_FREE char *text = note_of(args, config);
	const char *socket = config->socket;
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
