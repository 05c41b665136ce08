/* SPDX-License-Identifier: Apache-2.0 */
#include "udp.h"

#include <errno.h>
#include <time.h> /* which linux/errqueue.h forgets */

#include <linux/errqueue.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>

#include "addr.h"
#include "cleanup.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

#define UDP_HEADER_SIZE 8U

static int set_option(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) ? -errno : 0;
}

/* Above net.core.rmem_max with CAP_NET_ADMIN, else up to it. */
static void set_buffers(int fd, int size)
{
	if (set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, size) < 0)
		(void)!set_option(fd, SOL_SOCKET, SO_RCVBUF, size);
	if (set_option(fd, SOL_SOCKET, SO_SNDBUFFORCE, size) < 0)
		(void)!set_option(fd, SOL_SOCKET, SO_SNDBUF, size);
}

static int set_v4(int fd)
{
	const int r = set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER,
				 IP_PMTUDISC_PROBE);

	return r < 0 ? r : set_option(fd, IPPROTO_IP, IP_RECVERR, 1);
}

static int set_v6(int fd)
{
	int r = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);

	if (r == 0)
		r = set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER,
			       IPV6_PMTUDISC_PROBE);
	if (r == 0)
		r = set_option(fd, IPPROTO_IPV6, IPV6_DONTFRAG, 1);
	if (r == 0)
		r = set_option(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
	return r;
}

/* Not bound yet. */
static int new_socket(int family, int buffer_size, int *ret_fd,
		      struct udp_abilities *ret)
{
	CLEAN_FD int fd = socket(family,
				 SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int r;

	if (fd < 0)
		return -errno;
	r = family == AF_INET ? set_v4(fd) : set_v6(fd);
	if (r < 0)
		return r;
	set_buffers(fd, buffer_size);
	ret->has_segment = set_option(fd, IPPROTO_UDP, UDP_SEGMENT, 0) == 0;
	ret->has_gro = set_option(fd, IPPROTO_UDP, UDP_GRO, 1) == 0;
	*ret_fd = STEAL_FD(fd);
	return 0;
}

static int bind_to(int fd, const struct endpoint *local)
{
	struct sockaddr_storage sa;
	const socklen_t size = addr_to_sockaddr(local, &sa);

	return bind(fd, (struct sockaddr *)&sa, size) ? -errno : 0;
}

int udp_open(const struct endpoint *local, int buffer_size, int *ret_fd,
	     struct udp_abilities *ret)
{
	CLEAN_FD int fd = -1;
	struct sockaddr_storage sa;
	struct udp_abilities abilities;
	int r;

	addr_to_sockaddr(local, &sa);
	r = new_socket(sa.ss_family, buffer_size, &fd, &abilities);
	if (r == 0)
		r = bind_to(fd, local);
	if (r < 0)
		return r;
	*ret_fd = STEAL_FD(fd);
	*ret = abilities;
	return 0;
}

int udp_open_beside(int fd, int buffer_size, int *ret_fd)
{
	CLEAN_FD int beside = -1;
	struct sockaddr_storage sa;
	struct udp_abilities abilities;
	struct endpoint local;
	int r = udp_endpoint(fd, &local);

	if (r < 0)
		return r;
	addr_to_sockaddr(&local, &sa);
	r = new_socket(sa.ss_family, buffer_size, &beside, &abilities);
	/*
	 * The first was bound without, so that another daemon cannot take the
	 * same port unnoticed; from here on the kernel lets us share it.
	 */
	if (r == 0)
		r = set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (r == 0)
		r = set_option(beside, SOL_SOCKET, SO_REUSEPORT, 1);
	if (r == 0)
		r = bind_to(beside, &local);
	if (r < 0)
		return r;
	*ret_fd = STEAL_FD(beside);
	return 0;
}

int udp_divide(int fd, uint32_t offset, uint8_t value)
{
	/* The result counts the sockets in the order of their opening. */
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, offset),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, 1),
	};
	const struct sock_fprog program = {
		.len = sizeof(code) / sizeof(code[0]),
		.filter = code,
	};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program,
			  sizeof(program))
		       ? -errno
		       : 0;
}

int udp_filter(int fd, struct sock_filter *code, uint16_t n)
{
	const struct sock_fprog program = { .len = n, .filter = code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
			  sizeof(program))
		       ? -errno
		       : 0;
}

int udp_require(int fd, uint32_t mask, uint32_t value)
{
	/* A socket's filter begins at the UDP header; too short is refused. */
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, UDP_HEADER_SIZE),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};

	return udp_filter(fd, code, sizeof(code) / sizeof(code[0]));
}

int udp_set_gro(int fd, bool is_on)
{
	return set_option(fd, IPPROTO_UDP, UDP_GRO, is_on);
}

int udp_endpoint(int fd, struct endpoint *ret)
{
	struct sockaddr_storage sa;
	socklen_t size = sizeof(sa);

	if (getsockname(fd, (struct sockaddr *)&sa, &size))
		return -errno;
	return addr_from_sockaddr(&sa, ret) ? 0 : -EAFNOSUPPORT;
}

uint32_t udp_n_dropped(int fd)
{
	uint32_t info[SK_MEMINFO_VARS];
	socklen_t size = sizeof(info);

	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &size) ||
	    size <= SK_MEMINFO_DROPS * sizeof(info[0]))
		return 0;
	return info[SK_MEMINFO_DROPS];
}

static const struct sock_extended_err *find_error(struct msghdr *msg)
{
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if ((c->cmsg_level == IPPROTO_IP &&
		     c->cmsg_type == IP_RECVERR) ||
		    (c->cmsg_level == IPPROTO_IPV6 &&
		     c->cmsg_type == IPV6_RECVERR))
			return (const struct sock_extended_err *)CMSG_DATA(c);
	}
	return NULL;
}

int udp_next_error(int fd, struct udp_error *ret)
{
	struct sockaddr_storage sa;
	char control[256] __attribute__((aligned(8)));
	struct msghdr msg = {
		.msg_name = &sa,
		.msg_namelen = sizeof(sa),
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	const struct sock_extended_err *e;
	struct udp_error error;

	if (recvmsg(fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return 0;
	memset(&error, 0, sizeof(error));
	e = find_error(&msg);
	if (e) {
		error.error = (int)e->ee_errno;
		error.mtu = e->ee_errno == EMSGSIZE ? e->ee_info : 0;
	}
	if (!addr_from_sockaddr(&sa, &error.to))
		memset(&error.to, 0, sizeof(error.to));
	*ret = error;
	return 1;
}
