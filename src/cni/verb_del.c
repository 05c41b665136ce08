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
#include "client/mark.h"
#include "client/socket.h"
#include "config.h"
#include "fail.h"
#include "freed.h"
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

/* What the first step of a DEL finds out, for the others. */
struct del {
	const struct cni_args *args;
	struct cni_config *config;
	bool is_done;  /* the daemon has detached the port */
	json_t *ports; /* else: all of the daemon's */
	int daemon_fd; /* its namespace, or -1 */
};

/*
 * By the container's id and the interface's name: the namespace's path and
 * number may belong to another container by now.
 */
static int detach_from(struct client *client, struct del *d, struct error *why)
{
	const char *id = d->args->container_id;
	json_t *ports = NULL;
	const json_t *port;
	int rc;

	if (port_list(client, id, &ports, why))
		return -1;
	port = port_find(ports, d->config, id, d->args->ifname);
	if (port) {
		rc = port_detach(client, port, why);
		d->is_done = rc == 0;
	} else {
		rc = port_list(client, NULL, &d->ports, why);
	}
	json_decref(ports);
	return rc;
}

static int detach(struct del *d, struct error *why)
{
	struct client *client;
	int rc;

	if (port_connect(d->config->socket, &client, why))
		return -1;
	rc = detach_from(client, d, why);
	if (client_netns(client, &d->daemon_fd, NULL))
		d->daemon_fd = -1;
	client_close(client);
	return rc;
}

static int remove_left(const struct del *d, bool is_known)
{
	const struct cni_args *args = d->args;
	char owner[PORT_OWNER_SIZE], mark[MARK_SIZE];
	const struct link_whose whose = {
		.outside_fd = d->daemon_fd,
		.is_known = is_known,
		.ports = d->ports,
		.mark = mark_of(port_owner(d->config->name, owner),
				args->container_id, args->ifname, mark),
		/* Of a daemon that has not answered nothing is known. */
		.mac = is_known ? NULL : mac_of(args, d->config),
	};

	return link_remove_left(args, &whose);
}

/* What may be another container's by now is left to who knows. */
static void leave_to_daemon(const struct del *d)
{
	const struct cni_args *args = d->args;
	char path[FREED_PATH_SIZE];
	int rc = freed_write(args, d->config, path);

	if (rc)
		cni_log("%s %s: cannot leave a note for the daemon: %s",
			args->container_id, args->ifname, strerror(-rc));
	else
		cni_log("%s %s: nothing says that the interface there is this "
			"container's; the daemon takes away what is",
			args->container_id, args->ifname);
}

static int remove_interface(struct del *d, struct cni_error *e)
{
	const struct cni_args *args = d->args;
	struct error why = { 0 };
	int rc, left;

	rc = detach(d, &why);
	if (d->is_done)
		return 0;
	d->config->is_daemon_silent = rc && strcmp(why.code, "timeout") == 0;
	left = remove_left(d, rc == 0);
	if (left < 0)
		return cni_fail_system(e, left, "delete the interface",
				       args->ifname);
	if (rc)
		cni_log("%s %s: %s; the daemon sees for itself what has gone",
			args->container_id, args->ifname, why.message);
	if (rc && left)
		leave_to_daemon(d);
	return 0;
}

int verb_del(const struct cni_args *args, struct cni_config *config,
	     struct cni_error *e)
{
	struct del d = { .args = args, .config = config, .daemon_fd = -1 };
	CLEAN_FD int lock = lock_take(args, config);
	int rc = remove_interface(&d, e);

	/* Held to the end. */
	(void)lock;
	if (rc == 0 && config->ipam_type)
		rc = ipam_run(args, config, "DEL", NULL, NULL, e);
	json_decref(d.ports);
	if (d.daemon_fd >= 0)
		close(d.daemon_fd);
	return rc;
}
