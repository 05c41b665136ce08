/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_KEYS_H
#define STORE_KEYS_H

/*
 * What hosts keep in etcd, and the requests that read and change it through
 * its JSON gateway. The keys, below the configured prefix:
 *
 *   alive/ID                 which life of the host; goes when nobody renews it
 *   hosts/ID                 what it is called, how often its book has changed
 *   blocks/NETWORK/ADDR-LEN  which host has the block
 *   new                      the store is new: whoever has a block says so now
 *   ready                    it is new no more
 *
 * Everything read is input: what does not parse is skipped.
 */

#include <jansson.h>

#include "core/core.h"
#include "ipam/prefix.h"

#define STORE_MAX_KEY 256U
#define STORE_MAX_HOSTS 4096U
#define STORE_MAX_BLOCKS 65536U

struct store_host {
	peer_id_t id;
	char nickname[MAX_NAME];
	uint64_t serial;
	bool is_alive;
	uint64_t instance;  /* of the one that is alive */
	uint64_t alive_rev; /* its key's revision, for compare-and-set */
	uint64_t lease;	    /* that the key goes with */
};

struct store_block {
	char network[MAX_NAME];
	struct prefix prefix;
	peer_id_t id;
	uint64_t rev;
};

/* All that is there, as of one moment. */
struct store_view {
	struct store_host *hosts;
	size_t n_hosts;
	struct store_block *blocks;
	size_t n_blocks;
	bool is_new, is_ready;
	uint64_t cluster;
};

/* False: it is no answer to the request; @ret is untouched. */
bool store_keys_read(const json_t *reply, const char *prefix,
		     struct store_view *ret) WARN_UNUSED;
void store_keys_release(struct store_view *v);
const struct store_host *store_keys_host(const struct store_view *v,
					 peer_id_t id);

/* The request for all keys. */
json_t *store_keys_range(const char *prefix);

/* A transaction: conditions, and what is done if all hold. */
json_t *store_keys_txn(void);
/* The key has that revision; 0: there is no such key. */
void store_keys_if(json_t *txn, const char *prefix, const char *key,
		   bool is_mod, uint64_t revision);
/* @lease 0: it stays. @value is taken over. */
void store_keys_put(json_t *txn, const char *prefix, const char *key,
		    json_t *value, uint64_t lease);
void store_keys_delete(json_t *txn, const char *prefix, const char *key);

const char *store_keys_block(const char *network, const struct prefix *p,
			     char ret[STORE_MAX_KEY]);
/* A number of a reply, which etcd writes as text. */
uint64_t store_keys_number(const json_t *object, const char *key);

#endif
