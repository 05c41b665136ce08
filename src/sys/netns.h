/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETNS_H
#define NETNS_H

/*
 * Network namespaces: finding one, telling it from others, working inside.
 *
 * Namespaces belong to threads, and /proc/net, /proc/self/net to the first one
 * of a process: /proc/thread-self/net is what a thread sees.
 */

#include <limits.h>
#include <sys/types.h>

#include "core/core.h"

struct error;

#define NETNS_ID_SIZE 48 /* "dev:ino" with the terminating zero */

/*
 * What a person may write: a path ("/proc/1234/ns/net", "./ns"), a process id
 * ("1234"), or a name ("web": /run/netns/web or /var/run/netns/web).
 *
 * 0 and a descriptor that the caller closes; else -errno, and *e says it in
 * words: -ENOENT (or -ESRCH) when there is no such namespace, -EINVAL when it
 * is something else.
 */
int netns_open(const char *text, int *ret_fd, struct error *e) WARN_UNUSED;

/*
 * The absolute path that @text stands for, with no link in its directories:
 * the same for a namespace that has gone. 0 or -errno (-ENAMETOOLONG).
 */
int netns_path(const char *text, char ret_path[PATH_MAX]) WARN_UNUSED;

int netns_open_pid(pid_t pid, int *ret_fd) WARN_UNUSED;
/* Of the calling thread. */
int netns_open_self(int *ret_fd) WARN_UNUSED;

/* 0: the descriptor is of a network namespace; else -EINVAL. */
int netns_check(int fd) WARN_UNUSED;
/*
 * "dev:ino", two decimal numbers: equal for two descriptors of one namespace.
 * The kernel may give the number to another after this one is gone.
 */
int netns_id(int fd, char ret_id[NETNS_ID_SIZE]) WARN_UNUSED;

/*
 * Calls fn(arg) in a thread that is inside the namespace, and waits for it.
 * Returns what fn returned, or -errno when that was not possible (fn was not
 * called). The calling thread stays where it is.
 */
int netns_run(int fd, int (*fn)(void *arg), void *arg) WARN_UNUSED;

/* A descriptor of socket(2), close-on-exec, or -errno. @fd -1: current. */
int netns_socket(int fd, int family, int type, int protocol) WARN_UNUSED;

#endif
