/* SPDX-License-Identifier: Apache-2.0 */
#include "nft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "cleanup.h"
#include "nft_internal.h"

/* A message is far shorter than what is left then. */
#define FULL_AT (NFT_BATCH_SIZE - (32U << 10))
#define SEND_BUFFER (2 << 20)
#define TIMEOUT_S 5
#define MAX_DUMP_TRIES 4
#define PRIORITY_BRIDGE (-200) /* NF_BR_PRI_FILTER_BRIDGED */
#define PRIORITY_INET (-300)   /* NF_IP_PRI_RAW */

static int open_socket(void)
{
	static const struct timeval timeout = { .tv_sec = TIMEOUT_S };
	static const int size = SEND_BUFFER;
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK };
	CLEAN_FD int fd = -1;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout,
		       sizeof(timeout)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)))
		return -errno;
	/* The second is for who may not exceed the system's limit. */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)))
		return -errno;
	return STEAL_FD(fd);
}

static int open_table(const char *name, struct nft **ret)
{
	struct nft *n;
	int fd;

	if (!*name || strlen(name) >= NFT_NAME_SIZE)
		return -EINVAL;
	fd = open_socket();
	if (fd < 0)
		return fd;
	n = calloc(1, sizeof(*n));
	if (n) {
		n->batch = malloc(NFT_BATCH_SIZE);
		n->reply = malloc(NFT_REPLY_SIZE);
	}
	if (!n || !n->batch || !n->reply) {
		close(fd);
		if (n)
			n->fd = -1;
		nft_close(n);
		return -ENOMEM;
	}
	strcpy(n->table, name);
	n->fd = fd;
	*ret = n;
	return 0;
}

int nft_open(const char *name, struct nft **ret)
{
	const int error = open_table(name, ret);

	if (error)
		return error;
	(*ret)->family = NFPROTO_BRIDGE;
	(*ret)->priority = PRIORITY_BRIDGE;
	return 0;
}

int nft_open_inet(const char *name, struct nft **ret)
{
	const int error = open_table(name, ret);

	if (error)
		return error;
	(*ret)->family = NFPROTO_INET;
	(*ret)->priority = PRIORITY_INET;
	(*ret)->is_owned = true;
	return 0;
}

int nft_open_foreign(const char *name, struct nft **ret)
{
	const int error = open_table(name, ret);

	if (!error)
		(*ret)->family = NFPROTO_INET;
	return error;
}

void nft_close(struct nft *n)
{
	if (!n)
		return;
	if (n->fd >= 0)
		close(n->fd);
	free(n->batch);
	free(n->reply);
	free(n);
}

bool nft_is_full(const struct nft *n)
{
	return n->used > FULL_AT;
}

static ssize_t receive(struct nft *n)
{
	struct sockaddr_nl from = { .nl_family = AF_NETLINK };
	socklen_t size;
	ssize_t got;

	do {
		size = sizeof(from);
		got = recvfrom(n->fd, n->reply, NFT_REPLY_SIZE, MSG_TRUNC,
			       (struct sockaddr *)&from, &size);
	} while ((got < 0 && errno == EINTR) || (got >= 0 && from.nl_pid));
	if (got < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return got > (ssize_t)NFT_REPLY_SIZE ? -EMSGSIZE : got;
}

static int send_all(struct nft *n, const void *data, size_t size)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	ssize_t sent;

	do {
		sent = sendto(n->fd, data, size, 0, (struct sockaddr *)&kernel,
			      sizeof(kernel));
	} while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return 0;
}

/* Datagrams, until it is over; 0 or -errno. */
static int hear(struct nft *n, struct nft_exchange *x)
{
	ssize_t size;

	while (!x->is_over) {
		size = receive(n);
		if (size < 0)
			return (int)size;
		nft_exchange_take(x, n->reply, (size_t)size);
	}
	return x->error;
}

int nft_commit(struct nft *n)
{
	struct nft_exchange x = {
		.first = ((struct nlmsghdr *)n->batch)->nlmsg_seq
	};
	struct nl_builder b;
	struct nfgenmsg *g;
	int error;

	if (n->error)
		return n->error;
	if (!n->last)
		return 0;
	n->last->nlmsg_flags |= NLM_F_ACK;
	x.last = n->last->nlmsg_seq;
	g = nl_begin(&b, n->batch + n->used, NFT_BATCH_SIZE - n->used,
		     NFNL_MSG_BATCH_END, sizeof(*g));
	if (!g)
		return b.error;
	b.nlh->nlmsg_flags = NLM_F_REQUEST;
	b.nlh->nlmsg_seq = ++n->seq;
	g->res_id = htons(NFNL_SUBSYS_NFTABLES);
	n->used += b.nlh->nlmsg_len;
	error = send_all(n, n->batch, n->used);
	return error ? error : hear(n, &x);
}

/* One round of a question in the batch buffer. -EAGAIN: it changed meanwhile.
 */
static int ask_once(struct nft *n, nft_answer_fn *fn, void *arg)
{
	const struct nlmsghdr *question = (const struct nlmsghdr *)n->batch;
	struct nft_exchange x = { .first = question->nlmsg_seq,
				  .last = question->nlmsg_seq,
				  .fn = fn,
				  .arg = arg };
	const int error = send_all(n, question, question->nlmsg_len);

	return error ? error : hear(n, &x);
}

static void question(struct nft *n, struct nl_builder *b, uint16_t type,
		     uint16_t flags)
{
	struct nfgenmsg *g;

	g = nl_begin(b, n->batch, NFT_BATCH_SIZE,
		     (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), sizeof(*g));
	g->nfgen_family = n->family;
	b->nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	b->nlh->nlmsg_seq = ++n->seq;
	n->last = NULL;
}

int nft_read_mark(struct nft *n, char ret[NFT_MARK_SIZE])
{
	char mark[NFT_MARK_SIZE] = "";
	struct nl_builder b;
	int error;

	question(n, &b, NFT_MSG_GETTABLE, NLM_F_ACK);
	nft_put_text(&b, NFTA_TABLE_NAME, n->table);
	error = b.error ? b.error : ask_once(n, nft_take_mark, mark);
	if (!error)
		memcpy(ret, mark, sizeof(mark));
	return error;
}

int nft_each_element(struct nft *n, const char *set, nft_element_fn *fn,
		     void *ctx)
{
	struct nft_each each = { .fn = fn, .ctx = ctx };
	struct nl_builder b;
	int i, error = -EAGAIN;

	for (i = 0; i < MAX_DUMP_TRIES && error == -EAGAIN; i++) {
		question(n, &b, NFT_MSG_GETSETELEM, NLM_F_DUMP);
		nft_put_text(&b, NFTA_SET_ELEM_LIST_TABLE, n->table);
		nft_put_text(&b, NFTA_SET_ELEM_LIST_SET, set);
		error = b.error ? b.error
				: ask_once(n, nft_take_elements, &each);
	}
	return error;
}

int nft_each_set(struct nft *n, nft_name_fn *fn, void *ctx)
{
	struct nft_naming naming = { .fn = fn, .ctx = ctx, .table = n->table };
	struct nl_builder b;
	int i, error = -EAGAIN;

	for (i = 0; i < MAX_DUMP_TRIES && error == -EAGAIN; i++) {
		question(n, &b, NFT_MSG_GETSET, NLM_F_DUMP);
		nft_put_text(&b, NFTA_SET_TABLE, n->table);
		error = b.error ? b.error : ask_once(n, nft_take_set, &naming);
	}
	return error == -ENOENT ? 0 : error;
}

static int read_rules(struct nft *n, const char *chain, struct nft_counting *c)
{
	struct nl_builder b;

	question(n, &b, NFT_MSG_GETRULE, NLM_F_DUMP);
	nft_put_text(&b, NFTA_RULE_TABLE, n->table);
	nft_put_text(&b, NFTA_RULE_CHAIN, chain);
	return b.error ? b.error : ask_once(n, nft_take_rule, c);
}

int nft_read_counters(struct nft *n, const char *chain, uint64_t *ret,
		      size_t n_max)
{
	struct nft_counting c = { .ret = ret, .n_max = n_max };

	memset(ret, 0, n_max * sizeof(*ret));
	return read_rules(n, chain, &c);
}

int nft_count_rules(struct nft *n, const char *chain, uint32_t *ret)
{
	struct nft_counting c = { .n_max = 0 };
	const int error = read_rules(n, chain, &c);

	if (!error)
		*ret = c.n_rules;
	return error;
}
