/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NFT_H
#define NFT_H

/*
 * One table of the kernel's packet filter (nf_tables), family "bridge" or
 * "inet": sets, chains and rules in transactions, over nfnetlink. A change of
 * one element is one small message, whatever the table holds.
 *
 * It knows netlink and no policy: rules come as data. Rules are a list of
 * steps over sixteen registers of four bytes; a step that does not match ends
 * its rule.
 *
 *   nft_begin()  nft_put() …  nft_commit()      all of it, or nothing
 *
 * Calls that return nothing note the first failure, which nft_commit() tells.
 * Functions return 0 or -errno. Not for several threads at once.
 */

#include "core/core.h"

#define NFT_NAME_SIZE 32
#define NFT_KEY_SIZE 32 /* of a set's element, at most */
#define NFT_MARK_SIZE 64

struct nft;

/* Of table @name in the current namespace; nothing is made yet. */
int nft_open(const char *name, struct nft **ret) WARN_UNUSED;
/*
 * Of family inet, and owned (Linux 5.12): nobody else can change the table,
 * and the kernel takes it away with this socket, however its process ends.
 * Chains come before all others' of their hook.
 */
int nft_open_inet(const char *name, struct nft **ret) WARN_UNUSED;
/* Of family inet, and made by other means (libnftables): to be looked at. */
int nft_open_foreign(const char *name, struct nft **ret) WARN_UNUSED;
void nft_close(struct nft *n); /* NULL is fine; the table stays, or see above */

void nft_begin(struct nft *n);
/* The transaction is long: commit before more elements are added. */
bool nft_is_full(const struct nft *n);
/* All at once. -ENOENT: the table, a set or an element was not there. */
int nft_commit(struct nft *n) WARN_UNUSED;

/* @mark: text that stays with the table. */
void nft_add_table(struct nft *n, const char *mark);
/* With all in it; no matter whether it is there. */
void nft_delete_table(struct nft *n);

struct nft_set {
	const char *name;
	uint8_t key_size;   /* a multiple of four */
	uint32_t key_type;  /* for people: what "nft list" takes it for, */
	bool is_host_order; /* and how its bytes go */
};

void nft_add_set(struct nft *n, const struct nft_set *set);
/* @hook NF_BR_* or NF_INET_*; -1: only reached from other chains. */
void nft_add_chain(struct nft *n, const char *name, int hook);

enum nft_step_type {
	NFT_STEP_END,
	NFT_STEP_META,	     /* what: NFT_META_*, into reg */
	NFT_STEP_HAS_HEADER, /* is IPv6 header what there? a byte, into reg */
	NFT_STEP_PAYLOAD,    /* size bytes at offset of what (base), into reg */
	NFT_STEP_MASK,	     /* reg &= data, size bytes */
	NFT_STEP_EQUAL,	     /* reg is data, size bytes */
	NFT_STEP_IN,	     /* the key from reg on is in set name */
	NFT_STEP_NOT_IN,
	NFT_STEP_COUNT,	 /* packets that came so far */
	NFT_STEP_LIMIT,	 /* no more than what a second, and so many at once */
	NFT_STEP_LOG,	 /* the first 256 bytes to group what (nflog.h) */
	NFT_STEP_ACCEPT, /* ends the hook's chain */
	NFT_STEP_DROP,
	NFT_STEP_GOTO, /* chain name */
};

struct nft_step {
	enum nft_step_type type;
	uint8_t reg; /* 0 … 15 */
	uint8_t offset, size;
	uint32_t what;
	const char *name;
	uint8_t data[8];
};

/* @steps ends with NFT_STEP_END. */
void nft_add_rule(struct nft *n, const char *chain,
		  const struct nft_step *steps);

/* Once more the same is fine. */
void nft_put(struct nft *n, const char *set, const void *key, size_t size);
void nft_del(struct nft *n, const char *set, const void *key, size_t size);

/* The mark of the table as it is in the kernel. -ENOENT: no such table. */
int nft_read_mark(struct nft *n, char ret[NFT_MARK_SIZE]) WARN_UNUSED;

typedef void nft_element_fn(void *ctx, const uint8_t *key, size_t size);
/* All elements of @set; @fn must not use @n. */
int nft_each_element(struct nft *n, const char *set, nft_element_fn *fn,
		     void *ctx) WARN_UNUSED;

typedef void nft_name_fn(void *ctx, const char *name);
/* The names of all sets. 0: none, too, or no such table. */
int nft_each_set(struct nft *n, nft_name_fn *fn, void *ctx) WARN_UNUSED;

/* Packets of the counters (NFT_STEP_COUNT) of a chain, in its order. */
int nft_read_counters(struct nft *n, const char *chain, uint64_t *ret,
		      size_t n_max) WARN_UNUSED;

/* How many rules a chain has; none, too, when there is no such chain. */
int nft_count_rules(struct nft *n, const char *chain, uint32_t *ret)
	WARN_UNUSED;

#endif
