/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam_pick.h"

#include <inttypes.h>

#include "ipam_block.h"
#include "ipam_lease.h"
#include "ipam_state.h"
#include "state.h"
#include "store.h"
#include "sys/addr.h"
#include "sys/error.h"

/* Context of pool_next(): a network of a host. */
struct place {
	const struct ipam *i;
	vni_t vni;
};

/* As the configuration is now: a pool knows those of when it was made. */
static bool is_gateway(const struct settings *s, vni_t vni, const struct ip *ip)
{
	unsigned int i, k;

	for (i = 0; i < s->ipam.n_networks; i++) {
		const struct ipam_network *n = &s->ipam.networks[i];

		for (k = 0; k < n->n_gateways; k++) {
			if (ip_equal(&n->gateways[k], ip) &&
			    settings_vni(s, n->name) == vni)
				return true;
		}
	}
	return false;
}

/* By hand, by another plugin, on another host, or the network's gateway. */
static bool is_foreign(const void *ctx, const struct ip *ip)
{
	const struct place *place = ctx;
	const struct daemon *d = place->i->d;
	struct entry_view entry;

	return portbook_find_ip(&d->ports, place->vni, ip) ||
	       is_gateway(&d->settings, place->vni, ip) ||
	       (engine_find_ip(d->engine, place->vni, ip, &entry) &&
		entry.owner != d->id);
}

bool ipam_pick_is_ours(const struct ipam *i, vni_t vni, const struct ip *ip)
{
	const struct ipam_block *b = ipam_block_find(i, vni, ip);
	const struct place place = { i, vni };

	return b && !b->is_disputed && !is_foreign(&place, ip);
}

int ipam_pick_no_block(const char *network, struct error *e)
{
	error_set(e, "no-addresses",
		  "this host has no block of addresses of "
		  "network %s",
		  network);
	return error_hint(e,
			  "declare one, another on each host: [network %s] "
			  "block = 10.32.5.0/24 in fastdpd.conf(5)",
			  network);
}

int ipam_pick_nothing_left(const struct ipam *i, vni_t vni, bool is_v4,
			   const char *network, struct error *e)
{
	uint32_t n = 0;

	EACH_BLOCK(i, node)
	{
		const struct ipam_block *b = BLOCK_OF(node);

		if (b->vni != vni ||
		    ip_is_v4(&pool_block(b->pool)->ip) != is_v4)
			continue;
		if (b->is_disputed) {
			error_set(e, "overlap", "%s", b->reason);
			return error_hint(
				e, "change the block of one of the two in its "
				   "configuration and reload it; a host that "
				   "is gone for good: fastdpctl ipam reclaim "
				   "HOST");
		}
		n += pool_size(b->pool);
	}
	error_set(e, "exhausted",
		  "all %" PRIu32 " IPv%c addresses that this host has for "
		  "network %s are in use",
		  n, is_v4 ? '4' : '6', network);
	return error_hint(e,
			  "declare a further block for [network %s]; "
			  "'fastdpctl ipam list' says who has them",
			  network);
}

/* With leases the range says it: the block comes when it is needed. */
bool ipam_pick_wants(const struct ipam *i, const char *network, vni_t vni,
		     bool is_v4)
{
	const struct ipam_network *n = ipam_settings_find(&i->d->settings.ipam,
							  network);
	unsigned int k;

	for (k = 0; i->store && n && k < n->n_ranges; k++) {
		if (ip_is_v4(&n->ranges[k].ip) == is_v4)
			return true;
	}
	return ipam_block_has(i, vni, is_v4);
}

/* All are full, or disputed: another one. */
static int lease_more(struct ipam *i, bool is_v4, const char *network,
		      struct error *e)
{
	if (store_want(i->store, network, is_v4, e))
		return -1;
	error_set(e, "not-yet",
		  "a further block of addresses of network %s is being leased",
		  network);
	return error_hint(e, "try again in a moment");
}

static void add_ip(struct ipam *i, struct lease *l, const struct ip *ip,
		   const struct prefix *block)
{
	const struct ipam_network *n = ipam_settings_find(&i->d->settings.ipam,
							  l->network);
	const struct prefix *range = n ? ipam_network_range(n, ip) : NULL;

	l->ips[l->n_ips] = *ip;
	l->prefix_lens[l->n_ips++] = range ? range->len : block->len;
}

static bool gives(const struct ipam_block *b, vni_t vni, bool is_v4)
{
	return b->vni == vni && !b->is_disputed &&
	       ip_is_v4(&pool_block(b->pool)->ip) == is_v4;
}

bool ipam_pick_has_free(const struct ipam *i, vni_t vni, bool is_v4)
{
	const struct place place = { i, vni };

	EACH_BLOCK(i, node)
	{
		const struct ipam_block *b = BLOCK_OF(node);

		if (gives(b, vni, is_v4) &&
		    pool_has_free(b->pool, is_foreign, &place))
			return true;
	}
	return false;
}

static bool take_next(struct ipam *i, struct lease *l, vni_t vni, bool is_v4)
{
	const struct place place = { i, vni };
	struct ip ip;

	EACH_BLOCK(i, node)
	{
		struct ipam_block *b = BLOCK_OF(node);

		if (!gives(b, vni, is_v4) ||
		    pool_next(b->pool, is_foreign, &place, &ip) != POOL_OK)
			continue;
		add_ip(i, l, &ip, pool_block(b->pool));
		return true;
	}
	return false;
}

int ipam_pick_any(struct ipam *i, struct lease *l, vni_t vni, struct error *e)
{
	unsigned int family;

	for (family = 0; family < 2; family++) {
		const bool is_v4 = family == 0;

		if (!ipam_pick_wants(i, l->network, vni, is_v4) ||
		    take_next(i, l, vni, is_v4) ||
		    (ipam_lease_drop_stale(i, l->network, is_v4) &&
		     take_next(i, l, vni, is_v4)))
			continue;
		if (i->store)
			return lease_more(i, is_v4, l->network, e);
		return ipam_pick_nothing_left(i, vni, is_v4, l->network, e);
	}
	return l->n_ips ? 0 : ipam_pick_no_block(l->network, e);
}

static int not_that_one(const char *ip, const char *network,
			enum pool_result result, struct error *e)
{
	switch (result) {
	case POOL_TAKEN:
		error_set(e, "in-use", "%s is in use in network %s", ip,
			  network);
		return error_hint(e,
				  "'fastdpctl ipam list' and 'fastdpctl why "
				  "%s' show by whom",
				  ip);
	case POOL_RESERVED:
		return error_set(e, "invalid",
				 "%s is the first or last address of its "
				 "block, which no container gets",
				 ip);
	default:
		error_set(e, "invalid",
			  "%s is in no block that this host has of network %s",
			  ip, network);
		return error_hint(e,
				  "'fastdpctl ipam list' shows which it has");
	}
}

int ipam_pick_these(struct ipam *i, struct lease *l, vni_t vni,
		    const struct ip *ips, size_t n_ips, struct error *e)
{
	const struct place place = { i, vni };
	char text[ADDR_IP_SIZE];
	size_t k;

	for (k = 0; k < n_ips; k++) {
		const struct ip *ip = &ips[k];
		struct ipam_block *b = ipam_block_find(i, vni, ip);
		enum pool_result result = POOL_OUTSIDE;

		if (b && b->is_disputed)
			return ipam_pick_nothing_left(i, vni, ip_is_v4(ip),
						      l->network, e);
		if (b)
			result = is_foreign(&place, ip)
					 ? POOL_TAKEN
					 : pool_take(b->pool, ip);
		if (result != POOL_OK)
			return not_that_one(addr_print_ip(ip, text), l->network,
					    result, e);
		add_ip(i, l, ip, pool_block(b->pool));
	}
	return 0;
}
