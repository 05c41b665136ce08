/* SPDX-License-Identifier: Apache-2.0 */
#include "genl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <linux/genetlink.h>
#include <linux/openvswitch.h>
#include <netlink/errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/socket.h>

#include "cleanup.h"
#include "nl.h"

#define SOCKET_BUFFER_SIZE (1024 * 1024)

static const struct timeval timeout = {
	.tv_sec = GENL_TIMEOUT_MS / 1000,
	.tv_usec = GENL_TIMEOUT_MS % 1000 * 1000,
};

static void free_resolver(struct nl_sock **s)
{
	if (*s)
		nl_socket_free(*s);
}

static int errno_of_libnl(int error)
{
	switch (error < 0 ? -error : error) {
	case NLE_OBJ_NOTFOUND:
		return -ENOENT;
	case NLE_NOMEM:
		return -ENOMEM;
	case NLE_PERM:
	case NLE_NOACCESS:
		return -EPERM;
	case NLE_AGAIN:
		return -ETIMEDOUT;
	case NLE_AF_NOSUPPORT:
	case NLE_PROTO_MISMATCH:
		return -EPROTONOSUPPORT;
	default:
		return -EPROTO;
	}
}

static int resolve_all(struct nl_sock *s, struct genl_families *ret)
{
	static const char *const names[N_GENL_FAMILIES] = {
		[GENL_DATAPATH] = OVS_DATAPATH_FAMILY,
		[GENL_VPORT] = OVS_VPORT_FAMILY,
		[GENL_FLOW] = OVS_FLOW_FAMILY,
		[GENL_PACKET] = OVS_PACKET_FAMILY,
	};
	struct genl_families found;
	unsigned int i;
	int r;

	for (i = 0; i < N_GENL_FAMILIES; i++) {
		r = genl_ctrl_resolve(s, names[i]);
		if (r < 0)
			return errno_of_libnl(r);
		if (r < NLMSG_MIN_TYPE || r > UINT16_MAX)
			return -EPROTO;
		found.id[i] = (uint16_t)r;
	}
	r = genl_ctrl_resolve_grp(s, OVS_VPORT_FAMILY, OVS_VPORT_MCGROUP);
	if (r < 0)
		return errno_of_libnl(r);
	found.vport_group = (uint32_t)r;
	r = genl_ctrl_resolve_grp(s, OVS_DATAPATH_FAMILY, OVS_DATAPATH_MCGROUP);
	if (r < 0)
		return errno_of_libnl(r);
	found.datapath_group = (uint32_t)r;
	*ret = found;
	return 0;
}

int genl_resolve(struct genl_families *ret)
{
	__attribute__((cleanup(free_resolver))) struct nl_sock *s = NULL;
	int r;

	s = nl_socket_alloc();
	if (!s)
		return -ENOMEM;
	r = genl_connect(s);
	if (r < 0)
		return errno_of_libnl(r);
	if (setsockopt(nl_socket_get_fd(s), SOL_SOCKET, SO_RCVTIMEO, &timeout,
		       sizeof(timeout)) < 0)
		return -errno;
	return resolve_all(s, ret);
}

static void set_option(int fd, int level, int option, int value)
{
	/* What an old kernel lacks, or caps, is done without. */
	(void)setsockopt(fd, level, option, &value, sizeof(value));
}

static int open_socket(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	CLEAN_FD int fd = -1;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) <
		    0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) <
		    0)
		return -errno;
	set_option(fd, SOL_SOCKET, SO_SNDBUF, SOCKET_BUFFER_SIZE);
	set_option(fd, SOL_SOCKET, SO_RCVBUF, SOCKET_BUFFER_SIZE);
	set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, SOCKET_BUFFER_SIZE);
	set_option(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
	set_option(fd, SOL_NETLINK, NETLINK_EXT_ACK, 1);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return STEAL_FD(fd);
}

int genl_open(struct genl *ret)
{
	struct genl g = { .seq = 1 };
	int r;

	r = genl_resolve(&g.families);
	if (r)
		return r;
	g.fd = open_socket();
	if (g.fd < 0)
		return g.fd;
	g.buf = malloc(GENL_MAX_SIZE);
	if (!g.buf) {
		close(g.fd);
		return -ENOMEM;
	}
	*ret = g;
	return 0;
}

void genl_close(struct genl *g)
{
	if (!g || !g->buf)
		return;
	close(g->fd);
	free(g->buf);
	memset(g, 0, sizeof(*g));
}

/* The kernel's text, from behind the error (and the request it may quote). */
static void keep_ext_ack(struct genl_exchange *x, const struct nlmsghdr *nlh)
{
	static const struct nl_rule rules[NLMSGERR_ATTR_MSG + 1] = {
		[NLMSGERR_ATTR_MSG] = { true, 1 },
	};
	const struct nlattr *tb[NLMSGERR_ATTR_MSG + 1];
	const char *payload = mnl_nlmsg_get_payload(nlh);
	const struct nlmsgerr *e = (const void *)payload;
	size_t size = nlh->nlmsg_len - sizeof(*nlh);
	size_t skip = sizeof(*e);
	size_t n;

	if (!x->ext_ack)
		return;
	x->ext_ack[0] = '\0';
	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED)) {
		if (e->msg.nlmsg_len < sizeof(e->msg) ||
		    e->msg.nlmsg_len > size)
			return;
		skip += NL_ALIGN(e->msg.nlmsg_len) - sizeof(e->msg);
	}
	if (skip > size || nl_parse(payload + skip, size - skip, rules,
				    NLMSGERR_ATTR_MSG, tb, NULL) < 0)
		return;
	if (!tb[NLMSGERR_ATTR_MSG])
		return;
	n = nl_size(tb[NLMSGERR_ATTR_MSG]);
	if (n > GENL_EXT_ACK_SIZE - 1)
		n = GENL_EXT_ACK_SIZE - 1;
	memcpy(x->ext_ack, nl_data(tb[NLMSGERR_ATTR_MSG]), n);
	x->ext_ack[n] = '\0';
}

static int take_error(struct genl_exchange *x, uint32_t index,
		      const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

	if (nlh->nlmsg_len < sizeof(*nlh) + sizeof(*e) || e->error > 0 ||
	    e->error < -4095)
		return -EPROTO;
	/* The kernel answers in order, and each message once. */
	if (index < x->next)
		return 0;
	x->next = index + 1;
	if (e->error) {
		keep_ext_ack(x, nlh);
		if (x->on_result)
			x->on_result(x->arg, index, e->error);
	}
	if (index == x->n - 1) {
		x->last_error = e->error;
		x->is_done = true;
	}
	return 0;
}

static int take_done(struct genl_exchange *x, const struct nlmsghdr *nlh)
{
	int error = 0;

	if (!x->is_dump)
		return -EPROTO;
	if (nlh->nlmsg_len >= sizeof(*nlh) + sizeof(error))
		memcpy(&error, mnl_nlmsg_get_payload(nlh), sizeof(error));
	/* Positive: not an error, whatever it may be. */
	x->last_error = error < 0 && error >= -4095 ? error : 0;
	x->is_done = true;
	return 0;
}

static int take_message(struct genl_exchange *x, const struct nlmsghdr *nlh)
{
	uint32_t index = nlh->nlmsg_seq - x->first_seq;
	int r;

	if (index >= x->n)
		return 0;
	if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
		x->is_interrupted = true;
	if (nlh->nlmsg_type == NLMSG_ERROR)
		return take_error(x, index, nlh);
	if (nlh->nlmsg_type == NLMSG_DONE)
		return take_done(x, nlh);
	if (nlh->nlmsg_type < NLMSG_MIN_TYPE)
		return 0;
	if (x->reply && !x->reply_error) {
		r = x->reply(x->arg, index, nlh);
		if (r < 0)
			x->reply_error = r;
	}
	return 0;
}

int genl_exchange_take(struct genl_exchange *x, const void *buf, size_t len)
{
	const struct nlmsghdr *nlh;
	size_t offset = 0;
	size_t left;
	int r;

	while (offset < len && !x->is_done) {
		nlh = (const void *)((const char *)buf + offset);
		left = len - offset;
		if (left < sizeof(*nlh) || nlh->nlmsg_len < sizeof(*nlh) ||
		    nlh->nlmsg_len > left)
			return -EPROTO;
		r = take_message(x, nlh);
		if (r)
			return r;
		offset += NL_ALIGN(nlh->nlmsg_len);
	}
	return 0;
}

/* One datagram of the kernel's into g->buf. */
static int receive(struct genl *g, size_t *ret_size)
{
	struct sockaddr_nl from = { .nl_family = AF_NETLINK };
	struct iovec iov = { .iov_base = g->buf, .iov_len = GENL_MAX_SIZE };
	struct msghdr m = { .msg_name = &from,
			    .msg_iov = &iov,
			    .msg_iovlen = 1 };
	ssize_t n;

	do {
		m.msg_namelen = sizeof(from);
		n = recvmsg(g->fd, &m, 0);
	} while ((n < 0 && errno == EINTR) || (n >= 0 && from.nl_pid != 0));
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	if (m.msg_flags & MSG_TRUNC)
		return -EPROTO;
	*ret_size = (size_t)n;
	return 0;
}

static int send_all(struct genl *g, const void *messages, size_t size)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	ssize_t n;

	do {
		n = sendto(g->fd, messages, size, 0, (struct sockaddr *)&kernel,
			   sizeof(kernel));
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return (size_t)n == size ? 0 : -EPROTO;
}

/* Sends and waits until the last of @x->n messages is answered. */
static int exchange(struct genl *g, const void *messages, size_t size,
		    struct genl_exchange *x)
{
	size_t got = 0;
	int r;

	g->ext_ack[0] = '\0';
	x->ext_ack = g->ext_ack;
	x->first_seq = g->seq;
	g->seq += x->n;
	r = send_all(g, messages, size);
	while (!r && !x->is_done) {
		r = receive(g, &got);
		if (!r)
			r = genl_exchange_take(x, g->buf, got);
	}
	return r;
}

int genl_transact(struct genl *g, struct nlmsghdr *request,
		  genl_reply_fn *reply, void *arg)
{
	struct genl_exchange x = { .n = 1, .reply = reply, .arg = arg };
	int r;

	request->nlmsg_seq = g->seq;
	request->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	r = exchange(g, request, request->nlmsg_len, &x);
	if (r)
		return r;
	return x.last_error ? x.last_error : x.reply_error;
}

int genl_dump(struct genl *g, struct nlmsghdr *request, genl_reply_fn *reply,
	      void *arg)
{
	struct genl_exchange x = {
		.n = 1, .is_dump = true, .reply = reply, .arg = arg
	};
	int r;

	request->nlmsg_seq = g->seq;
	request->nlmsg_flags |= NLM_F_REQUEST | NLM_F_DUMP;
	r = exchange(g, request, request->nlmsg_len, &x);
	if (r)
		return r;
	if (x.last_error)
		return x.last_error;
	if (x.reply_error)
		return x.reply_error;
	return x.is_interrupted ? -EINTR : 0;
}

int genl_batch(struct genl *g, void *messages, size_t size, uint32_t n,
	       genl_reply_fn *reply, genl_result_fn *on_result, void *arg)
{
	struct genl_exchange x = {
		.n = n, .reply = reply, .on_result = on_result, .arg = arg
	};
	struct nlmsghdr *nlh = NULL;
	size_t offset = 0;
	uint32_t i;
	int r;

	for (i = 0; i < n; i++) {
		nlh = (void *)((char *)messages + offset);
		nlh->nlmsg_seq = g->seq + i;
		nlh->nlmsg_flags |= NLM_F_REQUEST;
		offset += NL_ALIGN(nlh->nlmsg_len);
	}
	if (!nlh || offset != size)
		return -EINVAL;
	nlh->nlmsg_flags |= NLM_F_ACK;
	r = exchange(g, messages, size, &x);
	return r ? r : x.reply_error;
}
