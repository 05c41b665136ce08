/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ipam_memory.h"
#include "ipam_peers.h"
#include "log.h"
#include "state.h"
#include "store.h"
#include "store_held.h"
#include "sys/addr.h"
#include "sys/clock.h"
#include "sys/error.h"

/* Of the leases for this host itself. */
#define GATEWAY_OWNER "gateway:"

struct ipam {
	struct daemon *d;
	struct list blocks;
	struct ipam_book book;
	struct ipam_peers *peers;
	struct ipam_memory *memory;
	struct store *store; /* NULL: blocks are declared */
	char boot[IPAM_MAX_BOOT];
};

const struct list *ipam_blocks(const struct ipam *i)
{
	return &i->blocks;
}

const struct ipam_book *ipam_leases(const struct ipam *i)
{
	return &i->book;
}

const struct claims *ipam_claims(const struct ipam *i)
{
	return ipam_peers_claims(i->peers);
}

static const char *print_block(const struct ipam_block *b,
			       char ret[ADDR_PREFIX_SIZE])
{
	const struct prefix *p = pool_block(b->pool);

	return addr_print_prefix(&p->ip, p->len, ret);
}

static struct ipam_block *find_block(const struct ipam *i, vni_t vni,
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

/* ---- blocks, and who disputes them */

static void judge(struct ipam *i, struct ipam_block *b)
{
	char ours[ADDR_PREFIX_SIZE], theirs[ADDR_PREFIX_SIZE];
	const bool was_disputed = b->is_disputed;
	struct claim claim;

	print_block(b, ours);
	if (b->store_reason[0]) {
		b->is_disputed = true;
		strcpy(b->reason, b->store_reason);
		return;
	}
	b->is_disputed = claims_find(ipam_peers_claims(i->peers), b->vni,
				     pool_block(b->pool), &claim);
	b->reason[0] = '\0';
	if (b->is_disputed)
		snprintf(b->reason, sizeof(b->reason),
			 "%s of %s and %s of %s overlap in network %s: neither "
			 "host gives out addresses of it",
			 ours, i->d->settings.nickname,
			 addr_print_prefix(&claim.block.ip,
					   claim.block.prefix_len, theirs),
			 claim.nickname, b->network);
	if (b->is_disputed && !was_disputed)
		log_error("%s", b->reason);
	else if (!b->is_disputed && was_disputed)
		log_info("nobody else claims %s of network %s any more", ours,
			 b->network);
}

/* A dispute is remembered at once: a restart must not forget it. */
static void judge_all(struct ipam *i)
{
	bool is_worse = false;

	EACH_BLOCK(i, node)
	{
		const bool was_disputed = BLOCK_OF(node)->is_disputed;

		judge(i, BLOCK_OF(node));
		is_worse |= BLOCK_OF(node)->is_disputed && !was_disputed;
	}
	if (is_worse)
		ipam_memory_save(i->memory);
	else
		ipam_memory_changed(i->memory);
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
static void add_leased(struct ipam *i)
{
	const struct store_held *h;
	size_t pos = 0;

	while ((h = store_each(i->store, &pos))) {
		const struct ipam_network *n =
			ipam_settings_find(&i->d->settings.ipam, h->network);
		struct ipam_block *b;

		if (!n)
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

/* Addresses in use of a block that is ours no more are still in use. */
static void announce(struct ipam *i)
{
	struct block list[MESSAGE_MAX_BLOCKS];
	uint32_t n = 0;
	size_t k;

	memset(list, 0, sizeof(list));
	EACH_BLOCK(i, node)
	{
		const struct ipam_block *b = BLOCK_OF(node);
		const struct prefix *p = pool_block(b->pool);

		if (n == MESSAGE_MAX_BLOCKS)
			break;
		list[n].vni = b->vni;
		list[n].ip = p->ip;
		list[n++].prefix_len = p->len;
	}
	EACH_LEASE(&i->book, node)
	{
		const struct lease *l = LEASE_OF(node);
		const vni_t vni = settings_vni(&i->d->settings, l->network);

		for (k = 0; k < l->n_ips && n < MESSAGE_MAX_BLOCKS; k++) {
			if (find_block(i, vni, &l->ips[k]))
				continue;
			list[n].vni = vni;
			list[n].ip = l->ips[k];
			list[n++].prefix_len = ip_is_v4(&l->ips[k]) ? 32 : 128;
		}
	}
	ipam_peers_announce(i->peers, list, n);
}

void ipam_reload(struct ipam *i)
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
		add_leased(i);
	for (node = i->blocks.next; node != &i->blocks; node = next) {
		next = node->next;
		if (!BLOCK_OF(node)->is_kept)
			free_block(BLOCK_OF(node));
	}
	announce(i);
	judge_all(i);
}

static void on_store(void *ctx)
{
	ipam_reload(ctx);
}

static int open_store(struct ipam *i, struct error *e)
{
	if (i->d->settings.ipam.store != IPAM_ETCD)
		return 0;
	i->store = store_open(i->d, ipam_peers_claims(i->peers), on_store, i,
			      e);
	if (!i->store)
		return -1;
	/* Counted on over restarts, whatever was given back meanwhile. */
	if (store_serial(i->store) > i->book.serial)
		i->book.serial = store_serial(i->store);
	else
		store_note(i->store, i->book.serial);
	return 0;
}

struct ipam *ipam_open(struct daemon *d, struct error *e)
{
	struct ipam *i = core_alloc(sizeof(*i));

	i->d = d;
	list_init(&i->blocks);
	ipam_memory_boot(i->boot);
	i->peers = ipam_peers_new(d);
	i->memory = ipam_memory_open(d->loop, ipam_peers_claims(i->peers),
				     d->settings.state_dir);
	if (ipam_book_open(&i->book, d->settings.state_dir, e) ||
	    open_store(i, e)) {
		ipam_close(i);
		return NULL;
	}
	ipam_reload(i);
	return i;
}

void ipam_close(struct ipam *i)
{
	if (!i)
		return;
	while (!list_is_empty(&i->blocks))
		free_block(BLOCK_OF(i->blocks.next));
	store_close(i->store);
	ipam_memory_close(i->memory);
	ipam_book_close(&i->book);
	ipam_peers_free(i->peers);
	free(i);
}

void ipam_event(struct ipam *i, const struct event *ev)
{
	if (ipam_peers_event(i->peers, ev))
		judge_all(i);
}

struct store *ipam_store(const struct ipam *i)
{
	return i->store;
}

bool ipam_talks(const struct ipam *i, peer_id_t id)
{
	return ipam_peers_talk(i->peers, id);
}

bool ipam_forget(struct ipam *i, peer_id_t id)
{
	if (ipam_peers_talk(i->peers, id))
		return false;
	claims_forget(ipam_peers_claims(i->peers), id);
	judge_all(i);
	return true;
}

/* ---- giving out */

static int not_yet(const struct ipam *i, struct error *e)
{
	if (clock_monotonic_us() >= i->d->started_at + IPAM_SETTLE_US ||
	    ipam_peers_have_said(i->peers))
		return 0;
	error_set(e, "not-yet",
		  "the daemon has just started, and waits for other hosts to "
		  "say which addresses are theirs");
	return error_hint(e, "try again in a few seconds");
}

/* Context of pool_next(): a network of a host. */
struct place {
	const struct ipam *i;
	vni_t vni;
};

/* By hand, by another plugin, or on another host. */
static bool is_foreign(const void *ctx, const struct ip *ip)
{
	const struct place *place = ctx;
	const struct daemon *d = place->i->d;
	struct entry_view entry;
	size_t k;

	EACH_RECORD(&d->ports, node)
	{
		const struct port_record *r = RECORD_OF(node);

		for (k = 0; r->vni == place->vni && k < r->n_addresses; k++) {
			if (ip_equal(&r->ips[k], ip))
				return true;
		}
	}
	return engine_find_ip(d->engine, place->vni, ip, &entry) &&
	       entry.owner != d->id;
}

static bool has_port(const struct ipam *i, const struct lease *l)
{
	EACH_RECORD(&i->d->ports, node)
	{
		const struct port_record *r = RECORD_OF(node);

		if (strcmp(r->container_id, l->container_id) == 0 &&
		    strcmp(r->ifname, l->ifname) == 0 &&
		    strcmp(r->owner, l->owner) == 0)
			return true;
	}
	return false;
}

static bool is_gateway(const struct lease *l)
{
	return strncmp(l->owner, GATEWAY_OWNER, strlen(GATEWAY_OWNER)) == 0;
}

bool ipam_is_stale(const struct ipam *i, const struct lease *l)
{
	return !is_gateway(l) && strcmp(l->boot, i->boot) != 0 &&
	       !has_port(i, l);
}

static void give_back(struct ipam *i, const struct lease *l)
{
	const vni_t vni = settings_vni(&i->d->settings, l->network);
	size_t k;

	for (k = 0; k < l->n_ips; k++) {
		struct ipam_block *b = find_block(i, vni, &l->ips[k]);

		if (b)
			pool_give_back(b->pool, &l->ips[k]);
	}
}

/* The lease of this host's own gateway in a network; NULL: none. */
static struct lease *find_gateway(const struct ipam *i, const char *network)
{
	char owner[LEASE_MAX_TEXT];

	snprintf(owner, sizeof(owner), GATEWAY_OWNER "%s", network);
	return ipam_book_find(&i->book, "", "gateway", owner);
}

static bool has_others(const struct ipam *i, const struct lease *gateway)
{
	EACH_LEASE(&i->book, node)
	{
		const struct lease *l = LEASE_OF(node);

		if (l != gateway && strcmp(l->network, gateway->network) == 0)
			return true;
	}
	return false;
}

/* The host's own gateway goes with the last container of the network. */
static void drop_idle_gateway(struct ipam *i, const char *network)
{
	struct lease *gateway = find_gateway(i, network), gone;
	struct error e = { .code = "" };

	if (!gateway || has_others(i, gateway))
		return;
	gone = *gateway;
	if (ipam_book_remove(&i->book, gateway, &e))
		log_warn("%s", e.message);
	else
		give_back(i, &gone);
}

static int drop_lease(struct ipam *i, struct lease *l, struct error *e)
{
	struct lease gone = *l;

	if (ipam_book_remove(&i->book, l, e))
		return -1;
	give_back(i, &gone);
	drop_idle_gateway(i, gone.network);
	announce(i);
	return 0;
}

/*
 * Containers do not outlive their host's reboot. What they had is kept for
 * them in case that they come back, as long as there is enough.
 */
static bool drop_stale(struct ipam *i, vni_t vni, bool is_v4)
{
	struct error e = { .code = "" };

	EACH_LEASE(&i->book, node)
	{
		struct lease *l = LEASE_OF(node);
		size_t k;

		if (settings_vni(&i->d->settings, l->network) != vni ||
		    !ipam_is_stale(i, l))
			continue;
		for (k = 0; k < l->n_ips; k++) {
			if (ip_is_v4(&l->ips[k]) != is_v4 ||
			    !find_block(i, vni, &l->ips[k]))
				continue;
			log_info("the addresses of %s, that this host had "
				 "before it was booted, are free",
				 l->container_id);
			return drop_lease(i, l, &e) == 0;
		}
	}
	return false;
}

static int no_block(const char *network, struct error *e)
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

/* Why the blocks of that family gave nothing. */
static int nothing_left(const struct ipam *i, vni_t vni, bool is_v4,
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
			  "'fastdpctl ipam' lists who has them",
			  network);
}

static bool has_family(const struct ipam *i, vni_t vni, bool is_v4)
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

/* With leases the range says it: the block comes when it is needed. */
static bool wants_family(const struct ipam *i, const char *network, vni_t vni,
			 bool is_v4)
{
	const struct ipam_network *n = ipam_settings_find(&i->d->settings.ipam,
							  network);
	unsigned int k;

	for (k = 0; i->store && n && k < n->n_ranges; k++) {
		if (ip_is_v4(&n->ranges[k].ip) == is_v4)
			return true;
	}
	return has_family(i, vni, is_v4);
}

/* All are full, or disputed: another one. */
static int lease_more(struct ipam *i, vni_t vni, bool is_v4,
		      const char *network, struct error *e)
{
	(void)vni;
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

static bool take_next(struct ipam *i, struct lease *l, vni_t vni, bool is_v4)
{
	const struct place place = { i, vni };
	struct ip ip;

	EACH_BLOCK(i, node)
	{
		struct ipam_block *b = BLOCK_OF(node);

		if (b->vni != vni || b->is_disputed ||
		    ip_is_v4(&pool_block(b->pool)->ip) != is_v4 ||
		    pool_next(b->pool, is_foreign, &place, &ip) != POOL_OK)
			continue;
		add_ip(i, l, &ip, pool_block(b->pool));
		return true;
	}
	return false;
}

static int choose(struct ipam *i, struct lease *l, vni_t vni, struct error *e)
{
	unsigned int family;

	for (family = 0; family < 2; family++) {
		const bool is_v4 = family == 0;

		if (!wants_family(i, l->network, vni, is_v4) ||
		    take_next(i, l, vni, is_v4) ||
		    (drop_stale(i, vni, is_v4) && take_next(i, l, vni, is_v4)))
			continue;
		if (i->store)
			return lease_more(i, vni, is_v4, l->network, e);
		return nothing_left(i, vni, is_v4, l->network, e);
	}
	return l->n_ips ? 0 : no_block(l->network, e);
}

static int not_that_one(const char *ip, const char *network,
			enum pool_result result, struct error *e)
{
	switch (result) {
	case POOL_TAKEN:
		error_set(e, "in-use", "%s is in use in network %s", ip,
			  network);
		return error_hint(e,
				  "'fastdpctl ipam' and 'fastdpctl why %s' "
				  "show by whom",
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
		return error_hint(e, "'fastdpctl ipam' shows which it has");
	}
}

/* Exactly those that were asked for. */
static int take_asked(struct ipam *i, const struct ipam_ask *ask,
		      struct lease *l, vni_t vni, struct error *e)
{
	const struct place place = { i, vni };
	char text[ADDR_IP_SIZE];
	size_t k;

	for (k = 0; k < ask->n_ips; k++) {
		const struct ip *ip = &ask->ips[k];
		struct ipam_block *b = find_block(i, vni, ip);
		enum pool_result result = POOL_OUTSIDE;

		if (b && b->is_disputed)
			return nothing_left(i, vni, ip_is_v4(ip), l->network,
					    e);
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

static bool is_what_was_asked(const struct lease *l, const struct ipam_ask *ask)
{
	size_t k, m;

	if (strcmp(l->network, ask->network) != 0)
		return false;
	for (k = 0; k < ask->n_ips; k++) {
		for (m = 0; m < l->n_ips; m++) {
			if (ip_equal(&l->ips[m], &ask->ips[k]))
				break;
		}
		if (m == l->n_ips)
			return false;
	}
	return true;
}

/* Of a container that comes back after the host was booted, too. */
static const struct lease *again(struct ipam *i, struct lease *l,
				 const struct ipam_ask *ask, struct error *e)
{
	if (is_what_was_asked(l, ask)) {
		if (strcmp(l->boot, i->boot) == 0)
			return l;
		strcpy(l->boot, i->boot);
		return ipam_book_save(&i->book, l, e) ? NULL : l;
	}
	error_set(e, "in-use",
		  "%s of %s has other addresses already, of network %s",
		  l->ifname, l->container_id, l->network);
	error_hint(e, "give these back first: fastdpctl ipam free %s %s",
		   l->container_id, l->ifname);
	return NULL;
}

static void fill(const struct ipam *i, struct lease *ret, const char *network,
		 const char *container_id, const char *ifname,
		 const char *owner)
{
	memset(ret, 0, sizeof(*ret));
	strcpy(ret->network, network);
	strcpy(ret->container_id, container_id);
	strcpy(ret->ifname, ifname);
	strcpy(ret->owner, owner);
	strcpy(ret->boot, i->boot);
}

static int ensure_gateway(struct ipam *i, const char *network, vni_t vni,
			  struct error *e)
{
	char owner[LEASE_MAX_TEXT];
	struct lease lease;

	if (find_gateway(i, network))
		return 0;
	snprintf(owner, sizeof(owner), GATEWAY_OWNER "%s", network);
	fill(i, &lease, network, "", "gateway", owner);
	if (choose(i, &lease, vni, e) == 0 &&
	    ipam_book_add(&i->book, &lease, e))
		return 0;
	give_back(i, &lease);
	return -1;
}

const struct lease *ipam_claim(struct ipam *i, const struct ipam_ask *ask,
			       struct error *e)
{
	const vni_t vni = settings_vni(&i->d->settings, ask->network);
	struct lease lease, *kept;

	kept = ipam_book_find(&i->book, ask->container_id, ask->ifname,
			      ask->owner);
	if (kept)
		return again(i, kept, ask, e);
	if (not_yet(i, e) || (i->store && store_check(i->store, e)))
		return NULL;
	if (ask->has_gateway && ensure_gateway(i, ask->network, vni, e))
		return NULL;
	fill(i, &lease, ask->network, ask->container_id, ask->ifname,
	     ask->owner);
	if (ask->n_ips ? take_asked(i, ask, &lease, vni, e)
		       : choose(i, &lease, vni, e)) {
		give_back(i, &lease);
		drop_idle_gateway(i, ask->network);
		return NULL;
	}
	kept = ipam_book_add(&i->book, &lease, e);
	if (kept && i->store)
		store_note(i->store, i->book.serial);
	if (!kept) {
		give_back(i, &lease);
		drop_idle_gateway(i, ask->network);
	}
	return kept;
}

int ipam_free(struct ipam *i, const char *container_id, const char *ifname,
	      const char *owner, struct error *e)
{
	struct lease *l = ipam_book_find(&i->book, container_id, ifname, owner);

	if (!l)
		return 0;
	if (has_port(i, l))
		return error_set(e, "in-use",
				 "%s of %s is attached: its addresses are in "
				 "use",
				 ifname, container_id);
	return drop_lease(i, l, e) ? -1 : 1;
}

static bool has_stale(const struct ipam *i, vni_t vni)
{
	EACH_LEASE(&i->book, node)
	{
		const struct lease *l = LEASE_OF(node);

		if (settings_vni(&i->d->settings, l->network) == vni &&
		    ipam_is_stale(i, l))
			return true;
	}
	return false;
}

int ipam_ready(struct ipam *i, const char *network, struct error *e)
{
	const vni_t vni = settings_vni(&i->d->settings, network);
	unsigned int family, n = 0;

	if (not_yet(i, e) || (i->store && store_check(i->store, e)))
		return -1;
	for (family = 0; family < 2; family++) {
		bool has_some = false;

		if (!wants_family(i, network, vni, family == 0))
			continue;
		n++;
		EACH_BLOCK(i, node)
		{
			const struct ipam_block *b = BLOCK_OF(node);

			has_some |= b->vni == vni && !b->is_disputed &&
				    ip_is_v4(&pool_block(b->pool)->ip) ==
					    (family == 0) &&
				    pool_used(b->pool) < pool_size(b->pool);
		}
		if (has_some || has_stale(i, vni))
			continue;
		if (!i->store)
			return nothing_left(i, vni, family == 0, network, e);
		/* Under way is well: ADD waits for it. */
		if (store_want(i->store, network, family == 0, e))
			return -1;
	}
	return n ? 0 : no_block(network, e);
}

bool ipam_gateway(const struct ipam *i, const char *network, bool is_host,
		  const struct ip *ip, struct ip *ret)
{
	const struct ipam_network *n = ipam_settings_find(&i->d->settings.ipam,
							  network);
	const struct lease *l = is_host ? find_gateway(i, network) : NULL;
	const size_t count = is_host ? (l ? l->n_ips : 0)
				     : (n ? n->n_gateways : 0);
	const struct ip *list = is_host ? (l ? l->ips : NULL)
					: (n ? n->gateways : NULL);
	size_t k;

	for (k = 0; k < count; k++) {
		if (ip_is_v4(&list[k]) == ip_is_v4(ip)) {
			*ret = list[k];
			return true;
		}
	}
	return false;
}
