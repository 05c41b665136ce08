/* SPDX-License-Identifier: Apache-2.0 */
#include "nft.h"

#include <arpa/inet.h>
#include <endian.h>
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

int nft_open(const char *name, struct nft **ret)
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
	struct sockaddr_nl from;
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

/* The result in an NLMSG_ERROR or NLMSG_DONE: 0 or -errno. */
static int status_of(const struct nlmsghdr *nlh)
{
	int32_t status = 0;

	if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(status))
		memcpy(&status, mnl_nlmsg_get_payload(nlh), sizeof(status));
	return status > 0 || status < -4095 ? -EBADMSG : status;
}

/* The first failure, until the last command is answered. */
static int read_results(struct nft *n, uint32_t first, uint32_t last)
{
	const struct nlmsghdr *nlh;
	bool is_over = false;
	int left, result = 0;
	ssize_t size;

	while (!is_over) {
		size = receive(n);
		if (size < 0)
			return (int)size;
		nlh = (const struct nlmsghdr *)n->reply;
		left = (int)size;
		for (; mnl_nlmsg_ok(nlh, left);
		     nlh = mnl_nlmsg_next(nlh, &left)) {
			/* Late answers to what was given up. */
			if (nlh->nlmsg_type != NLMSG_ERROR ||
			    nlh->nlmsg_seq - first > last - first)
				continue;
			if (!result)
				result = status_of(nlh);
			/* The kernel refused the batch as a whole. */
			if (nlh->nlmsg_seq == last ||
			    (nlh->nlmsg_seq == first && status_of(nlh)))
				is_over = true;
		}
	}
	return result;
}

int nft_commit(struct nft *n)
{
	const uint32_t first = ((struct nlmsghdr *)n->batch)->nlmsg_seq;
	struct nl_builder b;
	struct nfgenmsg *g;
	int error;

	if (n->error)
		return n->error;
	if (!n->last)
		return 0;
	n->last->nlmsg_flags |= NLM_F_ACK;
	g = nl_begin(&b, n->batch + n->used, NFT_BATCH_SIZE - n->used,
		     NFNL_MSG_BATCH_END, sizeof(*g));
	if (!g)
		return b.error;
	b.nlh->nlmsg_flags = NLM_F_REQUEST;
	b.nlh->nlmsg_seq = ++n->seq;
	g->res_id = htons(NFNL_SUBSYS_NFTABLES);
	n->used += b.nlh->nlmsg_len;
	error = send_all(n, n->batch, n->used);
	return error ? error : read_results(n, first, n->last->nlmsg_seq);
}

typedef int answer_fn(const struct nlmsghdr *nlh, void *arg);

/* One round of a question in the batch buffer. -EAGAIN: it changed meanwhile.
 */
static int ask_once(struct nft *n, answer_fn *fn, void *arg)
{
	const struct nlmsghdr *question = (const struct nlmsghdr *)n->batch;
	const struct nlmsghdr *nlh;
	bool is_interrupted = false;
	int left, error;
	ssize_t size;

	error = send_all(n, question, question->nlmsg_len);
	while (!error) {
		size = receive(n);
		if (size < 0)
			return (int)size;
		nlh = (const struct nlmsghdr *)n->reply;
		left = (int)size;
		for (; !error && mnl_nlmsg_ok(nlh, left);
		     nlh = mnl_nlmsg_next(nlh, &left)) {
			if (nlh->nlmsg_seq != question->nlmsg_seq)
				continue;
			is_interrupted |= nlh->nlmsg_flags & NLM_F_DUMP_INTR;
			if (nlh->nlmsg_type == NLMSG_DONE ||
			    nlh->nlmsg_type == NLMSG_ERROR) {
				error = status_of(nlh);
				return error || !is_interrupted ? error
								: -EAGAIN;
			}
			error = fn(nlh, arg);
		}
	}
	return error;
}

static void question(struct nft *n, struct nl_builder *b, uint16_t type,
		     uint16_t flags)
{
	struct nfgenmsg *g;

	g = nl_begin(b, n->batch, NFT_BATCH_SIZE,
		     (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), sizeof(*g));
	g->nfgen_family = NFPROTO_BRIDGE;
	b->nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	b->nlh->nlmsg_seq = ++n->seq;
	n->last = NULL;
}

static int sort(const void *data, size_t size, unsigned int max,
		const struct nlattr **ret)
{
	const struct nlattr *attr;
	size_t offset = 0;
	int rc;

	memset(ret, 0, (max + 1) * sizeof(*ret));
	while ((rc = nl_next(data, size, &offset, &attr)) > 0) {
		if (mnl_attr_get_type(attr) <= max)
			ret[mnl_attr_get_type(attr)] = attr;
	}
	return rc;
}

/* Attributes of a message behind its struct nfgenmsg. */
static int sort_message(const struct nlmsghdr *nlh, unsigned int max,
			const struct nlattr **ret)
{
	const size_t skip = NL_ALIGN(sizeof(struct nfgenmsg));
	const size_t size = mnl_nlmsg_get_payload_len(nlh);

	if (size < skip)
		return -EPROTO;
	return sort((const uint8_t *)mnl_nlmsg_get_payload(nlh) + skip,
		    size - skip, max, ret);
}

static int take_mark(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *tb[NFTA_TABLE_MAX + 1], *data;
	char *ret = arg;
	size_t size;
	int error = sort_message(nlh, NFTA_TABLE_MAX, tb);

	if (error)
		return error;
	data = tb[NFTA_TABLE_USERDATA];
	size = data ? nl_size(data) : 0;
	if (size && size < NFT_MARK_SIZE) {
		memcpy(ret, nl_data(data), size);
		ret[size] = '\0';
	}
	return 0;
}

int nft_read_mark(struct nft *n, char ret[NFT_MARK_SIZE])
{
	char mark[NFT_MARK_SIZE] = "";
	struct nl_builder b;
	int error;

	question(n, &b, NFT_MSG_GETTABLE, NLM_F_ACK);
	nft_put_text(&b, NFTA_TABLE_NAME, n->table);
	error = b.error ? b.error : ask_once(n, take_mark, mark);
	if (!error)
		memcpy(ret, mark, sizeof(mark));
	return error;
}

struct each {
	nft_element_fn *fn;
	void *ctx;
};

static const struct nlattr *value_of(const struct nlattr *data)
{
	const struct nlattr *tb[NFTA_DATA_MAX + 1];

	if (!data || sort(nl_data(data), nl_size(data), NFTA_DATA_MAX, tb))
		return NULL;
	return tb[NFTA_DATA_VALUE];
}

static int take_element(const struct nlattr *element, const struct each *each)
{
	const struct nlattr *tb[NFTA_SET_ELEM_MAX + 1], *key;

	if (sort(nl_data(element), nl_size(element), NFTA_SET_ELEM_MAX, tb))
		return -EPROTO;
	key = value_of(tb[NFTA_SET_ELEM_KEY]);
	if (!key || nl_size(key) > NFT_KEY_SIZE)
		return -EPROTO;
	each->fn(each->ctx, nl_data(key), nl_size(key));
	return 0;
}

static int take_elements(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *tb[NFTA_SET_ELEM_LIST_MAX + 1], *list, *attr;
	size_t offset = 0;
	int rc = sort_message(nlh, NFTA_SET_ELEM_LIST_MAX, tb);

	list = tb[NFTA_SET_ELEM_LIST_ELEMENTS];
	if (rc || !list)
		return rc;
	while ((rc = nl_next(nl_data(list), nl_size(list), &offset, &attr)) >
	       0) {
		rc = take_element(attr, arg);
		if (rc)
			return rc;
	}
	return rc;
}

int nft_each_element(struct nft *n, const char *set, nft_element_fn *fn,
		     void *ctx)
{
	struct each each = { .fn = fn, .ctx = ctx };
	struct nl_builder b;
	int i, error = -EAGAIN;

	for (i = 0; i < MAX_DUMP_TRIES && error == -EAGAIN; i++) {
		question(n, &b, NFT_MSG_GETSETELEM, NLM_F_DUMP);
		nft_put_text(&b, NFTA_SET_ELEM_LIST_TABLE, n->table);
		nft_put_text(&b, NFTA_SET_ELEM_LIST_SET, set);
		error = b.error ? b.error : ask_once(n, take_elements, &each);
	}
	return error;
}

struct counting {
	uint64_t *ret;
	size_t n, n_max;
};

static void take_counter(const struct nlattr *expression, struct counting *c)
{
	const struct nlattr *tb[NFTA_EXPR_MAX + 1];
	const struct nlattr *data[NFTA_COUNTER_MAX + 1];
	uint64_t value;

	if (sort(nl_data(expression), nl_size(expression), NFTA_EXPR_MAX, tb) ||
	    !tb[NFTA_EXPR_NAME] || !tb[NFTA_EXPR_DATA] ||
	    nl_size(tb[NFTA_EXPR_NAME]) != sizeof("counter") ||
	    memcmp(nl_data(tb[NFTA_EXPR_NAME]), "counter", sizeof("counter")) ||
	    sort(nl_data(tb[NFTA_EXPR_DATA]), nl_size(tb[NFTA_EXPR_DATA]),
		 NFTA_COUNTER_MAX, data) ||
	    !data[NFTA_COUNTER_PACKETS] ||
	    nl_size(data[NFTA_COUNTER_PACKETS]) != sizeof(value) ||
	    c->n == c->n_max)
		return;
	memcpy(&value, nl_data(data[NFTA_COUNTER_PACKETS]), sizeof(value));
	c->ret[c->n++] = be64toh(value);
}

static int take_rule(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *tb[NFTA_RULE_MAX + 1], *list, *attr;
	size_t offset = 0;
	int rc = sort_message(nlh, NFTA_RULE_MAX, tb);

	list = tb[NFTA_RULE_EXPRESSIONS];
	if (rc || !list)
		return rc;
	while ((rc = nl_next(nl_data(list), nl_size(list), &offset, &attr)) > 0)
		take_counter(attr, arg);
	return rc;
}

int nft_read_counters(struct nft *n, const char *chain, uint64_t *ret,
		      size_t n_max)
{
	struct counting c = { .ret = ret, .n_max = n_max };
	struct nl_builder b;

	memset(ret, 0, n_max * sizeof(*ret));
	question(n, &b, NFT_MSG_GETRULE, NLM_F_DUMP);
	nft_put_text(&b, NFTA_RULE_TABLE, n->table);
	nft_put_text(&b, NFTA_RULE_CHAIN, chain);
	return b.error ? b.error : ask_once(n, take_rule, &c);
}
