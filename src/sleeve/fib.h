/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FIB_H
#define FIB_H

/*
 * The forwarding table as the thread reads it: struct sleeve_table, filled by
 * its owner (sleeve_table.h) and immutable once published. It knows no TAP and no
 * state of a peer.
 */

#include <sys/socket.h>

#include "sleeve_table.h"

#define FIB_NONE UINT16_MAX
#define FIB_HERE (UINT16_MAX - 1) /* not a peer's: ours */

struct fib_peer {
	struct sleeve_peer peer;
	uint16_t slot; /* of what the thread remembers of it */
	bool is_v6;
	uint32_t max_size; /* of a datagram: what path and link allow */
	struct sockaddr_storage address;
	socklen_t address_size;
};

struct fib_list {
	uint16_t *peers;
	uint32_t n, n_allocated;
};

struct fib_network {
	vni_t vni;
	struct fib_list group, unknown;
};

/* Open addressing; a key of 0 is an empty place. */
struct fib_map {
	uint64_t *keys;
	uint16_t *values;
	uint32_t n, n_places; /* a power of two */
};

/* Who has an address; open addressing too. */
struct fib_owner {
	struct ip ip;
	uint16_t place; /* the network's index and one; 0: empty */
	uint16_t peer;	/* or FIB_HERE */
};

struct fib_owners {
	struct fib_owner *entries;
	uint32_t n, n_places; /* a power of two */
};

struct sleeve_table {
	uint64_t seed;
	struct fib_peer *peers;
	uint32_t n_peers, n_allocated;
	struct fib_network networks[MAX_NETWORKS];
	uint32_t n_networks;
	struct fib_map ids, tokens, vnis, macs;
	struct fib_owners owners;
	bool is_partial; /* there was no memory for all of it */
};

uint16_t fib_map_find(const struct fib_map *map, uint64_t seed, uint64_t key);

/* FIB_NONE: unknown. */
uint16_t fib_find_id(const struct sleeve_table *t, peer_id_t id);
uint16_t fib_find_token(const struct sleeve_table *t, uint64_t rx_token);
uint16_t fib_find_vni(const struct sleeve_table *t, vni_t vni);
/* @network: an index; @mac points to 6 bytes. */
uint16_t fib_find_mac(const struct sleeve_table *t, uint16_t network,
		      const uint8_t *mac);

/*
 * A frame with a group address: when it asks for an address whose owner is
 * known, that one, maybe FIB_HERE. Else FIB_NONE.
 */
uint16_t fib_find_asked(const struct sleeve_table *t, uint16_t network,
			const uint8_t *frame, size_t size);

/* Of UDP payload in one packet of @mtu bytes, IP header included. */
uint32_t fib_payload_of_mtu(const struct ip *to, uint32_t mtu);

#endif
