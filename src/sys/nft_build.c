/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "nflog.h"
#include "nft_internal.h"

/* A step's registers in the kernel's count. */
#define REGISTER(r) ((uint32_t)NFT_REG32_00 + (r))

void nft_put_text(struct nl_builder *b, unsigned int type, const char *text)
{
	nl_put(b, type, text, strlen(text) + 1);
}

void nft_put_number(struct nl_builder *b, unsigned int type, uint32_t value)
{
	nl_put_u32(b, type, htonl(value));
}

static struct nfgenmsg *begin(struct nft *n, struct nl_builder *b,
			      uint16_t type, uint16_t flags)
{
	struct nfgenmsg *g = nl_begin(b, n->batch + n->used,
				      NFT_BATCH_SIZE - n->used, type,
				      sizeof(*g));

	if (!g)
		return NULL;
	b->nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	b->nlh->nlmsg_seq = ++n->seq;
	return g;
}

void nft_message_begin(struct nft *n, struct nl_builder *b, uint16_t type,
		       uint16_t flags)
{
	struct nfgenmsg *g = begin(n, b,
				   (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type),
				   flags);

	if (g)
		g->nfgen_family = n->family;
}

void nft_message_end(struct nft *n, const struct nl_builder *b)
{
	if (b->error) {
		n->error = b->error;
		return;
	}
	n->last = b->nlh;
	n->used += NL_ALIGN(b->nlh->nlmsg_len);
}

void nft_begin(struct nft *n)
{
	struct nl_builder b;
	struct nfgenmsg *g;

	n->used = 0;
	n->error = 0;
	n->set_id = 0;
	g = begin(n, &b, NFNL_MSG_BATCH_BEGIN, 0);
	if (g)
		g->res_id = htons(NFNL_SUBSYS_NFTABLES);
	nft_message_end(n, &b);
	n->last = NULL;
}

void nft_add_table(struct nft *n, const char *mark)
{
	struct nl_builder b;

	nft_message_begin(n, &b, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	nft_put_text(&b, NFTA_TABLE_NAME, n->table);
	nl_put(&b, NFTA_TABLE_USERDATA, mark, strlen(mark));
	if (n->is_owned)
		nft_put_number(&b, NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER);
	nft_message_end(n, &b);
}

void nft_delete_table(struct nft *n)
{
	struct nl_builder b;

	nft_add_table(n, "x");
	nft_message_begin(n, &b, NFT_MSG_DELTABLE, 0);
	nft_put_text(&b, NFTA_TABLE_NAME, n->table);
	nft_message_end(n, &b);
}

void nft_add_set(struct nft *n, const struct nft_set *set)
{
	/* nft's own note: byte order of the key, 4 bytes, that of the host. */
	static const struct {
		uint8_t type, size;
		uint8_t value[4];
	} host_order = { 0,
			 4,
			 { BYTE_ORDER == LITTLE_ENDIAN, 0, 0,
			   BYTE_ORDER == BIG_ENDIAN } };
	struct nl_builder b;

	nft_message_begin(n, &b, NFT_MSG_NEWSET, NLM_F_CREATE);
	nft_put_text(&b, NFTA_SET_TABLE, n->table);
	nft_put_text(&b, NFTA_SET_NAME, set->name);
	nft_put_number(&b, NFTA_SET_ID, ++n->set_id);
	nft_put_number(&b, NFTA_SET_FLAGS, 0);
	nft_put_number(&b, NFTA_SET_KEY_TYPE, set->key_type);
	nft_put_number(&b, NFTA_SET_KEY_LEN, set->key_size);
	if (set->is_host_order)
		nl_put(&b, NFTA_SET_USERDATA, &host_order, sizeof(host_order));
	nft_message_end(n, &b);
}

void nft_add_chain(struct nft *n, const char *name, int hook)
{
	struct nl_builder b;
	size_t nest;

	nft_message_begin(n, &b, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	nft_put_text(&b, NFTA_CHAIN_TABLE, n->table);
	nft_put_text(&b, NFTA_CHAIN_NAME, name);
	if (hook >= 0) {
		nl_nest_start(&b, NFTA_CHAIN_HOOK, &nest);
		nft_put_number(&b, NFTA_HOOK_HOOKNUM, (uint32_t)hook);
		nft_put_number(&b, NFTA_HOOK_PRIORITY, (uint32_t)n->priority);
		nl_nest_end(&b, nest);
		nft_put_text(&b, NFTA_CHAIN_TYPE, "filter");
		nft_put_number(&b, NFTA_CHAIN_POLICY, NF_ACCEPT);
	}
	nft_message_end(n, &b);
}

static void put_value(struct nl_builder *b, unsigned int type,
		      const void *value, size_t size)
{
	size_t nest;

	nl_nest_start(b, type, &nest);
	nl_put(b, NFTA_DATA_VALUE, value, size);
	nl_nest_end(b, nest);
}

static void put_load(struct nl_builder *b, const struct nft_step *s)
{
	if (s->type == NFT_STEP_META) {
		nft_put_number(b, NFTA_META_KEY, s->what);
		nft_put_number(b, NFTA_META_DREG, REGISTER(s->reg));
		return;
	}
	nft_put_number(b, NFTA_PAYLOAD_DREG, REGISTER(s->reg));
	nft_put_number(b, NFTA_PAYLOAD_BASE, s->what);
	nft_put_number(b, NFTA_PAYLOAD_OFFSET, s->offset);
	nft_put_number(b, NFTA_PAYLOAD_LEN, s->size);
}

static void put_test(struct nl_builder *b, const struct nft_step *s)
{
	static const uint8_t zero[sizeof(s->data)];

	if (s->type == NFT_STEP_EQUAL) {
		nft_put_number(b, NFTA_CMP_SREG, REGISTER(s->reg));
		nft_put_number(b, NFTA_CMP_OP, NFT_CMP_EQ);
		put_value(b, NFTA_CMP_DATA, s->data, s->size);
		return;
	}
	nft_put_number(b, NFTA_BITWISE_SREG, REGISTER(s->reg));
	nft_put_number(b, NFTA_BITWISE_DREG, REGISTER(s->reg));
	nft_put_number(b, NFTA_BITWISE_LEN, s->size);
	put_value(b, NFTA_BITWISE_MASK, s->data, s->size);
	put_value(b, NFTA_BITWISE_XOR, zero, s->size);
}

static void put_lookup(struct nl_builder *b, const struct nft_step *s)
{
	nft_put_text(b, NFTA_LOOKUP_SET, s->name);
	nft_put_number(b, NFTA_LOOKUP_SREG, REGISTER(s->reg));
	if (s->type == NFT_STEP_NOT_IN)
		nft_put_number(b, NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
}

static void put_verdict(struct nl_builder *b, const struct nft_step *s)
{
	const uint32_t code = s->type == NFT_STEP_ACCEPT ? NF_ACCEPT
			      : s->type == NFT_STEP_DROP ? NF_DROP
							 : (uint32_t)NFT_GOTO;
	size_t data, verdict;

	nft_put_number(b, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	nl_nest_start(b, NFTA_IMMEDIATE_DATA, &data);
	nl_nest_start(b, NFTA_DATA_VERDICT, &verdict);
	nft_put_number(b, NFTA_VERDICT_CODE, code);
	if (s->type == NFT_STEP_GOTO)
		nft_put_text(b, NFTA_VERDICT_CHAIN, s->name);
	nl_nest_end(b, verdict);
	nl_nest_end(b, data);
}

static void put_has_header(struct nl_builder *b, const struct nft_step *s)
{
	nft_put_number(b, NFTA_EXTHDR_DREG, REGISTER(s->reg));
	nl_put_u8(b, NFTA_EXTHDR_TYPE, (uint8_t)s->what);
	nft_put_number(b, NFTA_EXTHDR_OFFSET, 0);
	nft_put_number(b, NFTA_EXTHDR_LEN, 1);
	nft_put_number(b, NFTA_EXTHDR_FLAGS, NFT_EXTHDR_F_PRESENT);
	nft_put_number(b, NFTA_EXTHDR_OP, NFT_EXTHDR_OP_IPV6);
}

static void put_limit(struct nl_builder *b, const struct nft_step *s)
{
	const uint64_t rate = htobe64(s->what), a_second = htobe64(1);

	nl_put(b, NFTA_LIMIT_RATE, &rate, sizeof(rate));
	nl_put(b, NFTA_LIMIT_UNIT, &a_second, sizeof(a_second));
	nft_put_number(b, NFTA_LIMIT_BURST, s->what);
}

static void put_log(struct nl_builder *b, const struct nft_step *s)
{
	nl_put_u16(b, NFTA_LOG_GROUP, htons((uint16_t)s->what));
	nft_put_number(b, NFTA_LOG_SNAPLEN, NFLOG_SNAP_SIZE);
	/* Each at once, not when there are many. */
	nl_put_u16(b, NFTA_LOG_QTHRESHOLD, htons(1));
}

static const struct {
	const char *expression;
	void (*put)(struct nl_builder *b, const struct nft_step *s);
} kinds[] = {
	[NFT_STEP_META] = { "meta", put_load },
	[NFT_STEP_PAYLOAD] = { "payload", put_load },
	[NFT_STEP_MASK] = { "bitwise", put_test },
	[NFT_STEP_EQUAL] = { "cmp", put_test },
	[NFT_STEP_IN] = { "lookup", put_lookup },
	[NFT_STEP_NOT_IN] = { "lookup", put_lookup },
	[NFT_STEP_HAS_HEADER] = { "exthdr", put_has_header },
	[NFT_STEP_COUNT] = { "counter", NULL },
	[NFT_STEP_LIMIT] = { "limit", put_limit },
	[NFT_STEP_LOG] = { "log", put_log },
	[NFT_STEP_ACCEPT] = { "immediate", put_verdict },
	[NFT_STEP_DROP] = { "immediate", put_verdict },
	[NFT_STEP_GOTO] = { "immediate", put_verdict },
};

void nft_add_rule(struct nft *n, const char *chain,
		  const struct nft_step *steps)
{
	size_t list, element, data;
	struct nl_builder b;

	nft_message_begin(n, &b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	nft_put_text(&b, NFTA_RULE_TABLE, n->table);
	nft_put_text(&b, NFTA_RULE_CHAIN, chain);
	nl_nest_start(&b, NFTA_RULE_EXPRESSIONS, &list);
	for (; steps->type != NFT_STEP_END; steps++) {
		nl_nest_start(&b, NFTA_LIST_ELEM, &element);
		nft_put_text(&b, NFTA_EXPR_NAME, kinds[steps->type].expression);
		nl_nest_start(&b, NFTA_EXPR_DATA, &data);
		if (kinds[steps->type].put)
			kinds[steps->type].put(&b, steps);
		nl_nest_end(&b, data);
		nl_nest_end(&b, element);
	}
	nl_nest_end(&b, list);
	nft_message_end(n, &b);
}

static void element(struct nft *n, uint16_t type, const char *set,
		    const void *key, size_t size)
{
	struct nl_builder b;
	size_t list, nest;

	assert(size <= NFT_KEY_SIZE);
	nft_message_begin(n, &b, type,
			  type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0);
	nft_put_text(&b, NFTA_SET_ELEM_LIST_TABLE, n->table);
	nft_put_text(&b, NFTA_SET_ELEM_LIST_SET, set);
	nl_nest_start(&b, NFTA_SET_ELEM_LIST_ELEMENTS, &list);
	nl_nest_start(&b, NFTA_LIST_ELEM, &nest);
	put_value(&b, NFTA_SET_ELEM_KEY, key, size);
	nl_nest_end(&b, nest);
	nl_nest_end(&b, list);
	nft_message_end(n, &b);
}

void nft_put(struct nft *n, const char *set, const void *key, size_t size)
{
	element(n, NFT_MSG_NEWSETELEM, set, key, size);
}

void nft_del(struct nft *n, const char *set, const void *key, size_t size)
{
	element(n, NFT_MSG_DELSETELEM, set, key, size);
}
