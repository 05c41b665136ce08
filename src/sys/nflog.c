/* SPDX-License-Identifier: Apache-2.0 */
#include "nflog.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "cleanup.h"
#include "nl.h"

#define BUFFER_SIZE 8192U
#define TIMEOUT_S 5
#define DATAGRAMS_A_CALL 16
#define SUBSYSTEM(type) ((uint16_t)(NFNL_SUBSYS_ULOG << 8 | (type)))

struct nflog {
	int fd;
	uint8_t *buffer;
	const struct nlmsghdr *next;
	int left; /* bytes of the datagram from next on */
};

static ssize_t receive(int fd, void *buffer, int flags)
{
	struct sockaddr_nl from = { .nl_family = AF_NETLINK };
	socklen_t size;
	ssize_t n;

	do {
		size = sizeof(from);
		n = recvfrom(fd, buffer, BUFFER_SIZE, flags | MSG_TRUNC,
			     (struct sockaddr *)&from, &size);
	} while ((n < 0 && errno == EINTR) || (n >= 0 && from.nl_pid));
	if (n < 0)
		return -errno;
	return n > (ssize_t)BUFFER_SIZE ? -ENOBUFS : n;
}

static size_t put_bind(uint16_t group, void *buffer)
{
	const struct nfulnl_msg_config_cmd cmd = {
		.command = NFULNL_CFG_CMD_BIND
	};
	const struct nfulnl_msg_config_mode mode = {
		.copy_range = htonl(NFLOG_SNAP_SIZE),
		.copy_mode = NFULNL_COPY_PACKET
	};
	struct nl_builder b;
	struct nfgenmsg *g;

	g = nl_begin(&b, buffer, BUFFER_SIZE, SUBSYSTEM(NFULNL_MSG_CONFIG),
		     sizeof(*g));
	g->nfgen_family = AF_UNSPEC;
	g->res_id = htons(group);
	b.nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	b.nlh->nlmsg_seq = 1;
	nl_put(&b, NFULA_CFG_CMD, &cmd, sizeof(cmd));
	nl_put(&b, NFULA_CFG_MODE, &mode, sizeof(mode));
	nl_put_u32(&b, NFULA_CFG_QTHRESH, htonl(1));
	return b.nlh->nlmsg_len;
}

/* The kernel's word on what was asked; packets may come before it. */
static int hear_result(int fd, void *buffer)
{
	const struct nlmsghdr *nlh = buffer;
	struct nlmsgerr result;
	ssize_t n;
	int i;

	for (i = 0; i < DATAGRAMS_A_CALL; i++) {
		n = receive(fd, buffer, 0);
		if (n < 0)
			return n == -EAGAIN ? -ETIMEDOUT : (int)n;
		if (!nl_is_message(nlh, (int)n) ||
		    nlh->nlmsg_type != NLMSG_ERROR ||
		    mnl_nlmsg_get_payload_len(nlh) < sizeof(result))
			continue;
		memcpy(&result, mnl_nlmsg_get_payload(nlh), sizeof(result));
		return result.error > 0 ? -EBADMSG : result.error;
	}
	return -ETIMEDOUT;
}

static int bind_group(int fd, uint16_t group, void *buffer)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	const size_t size = put_bind(group, buffer);

	if (sendto(fd, buffer, size, 0, (struct sockaddr *)&kernel,
		   sizeof(kernel)) < 0)
		return -errno;
	return hear_result(fd, buffer);
}

int nflog_open(uint16_t group, struct nflog **ret)
{
	static const struct timeval timeout = { .tv_sec = TIMEOUT_S };
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK };
	CLEAN_FREE uint8_t *buffer = malloc(BUFFER_SIZE);
	struct nflog *n;
	CLEAN_FD int fd = -1;
	int error;

	if (!buffer)
		return -ENOMEM;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)))
		return -errno;
	error = bind_group(fd, group, buffer);
	if (error)
		return error;
	n = calloc(1, sizeof(*n));
	if (!n)
		return -ENOMEM;
	n->fd = STEAL_FD(fd);
	n->buffer = buffer;
	buffer = NULL;
	*ret = n;
	return 0;
}

void nflog_close(struct nflog *n)
{
	if (!n)
		return;
	close(n->fd);
	free(n->buffer);
	free(n);
}

int nflog_fd(const struct nflog *n)
{
	return n->fd;
}

const uint8_t *nflog_packet(const struct nlmsghdr *nlh, size_t *ret_size)
{
	const size_t skip = NL_ALIGN(sizeof(struct nfgenmsg));
	const size_t size = mnl_nlmsg_get_payload_len(nlh);
	const struct nlattr *attr, *payload = NULL;
	const uint8_t *p = mnl_nlmsg_get_payload(nlh);
	size_t offset = 0;

	if (nlh->nlmsg_type != SUBSYSTEM(NFULNL_MSG_PACKET) || size < skip)
		return NULL;
	while (nl_next(p + skip, size - skip, &offset, &attr) > 0) {
		if (mnl_attr_get_type(attr) == NFULA_PAYLOAD)
			payload = attr;
	}
	if (!payload)
		return NULL;
	*ret_size = nl_size(payload);
	return nl_data(payload);
}

static const uint8_t *take(struct nflog *n, size_t *ret_size)
{
	const uint8_t *packet = NULL;

	while (!packet && n->next && nl_is_message(n->next, n->left)) {
		packet = nflog_packet(n->next, ret_size);
		n->next = mnl_nlmsg_next(n->next, &n->left);
	}
	if (!packet)
		n->next = NULL;
	return packet;
}

int nflog_next(struct nflog *n, const uint8_t **ret, size_t *ret_size)
{
	ssize_t got;
	int i;

	for (i = 0; i < DATAGRAMS_A_CALL; i++) {
		*ret = take(n, ret_size);
		if (*ret)
			return 1;
		got = receive(n->fd, n->buffer, MSG_DONTWAIT);
		if (got < 0)
			return got == -EAGAIN ? 0 : (int)got;
		n->next = (const struct nlmsghdr *)n->buffer;
		n->left = (int)got;
	}
	return 0;
}
