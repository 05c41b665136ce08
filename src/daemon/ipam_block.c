/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam_block.h"

#include <string.h>

#include "core/alloc.h"
#include "ipam_state.h"
#include "log.h"
#include "state.h"
#include "store.h"
#include "store_held.h"

const struct list *ipam_block_list(const struct ipam *i)
{
	return &i->blocks;
}

struct ipam_block *ipam_block_find(const struct ipam *i, vni_t vni,
				   const struct ip *ip)
{
	EACH_BLOCK(i, node)
	{
		struct ipam_block *b = BLOCK_OF(node);

		if (b->vni == vni && prefix_contains(pool_block(b->pool), ip))
			return b;
	}
	return NULL;
}

bool ipam_block_has(const struct ipam *i, vni_t vni, bool is_v4)
{
	EACH_BLOCK(i, node)
	{
		const struct ipam_block *b = BLOCK_OF(node);

		if (b->vni == vni &&
		    ip_is_v4(&pool_block(b->pool)->ip) == is_v4)
			return true;
	}
	return false;
}

void ipam_block_give_back(struct ipam *i, const struct lease *l)
{
	const vni_t vni = settings_vni(&i->d->settings, l->network);
	size_t k;

	for (k = 0; k < l->n_ips; k++) {
		struct ipam_block *b = ipam_block_find(i, vni, &l->ips[k]);

		if (b)
			pool_give_back(b->pool, &l->ips[k]);
	}
}

/* Taken once, whoever is told of it; a lease is younger than the block. */
static void take_leases(struct ipam *i, struct ipam_block *b)
{
	EACH_LEASE(&i->book, node)
	{
		const struct lease *l = LEASE_OF(node);
		size_t k;

		for (k = 0; k < l->n_ips; k++) {
			if (settings_vni(&i->d->settings, l->network) ==
				    b->vni &&
			    pool_take(b->pool, &l->ips[k]) == POOL_TAKEN)
				log_error("%s of %s had another address that "
					  "is taken already",
					  l->container_id, l->ifname);
		}
	}
}

static struct ipam_block *add_block(struct ipam *i,
				    const struct ipam_network *n, vni_t vni,
				    const struct prefix *prefix)
{
	struct ipam_block *b;
	enum pool_result result;
	unsigned int k;

	EACH_BLOCK(i, node)
	{
		b = BLOCK_OF(node);
		if (b->vni != vni || !prefix_equal(pool_block(b->pool), prefix))
			continue;
		b->is_kept = true;
		return b;
	}
	b = core_alloc(sizeof(*b));
	strcpy(b->network, n->name);
	b->vni = vni;
	b->is_kept = true;
	b->pool = pool_new(prefix);
	list_init(&b->all);
	list_append(&i->blocks, &b->all);
	for (k = 0; k < n->n_gateways; k++) {
		result = pool_take(b->pool, &n->gateways[k]);
		(void)result; /* of this block or not */
	}
	take_leases(i, b);
	return b;
}

/* Of networks that have a range here still. */
static void add_held(struct ipam *i)
{
	const struct store_held *h;
	size_t pos = 0;

	while ((h = store_each(i->store, &pos))) {
		const struct ipam_network *n =
			ipam_settings_find(&i->d->settings.ipam, h->network);
		struct ipam_block *b;

		if (!n || !ipam_settings_has(&i->d->settings.ipam, h->network,
					     &h->prefix))
			continue;
		b = add_block(i, n, settings_vni(&i->d->settings, n->name),
			      &h->prefix);
		strcpy(b->store_reason, h->reason);
	}
}

static void free_block(struct ipam_block *b)
{
	list_remove(&b->all);
	pool_free(b->pool);
	free(b);
}

void ipam_block_reload(struct ipam *i)
{
	const struct ipam_settings *s = &i->d->settings.ipam;
	struct list *node, *next;
	unsigned int n, k;

	EACH_BLOCK(i, each)
	BLOCK_OF(each)->is_kept = false;
	for (n = 0; n < s->n_networks; n++) {
		const vni_t vni = settings_vni(&i->d->settings,
					       s->networks[n].name);

		for (k = 0; k < s->networks[n].n_blocks; k++)
			add_block(i, &s->networks[n], vni,
				  &s->networks[n].blocks[k]);
	}
	if (i->store)
		add_held(i);
	for (node = i->blocks.next; node != &i->blocks; node = next) {
		next = node->next;
		if (!BLOCK_OF(node)->is_kept)
			free_block(BLOCK_OF(node));
	}
}

void ipam_block_close(struct ipam *i)
{
	while (!list_is_empty(&i->blocks))
		free_block(BLOCK_OF(i->blocks.next));
}
