/* SPDX-License-Identifier: Apache-2.0 */
#include "carrier_table.h"

#include <stdlib.h>
#include <string.h>

#include "fake_dp.h"
#include "sim.h"

/* A MAC (is_ip: an address) in a network. */
struct spot {
	vni_t vni;
	bool is_ip;
	uint8_t what[16];
	peer_id_t owner;
};

struct copy {
	vni_t vni;
	bool is_unknown;
	peer_id_t to;
};

struct carrier_table {
	struct sleeve_place *peers;
	size_t n_peers, max_peers;
	struct spot *spots;
	size_t n_spots, max_spots;
	struct copy *copies;
	size_t n_copies, max_copies;
};

/* Room for one more. */
static void *grow(void *list, size_t n, size_t *max, size_t size)
{
	if (n < *max)
		return list;
	*max = *max ? *max * 2 : 16;
	list = realloc(list, *max * size);
	if (!list)
		abort();
	return list;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, offsetof(struct spot, owner));
}

static void add_spot(struct carrier_table *t, const struct entry_view *v,
		     bool is_ip, const void *what, size_t size)
{
	struct spot *s;

	t->spots = grow(t->spots, t->n_spots, &t->max_spots, sizeof(*s));
	s = &t->spots[t->n_spots++];
	memset(s, 0, sizeof(*s));
	s->vni = v->entry.vni;
	s->is_ip = is_ip;
	memcpy(s->what, what, size);
	s->owner = v->owner;
}

struct filling {
	const struct engine *engine;
	struct carrier_table *table;
};

static void fill_entry(void *ctx, const struct entry_view *v)
{
	const struct filling *f = ctx;
	struct entry_view other;
	uint32_t i;

	if (v->is_winner)
		add_spot(f->table, v, false, v->entry.mac.b, 6);
	for (i = 0; i < v->entry.n_ips; i++) {
		if (engine_find_ip(f->engine, v->entry.vni, &v->entry.ips[i],
				   &other) &&
		    other.owner == v->owner &&
		    mac_equal(&other.entry.mac, &v->entry.mac))
			add_spot(f->table, v, true, v->entry.ips[i].b, 16);
	}
}

static void fill_copy(void *ctx, vni_t vni, bool is_unknown, peer_id_t to)
{
	const struct filling *f = ctx;
	struct carrier_table *t = f->table;

	t->copies = grow(t->copies, t->n_copies, &t->max_copies,
			 sizeof(t->copies[0]));
	t->copies[t->n_copies++] = (struct copy){ vni, is_unknown, to };
}

struct carrier_table *carrier_table_new(const struct engine *e)
{
	struct carrier_table *t = sim_alloc(sizeof(*t));
	struct filling f = { e, t };
	struct sleeve_place place;
	size_t pos = 0;

	while (engine_each_place(e, &pos, &place)) {
		if (!place.rx_token)
			continue;
		t->peers = grow(t->peers, t->n_peers, &t->max_peers,
				sizeof(place));
		t->peers[t->n_peers++] = place;
	}
	engine_all_entries(e, fill_entry, &f);
	engine_all_floods(e, fill_copy, &f);
	if (t->n_spots)
		qsort(t->spots, t->n_spots, sizeof(t->spots[0]), compare);
	return t;
}

void carrier_table_free(struct carrier_table *t)
{
	if (!t)
		return;
	free(t->peers);
	free(t->spots);
	free(t->copies);
	free(t);
}

const struct sleeve_place *carrier_table_find(const struct carrier_table *t,
					      uint64_t rx_token)
{
	size_t i;

	for (i = 0; i < t->n_peers; i++) {
		if (t->peers[i].rx_token == rx_token)
			return &t->peers[i];
	}
	return NULL;
}

static const struct sleeve_place *peer_of(const struct carrier_table *t,
					  peer_id_t id)
{
	size_t i;

	for (i = 0; i < t->n_peers; i++) {
		if (t->peers[i].peer_id == id)
			return &t->peers[i];
	}
	return NULL;
}

static const struct spot *find(const struct carrier_table *t, vni_t vni,
			       bool is_ip, const void *what, size_t size)
{
	struct spot key;

	memset(&key, 0, sizeof(key));
	key.vni = vni;
	key.is_ip = is_ip;
	memcpy(key.what, what, size);
	return t->n_spots ? bsearch(&key, t->spots, t->n_spots, sizeof(key),
				    compare)
			  : NULL;
}

/* The address that a group frame asks for, if it does. */
static const struct ip *asked(const struct fake_key *key)
{
	if (key->eth_type == 0x0806 && key->arp_op == 1)
		return &key->arp_tip;
	if (key->ip_proto == 58 && key->icmp6_type == 135)
		return &key->nd_target;
	return NULL;
}

const struct sleeve_place *carrier_table_next(const struct carrier_table *t,
					      vni_t vni, const uint8_t *frame,
					      size_t size, size_t *pos)
{
	const struct sleeve_place *place;
	const struct spot *s = NULL;
	struct fake_key key;
	size_t i;

	if (!fake_key_of(frame, size, &key))
		return NULL;
	if (!mac_is_group(&key.dst))
		s = find(t, vni, false, key.dst.b, 6);
	else if (asked(&key))
		s = find(t, vni, true, asked(&key)->b, 16);
	if (s)
		return (*pos)++ ? NULL : peer_of(t, s->owner);
	while (*pos < t->n_copies) {
		i = (*pos)++;
		if (t->copies[i].vni != vni ||
		    (!mac_is_group(&key.dst) && !t->copies[i].is_unknown))
			continue;
		place = peer_of(t, t->copies[i].to);
		if (place)
			return place;
	}
	return NULL;
}
