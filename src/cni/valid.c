/* SPDX-License-Identifier: Apache-2.0 */
#include "valid.h"

#include <string.h>

#include "config.h"
#include "fail.h"
#include "port.h"

/* Two names for one list: the second is what early clients called it. */
static const char *const list_keys[] = { "cni.dev/valid-attachments",
					 "cni.dev/attachments" };
#define N_LIST_KEYS (sizeof(list_keys) / sizeof(list_keys[0]))

int valid_check(const struct cni_config *config, struct cni_error *e)
{
	const json_t *list, *entry;
	size_t i, k;

	for (k = 0; k < N_LIST_KEYS; k++) {
		list = json_object_get(config->json, list_keys[k]);
		if (list && !json_is_null(list) && !json_is_array(list))
			return cni_fail(e, CNI_CONFIG, "\"%s\" must be a list",
					list_keys[k]);
		json_array_foreach(list, i, entry) {
			if (json_is_string(
				    json_object_get(entry, "containerID")) &&
			    json_is_string(json_object_get(entry, "ifname")))
				continue;
			return cni_fail(e, CNI_CONFIG,
					"entry %zu of \"%s\" "
					"has no containerID and ifname",
					i, list_keys[k]);
		}
	}
	return 0;
}

static bool is_listed(const json_t *list, const char *id, const char *ifname)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(list, i, entry) {
		if (strcmp(json_string_value(
				   json_object_get(entry, "containerID")),
			   id) == 0 &&
		    strcmp(json_string_value(json_object_get(entry, "ifname")),
			   ifname) == 0)
			return true;
	}
	return false;
}

bool valid_is_stale(const struct cni_config *config, const json_t *object)
{
	const char *id, *ifname, *owner;
	char ours[PORT_OWNER_SIZE];
	size_t k;

	id = json_string_value(json_object_get(object, "container_id"));
	ifname = json_string_value(json_object_get(object, "ifname"));
	owner = json_string_value(json_object_get(object, "owner"));
	if (!id || !id[0] || !ifname || !owner ||
	    strcmp(owner, port_owner(config->name, ours)) != 0)
		return false;
	for (k = 0; k < N_LIST_KEYS; k++) {
		if (is_listed(json_object_get(config->json, list_keys[k]), id,
			      ifname))
			return false;
	}
	return true;
}
