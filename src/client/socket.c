/* SPDX-License-Identifier: Apache-2.0 */
#include "socket.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "sys/cleanup.h"
#include "sys/clock.h"
#include "sys/error.h"
#include "sys/netns.h"
#include "sys/unixsock.h"

#define READ_SIZE 65536U

struct client {
	int fd;
	bool is_broken;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

static usec_t timeout_us(void)
{
	const char *text = getenv(CLIENT_TIMEOUT_VARIABLE);
	const long ms = text ? strtol(text, NULL, 10) : 0;

	return (ms >= 100 && ms < CLIENT_TIMEOUT_MS ? (usec_t)ms
						    : CLIENT_TIMEOUT_MS) *
	       USEC_PER_MS;
}

/* A blocking connect: it waits only while the daemon's queue is full. */
static int connect_to(const char *path)
{
	const usec_t wait = timeout_us();
	const struct timeval timeout = {
		.tv_sec = (time_t)(wait / USEC_PER_SEC),
		.tv_usec = (suseconds_t)(wait % USEC_PER_SEC),
	};
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	CLEAN_FD int fd = -1;

	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) <
	    0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return STEAL_FD(fd);
}

static int say_no_connection(struct error *e, const char *path, int err)
{
	switch (err) {
	case ENOENT:
	case ECONNREFUSED:
	case ENOTDIR:
		error_set(e, CLIENT_NO_DAEMON, "no daemon listens on %s", path);
		error_hint(e, "start it (`systemctl start fastdpd`, or "
			      "`fastdpd --insecure` by hand), or name its "
			      "socket with --socket");
		break;
	case EACCES:
	case EPERM:
		error_set(e, "no-permission", "may not connect to %s", path);
		error_hint(e, "run it as root");
		break;
	case ETIMEDOUT:
		error_set(e, "timeout",
			  "the daemon on %s accepts no "
			  "connection",
			  path);
		error_hint(e, "see what it logs (`journalctl -u fastdpd`) and "
			      "restart it; traffic in the kernel goes on");
		break;
	default:
		error_set(e, error_code_of(err), "cannot connect to %s: %s",
			  path, strerror(err));
		break;
	}
	return -1;
}

int client_open(const char *path, struct client **ret, struct error *e)
{
	CLEAN_FD int fd = -1;
	struct client *c;

	if (path[0] == '\0' || strlen(path) >= sizeof(c->path)) {
		error_set(e, "invalid",
			  "the path of the socket must have 1 to "
			  "%zu bytes",
			  sizeof(c->path) - 1);
		return error_hint(e, "give a shorter one with --socket");
	}
	fd = connect_to(path);
	if (fd < 0)
		return say_no_connection(e, path, -fd);
	c = calloc(1, sizeof(*c));
	if (!c)
		return error_set(e, "limit", "out of memory");
	strcpy(c->path, path);
	c->fd = STEAL_FD(fd);
	*ret = c;
	return 0;
}

void client_close(struct client *c)
{
	if (!c)
		return;
	close(c->fd);
	free(c);
}

static int say_broken(struct client *c, struct error *e, int err)
{
	c->is_broken = true;
	switch (err) {
	case ETIMEDOUT:
		error_set(e, "timeout",
			  "the daemon did not answer in %g "
			  "seconds",
			  (double)timeout_us() / USEC_PER_SEC);
		return error_hint(e,
				  "see what it logs (`journalctl -u "
				  "fastdpd`); traffic in the kernel goes on");
	case EPIPE:
	case ECONNRESET:
		error_set(e, "closed",
			  "the daemon closed the connection "
			  "without an answer");
		return error_hint(e, "see why in its log (`journalctl -u "
				     "fastdpd`), then try again");
	case EMSGSIZE:
		error_set(e, "bad-reply",
			  "the daemon's answer is longer than "
			  "%u MiB",
			  CLIENT_MAX_REPLY / 1024 / 1024);
		break;
	case EBADMSG:
		error_set(e, "bad-reply",
			  "what answers on %s speaks another "
			  "language than the daemon",
			  c->path);
		break;
	default:
		return error_set(e, error_code_of(err),
				 "talking to the daemon "
				 "failed: %s",
				 strerror(err));
	}
	return error_hint(e,
			  "check that %s is the daemon's socket and that "
			  "both are of the same version",
			  c->path);
}

/* 0 when the descriptor is ready, else -errno. */
static int wait_for(int fd, short events, usec_t deadline)
{
	struct pollfd p = { .fd = fd, .events = events };
	usec_t now;
	int n;

	for (;;) {
		now = clock_monotonic_us();
		if (now >= deadline)
			return -ETIMEDOUT;
		n = poll(&p, 1, (int)((deadline - now) / 1000) + 1);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

/* @passed goes with the first byte; -1: none. */
static int send_all(int fd, const char *data, size_t size, int passed,
		    usec_t deadline)
{
	ssize_t n;
	int rc;

	while (size > 0) {
		rc = wait_for(fd, POLLOUT, deadline);
		if (rc)
			return rc;
		n = unixsock_send(fd, data, size, passed);
		if (n == -EINTR || n == -EAGAIN)
			continue;
		if (n < 0)
			return (int)n;
		passed = -1;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

struct line {
	char *data;
	size_t size, capacity;
};

static int make_room(struct line *line)
{
	size_t capacity = line->capacity ? line->capacity * 2 : READ_SIZE;
	char *data;

	if (line->size > CLIENT_MAX_REPLY)
		return -EMSGSIZE;
	if (line->capacity - line->size >= READ_SIZE / 2)
		return 0;
	data = realloc(line->data, capacity);
	if (!data)
		return -ENOMEM;
	line->data = data;
	line->capacity = capacity;
	return 0;
}

/* Up to a newline, which is the last byte of what was received. */
static int receive_line(int fd, struct line *line, usec_t deadline)
{
	char *newline = NULL;
	ssize_t n;
	int rc;

	while (!newline) {
		rc = make_room(line);
		if (!rc)
			rc = wait_for(fd, POLLIN, deadline);
		if (rc)
			return rc;
		n = recv(fd, line->data + line->size,
			 line->capacity - line->size, MSG_DONTWAIT);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return line->size ? -EBADMSG : -ECONNRESET;
		newline = memchr(line->data + line->size, '\n', (size_t)n);
		line->size += (size_t)n;
	}
	if (newline != line->data + line->size - 1)
		return -EBADMSG;
	line->size--;
	return line->size > CLIENT_MAX_REPLY ? -EMSGSIZE : 0;
}

/* The daemon's {"code", "message", "hint"}; whatever is absent is made up. */
static int take_error(const json_t *object, struct error *e)
{
	const char *code = json_string_value(json_object_get(object, "code"));
	const char *text;
	const char *hint;

	text = json_string_value(json_object_get(object, "message"));
	hint = json_string_value(json_object_get(object, "hint"));
	/* Only this side can know that there is no daemon. */
	if (!code || !code[0] || strcmp(code, CLIENT_NO_DAEMON) == 0)
		code = "refused";
	error_set(e, code, "%s", text ? text : "the daemon refused");
	if (hint)
		error_hint(e, "%s", hint);
	return -1;
}

static int exchange(struct client *c, const char *request, size_t size,
		    int passed, struct line *line)
{
	usec_t deadline = clock_monotonic_us() + timeout_us();
	int rc;

	rc = send_all(c->fd, request, size, passed, deadline);
	if (!rc)
		rc = send_all(c->fd, "\n", 1, -1, deadline);
	if (!rc)
		rc = receive_line(c->fd, line, deadline);
	return rc;
}

int client_call(struct client *c, const json_t *request, json_t **ret_reply,
		struct error *e)
{
	return client_call_with(c, request, -1, ret_reply, e);
}

int client_call_with(struct client *c, const json_t *request, int fd,
		     json_t **ret_reply, struct error *e)
{
	CLEAN_FREE char *text = NULL;
	struct line line = { 0 };
	json_t *reply, *error;
	int rc;

	if (c->is_broken)
		return error_set(e, "closed",
				 "the connection to the daemon "
				 "has failed");
	text = json_dumps(request, JSON_COMPACT);
	if (!text || strlen(text) >= CLIENT_MAX_REQUEST)
		return error_set(e, "invalid",
				 "the request is too long or no "
				 "text that can be sent");
	rc = exchange(c, text, strlen(text), fd, &line);
	if (rc) {
		free(line.data);
		return say_broken(c, e, -rc);
	}
	reply = json_loadb(line.data, line.size, JSON_REJECT_DUPLICATES, NULL);
	free(line.data);
	if (!json_is_object(reply)) {
		json_decref(reply);
		return say_broken(c, e, EBADMSG);
	}
	error = json_object_get(reply, "error");
	if (error) {
		take_error(error, e);
		json_decref(reply);
		return -1;
	}
	*ret_reply = reply;
	return 0;
}

int client_netns(struct client *c, int *ret_fd, struct error *e)
{
	struct ucred peer = { 0 };
	socklen_t size = sizeof(peer);
	int rc;

	if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return error_set(e, error_code_of(errno),
				 "cannot tell the "
				 "daemon's process: "
				 "%s",
				 strerror(errno));
	if (peer.pid <= 0) {
		error_set(e, "invalid",
			  "the daemon is in another PID "
			  "namespace");
		return error_hint(e, "run this on the host itself, or in a "
				     "container that shares the host's "
				     "processes");
	}
	rc = netns_open_pid(peer.pid, ret_fd);
	if (rc) {
		error_set(e, error_code_of(-rc),
			  "cannot enter the network "
			  "namespace of the daemon "
			  "(process %d): %s",
			  (int)peer.pid, strerror(-rc));
		return error_hint(e, rc == -ENOENT ? "start the daemon anew"
						   : "run it as root");
	}
	return 0;
}
