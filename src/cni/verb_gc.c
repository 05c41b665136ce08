/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GC: takes away what this network of the runtime's has and the runtime does
 * not list. It goes on after an error and tells of the first at the end.
 */
#include <string.h>

#include "client/socket.h"
#include "config.h"
#include "fail.h"
#include "ipam.h"
#include "port.h"
#include "sys/error.h"
#include "verbs.h"

/* Two names for one list: the second is what early clients called it. */
static const char *const list_keys[] = { "cni.dev/valid-attachments",
					 "cni.dev/attachments" };
#define N_LIST_KEYS (sizeof(list_keys) / sizeof(list_keys[0]))

/* With one odd entry nothing is certain: then nothing is taken away. */
static int check_list(const struct cni_config *config, struct cni_error *e)
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

static bool is_stale(const struct cni_config *config, const json_t *port)
{
	const char *id, *ifname, *owner;
	char ours[PORT_OWNER_SIZE];
	size_t k;

	id = json_string_value(json_object_get(port, "container_id"));
	ifname = json_string_value(json_object_get(port, "ifname"));
	owner = json_string_value(json_object_get(port, "owner"));
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

static int collect(const struct cni_config *config, struct error *why)
{
	struct error one = { 0 };
	struct client *client;
	const json_t *port;
	json_t *ports;
	int rc = 0;
	size_t i;

	if (port_connect(config->socket, &client, why))
		return -1;
	if (port_list(client, &ports, why)) {
		client_close(client);
		return -1;
	}
	json_array_foreach(ports, i, port) {
		if (!is_stale(config, port) ||
		    port_detach(client, port, &one) == 0)
			continue;
		if (rc == 0)
			*why = one;
		rc = -1;
	}
	json_decref(ports);
	client_close(client);
	return rc;
}

int verb_gc(const struct cni_args *args, struct cni_config *config,
	    struct cni_error *e)
{
	struct cni_error second = { 0 };
	struct error why = { 0 };
	int rc = 0;

	if (check_list(config, e))
		return -1;
	if (collect(config, &why))
		rc = cni_fail_from(e, &why);
	if (!config->ipam_type ||
	    ipam_run(args, config, "GC", NULL, NULL, &second) == 0)
		return rc;
	if (rc == 0)
		*e = second;
	else
		cni_log("GC of %s: %s", config->name, second.message);
	return -1;
}
