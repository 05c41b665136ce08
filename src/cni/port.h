/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CNI_PORT_H
#define CNI_PORT_H

/*
 * The daemon's ports, as far as this plugin made them. The plugin itself
 * keeps nothing: which container of which network of the runtime's has which
 * port is known to the daemon ("container_id" and "owner").
 *
 * Functions return 0, or -1 with *e set.
 */

#include <jansson.h>
#include <stdbool.h>

#include "core/core.h"

struct client;
struct cni_args;
struct cni_config;
struct error;

#define PORT_OWNER_SIZE 256
#define PORT_CONNECT_US (10 * USEC_PER_SEC)

/* {"verb": @verb}, for more to be added. */
json_t *port_request(const char *verb);
/* Takes @request over; @ret_reply may be NULL. */
int port_call(struct client *c, json_t *request, json_t **ret_reply,
	      struct error *e) WARN_UNUSED;

/* A connection that the daemon serves; a busy daemon is asked again. */
int port_connect(const char *socket, struct client **ret, struct error *e)
	WARN_UNUSED;

/* The mark of the runtime's network @name. */
const char *port_owner(const char *name, char buf[PORT_OWNER_SIZE]);

/*
 * The container's ports, NULL: all; the caller json_decref()s the list. A
 * daemon of an earlier version lists all.
 */
int port_list(struct client *c, const char *container_id, json_t **ret,
	      struct error *e) WARN_UNUSED;

/* The port of this container's interface; NULL: there is none. Borrowed. */
const json_t *port_find(const json_t *ports, const struct cni_config *config,
			const char *container_id, const char *ifname);

/* May a port be made now? @netns (or NULL) is "dev:ino". Changes nothing. */
int port_plan(struct client *c, const struct cni_config *config,
	      const char *netns, const char *ifname, uint32_t *ret_mtu,
	      struct error *e) WARN_UNUSED;

int port_detach(struct client *c, const json_t *port, struct error *e)
	WARN_UNUSED;

#endif
