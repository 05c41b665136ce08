/* SPDX-License-Identifier: Apache-2.0 */
#include "tcp.h"

#include "addr.h"
#include "cleanup.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#define BACKLOG 256

static int set_option(int fd, int level, int name, int value)
{
	if (setsockopt(fd, level, name, &value, sizeof(value)) < 0)
		return -errno;
	return 0;
}

/*
 * Of a connection. Without these it works as well, only slower to send and to
 * notice a dead peer: an old kernel's refusal is no reason to stop.
 */
static void tune(int fd)
{
	(void)set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	(void)set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, TCP_GIVE_UP_MS);
}

static int open_socket(int family, int *ret_fd)
{
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			IPPROTO_TCP);

	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

static int listen_at(const struct endpoint *local, bool is_dual, int *ret_fd)
{
	struct sockaddr_storage sa;
	socklen_t size = addr_to_sockaddr(local, &sa);
	CLEAN_FD int fd = -1;
	int r;

	r = open_socket(sa.ss_family, &fd);
	if (r < 0)
		return r;
	/* Connections of the last life in TIME_WAIT do not hold the port. */
	r = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (r == 0 && sa.ss_family == AF_INET6)
		r = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, !is_dual);
	if (r < 0)
		return r;
	if (bind(fd, (struct sockaddr *)&sa, size) < 0)
		return -errno;
	if (listen(fd, BACKLOG) < 0)
		return -errno;
	*ret_fd = STEAL_FD(fd);
	return 0;
}

int tcp_listen(const struct endpoint *local, int *ret_fd)
{
	static const uint8_t any_v4[4];
	struct endpoint v4 = { .ip = ip_from_v4(any_v4), .port = local->port };
	int r;

	if (!ip_is_zero(&local->ip))
		return listen_at(local, false, ret_fd);
	r = listen_at(local, true, ret_fd);
	/* IPv6 may be left out of the kernel or switched off. */
	if (r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL)
		r = listen_at(&v4, false, ret_fd);
	return r;
}

int tcp_connect(const struct endpoint *remote, const struct ip *from,
		int *ret_fd)
{
	struct sockaddr_storage sa, source;
	socklen_t size = addr_to_sockaddr(remote, &sa);
	CLEAN_FD int fd = -1;
	int r;

	if (addr_ip_is_any(&remote->ip))
		return -EADDRNOTAVAIL;
	r = open_socket(sa.ss_family, &fd);
	if (r < 0)
		return r;
	tune(fd);
	if (!addr_ip_is_any(from)) {
		struct endpoint local = { .ip = *from, .port = 0 };
		socklen_t source_size = addr_to_sockaddr(&local, &source);

		if (source.ss_family != sa.ss_family)
			return -ENETUNREACH;
		/* The port is chosen at connect, so that they do not run out. */
		(void)set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
		if (bind(fd, (struct sockaddr *)&source, source_size) < 0)
			return -errno;
	}
	if (connect(fd, (struct sockaddr *)&sa, size) < 0 &&
	    errno != EINPROGRESS && errno != EINTR)
		return -errno;
	*ret_fd = STEAL_FD(fd);
	return 0;
}

int tcp_connect_result(int fd)
{
	int error = 0;
	socklen_t size = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		return -errno;
	return -error;
}

int tcp_accept(int listen_fd, int *ret_fd, struct endpoint *ret_remote)
{
	struct sockaddr_storage sa;
	socklen_t size = sizeof(sa);
	CLEAN_FD int fd = -1;
	struct endpoint remote;

	memset(&sa, 0, sizeof(sa));
	fd = accept4(listen_fd, (struct sockaddr *)&sa, &size,
		     SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (!addr_from_sockaddr(&sa, &remote))
		return -EAFNOSUPPORT;
	tune(fd);
	*ret_remote = remote;
	*ret_fd = STEAL_FD(fd);
	return 0;
}

int tcp_endpoints(int fd, struct endpoint *ret_local,
		  struct endpoint *ret_remote)
{
	struct sockaddr_storage local = { 0 }, remote = { 0 };
	socklen_t local_size = sizeof(local), remote_size = sizeof(remote);
	struct endpoint l, r;

	if (ret_local) {
		if (getsockname(fd, (struct sockaddr *)&local, &local_size) < 0)
			return -errno;
		if (!addr_from_sockaddr(&local, &l))
			return -EAFNOSUPPORT;
	}
	if (ret_remote) {
		if (getpeername(fd, (struct sockaddr *)&remote, &remote_size) <
		    0)
			return -errno;
		if (!addr_from_sockaddr(&remote, &r))
			return -EAFNOSUPPORT;
		*ret_remote = r;
	}
	if (ret_local)
		*ret_local = l;
	return 0;
}
