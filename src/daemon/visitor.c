/* SPDX-License-Identifier: Apache-2.0 */
#include "visitor.h"

#include <cap-ng.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/alloc.h"
#include "sys/cleanup.h"
#include "sys/error.h"
#include "sys/netns.h"
#include "sys/rtnl.h"

struct visitor {
	int fd;
	pid_t pid;
};

static bool is_the_one(int fd, const char *id)
{
	char found[NETNS_ID_SIZE];

	return netns_id(fd, found) == 0 && strcmp(found, id) == 0;
}

/* The process whose path was given may have ended, and others be inside. */
static int search(const char *id, int *ret_fd)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	int rc = -ENOENT;
	int fd;

	if (!proc)
		return -errno;
	while (rc && (entry = readdir(proc))) {
		const pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid <= 0 || netns_open_pid(pid, &fd))
			continue;
		if (is_the_one(fd, id)) {
			*ret_fd = fd;
			rc = 0;
		} else {
			close(fd);
		}
	}
	closedir(proc);
	return rc;
}

static int open_netns(const struct visitor_request *request, int *ret_fd)
{
	struct error e = { .code = "" };
	int fd;

	if (request->netns_path[0] == '/' &&
	    netns_open(request->netns_path, &fd, &e) == 0) {
		if (is_the_one(fd, request->netns_id)) {
			*ret_fd = fd;
			return 0;
		}
		close(fd);
	}
	return search(request->netns_id, ret_fd);
}

static int set_mtu(struct rtnl *r, const struct visitor_request *request,
		   uint32_t *ret_mtu)
{
	struct rtnl_link link;
	int rc = rtnl_link_by_name(r, request->ifname, &link);

	if (rc)
		return rc == -ENODEV ? -ENOENT : rc;
	if (!mac_equal(&link.mac, &request->mac))
		return -ENOENT;
	*ret_mtu = link.mtu;
	if (link.mtu == request->to ||
	    (link.mtu != request->from && link.mtu < request->to))
		return 0;
	rc = rtnl_link_set_mtu(r, link.ifindex, request->to);
	if (!rc)
		*ret_mtu = request->to;
	return rc;
}

void visitor_serve(const struct visitor_request *request,
		   struct visitor_answer *ret)
{
	CLEAN_FD int fd = -1;
	struct rtnl *r;

	memset(ret, 0, sizeof(*ret));
	ret->port_no = request->port_no;
	ret->to = request->to;
	ret->error = open_netns(request, &fd);
	if (!ret->error)
		ret->error = rtnl_open_at(fd, &r);
	if (ret->error)
		return;
	ret->error = set_mtu(r, request, &ret->mtu);
	rtnl_close(r);
}

static bool is_text(const char *text, size_t size)
{
	return strnlen(text, size) < size;
}

static void serve(int fd)
{
	struct visitor_request request;
	struct visitor_answer answer;
	ssize_t n;

	for (;;) {
		n = recv(fd, &request, sizeof(request), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n != sizeof(request) ||
		    !is_text(request.netns_path, sizeof(request.netns_path)) ||
		    !is_text(request.netns_id, sizeof(request.netns_id)) ||
		    !is_text(request.ifname, sizeof(request.ifname)))
			return;
		visitor_serve(&request, &answer);
		if (send(fd, &answer, sizeof(answer), MSG_NOSIGNAL) !=
		    sizeof(answer))
			return;
	}
}

/* Another user's processes are looked at with CAP_SYS_PTRACE, if it is had. */
static int keep_privilege(void)
{
	bool has_ptrace;

	capng_get_caps_process();
	has_ptrace = capng_have_capability(CAPNG_PERMITTED, CAP_SYS_PTRACE);
	capng_clear(CAPNG_SELECT_BOTH);
	if (capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED,
			  CAP_SYS_ADMIN, CAP_NET_ADMIN,
			  has_ptrace ? CAP_SYS_PTRACE : -1, -1) ||
	    capng_apply(CAPNG_SELECT_CAPS))
		return -EPERM;
	return 0;
}

static void child(int fd)
{
	signal(SIGINT, SIG_IGN); /* to the terminal's whole group */
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	prctl(PR_SET_NAME, "fastdpd-visitor");
	if (dup2(fd, STDERR_FILENO + 1) != STDERR_FILENO + 1)
		_exit(1);
	/* Unlike close_range(2) it works before Linux 5.9, and in sandboxes
	 * that refuse what they do not know. */
	closefrom(STDERR_FILENO + 2);
	if (keep_privilege())
		_exit(1);
	serve(STDERR_FILENO + 1);
	_exit(0);
}

struct visitor *visitor_start(int *ret_error)
{
	struct visitor *v;
	int fds[2];
	pid_t pid;

	*ret_error = 0;
	capng_get_caps_process();
	if (!capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_ADMIN))
		return NULL;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds)) {
		*ret_error = -errno;
		return NULL;
	}
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		child(fds[1]);
	}
	close(fds[1]);
	if (pid < 0) {
		*ret_error = -errno;
		close(fds[0]);
		return NULL;
	}
	v = core_alloc(sizeof(*v));
	v->fd = fds[0];
	v->pid = pid;
	return v;
}

void visitor_stop(struct visitor *v)
{
	if (!v)
		return;
	close(v->fd);
	while (waitpid(v->pid, NULL, 0) < 0 && errno == EINTR)
		;
	free(v);
}

int visitor_fd(const struct visitor *v)
{
	return v->fd;
}

bool visitor_ask(struct visitor *v, const struct visitor_request *request)
{
	return send(v->fd, request, sizeof(*request),
		    MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof(*request);
}

int visitor_next(struct visitor *v, struct visitor_answer *ret)
{
	struct visitor_answer answer;
	const ssize_t n = recv(v->fd, &answer, sizeof(answer), MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n != sizeof(answer))
		return -EPIPE;
	*ret = answer;
	return 1;
}
