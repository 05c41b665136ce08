/* SPDX-License-Identifier: Apache-2.0 */
#include "genl_names.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "cleanup.h"
#include "nl.h"

#define REPLY_SIZE 32768U
#define MAX_DATAGRAMS 4096U

struct asked {
	const char *name;
	bool has;
};

static int open_socket(void)
{
	static const struct timeval timeout = { .tv_sec = 5 };
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	CLEAN_FD int fd = -1;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) <
		    0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return STEAL_FD(fd);
}

static int send_request(int fd)
{
	struct {
		struct nlmsghdr nlh;
		struct genlmsghdr genl;
	} m = {
		.nlh = { .nlmsg_len = sizeof(m),
			 .nlmsg_type = GENL_ID_CTRL,
			 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			 .nlmsg_seq = 1 },
		.genl = { .cmd = CTRL_CMD_GETFAMILY, .version = 1 },
	};
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	if (sendto(fd, &m, sizeof(m), 0, (struct sockaddr *)&kernel,
		   sizeof(kernel)) < 0)
		return -errno;
	return 0;
}

static void take_family(const struct nlmsghdr *nlh, struct asked *a)
{
	const size_t skip = sizeof(*nlh) + sizeof(struct genlmsghdr);
	const struct nlattr *attr;
	size_t offset = 0;

	if (nlh->nlmsg_len < skip)
		return;
	while (nl_next((const char *)nlh + skip, nlh->nlmsg_len - skip, &offset,
		       &attr) > 0) {
		if ((attr->nla_type & NLA_TYPE_MASK) != CTRL_ATTR_FAMILY_NAME)
			continue;
		if (nl_size(attr) == strlen(a->name) + 1 &&
		    memcmp(nl_data(attr), a->name, nl_size(attr)) == 0)
			a->has = true;
	}
}

/* 1: more to come. */
static int take_datagram(const char *buf, size_t size, struct asked *a)
{
	const struct nlmsghdr *nlh;
	size_t offset = 0;

	while (size - offset >= sizeof(*nlh)) {
		nlh = (const void *)(buf + offset);
		if (nlh->nlmsg_len < sizeof(*nlh) ||
		    nlh->nlmsg_len > size - offset)
			return -EPROTO;
		if (nlh->nlmsg_type == NLMSG_DONE)
			return 0;
		if (nlh->nlmsg_type == NLMSG_ERROR)
			return -EPROTO;
		if (nlh->nlmsg_type == GENL_ID_CTRL)
			take_family(nlh, a);
		offset += NL_ALIGN(nlh->nlmsg_len);
		if (offset > size)
			break;
	}
	return 1;
}

int genl_names_has(const char *name, bool *ret)
{
	struct asked a = { .name = name };
	CLEAN_FD int fd = open_socket();
	CLEAN_FREE char *buf = malloc(REPLY_SIZE);
	unsigned int i;
	ssize_t n;
	int rc;

	if (fd < 0)
		return fd;
	if (!buf)
		return -ENOMEM;
	rc = send_request(fd);
	for (i = 0; !rc && i < MAX_DATAGRAMS; i++) {
		n = recv(fd, buf, REPLY_SIZE, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		rc = take_datagram(buf, (size_t)n, &a);
		if (rc == 0) {
			*ret = a.has;
			return 0;
		}
		rc = rc > 0 ? 0 : rc;
	}
	return rc ? rc : -EPROTO;
}
