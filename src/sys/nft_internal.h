/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NFT_INTERNAL_H
#define NFT_INTERNAL_H

/*
 * What nft.c (the socket), nft_build.c (messages) and nft_read.c (answers)
 * share. The last is without a socket, so that tests feed it with bytes of
 * their own.
 */

#include "nft.h"
#include "nl.h"

#define NFT_BATCH_SIZE (256U << 10)
#define NFT_REPLY_SIZE (64U << 10)

struct nft {
	int fd;
	char table[NFT_NAME_SIZE];
	uint8_t family;
	int32_t priority; /* of chains at a hook */
	bool is_owned;
	uint32_t seq;
	uint32_t set_id; /* of the last set of this transaction */
	uint8_t *batch;
	size_t used;
	struct nlmsghdr *last; /* the one that is answered */
	int error;	       /* of building: -EMSGSIZE */
	uint8_t *reply;
};

/* A message at the end of the batch; message_end() makes it part of it. */
void nft_message_begin(struct nft *n, struct nl_builder *b, uint16_t type,
		       uint16_t flags);
void nft_message_end(struct nft *n, const struct nl_builder *b);

void nft_put_text(struct nl_builder *b, unsigned int type, const char *text);
/* All numbers of nf_tables are big-endian. */
void nft_put_number(struct nl_builder *b, unsigned int type, uint32_t value);

/* 0, or -errno, which ends the exchange. */
typedef int nft_answer_fn(const struct nlmsghdr *nlh, void *arg);

/* A batch, or a question and its answers. */
struct nft_exchange {
	uint32_t first, last; /* sequence numbers */
	nft_answer_fn *fn;    /* NULL: a batch, whose results alone count */
	void *arg;
	bool is_over, is_interrupted;
	int error; /* the first; -EAGAIN: interrupted by a change */
};

/* One datagram of the kernel's. */
void nft_exchange_take(struct nft_exchange *x, const void *data, size_t size);

struct nft_each {
	nft_element_fn *fn;
	void *ctx;
};

struct nft_naming {
	nft_name_fn *fn;
	void *ctx;
	const char *table;
};

struct nft_counting {
	uint64_t *ret;
	size_t n, n_max;
	uint32_t n_rules;
};

/* Answers. @arg: char[NFT_MARK_SIZE], struct nft_each, struct nft_naming,
 * struct nft_counting */
nft_answer_fn nft_take_mark, nft_take_elements, nft_take_set, nft_take_rule;

#endif
