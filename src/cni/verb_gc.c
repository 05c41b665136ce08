/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GC: takes away what this network of the runtime's has and the runtime does
 * not list. It goes on after an error and tells of the first at the end.
 */
#include "client/socket.h"
#include "config.h"
#include "fail.h"
#include "ipam.h"
#include "port.h"
#include "sys/error.h"
#include "valid.h"
#include "verbs.h"

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
	if (port_list(client, NULL, &ports, why)) {
		client_close(client);
		return -1;
	}
	json_array_foreach(ports, i, port) {
		if (!valid_is_stale(config, port) ||
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

	if (valid_check(config, e))
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
