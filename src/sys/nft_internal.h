/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NFT_INTERNAL_H
#define NFT_INTERNAL_H

/* What nft.c (transactions, reading) and nft_build.c (messages) share. */

#include "nft.h"
#include "nl.h"

#define NFT_BATCH_SIZE (256U << 10)
#define NFT_REPLY_SIZE (64U << 10)

struct nft {
	int fd;
	char table[NFT_NAME_SIZE];
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

#endif
