/* SPDX-License-Identifier: Apache-2.0 */
#include "rtnl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "cleanup.h"
#include "netns.h"
#include "nl.h"
#include "rtnl_internal.h"

#define TIMEOUT_S 5
#define DUMP_TRIES 8

int rtnl_socket(int netns_fd, int extra_type, uint32_t groups)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK,
				    .nl_groups = groups };
	CLEAN_FD int fd = -1;

	fd = netns_socket(netns_fd, AF_NETLINK, SOCK_RAW | extra_type,
			  NETLINK_ROUTE);
	if (fd < 0)
		return fd;
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	return STEAL_FD(fd);
}

int rtnl_open_at(int netns_fd, struct rtnl **ret)
{
	static const struct timeval timeout = { .tv_sec = TIMEOUT_S };
	CLEAN_FD int fd = -1;
	struct rtnl *r;

	fd = rtnl_socket(netns_fd, 0, 0);
	if (fd < 0)
		return fd;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) <
		    0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) <
		    0)
		return -errno;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->fd = -1;
	r->request = malloc(RTNL_BUFFER_SIZE);
	r->reply = malloc(RTNL_BUFFER_SIZE);
	if (!r->request || !r->reply) {
		rtnl_close(r);
		return -ENOMEM;
	}
	r->fd = STEAL_FD(fd);
	*ret = r;
	return 0;
}

int rtnl_open(struct rtnl **ret)
{
	return rtnl_open_at(-1, ret);
}

void rtnl_close(struct rtnl *r)
{
	if (!r)
		return;
	if (r->fd >= 0)
		close(r->fd);
	free(r->request);
	free(r->reply);
	free(r);
}

ssize_t rtnl_receive(int fd, struct nlmsghdr *buffer)
{
	/* Attributes are padded to 4 bytes: leave room to look at padding. */
	struct iovec iov = { .iov_base = buffer,
			     .iov_len = RTNL_BUFFER_SIZE - NLMSG_ALIGNTO };
	struct sockaddr_nl from;
	struct msghdr msg;
	ssize_t n;

	for (;;) {
		memset(&from, 0, sizeof(from));
		msg = (struct msghdr){ .msg_name = &from,
				       .msg_namelen = sizeof(from),
				       .msg_iov = &iov,
				       .msg_iovlen = 1 };
		n = recvmsg(fd, &msg, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (msg.msg_namelen != sizeof(from) ||
		    from.nl_family != AF_NETLINK || from.nl_pid != 0)
			continue;
		if (msg.msg_flags & MSG_TRUNC)
			return -EMSGSIZE;
		return n;
	}
}

struct nlmsghdr *rtnl_request(struct rtnl *r, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *nlh;

	memset(r->request, 0, RTNL_BUFFER_SIZE);
	nlh = mnl_nlmsg_put_header(r->request);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	if ((flags & NLM_F_DUMP) != NLM_F_DUMP)
		nlh->nlmsg_flags |= NLM_F_ACK;
	nlh->nlmsg_seq = ++r->seq;
	return nlh;
}

/* The result in an NLMSG_ERROR or NLMSG_DONE: 0 or -errno. */
static int end_status(const struct nlmsghdr *nlh)
{
	int32_t status;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(status))
		return nlh->nlmsg_type == NLMSG_DONE ? 0 : -EBADMSG;
	memcpy(&status, mnl_nlmsg_get_payload(nlh), sizeof(status));
	if (status > 0 || status < -4095)
		return -EBADMSG;
	return status;
}

/* One datagram of answers. 1: more to come; else 0 or -errno, and the end. */
static int take_answers(struct rtnl *r, size_t size, rtnl_answer_fn *fn,
			void *arg, bool *interrupted)
{
	const struct nlmsghdr *nlh = r->reply;
	int left = (int)size;
	int rc;

	for (; nl_is_message(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		/* Late answers to a request that was given up. */
		if (nlh->nlmsg_seq != r->seq)
			continue;
		if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
			*interrupted = true;
		if (nlh->nlmsg_type == NLMSG_ERROR ||
		    nlh->nlmsg_type == NLMSG_DONE)
			return end_status(nlh);
		if (nlh->nlmsg_type < NLMSG_MIN_TYPE || !fn)
			continue;
		rc = fn(nlh, arg);
		if (rc)
			return rc;
	}
	return 1;
}

int rtnl_transact(struct rtnl *r, rtnl_answer_fn *fn, void *arg)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	bool interrupted = false;
	ssize_t n;
	int rc;

	do {
		n = sendto(r->fd, r->request, r->request->nlmsg_len, 0,
			   (struct sockaddr *)&kernel, sizeof(kernel));
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	do {
		n = rtnl_receive(r->fd, r->reply);
		if (n < 0)
			return n == -EAGAIN ? -ETIMEDOUT : (int)n;
		rc = take_answers(r, (size_t)n, fn, arg, &interrupted);
	} while (rc > 0);
	return rc == 0 && interrupted ? -EAGAIN : rc;
}

void *rtnl_list_add(struct rtnl_list *list)
{
	const size_t max = list->max ? list->max : RTNL_MAX_LIST;
	size_t capacity;
	char *items;

	if (list->n == list->capacity) {
		if (list->n >= max)
			return NULL;
		capacity = list->capacity ? list->capacity * 2 : 32;
		items = realloc(list->items, capacity * list->item_size);
		if (!items)
			return NULL;
		list->items = items;
		list->capacity = capacity;
	}
	items = (char *)list->items + list->n * list->item_size;
	memset(items, 0, list->item_size);
	list->n++;
	return items;
}

int rtnl_dump(struct rtnl *r, uint16_t type, size_t header_size,
	      rtnl_answer_fn *fn, struct rtnl_list *list)
{
	struct nlmsghdr *nlh;
	int i, rc = -EAGAIN;

	for (i = 0; i < DUMP_TRIES && rc == -EAGAIN; i++) {
		list->n = 0;
		nlh = rtnl_request(r, type, NLM_F_DUMP);
		mnl_nlmsg_put_extra_header(nlh, header_size);
		rc = rtnl_transact(r, fn, list);
	}
	if (rc) {
		free(list->items);
		memset(list, 0, sizeof(*list));
	}
	return rc;
}

static void sort_attrs(const void *start, size_t size,
		       const struct nlattr **ret, uint16_t max)
{
	const struct nlattr *attr = start;
	const char *end = (const char *)start + size;

	memset(ret, 0, (max + 1U) * sizeof(*ret));
	for (; mnl_attr_ok(attr, (int)(end - (const char *)attr));
	     attr = mnl_attr_next(attr)) {
		if (mnl_attr_get_type(attr) <= max)
			ret[mnl_attr_get_type(attr)] = attr;
	}
}

int rtnl_attrs(const struct nlmsghdr *nlh, size_t header_size,
	       const struct nlattr **ret, uint16_t max)
{
	size_t size = mnl_nlmsg_get_payload_len(nlh);
	size_t skip = NLMSG_ALIGN(header_size);

	if (size < header_size)
		return -EBADMSG;
	/* A header without its padding has no attributes. */
	sort_attrs((const char *)mnl_nlmsg_get_payload(nlh) + skip,
		   size < skip ? 0 : size - skip, ret, max);
	return 0;
}

void rtnl_nested(const struct nlattr *nest, const struct nlattr **ret,
		 uint16_t max)
{
	if (nest)
		sort_attrs(mnl_attr_get_payload(nest),
			   mnl_attr_get_payload_len(nest), ret, max);
	else
		memset(ret, 0, (max + 1U) * sizeof(*ret));
}

bool rtnl_get_u32(const struct nlattr *attr, uint32_t *ret)
{
	if (!attr || mnl_attr_get_payload_len(attr) != sizeof(*ret))
		return false;
	memcpy(ret, mnl_attr_get_payload(attr), sizeof(*ret));
	return true;
}

bool rtnl_get_string(const struct nlattr *attr, char *ret, size_t size)
{
	const char *text;
	size_t n;

	if (!attr)
		return false;
	text = mnl_attr_get_payload(attr);
	n = strnlen(text, mnl_attr_get_payload_len(attr));
	if (n >= size)
		return false;
	memcpy(ret, text, n);
	ret[n] = '\0';
	return true;
}

bool rtnl_get_mac(const struct nlattr *attr, struct mac *ret)
{
	if (!attr || mnl_attr_get_payload_len(attr) != sizeof(ret->b))
		return false;
	memcpy(ret->b, mnl_attr_get_payload(attr), sizeof(ret->b));
	return true;
}

bool rtnl_get_ip(const struct nlattr *attr, int family, struct ip *ret)
{
	struct ip ip;
	size_t size;

	if (!attr)
		return false;
	size = mnl_attr_get_payload_len(attr);
	if (family == AF_INET && size == 4) {
		*ret = ip_from_v4(mnl_attr_get_payload(attr));
		return true;
	}
	if (family != AF_INET6 || size != 16)
		return false;
	ip = ip_from_v6(mnl_attr_get_payload(attr));
	/* A struct ip that looks like this means the IPv4 address. */
	if (ip_is_v4(&ip))
		return false;
	*ret = ip;
	return true;
}

int rtnl_family(const struct ip *ip)
{
	return ip_is_v4(ip) ? AF_INET : AF_INET6;
}

void rtnl_put_ip(struct nlmsghdr *nlh, uint16_t type, const struct ip *ip)
{
	if (ip_is_v4(ip))
		mnl_attr_put(nlh, type, 4, ip->b + 12);
	else
		mnl_attr_put(nlh, type, 16, ip->b);
}
