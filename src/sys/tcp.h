/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TCP_H
#define TCP_H

/*
 * TCP sockets the way control sessions want them: non-blocking, close-on-exec,
 * no delay, and an unacknowledged byte gives up after TCP_GIVE_UP_MS. All
 * return 0 or -errno and leave outputs untouched on failure; descriptors
 * belong to the caller.
 */

#include "core/core.h"

#define TCP_GIVE_UP_MS 30000U

/*
 * Listens on @local. A zero (or 0.0.0.0) address: all of them; zero means
 * both families where the kernel has IPv6. Port 0: the kernel chooses.
 */
int tcp_listen(const struct endpoint *local, int *ret_fd) WARN_UNUSED;

/*
 * Starts a connection, from @from unless that is zero. 0: under way; when the
 * descriptor is writable, tcp_connect_result() tells.
 */
int tcp_connect(const struct endpoint *remote, const struct ip *from,
		int *ret_fd) WARN_UNUSED;

/* 0: connected; else what the connection failed with, as -errno. */
int tcp_connect_result(int fd) WARN_UNUSED;

/*
 * -EAGAIN: nobody waits. -EMFILE, -ENFILE, -ENOBUFS, -ENOMEM: somebody does,
 * and the listener stays readable. Others concern one connection that died
 * in the queue: go on.
 */
int tcp_accept(int listen_fd, int *ret_fd, struct endpoint *ret_remote)
	WARN_UNUSED;

/*
 * The two ends; either output may be NULL. -ENOTCONN: the socket listens or
 * is not connected yet, and has only a local end.
 */
int tcp_endpoints(int fd, struct endpoint *ret_local,
		  struct endpoint *ret_remote) WARN_UNUSED;

#endif
