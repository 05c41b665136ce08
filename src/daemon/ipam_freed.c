/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam_freed.h"

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "ipam_ask.h"
#include "log.h"
#include "sys/error.h"

static const char *text_of(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "";
}

static void read_one(struct ipam *i, const char *directory, const char *name)
{
	struct error e = { .code = "" };
	char path[PATH_MAX];
	json_t *json;
	int rc;

	if (snprintf(path, sizeof(path), "%s/%s", directory, name) >=
	    (int)sizeof(path))
		return;
	json = files_read(path, &e);
	rc = json ? ipam_ask_free(i, text_of(json, "container_id"),
				  text_of(json, "ifname"),
				  text_of(json, "owner"), &e)
		  : -1;
	if (rc < 0)
		log_warn("%s: %s%s", path, e.message,
			 json ? "; it is read again with the next start" : "");
	/* What is not free now may be then: the note is all that says so. */
	if ((!json || rc >= 0) && unlink(path))
		log_warn("cannot remove %s", path);
	json_decref(json);
}

void ipam_freed_read(struct ipam *i, const char *socket)
{
	const char *slash = strrchr(socket, '/');
	char directory[PATH_MAX];
	struct dirent *entry;
	DIR *dir;

	snprintf(directory, sizeof(directory), "%.*s/freed",
		 slash ? (int)(slash - socket) : 1, slash ? socket : ".");
	dir = opendir(directory);
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		const char *dot = strrchr(entry->d_name, '.');

		if (dot && strcmp(dot, ".json") == 0)
			read_one(i, directory, entry->d_name);
	}
	closedir(dir);
}
