/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNIXSOCK_H
#define UNIXSOCK_H

/*
 * A listening Unix stream socket that one process owns, and the client's end.
 * Knows paths and credentials, not what is said.
 *
 * Ownership is an advisory lock on PATH.lock for as long as the listener
 * lives, so that of two processes that start at once exactly one gets it. A
 * socket that a dead process left behind is taken over.
 */

#include "core/core.h"

#include <sys/types.h>
#include <sys/un.h>

#define UNIXSOCK_PATH_SIZE sizeof(((struct sockaddr_un *)0)->sun_path)

struct unixsock {
	int fd; /* listening, non-blocking; -1: none */
	int lock_fd;
	dev_t dev; /* of the socket we made: only that is unlinked */
	ino_t ino;
	char path[UNIXSOCK_PATH_SIZE];
};

/* Who is at the other end, as the kernel knows it (SO_PEERCRED). */
struct unixsock_peer {
	pid_t pid; /* 0: not visible in our PID namespace */
	uid_t uid;
	gid_t gid;
};

#define UNIXSOCK_NONE                   \
	{                               \
		.fd = -1, .lock_fd = -1 \
	}

/*
 * Listens at @path with mode 0600. Returns 0 or -errno, @ret untouched then:
 *   -ENAMETOOLONG  longer than a socket address holds (107 bytes)
 *   -EADDRINUSE    a living process has it
 *   -EEXIST        something is there that is not a socket
 *   -ENOENT, -EACCES, …  of the directory
 */
int unixsock_listen(const char *path, struct unixsock *ret) WARN_UNUSED;

/* Closes and removes socket and lock file. Twice, or on NONE, does nothing. */
void unixsock_close(struct unixsock *s);

/*
 * One waiting client: a non-blocking descriptor that the caller closes, and
 * its credentials. Returns 0 or -errno; -EAGAIN: nobody waits. With -EMFILE,
 * -ENFILE, -ENOBUFS or -ENOMEM the client keeps waiting, and the listener
 * stays readable: do not poll it for a while.
 */
int unixsock_accept(const struct unixsock *s, int *ret_fd,
		    struct unixsock_peer *ret_peer) WARN_UNUSED;

/*
 * The client's end: a blocking descriptor that the caller closes. Returns 0
 * or -errno; -ECONNREFUSED and -ENOENT: no daemon there.
 */
int unixsock_connect(const char *path, int *ret_fd) WARN_UNUSED;

/*
 * At most @size bytes, and with the first of them the descriptor @passed (-1:
 * none), which stays the caller's. How many were sent, or -errno.
 */
ssize_t unixsock_send(int fd, const void *data, size_t size, int passed)
	WARN_UNUSED;
/*
 * At most @size bytes; 0 at the end. A descriptor that came with them is in
 * *ret_passed (else -1), close-on-exec and the caller's to close; of several
 * the rest is closed. How many bytes, or -errno.
 */
ssize_t unixsock_receive(int fd, void *data, size_t size, int *ret_passed)
	WARN_UNUSED;

#endif
