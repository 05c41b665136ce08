/* SPDX-License-Identifier: Apache-2.0 */
#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "nft_internal.h"

/* The result in an NLMSG_ERROR or NLMSG_DONE: 0 or -errno. */
static int status_of(const struct nlmsghdr *nlh)
{
	int32_t status = 0;

	if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(status))
		memcpy(&status, mnl_nlmsg_get_payload(nlh), sizeof(status));
	return status > 0 || status < -4095 ? -EBADMSG : status;
}

/* The first failure, until the last command is answered. */
static void take_result(struct nft_exchange *x, const struct nlmsghdr *nlh)
{
	if (nlh->nlmsg_type != NLMSG_ERROR)
		return;
	if (!x->error)
		x->error = status_of(nlh);
	/* The kernel refused the batch as a whole. */
	if (nlh->nlmsg_seq == x->last ||
	    (nlh->nlmsg_seq == x->first && status_of(nlh)))
		x->is_over = true;
}

static void take_answer(struct nft_exchange *x, const struct nlmsghdr *nlh)
{
	x->is_interrupted |= nlh->nlmsg_flags & NLM_F_DUMP_INTR;
	if (nlh->nlmsg_type == NLMSG_DONE || nlh->nlmsg_type == NLMSG_ERROR) {
		x->error = status_of(nlh);
		if (!x->error && x->is_interrupted)
			x->error = -EAGAIN;
		x->is_over = true;
		return;
	}
	x->error = x->fn(nlh, x->arg);
	if (x->error)
		x->is_over = true;
}

void nft_exchange_take(struct nft_exchange *x, const void *data, size_t size)
{
	const struct nlmsghdr *nlh = data;
	int left = size < INT_MAX ? (int)size : 0;

	for (; !x->is_over && nl_is_message(nlh, left);
	     nlh = mnl_nlmsg_next(nlh, &left)) {
		/* Late answers to what was given up. */
		if (nlh->nlmsg_seq - x->first > x->last - x->first)
			continue;
		if (x->fn)
			take_answer(x, nlh);
		else
			take_result(x, nlh);
	}
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

int nft_take_mark(const struct nlmsghdr *nlh, void *arg)
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

static const struct nlattr *value_of(const struct nlattr *data)
{
	const struct nlattr *tb[NFTA_DATA_MAX + 1];

	if (!data || sort(nl_data(data), nl_size(data), NFTA_DATA_MAX, tb))
		return NULL;
	return tb[NFTA_DATA_VALUE];
}

static int take_element(const struct nlattr *element,
			const struct nft_each *each)
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

int nft_take_elements(const struct nlmsghdr *nlh, void *arg)
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

static bool is_text(const struct nlattr *attr)
{
	return attr && nl_size(attr) &&
	       strnlen(nl_data(attr), nl_size(attr)) < nl_size(attr);
}

int nft_take_set(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *tb[NFTA_SET_MAX + 1];
	const struct nft_naming *naming = arg;
	const int rc = sort_message(nlh, NFTA_SET_MAX, tb);

	if (rc)
		return rc;
	if (!is_text(tb[NFTA_SET_TABLE]) || !is_text(tb[NFTA_SET_NAME]))
		return -EPROTO;
	if (strcmp(nl_data(tb[NFTA_SET_TABLE]), naming->table) == 0)
		naming->fn(naming->ctx, nl_data(tb[NFTA_SET_NAME]));
	return 0;
}

static void take_counter(const struct nlattr *expression,
			 struct nft_counting *c)
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

int nft_take_rule(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *tb[NFTA_RULE_MAX + 1], *list, *attr;
	struct nft_counting *c = arg;
	size_t offset = 0;
	int rc = sort_message(nlh, NFTA_RULE_MAX, tb);

	if (!rc)
		c->n_rules++;
	list = tb[NFTA_RULE_EXPRESSIONS];
	if (rc || !list)
		return rc;
	while ((rc = nl_next(nl_data(list), nl_size(list), &offset, &attr)) > 0)
		take_counter(attr, c);
	return rc;
}
