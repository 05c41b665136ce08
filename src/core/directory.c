/* SPDX-License-Identifier: Apache-2.0 */
#include "directory.h"

#include <assert.h>

#include "alloc.h"
#include "owner.h"
#include "tombstone.h"

struct directory {
	uint64_t seed;
	uint64_t clock;
	struct table by_mac, by_ip;
	struct owners owners;
	struct tombstones *tombstones;
	struct change *changes; /* a queue: first … n_changes */
	size_t first_change, n_changes, changes_capacity;
	uint32_t n_claims, n_bindings;
};

struct directory *directory_new(uint64_t seed)
{
	struct directory *d = core_alloc(sizeof(*d));

	d->seed = seed;
	d->owners.seed = seed;
	d->tombstones = tombstones_new(seed);
	return d;
}

void directory_free(struct directory *d)
{
	if (!d)
		return;
	table_free_nodes(&d->by_mac); /* their first member */
	owners_free(&d->owners);
	table_free(&d->by_ip);
	tombstones_free(d->tombstones);
	free(d->changes);
	free(d);
}

static uint64_t mac_hash(const struct directory *d, vni_t vni,
			 const struct mac *mac)
{
	return core_hash(mac->b, sizeof(mac->b), d->seed ^ vni);
}

static uint64_t ip_hash(const struct directory *d, vni_t vni,
			const struct ip *ip)
{
	return core_hash(ip->b, sizeof(ip->b), d->seed ^ vni);
}

static struct claim *claim_of(struct table_node *node)
{
	return node ? CONTAINER_OF(node, struct claim, node) : NULL;
}

static struct ip_claim *ip_claim_of(struct table_node *node)
{
	return node ? CONTAINER_OF(node, struct ip_claim, node) : NULL;
}

static bool is_learnt(const struct claim *c)
{
	return (c->flags & ENTRY_LEARNT) != 0;
}

static bool is_trusted(const struct claim *c)
{
	return (c->flags & ENTRY_TRUSTED) != 0;
}

static bool is_better(const struct claim *a, const struct claim *b)
{
	if (!b)
		return true;
	if (is_learnt(a) != is_learnt(b))
		return is_learnt(b);
	if (a->revision != b->revision)
		return a->revision > b->revision;
	if (a->owner != b->owner)
		return a->owner < b->owner;
	/* One owner, two MACs with one address: any rule, but always one. */
	return memcmp(a->mac.b, b->mac.b, sizeof(a->mac.b)) < 0;
}

const struct claim *directory_find_mac(const struct directory *d, vni_t vni,
				       const struct mac *mac)
{
	struct table_node *node = table_first(&d->by_mac,
					      mac_hash(d, vni, mac));
	const struct claim *best = NULL, *c;

	for (; node; node = table_next(node)) {
		c = claim_of(node);
		if (c->vni == vni && mac_equal(&c->mac, mac) &&
		    is_better(c, best))
			best = c;
	}
	return best;
}

const struct claim *directory_find_ip(const struct directory *d, vni_t vni,
				      const struct ip *ip)
{
	struct table_node *node = table_first(&d->by_ip, ip_hash(d, vni, ip));
	const struct claim *best = NULL;

	for (; node; node = table_next(node)) {
		const struct ip_claim *ic = ip_claim_of(node);

		if (ic->claim->vni == vni && ip_equal(&ic->ip, ip) &&
		    is_better(ic->claim, best))
			best = ic->claim;
	}
	return best;
}

static struct claim *find_claim(const struct directory *d, vni_t vni,
				const struct mac *mac, peer_id_t owner)
{
	struct table_node *node = table_first(&d->by_mac,
					      mac_hash(d, vni, mac));

	for (; node; node = table_next(node)) {
		struct claim *c = claim_of(node);

		if (c->owner == owner && c->vni == vni &&
		    mac_equal(&c->mac, mac))
			return c;
	}
	return NULL;
}

const struct claim *directory_find_claim(const struct directory *d, vni_t vni,
					 const struct mac *mac, peer_id_t owner)
{
	return find_claim(d, vni, mac, owner);
}

static void push_change(struct directory *d, const struct change *c)
{
	if (d->n_changes == d->changes_capacity) {
		d->changes_capacity = d->changes_capacity
					      ? d->changes_capacity * 2
					      : 64;
		d->changes = core_realloc(d->changes, d->changes_capacity,
					  sizeof(*d->changes));
	}
	d->changes[d->n_changes++] = *c;
}

bool directory_next_change(struct directory *d, struct change *ret)
{
	if (d->first_change == d->n_changes) {
		/* A snapshot of thousands leaves no buffer behind. */
		if (d->changes_capacity > 1024) {
			free(d->changes);
			d->changes = NULL;
			d->changes_capacity = 0;
		}
		d->first_change = 0;
		d->n_changes = 0;
		return false;
	}
	*ret = d->changes[d->first_change++];
	return true;
}

bool directory_is_member(const struct directory *d, peer_id_t owner, vni_t vni,
			 uint8_t flags)
{
	return owners_is_member(&d->owners, owner, vni,
				(flags & ENTRY_TRUSTED) != 0);
}

static void members_changed(struct directory *d, vni_t vni)
{
	const struct change change = { .type = CHANGE_MEMBERS, .vni = vni };

	push_change(d, &change);
}

static void mac_changed(struct directory *d, const struct claim *c)
{
	struct change change = { .type = CHANGE_MAC, .vni = c->vni };

	change.mac = c->mac;
	push_change(d, &change);
}

/*
 * Who has @ip was @before (its MAC; NULL: nobody, as far as known) and may be
 * another now. A tombstone remembers the last MAC of an address that nobody
 * has, so that its return with another MAC is noticed as a move.
 */
static void ip_changed(struct directory *d, usec_t now, vni_t vni,
		       const struct ip *ip, const struct mac *before)
{
	const struct claim *c = directory_find_ip(d, vni, ip);
	struct change change = { .type = CHANGE_IP, .vni = vni };
	struct mac last;

	change.ip = *ip;
	push_change(d, &change);
	if (!c) {
		if (before)
			tombstones_put(d->tombstones, now, vni, ip, before);
		return;
	}
	if (before)
		last = *before;
	else if (!tombstones_take(d->tombstones, now, vni, ip, &last))
		return;
	if (mac_equal(&last, &c->mac) || is_learnt(c))
		return;
	change.type = CHANGE_IP_MOVED;
	change.mac = c->mac;
	change.owner = c->owner;
	push_change(d, &change);
}

static bool mac_of_ip(const struct directory *d, vni_t vni, const struct ip *ip,
		      struct mac *ret)
{
	const struct claim *c = directory_find_ip(d, vni, ip);

	if (c)
		*ret = c->mac;
	return c != NULL;
}

static void link_ips(struct directory *d, usec_t now, struct owner *o,
		     struct claim *c)
{
	struct mac before;
	bool had;
	size_t i;

	for (i = 0; i < c->n_ips; i++) {
		had = mac_of_ip(d, c->vni, &c->ips[i].ip, &before);
		table_add(&d->by_ip, &c->ips[i].node,
			  ip_hash(d, c->vni, &c->ips[i].ip));
		d->n_bindings++;
		o->n_bindings++;
		ip_changed(d, now, c->vni, &c->ips[i].ip, had ? &before : NULL);
	}
}

static void unlink_ips(struct directory *d, usec_t now, struct owner *o,
		       struct claim *c)
{
	struct mac before;
	bool had;
	size_t i;

	for (i = 0; i < c->n_ips; i++) {
		had = mac_of_ip(d, c->vni, &c->ips[i].ip, &before);
		table_remove(&d->by_ip, &c->ips[i].node);
		d->n_bindings--;
		o->n_bindings--;
		ip_changed(d, now, c->vni, &c->ips[i].ip, had ? &before : NULL);
	}
}

static void link_claim(struct directory *d, usec_t now, struct owner *o,
		       struct claim *c)
{
	const struct claim *before = directory_find_mac(d, c->vni, &c->mac);
	struct change moved = { .type = CHANGE_MAC_MOVED, .vni = c->vni };

	table_add(&d->by_mac, &c->node, mac_hash(d, c->vni, &c->mac));
	list_append(&o->claims, &c->of_owner);
	o->n++;
	d->n_claims++;
	if (owners_join(&d->owners, o, c->vni, is_trusted(c)))
		members_changed(d, c->vni);
	mac_changed(d, c);
	if (before && directory_find_mac(d, c->vni, &c->mac) == c &&
	    before->owner != c->owner) {
		moved.mac = c->mac;
		moved.owner = c->owner;
		push_change(d, &moved);
	}
	link_ips(d, now, o, c);
}

static void unlink_claim(struct directory *d, usec_t now, struct claim *c)
{
	struct owner *o = owners_find(&d->owners, c->owner);

	assert(o && o->n > 0);
	unlink_ips(d, now, o, c);
	table_remove(&d->by_mac, &c->node);
	list_remove(&c->of_owner);
	o->n--;
	d->n_claims--;
	if (owners_leave(&d->owners, c->owner, c->vni, is_trusted(c)))
		members_changed(d, c->vni);
	mac_changed(d, c);
}

static struct claim *make_claim(usec_t now, const struct owner *o,
				const struct entry *entry, port_no_t port_no)
{
	struct claim *c;
	size_t i;

	c = core_alloc(sizeof(*c) + entry->n_ips * sizeof(c->ips[0]));
	c->owner = o->id;
	c->port_no = port_no;
	c->vni = entry->vni;
	c->mac = entry->mac;
	c->flags = entry->flags;
	c->revision = entry->revision;
	c->round = o->round;
	c->since = now;
	list_init(&c->of_owner);
	for (i = 0; i < entry->n_ips && i < MAX_IPS_PER_ENTRY; i++) {
		if (ip_is_among(&entry->ips[i], entry->ips, i))
			continue;
		c->ips[c->n_ips].ip = entry->ips[i];
		c->ips[c->n_ips].claim = c;
		c->n_ips++;
	}
	return c;
}

static bool claim_equal(const struct claim *a, const struct claim *b)
{
	size_t i;

	if (a->flags != b->flags || a->n_ips != b->n_ips ||
	    a->port_no != b->port_no)
		return false;
	for (i = 0; i < a->n_ips; i++) {
		if (!ip_equal(&a->ips[i].ip, &b->ips[i].ip))
			return false;
	}
	return true;
}

/* All claims of an address are looked at whenever one of them changes. */
static bool is_claimed_often(const struct directory *d, peer_id_t owner,
			     const struct claim *old, vni_t vni,
			     const struct ip *ip)
{
	struct table_node *node = table_first(&d->by_ip, ip_hash(d, vni, ip));
	uint32_t n = 0;

	for (; node; node = table_next(node)) {
		const struct ip_claim *ic = ip_claim_of(node);

		n += ic->claim->owner == owner && ic->claim != old &&
		     ic->claim->vni == vni && ip_equal(&ic->ip, ip);
	}
	return n >= MAX_CLAIMS_PER_IP;
}

static bool is_excess(const struct directory *d, const struct owner *o,
		      const struct claim *old, const struct entry *entry)
{
	const uint32_t n_ips = old ? old->n_ips : 0;
	size_t i;

	if ((!old && o->n >= MAX_ENTRIES_PER_PEER) ||
	    o->n_bindings - n_ips + entry->n_ips > MAX_BINDINGS_PER_PEER)
		return true;
	for (i = 0; i < entry->n_ips; i++) {
		if (is_claimed_often(d, o->id, old, entry->vni, &entry->ips[i]))
			return true;
	}
	return false;
}

static bool has_room(const struct directory *d, const struct claim *old,
		     const struct entry *entry, bool is_ours)
{
	const uint32_t n_ips = old ? old->n_ips : 0;

	if (!old && d->n_claims >= MAX_ENTRIES - (is_ours ? 0 : ENTRIES_FOR_US))
		return false;
	return d->n_bindings - n_ips + entry->n_ips <=
	       MAX_BINDINGS - (is_ours ? 0 : BINDINGS_FOR_US);
}

enum directory_result directory_put(struct directory *d, usec_t now,
				    peer_id_t owner, const struct entry *entry,
				    port_no_t port_no)
{
	struct owner *o = owners_make(&d->owners, owner);
	struct claim *old = find_claim(d, entry->vni, &entry->mac, owner);
	struct claim *c;

	assert(entry->n_ips <= MAX_IPS_PER_ENTRY);
	if (entry->revision > d->clock && entry->revision < MAX_REVISION)
		d->clock = entry->revision;
	if (is_excess(d, o, old, entry))
		return DIRECTORY_EXCESS;
	if (!has_room(d, old, entry, port_no != PORT_NO_NONE))
		return DIRECTORY_FULL;
	c = make_claim(now, o, entry, port_no);
	if (old && old->revision == c->revision && claim_equal(old, c)) {
		old->round = o->round;
		free(c);
		return DIRECTORY_SAME;
	}
	/* First the new: nobody else is to win in between. */
	link_claim(d, now, o, c);
	if (old) {
		unlink_claim(d, now, old);
		free(old);
	}
	return DIRECTORY_CHANGED;
}

bool directory_withdraw(struct directory *d, usec_t now, peer_id_t owner,
			vni_t vni, const struct mac *mac)
{
	struct claim *c = find_claim(d, vni, mac, owner);

	if (!c)
		return false;
	unlink_claim(d, now, c);
	free(c);
	return true;
}

void directory_snapshot_begin(struct directory *d, peer_id_t owner)
{
	owners_make(&d->owners, owner)->round++;
}

/* Withdraws the claims of @o that are not of @round; all when it is 0. */
static void sweep(struct directory *d, usec_t now, struct owner *o,
		  uint32_t round)
{
	struct list *node = o->claims.next, *next;

	for (; node != &o->claims; node = next) {
		struct claim *c = CONTAINER_OF(node, struct claim, of_owner);

		next = node->next;
		if (round && c->round == round)
			continue;
		unlink_claim(d, now, c);
		free(c);
	}
}

void directory_snapshot_end(struct directory *d, usec_t now, peer_id_t owner)
{
	struct owner *o = owners_make(&d->owners, owner);

	if (o->round)
		sweep(d, now, o, o->round);
}

void directory_drop_owner(struct directory *d, usec_t now, peer_id_t owner)
{
	struct owner *o = owners_find(&d->owners, owner);

	if (!o)
		return;
	sweep(d, now, o, 0);
	owners_remove(&d->owners, o);
}

uint64_t directory_clock(const struct directory *d)
{
	return d->clock;
}

void directory_entry(const struct claim *c, struct entry *ret)
{
	size_t i;

	memset(ret, 0, sizeof(*ret));
	ret->vni = c->vni;
	ret->mac = c->mac;
	ret->flags = c->flags;
	ret->revision = c->revision;
	ret->n_ips = c->n_ips;
	for (i = 0; i < c->n_ips; i++)
		ret->ips[i] = c->ips[i].ip;
}

uint32_t directory_n_claims(const struct directory *d)
{
	return d->n_claims;
}

uint32_t directory_n_owned(const struct directory *d, peer_id_t owner)
{
	const struct owner *o = owners_find(&d->owners, owner);

	return o ? o->n : 0;
}

uint32_t directory_n_bindings(const struct directory *d)
{
	return d->n_bindings;
}

bool directory_walk_networks(const struct directory *d, peer_id_t owner,
			     const struct list **last, vni_t *ret_vni)
{
	const struct owner *o = owners_find(&d->owners, owner);

	return o && owner_walk(o, last, ret_vni);
}

const struct claim *directory_walk(const struct directory *d, size_t *pos,
				   const struct claim *last)
{
	const struct table_node *node = last ? &last->node : NULL;

	return claim_of(table_walk(&d->by_mac, pos, node));
}

const struct claim *directory_walk_owner(const struct directory *d,
					 peer_id_t owner,
					 const struct claim *last)
{
	const struct owner *o = owners_find(&d->owners, owner);
	const struct list *next;

	if (!o)
		return NULL;
	next = last ? last->of_owner.next : o->claims.next;
	return next == &o->claims ? NULL
				  : CONTAINER_OF(next, struct claim, of_owner);
}
