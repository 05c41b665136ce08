/* SPDX-License-Identifier: Apache-2.0 */
#include "copied.h"

#include "alloc.h"

struct copy {
	struct table_node node;
	struct ip ip;
	vni_t vni;
};

void copied_init(struct copied *c, uint64_t seed)
{
	memset(c, 0, sizeof(*c));
	c->seed = seed;
}

void copied_free(struct copied *c)
{
	table_free_nodes(&c->table);
}

static uint64_t hash_of(const struct copied *c, const struct ip *ip)
{
	return core_hash(ip->b, sizeof(ip->b), c->seed);
}

/* @vni: VNI_NONE for any. */
static struct copy *find(const struct copied *c, const struct ip *ip, vni_t vni)
{
	struct table_node *node = table_first(&c->table, hash_of(c, ip));

	for (; node; node = table_next(node)) {
		struct copy *copy = CONTAINER_OF(node, struct copy, node);

		if (ip_equal(&copy->ip, ip) &&
		    (vni == VNI_NONE || copy->vni == vni))
			return copy;
	}
	return NULL;
}

void copied_found(struct copied *c, const struct flow_match *match,
		  const struct flow_actions *actions)
{
	const uint32_t stage = RECIRC_STAGE(match->recirc_id);
	const vni_t vni = RECIRC_VNI(match->recirc_id);
	struct copy *copy;
	uint32_t i;

	if (stage < STAGE_PEERS || stage >= STAGE_LONG)
		return;
	for (i = 0; i < actions->n; i++) {
		const struct flow_action *a = &actions->list[i];

		if (a->type != FLOW_SET_TUNNEL || find(c, &a->tunnel.dst, vni))
			continue;
		copy = core_alloc(sizeof(*copy));
		copy->ip = a->tunnel.dst;
		copy->vni = vni;
		table_add(&c->table, &copy->node, hash_of(c, &copy->ip));
	}
}

bool copied_has(const struct copied *c, const struct ip *ip, vni_t vni)
{
	return c->table.n && find(c, ip, vni);
}

bool copied_take(struct copied *c, const struct ip *ip, vni_t *ret_vni)
{
	struct copy *copy = c->table.n ? find(c, ip, VNI_NONE) : NULL;

	if (!copy)
		return false;
	*ret_vni = copy->vni;
	table_remove(&c->table, &copy->node);
	free(copy);
	return true;
}

void copied_release(struct copied *c,
		    bool (*is_kept)(const void *ctx, const struct ip *peer),
		    const void *ctx)
{
	struct table_node *node = NULL, *next;
	size_t pos = 0;

	for (node = table_walk(&c->table, &pos, NULL); node; node = next) {
		struct copy *copy = CONTAINER_OF(node, struct copy, node);

		next = table_walk(&c->table, &pos, node);
		if (is_kept(ctx, &copy->ip))
			continue;
		table_remove(&c->table, node);
		free(copy);
	}
}
