/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IPAM_SETTINGS_H
#define IPAM_SETTINGS_H

/*
 * What the configuration says of addresses: [network NAME] block, range,
 * gateway; [ipam] store and its keys. Knows no other key.
 */

#include "ipam/prefix.h"

struct error;

#define IPAM_MAX_NETWORKS 128U
#define IPAM_MAX_BLOCKS 4U /* declared ones of a network */
#define IPAM_MAX_ENDPOINTS 5U
#define IPAM_MAX_URL 200U

struct ipam_network {
	char name[MAX_NAME];
	struct prefix blocks[IPAM_MAX_BLOCKS];
	unsigned int n_blocks;
	struct prefix ranges[2]; /* one a family */
	unsigned int n_ranges;
	struct ip gateways[2]; /* one a family */
	unsigned int n_gateways;
	uint8_t block_len; /* of leased blocks; 0: not said */
};

enum ipam_store { IPAM_DECLARED, IPAM_ETCD };

struct ipam_settings {
	struct ipam_network networks[IPAM_MAX_NETWORKS];
	unsigned int n_networks;
	enum ipam_store store;
	char endpoints[IPAM_MAX_ENDPOINTS][IPAM_MAX_URL];
	unsigned int n_endpoints;
	char prefix[64];  /* of the store's keys; "": /fastdp */
	uint32_t lease_s; /* 0: 60 */
	/* For https; "": the system's, none, none. */
	char ca_file[IPAM_MAX_URL], cert_file[IPAM_MAX_URL],
		key_file[IPAM_MAX_URL];
};

/*
 * A line of [network @network]. 1: it is none of these keys. 0, or -1 with
 * @e set.
 */
int ipam_settings_network(struct ipam_settings *s, const char *network,
			  const char *key, const char *value, struct error *e);
/* A line of [ipam]. 0 or -1 with @e set. */
int ipam_settings_line(struct ipam_settings *s, const char *key,
		       const char *value, struct error *e);
/* Whether all lines together make sense. 0 or -1 with @e set. */
int ipam_settings_check(const struct ipam_settings *s, struct error *e);

/* NULL: there is nothing about addresses in it. */
const struct ipam_network *ipam_settings_find(const struct ipam_settings *s,
					      const char *network);
/* The range of the family of @ip; NULL: none is given. */
const struct prefix *ipam_network_range(const struct ipam_network *n,
					const struct ip *ip);

/* @block is of the range of @network, and no larger than a pool can be. */
bool ipam_settings_has(const struct ipam_settings *s, const char *network,
		       const struct prefix *block);

/* Of the blocks that are leased of @range. */
uint8_t ipam_network_block_len(const struct ipam_network *n,
			       const struct prefix *range);

#endif
