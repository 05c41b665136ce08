/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam_freed.h"

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "ipam_ask.h"
#include "ipam_state.h"
#include "log.h"
#include "port_remove.h"
#include "sys/error.h"

static const char *text_of(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "";
}

/* A note of an earlier plugin, of addresses alone, has another verb. */
static int serve(struct ipam *i, const json_t *note, struct error *e)
{
	const char *container_id = text_of(note, "container_id");
	const char *ifname = text_of(note, "ifname");
	const char *owner = text_of(note, "owner");

	if (strcmp(text_of(note, "verb"), "del") == 0)
		port_remove_of(i->d, container_id, ifname, owner);
	return ipam_ask_free(i, container_id, ifname, owner, e);
}

/* False: it is refused, and still there. */
static bool read_one(struct ipam *i, const char *directory, const char *name)
{
	struct error e = { .code = "" };
	char path[PATH_MAX];
	json_t *json;
	int rc;

	if (snprintf(path, sizeof(path), "%s/%s", directory, name) >=
	    (int)sizeof(path))
		return true;
	json = files_read(path, &e);
	rc = json ? serve(i, json, &e) : -1;
	/* Said once, and not with each look. */
	if (rc < 0 && (!json || !i->has_refused))
		log_warn("%s: %s%s", path, e.message,
			 json ? "; it is read again later" : "");
	/* What is not free now may be then: the note is all that says so. */
	if ((!json || rc >= 0) && unlink(path))
		log_warn("cannot remove %s", path);
	json_decref(json);
	return !json || rc >= 0;
}

void ipam_freed_read(struct ipam *i, const char *socket)
{
	const char *slash = strrchr(socket, '/');
	char directory[PATH_MAX];
	bool has_refused = false;
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
			has_refused |= !read_one(i, directory, entry->d_name);
	}
	closedir(dir);
	i->has_refused = has_refused;
}
