/* SPDX-License-Identifier: Apache-2.0 */
#include "upcall.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>

#include "cleanup.h"

/* An attribute of 64 KiB, its key, and headers; a multiple of 8. */
#define SLOT_SIZE (66U * 1024U)

struct upcall_buffer {
	struct mmsghdr messages[UPCALL_BATCH];
	struct iovec iovs[UPCALL_BATCH];
	struct sockaddr_nl froms[UPCALL_BATCH];
	struct ovs_upcall upcalls[UPCALL_BATCH];
	_Alignas(8) uint8_t slots[UPCALL_BATCH][SLOT_SIZE];
};

static int set_rcvbuf(int fd)
{
	const int size = UPCALL_RCVBUF_SIZE;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) ==
	    0)
		return 0;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) < 0)
		return -errno;
	return 0;
}

int upcall_open(struct upcall_socket *ret, uint16_t packet_family,
		uint32_t fixed_portid)
{
	struct sockaddr_nl local = { .nl_family = AF_NETLINK,
				     .nl_pid = fixed_portid };
	socklen_t size = sizeof(local);
	CLEAN_FD int fd = -1;
	int r;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
		    NETLINK_GENERIC);
	if (fd < 0)
		return -errno;
	r = set_rcvbuf(fd);
	if (r)
		return r;
	if (bind(fd, (struct sockaddr *)&local, sizeof(local)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&local, &size) < 0)
		return -errno;
	*ret = (struct upcall_socket){
		.fd = STEAL_FD(fd),
		.portid = local.nl_pid,
		.family = packet_family,
	};
	return 0;
}

void upcall_close(struct upcall_socket *s)
{
	if (!s || s->fd < 0)
		return;
	close(s->fd);
	s->fd = -1;
}

struct upcall_buffer *upcall_buffer_new(void)
{
	/* Not cleared: what no packet touches costs no memory. */
	struct upcall_buffer *b = malloc(sizeof(*b));
	unsigned int i;

	if (!b)
		abort();
	memset(b->messages, 0, sizeof(b->messages));
	for (i = 0; i < UPCALL_BATCH; i++) {
		b->iovs[i].iov_base = b->slots[i];
		b->iovs[i].iov_len = SLOT_SIZE;
		b->messages[i].msg_hdr.msg_iov = &b->iovs[i];
		b->messages[i].msg_hdr.msg_iovlen = 1;
		b->messages[i].msg_hdr.msg_name = &b->froms[i];
	}
	return b;
}

void upcall_buffer_free(struct upcall_buffer *b)
{
	free(b);
}

static int receive(struct upcall_socket *s, struct upcall_buffer *b,
		   unsigned int n)
{
	unsigned int i;
	int r;

	for (i = 0; i < n; i++)
		b->messages[i].msg_hdr.msg_namelen = sizeof(b->froms[i]);
	do {
		r = recvmmsg(s->fd, b->messages, n, MSG_DONTWAIT, NULL);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

static bool decode(const struct upcall_socket *s, struct upcall_buffer *b,
		   unsigned int i, struct ovs_upcall *ret)
{
	const struct mmsghdr *m = &b->messages[i];
	const struct nlmsghdr *nlh = (const void *)b->slots[i];

	return b->froms[i].nl_pid == 0 && !(m->msg_hdr.msg_flags & MSG_TRUNC) &&
	       m->msg_len >= sizeof(*nlh) && nlh->nlmsg_type == s->family &&
	       ovs_upcall_decode(nlh, m->msg_len, ret) == 0;
}

int upcall_read(struct upcall_socket *s, struct upcall_buffer *b,
		unsigned int n_max, const struct ovs_upcall **ret_upcalls,
		unsigned int *ret_n, bool *ret_is_drained)
{
	unsigned int wanted = n_max < UPCALL_BATCH ? n_max : UPCALL_BATCH;
	unsigned int n = 0;
	bool is_drained = false;
	int i, got;

	got = receive(s, b, wanted);
	if (got == -EAGAIN) {
		got = 0;
		is_drained = true;
	} else if (got == -ENOBUFS) {
		/* Said once; what the socket holds is still there. */
		s->n_overruns++;
		got = 0;
	} else if (got < 0) {
		return got;
	} else {
		is_drained = (unsigned int)got < wanted;
	}
	for (i = 0; i < got; i++) {
		if (decode(s, b, (unsigned int)i, &b->upcalls[n]))
			n++;
		else
			s->n_malformed++;
	}
	*ret_upcalls = b->upcalls;
	*ret_n = n;
	if (ret_is_drained)
		*ret_is_drained = is_drained;
	return 0;
}
