/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCNET_H
#define PROCNET_H

/*
 * /proc/thread-self/net, of the calling thread's network namespace: counters of
 * the protocols, and which ports have a socket. Sockets that the kernel itself
 * opened (a VXLAN device's) are among them.
 *
 * @root as in textfile.h. 0 or -errno; odd lines are passed over.
 */

#include <stdint.h>

#include "core/core.h"

/* "Ip.ReasmFails", "Udp.SndbufErrors", "Ip6ReasmFails" (as the kernel has it). */
typedef void procnet_counter_fn(void *arg, const char *name, uint64_t value);
int procnet_counters(const char *root, procnet_counter_fn *fn, void *arg)
	WARN_UNUSED;

struct procnet_socket {
	struct ip ip;	   /* local address; zero or 0.0.0.0: any */
	uint16_t port;	   /* local */
	bool is_connected; /* to some remote port */
	bool is_listening; /* of TCP */
	uint64_t inode;	   /* as in /proc/PID/fd; 0: of nobody */
};

typedef void procnet_socket_fn(void *arg, const struct procnet_socket *socket);
/* @table is "tcp", "tcp6", "udp" or "udp6". -ENOENT: there is none. */
int procnet_sockets(const char *root, const char *table, procnet_socket_fn *fn,
		    void *arg) WARN_UNUSED;

#endif
