/* SPDX-License-Identifier: Apache-2.0 */
#include "netns.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/nsfs.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "error.h"

#define SELF "/proc/thread-self/ns/net"

enum spelling { IS_PATH, IS_PID, IS_NAME };

static enum spelling spelling_of(const char *text)
{
	if (strchr(text, '/'))
		return IS_PATH;
	if (text[0] && strspn(text, "0123456789") == strlen(text))
		return IS_PID;
	return IS_NAME;
}

static int format_path(char ret[PATH_MAX], const char *a, const char *b,
		       const char *c)
{
	int n = snprintf(ret, PATH_MAX, "%s%s%s", a, b, c);

	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/* The last component stays: /proc/PID/ns/net reads as a link to no file. */
static int absolute_path(const char *path, char ret[PATH_MAX])
{
	const char *name = strrchr(path, '/') + 1;
	CLEAN_FREE char *dir = NULL;
	CLEAN_FREE char *real = NULL;

	dir = strndup(path, (size_t)(name - path));
	if (!dir)
		return -ENOMEM;
	real = realpath(dir, NULL);
	if (!real) {
		/* A relative path to a directory that is not there. */
		if (path[0] != '/')
			return -errno;
		return format_path(ret, path, "", "");
	}
	return format_path(ret, real, strcmp(real, "/") == 0 ? "" : "/", name);
}

int netns_path(const char *text, char ret_path[PATH_MAX])
{
	struct stat st;
	int rc;

	switch (spelling_of(text)) {
	case IS_PATH:
		return absolute_path(text, ret_path);
	case IS_PID:
		return format_path(ret_path, "/proc/", text, "/ns/net");
	case IS_NAME:
		break;
	}
	if (text[0] == '\0' || strcmp(text, ".") == 0 ||
	    strcmp(text, "..") == 0)
		return -EINVAL;
	rc = format_path(ret_path, "/var/run/netns/", text, "");
	/* Almost everywhere /var/run is a link to /run. */
	if (rc == 0 &&
	    (stat("/run/netns", &st) == 0 || stat(ret_path, &st) < 0))
		rc = format_path(ret_path, "/run/netns/", text, "");
	return rc;
}

static int say_absent(struct error *e, const char *text, const char *path,
		      int err)
{
	enum spelling spelling = spelling_of(text);

	if (err != ENOENT && err != ESRCH && err != ENOTDIR) {
		error_set(e, error_code_of(err), "cannot open %s: %s", path,
			  strerror(err));
		if (err == EACCES || err == EPERM)
			error_hint(e, "run it as root");
		return -err;
	}
	switch (spelling) {
	case IS_PATH:
		error_set(e, "not-found", "there is no namespace %s", path);
		error_hint(e, "give the path of a namespace, as in "
			      "/proc/PID/ns/net or /run/netns/NAME, or a "
			      "process id");
		break;
	case IS_PID:
		error_set(e, "not-found", "there is no process %s", text);
		error_hint(e, "give the id of a process of the container, as "
			      "seen from this host");
		break;
	case IS_NAME:
		error_set(e, "not-found", "there is no namespace named %s (%s)",
			  text, path);
		error_hint(e, "`ip netns list` shows those that have a name; "
			      "others are given by process id or path");
		break;
	}
	return err == ESRCH ? -ESRCH : -ENOENT;
}

int netns_check(int fd)
{
	int type = ioctl(fd, NS_GET_NSTYPE);

	return type == CLONE_NEWNET ? 0 : -EINVAL;
}

static int open_path(const char *path, int *ret_fd)
{
	CLEAN_FD int fd = -1;
	int rc;

	/* Not to wait for a pipe's other end or start a device. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	rc = netns_check(fd);
	if (rc)
		return rc;
	*ret_fd = STEAL_FD(fd);
	return 0;
}

int netns_open(const char *text, int *ret_fd, struct error *e)
{
	char path[PATH_MAX];
	int rc;

	rc = netns_path(text, path);
	if (rc) {
		error_set(e, rc == -EINVAL ? "invalid" : error_code_of(-rc),
			  "\"%.64s\" names no network namespace", text);
		error_hint(e, "give a path, a process id or a name under "
			      "/run/netns");
		return rc;
	}
	rc = open_path(path, ret_fd);
	if (rc == -EINVAL) {
		error_set(e, "invalid", "%s is no network namespace", path);
		error_hint(e, "give a path such as /proc/PID/ns/net or "
			      "/run/netns/NAME");
	} else if (rc) {
		return say_absent(e, text, path, -rc);
	}
	return rc;
}

int netns_open_pid(pid_t pid, int *ret_fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%jd/ns/net", (intmax_t)pid);
	return open_path(path, ret_fd);
}

int netns_open_self(int *ret_fd)
{
	return open_path(SELF, ret_fd);
}

int netns_id(int fd, char ret_id[NETNS_ID_SIZE])
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	snprintf(ret_id, NETNS_ID_SIZE, "%ju:%ju", (uintmax_t)st.st_dev,
		 (uintmax_t)st.st_ino);
	return 0;
}

struct visit {
	int fd;
	int (*fn)(void *arg);
	void *arg;
	int rc;
};

static void *visit(void *arg)
{
	struct visit *v = arg;

	v->rc = setns(v->fd, CLONE_NEWNET) < 0 ? -errno : v->fn(v->arg);
	return NULL;
}

/* A thread that ends need not come back, which could fail. */
int netns_run(int fd, int (*fn)(void *arg), void *arg)
{
	struct visit v = { .fd = fd, .fn = fn, .arg = arg };
	pthread_t thread;
	int error;

	error = pthread_create(&thread, NULL, visit, &v);
	if (error)
		return -error;
	pthread_join(thread, NULL);
	return v.rc;
}

struct socket_request {
	int family, type, protocol;
};

static int open_socket(void *arg)
{
	const struct socket_request *s = arg;
	int fd = socket(s->family, s->type | SOCK_CLOEXEC, s->protocol);

	return fd < 0 ? -errno : fd;
}

int netns_socket(int fd, int family, int type, int protocol)
{
	struct socket_request request = { family, type, protocol };

	if (fd < 0)
		return open_socket(&request);
	return netns_run(fd, open_socket, &request);
}
