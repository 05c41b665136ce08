/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_IFACE_H
#define CLIENT_IFACE_H

/*
 * An interface into a container's network namespace, and out again.
 *
 * attach: ask the daemon for a plan (names, MAC, MTU); make the veth pair with
 * one end in the container and the other in the daemon's namespace; give the
 * container's end its addresses; have the daemon attach the other, with the
 * namespace as a descriptor; set the container's end up, and have the kernel
 * announce it. A step that fails undoes those before it.
 *
 * The work inside the namespace is the caller's process's, with its
 * privileges; the daemon never enters a container. Prints nothing.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/core.h"

struct client;
struct error;

struct iface_request {
	const char *netns;  /* path, process id or name: netns_open() */
	const char *ifname; /* in the container */
	const char *const *addresses; /* "10.32.0.1/24", "fd00::1/64" */
	size_t n_addresses;	      /* 1 … MAX_IPS_PER_ENTRY */
	const char *mac;	      /* NULL: the daemon's choice */
	const char *network;	      /* NULL: the default network */
	const char *container_id;     /* NULL: not known */
	const char *owner; /* who manages it, for `ports` to show; or NULL */
	bool is_trusted;
	/* That the host has for it, "10.32.0.254/24"; at most 4. */
	const char *const *gateways;
	size_t n_gateways;
	bool is_masqueraded; /* where it leaves the host */
};

/*
 * 0 and the daemon's {"port": {…}, …}, which the caller json_decref()s;
 * or -1 with *e set and nothing left behind.
 */
int iface_attach(struct client *c, const struct iface_request *request,
		 json_t **ret_reply, struct error *e) WARN_UNUSED;

/*
 * Takes @ifname out of the namespace. Works for a namespace that has gone,
 * by its path, and takes away what an interrupted attach left. *ret_n: how
 * many interfaces went; 0 is no error. 0 or -1 with *e set.
 */
int iface_detach(struct client *c, const char *netns, const char *ifname,
		 unsigned int *ret_n, struct error *e) WARN_UNUSED;

#endif
