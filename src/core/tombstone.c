/* SPDX-License-Identifier: Apache-2.0 */
#include "tombstone.h"

#include "alloc.h"
#include "list.h"
#include "table.h"

struct tombstone {
	struct table_node node;
	struct list by_age;
	usec_t at;
	vni_t vni;
	struct ip ip;
	struct mac mac;
};

struct tombstones {
	uint64_t seed;
	struct table table;
	struct list by_age;
};

struct tombstones *tombstones_new(uint64_t seed)
{
	struct tombstones *t = core_alloc(sizeof(*t));

	t->seed = seed;
	list_init(&t->by_age);
	return t;
}

static void drop(struct tombstones *t, struct tombstone *stone)
{
	table_remove(&t->table, &stone->node);
	list_remove(&stone->by_age);
	free(stone);
}

static struct tombstone *oldest(struct tombstones *t)
{
	return CONTAINER_OF(t->by_age.next, struct tombstone, by_age);
}

void tombstones_free(struct tombstones *t)
{
	if (!t)
		return;
	while (!list_is_empty(&t->by_age))
		drop(t, oldest(t));
	table_free(&t->table);
	free(t);
}

static uint64_t hash_of(const struct tombstones *t, vni_t vni,
			const struct ip *ip)
{
	return core_hash(ip->b, sizeof(ip->b), t->seed ^ vni);
}

static struct tombstone *find(const struct tombstones *t, vni_t vni,
			      const struct ip *ip)
{
	struct table_node *node = table_first(&t->table, hash_of(t, vni, ip));
	struct tombstone *stone;

	for (; node; node = table_next(node)) {
		stone = CONTAINER_OF(node, struct tombstone, node);
		if (stone->vni == vni && ip_equal(&stone->ip, ip))
			return stone;
	}
	return NULL;
}

void tombstones_put(struct tombstones *t, usec_t now, vni_t vni,
		    const struct ip *ip, const struct mac *mac)
{
	struct tombstone *stone = find(t, vni, ip);

	if (!stone) {
		if (t->table.n >= MAX_TOMBSTONES)
			drop(t, oldest(t));
		stone = core_alloc(sizeof(*stone));
		stone->vni = vni;
		stone->ip = *ip;
		list_init(&stone->by_age);
		table_add(&t->table, &stone->node, hash_of(t, vni, ip));
	}
	stone->mac = *mac;
	stone->at = now;
	list_append(&t->by_age, &stone->by_age);
}

bool tombstones_take(struct tombstones *t, usec_t now, vni_t vni,
		     const struct ip *ip, struct mac *ret_mac)
{
	struct tombstone *stone = find(t, vni, ip);
	bool is_fresh;

	if (!stone)
		return false;
	is_fresh = now - stone->at < TOMBSTONE_AGE_US;
	if (is_fresh)
		*ret_mac = stone->mac;
	drop(t, stone);
	return is_fresh;
}
