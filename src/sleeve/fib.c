/* SPDX-License-Identifier: Apache-2.0 */
#include "fib.h"

#include <stdlib.h>
#include <string.h>

#include "core/frame.h"
#include "core/sleeve_wire.h"
#include "sys/addr.h"

#define UDP_OVER_V4 28U
#define UDP_OVER_V6 48U
#define FIRST_PLACES 64U

static uint64_t mix(uint64_t x)
{
	x ^= x >> 32;
	x *= UINT64_C(0xd6e8feb86659fd93);
	x ^= x >> 32;
	x *= UINT64_C(0xd6e8feb86659fd93);
	return x ^ x >> 32;
}

/* Where @key is, or the empty place where it would be. */
static uint32_t place_of(const struct fib_map *map, uint64_t seed, uint64_t key)
{
	uint32_t i = (uint32_t)mix(key ^ seed) & (map->n_places - 1);

	while (map->keys[i] != 0 && map->keys[i] != key)
		i = (i + 1) & (map->n_places - 1);
	return i;
}

uint16_t fib_map_find(const struct fib_map *map, uint64_t seed, uint64_t key)
{
	uint32_t i;

	if (map->n == 0 || key == 0)
		return FIB_NONE;
	i = place_of(map, seed, key);
	return map->keys[i] == key ? map->values[i] : FIB_NONE;
}

static void map_free(struct fib_map *map)
{
	free(map->keys);
	free(map->values);
}

/* At most half full, so that a search is short. */
static bool map_grow(struct sleeve_table *t, struct fib_map *map)
{
	struct fib_map bigger = {
		.n = map->n,
		.n_places = map->n_places ? 2 * map->n_places : FIRST_PLACES,
	};
	uint32_t i;

	bigger.keys = calloc(bigger.n_places, sizeof(*bigger.keys));
	bigger.values = calloc(bigger.n_places, sizeof(*bigger.values));
	if (!bigger.keys || !bigger.values) {
		map_free(&bigger);
		t->is_partial = true;
		return false;
	}
	for (i = 0; i < map->n_places; i++) {
		if (map->keys[i] != 0) {
			const uint32_t to = place_of(&bigger, t->seed,
						     map->keys[i]);

			bigger.keys[to] = map->keys[i];
			bigger.values[to] = map->values[i];
		}
	}
	map_free(map);
	*map = bigger;
	return true;
}

/* False: @key is there, is 0, or there is no memory. */
static bool map_add(struct sleeve_table *t, struct fib_map *map, uint64_t key,
		    uint16_t value)
{
	uint32_t i;

	if (key == 0)
		return false;
	if (2 * (map->n + 1) > map->n_places && !map_grow(t, map))
		return false;
	i = place_of(map, t->seed, key);
	if (map->keys[i] == key)
		return false;
	map->keys[i] = key;
	map->values[i] = value;
	map->n++;
	return true;
}

uint32_t fib_payload_of_mtu(const struct ip *to, uint32_t mtu)
{
	const uint32_t overhead = ip_is_v4(to) ? UDP_OVER_V4 : UDP_OVER_V6;

	return mtu > overhead ? mtu - overhead : 0;
}

struct sleeve_table *sleeve_table_new(uint64_t seed)
{
	struct sleeve_table *t = calloc(1, sizeof(*t));

	if (t)
		t->seed = seed;
	return t;
}

void sleeve_table_free(struct sleeve_table *t)
{
	uint32_t i;

	if (!t)
		return;
	for (i = 0; i < t->n_networks; i++) {
		free(t->networks[i].group.peers);
		free(t->networks[i].unknown.peers);
	}
	map_free(&t->ids);
	map_free(&t->tokens);
	map_free(&t->vnis);
	map_free(&t->macs);
	free(t->owners.entries);
	free(t->peers);
	free(t);
}

bool sleeve_table_is_whole(const struct sleeve_table *t)
{
	return !t->is_partial;
}

/* Room for one more of @size bytes; doubled. NULL: no memory. */
static void *grow(struct sleeve_table *t, void *p, uint32_t n,
		  uint32_t *n_allocated, size_t size)
{
	const uint32_t bigger = *n_allocated ? 2 * *n_allocated : 8;

	if (n < *n_allocated)
		return p;
	p = reallocarray(p, bigger, size);
	if (p)
		*n_allocated = bigger;
	else
		t->is_partial = true;
	return p;
}

static void fill_peer(struct fib_peer *p, const struct sleeve_peer *peer)
{
	const uint32_t of_link = fib_payload_of_mtu(&peer->endpoint.ip,
						    peer->link_mtu);

	memset(p, 0, sizeof(*p));
	p->peer = *peer;
	p->slot = FIB_NONE;
	p->is_v6 = !ip_is_v4(&peer->endpoint.ip);
	p->max_size = peer->max_datagram < of_link ? peer->max_datagram
						   : of_link;
	if (p->max_size > SLEEVE_MAX_DATAGRAM)
		p->max_size = SLEEVE_MAX_DATAGRAM;
	p->address_size = addr_to_sockaddr(&peer->endpoint, &p->address);
}

bool sleeve_table_add_peer(struct sleeve_table *t,
			   const struct sleeve_peer *peer)
{
	const uint16_t index = (uint16_t)t->n_peers;
	struct fib_peer *peers;

	if (t->n_peers >= MAX_PEERS || peer->id == PEER_ID_NONE ||
	    fib_find_id(t, peer->id) != FIB_NONE ||
	    fib_find_token(t, peer->rx_token) != FIB_NONE)
		return false;
	peers = grow(t, t->peers, t->n_peers, &t->n_allocated, sizeof(*peers));
	if (!peers)
		return false;
	t->peers = peers;
	if (!map_add(t, &t->tokens, peer->rx_token, index))
		return false;
	/* A token without its peer would be worse than a refusal. */
	if (!map_add(t, &t->ids, peer->id, index)) {
		t->tokens
			.values[place_of(&t->tokens, t->seed, peer->rx_token)] =
			FIB_NONE;
		return false;
	}
	fill_peer(&t->peers[index], peer);
	t->n_peers++;
	return true;
}

/* The index of @vni, made when it is new; FIB_NONE: no room. */
static uint16_t network_of(struct sleeve_table *t, vni_t vni)
{
	uint16_t index = fib_find_vni(t, vni);

	if (index != FIB_NONE)
		return index;
	if (t->n_networks >= MAX_NETWORKS || vni > VNI_MAX)
		return FIB_NONE;
	index = (uint16_t)t->n_networks;
	if (!map_add(t, &t->vnis, vni, index))
		return FIB_NONE;
	t->networks[index].vni = vni;
	t->n_networks++;
	return index;
}

/* Bit 40 of a MAC is the group bit, so no key is ever 0. */
static uint64_t mac_key(uint16_t network, const uint8_t *mac)
{
	return (uint64_t)(network + 1U) << 48 | (uint64_t)mac[0] << 40 |
	       (uint64_t)mac[1] << 32 | (uint64_t)mac[2] << 24 |
	       (uint64_t)mac[3] << 16 | (uint64_t)mac[4] << 8 | mac[5];
}

bool sleeve_table_add_mac(struct sleeve_table *t, vni_t vni,
			  const struct mac *mac, peer_id_t peer)
{
	const uint16_t to = fib_find_id(t, peer);
	uint16_t network;

	if (to == FIB_NONE || mac_is_group(mac) || t->macs.n >= MAX_ENTRIES)
		return false;
	network = network_of(t, vni);
	if (network == FIB_NONE)
		return false;
	return map_add(t, &t->macs, mac_key(network, mac->b), to);
}

bool sleeve_table_add_flood(struct sleeve_table *t, vni_t vni, bool unknown,
			    peer_id_t peer)
{
	const uint16_t to = fib_find_id(t, peer);
	uint16_t network, *peers;
	struct fib_list *list;
	uint32_t i;

	if (to == FIB_NONE)
		return false;
	network = network_of(t, vni);
	if (network == FIB_NONE)
		return false;
	list = unknown ? &t->networks[network].unknown
		       : &t->networks[network].group;
	for (i = 0; i < list->n; i++) {
		if (list->peers[i] == to)
			return false;
	}
	peers = grow(t, list->peers, list->n, &list->n_allocated,
		     sizeof(*peers));
	if (!peers)
		return false;
	list->peers = peers;
	list->peers[list->n++] = to;
	return true;
}

/* Where @ip is, or the empty place where it would be. */
static uint32_t owner_place(const struct fib_owners *o, uint64_t seed,
			    uint16_t network, const struct ip *ip)
{
	uint32_t i = (uint32_t)mix(core_hash(ip->b, sizeof(ip->b), seed) ^
				   network) &
		     (o->n_places - 1);

	while (o->entries[i].place != 0 &&
	       (o->entries[i].place != network + 1U ||
		!ip_equal(&o->entries[i].ip, ip)))
		i = (i + 1) & (o->n_places - 1);
	return i;
}

static bool owners_grow(struct fib_owners *o, uint64_t seed)
{
	struct fib_owners bigger = {
		.n = o->n,
		.n_places = o->n_places ? 2 * o->n_places : FIRST_PLACES,
	};
	uint32_t i;

	bigger.entries = calloc(bigger.n_places, sizeof(*bigger.entries));
	if (!bigger.entries)
		return false;
	for (i = 0; i < o->n_places; i++) {
		const struct fib_owner *e = &o->entries[i];

		if (e->place != 0)
			bigger.entries[owner_place(&bigger, seed,
						   (uint16_t)(e->place - 1),
						   &e->ip)] = *e;
	}
	free(o->entries);
	*o = bigger;
	return true;
}

bool sleeve_table_add_ip(struct sleeve_table *t, vni_t vni, const struct ip *ip,
			 peer_id_t peer)
{
	const uint16_t to = peer == PEER_ID_NONE ? FIB_HERE
						 : fib_find_id(t, peer);
	struct fib_owners *o = &t->owners;
	uint16_t network;
	uint32_t i;

	if (to == FIB_NONE || o->n >= MAX_ENTRIES)
		return false;
	network = network_of(t, vni);
	if (network == FIB_NONE)
		return false;
	if (2 * (o->n + 1) > o->n_places && !owners_grow(o, t->seed)) {
		t->is_partial = true;
		return false;
	}
	i = owner_place(o, t->seed, network, ip);
	if (o->entries[i].place != 0)
		return false;
	o->entries[i] = (struct fib_owner){
		.ip = *ip,
		.place = (uint16_t)(network + 1),
		.peer = to,
	};
	o->n++;
	return true;
}

uint16_t fib_find_asked(const struct sleeve_table *t, uint16_t network,
			const uint8_t *frame, size_t size)
{
	const struct fib_owners *o = &t->owners;
	const struct fib_owner *e;
	const struct ip *ip;
	struct frame f;

	if (o->n == 0 || !frame_parse(frame, size, &f))
		return FIB_NONE;
	if (f.has_arp && f.arp_op == ARP_REQUEST)
		ip = &f.arp_tip;
	else if (f.has_nd && f.icmp6_type == ND_SOLICITATION)
		ip = &f.nd_target;
	else
		return FIB_NONE;
	e = &o->entries[owner_place(o, t->seed, network, ip)];
	return e->place != 0 ? e->peer : FIB_NONE;
}

uint16_t fib_find_id(const struct sleeve_table *t, peer_id_t id)
{
	return fib_map_find(&t->ids, t->seed, id);
}

uint16_t fib_find_token(const struct sleeve_table *t, uint64_t rx_token)
{
	return fib_map_find(&t->tokens, t->seed, rx_token);
}

uint16_t fib_find_vni(const struct sleeve_table *t, vni_t vni)
{
	return fib_map_find(&t->vnis, t->seed, vni);
}

uint16_t fib_find_mac(const struct sleeve_table *t, uint16_t network,
		      const uint8_t *mac)
{
	return fib_map_find(&t->macs, t->seed, mac_key(network, mac));
}
