/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DEL: any number of times, with or without a namespace, a daemon, a result.
 * First the interface, then the address: so nobody gets an address that a
 * container still has. When the daemon says that a port is detached, its link
 * is nowhere to be seen any more.
 */
#include <string.h>
#include <unistd.h>

#include "args.h"
#include "client/socket.h"
#include "config.h"
#include "fail.h"
#include "ipam.h"
#include "link.h"
#include "lock.h"
#include "port.h"
#include "result.h"
#include "sys/cleanup.h"
#include "sys/error.h"
#include "verbs.h"

/* The MAC that ADD's result names, or NULL. */
static const char *mac_of(const struct cni_args *args,
			  const struct cni_config *config)
{
	const json_t *interface = NULL;

	if (!args->netns || result_find(config->previous, args->ifname,
					args->netns, &interface) < 0)
		return NULL;
	return json_string_value(json_object_get(interface, "mac"));
}

/*
 * By the container's id and the interface's name: the namespace's path and
 * number may belong to another container by now. *ret_netns: the daemon's.
 */
static int detach(const struct cni_args *args, const struct cni_config *config,
		  json_t **ret_ports, int *ret_netns,
		  struct link_removal **ret_removal, struct error *why)
{
	struct client *client;
	const json_t *port;
	int rc;

	if (port_connect(config->socket, &client, why))
		return -1;
	rc = port_list(client, ret_ports, why);
	port = rc ? NULL
		  : port_find(*ret_ports, config, args->container_id,
			      args->ifname);
	if (port) {
		*ret_removal = link_remove_begin(args, port);
		rc = port_detach(client, port, why);
	}
	if (client_netns(client, ret_netns, NULL))
		*ret_netns = -1;
	client_close(client);
	return rc;
}

static int remove_interface(const struct cni_args *args,
			    const struct cni_config *config,
			    struct link_removal **ret_removal,
			    struct cni_error *e)
{
	struct error why = { 0 };
	CLEAN_FD int daemon_fd = -1;
	json_t *ports = NULL;
	const json_t *taken;
	int rc, left;

	rc = detach(args, config, &ports, &daemon_fd, ret_removal, &why);
	/* Of a daemon that has not answered nothing is known. */
	taken = rc ? NULL : ports;
	left = link_remove_left(args, daemon_fd, taken,
				rc ? mac_of(args, config) : NULL);
	json_decref(ports);
	if (left)
		return cni_fail_system(e, left, "delete the interface",
				       args->ifname);
	if (rc)
		cni_log("%s %s: %s; the daemon sees for itself what has gone",
			args->container_id, args->ifname, why.message);
	return 0;
}

int verb_del(const struct cni_args *args, struct cni_config *config,
	     struct cni_error *e)
{
	CLEAN_FD int lock = lock_take(args, config);
	struct link_removal *removal = NULL;
	int rc = remove_interface(args, config, &removal, e);

	/* Held to the end. */
	(void)lock;
	if (rc == 0 && config->ipam_type)
		rc = ipam_run(args, config, "DEL", NULL, NULL, e);
	link_remove_end(removal);
	return rc;
}
