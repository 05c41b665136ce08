/* SPDX-License-Identifier: Apache-2.0 */
/* Flows by what they match: one hash table, asked once for each mask. */
#include <stdlib.h>
#include <string.h>

#include "fake_dp.h"

#define FIRST_BUCKETS 64U

static struct fake_flow *find(const struct fake_dp *dp,
			      const struct flow_match *match)
{
	const uint64_t hash = flow_match_hash(match, 0);
	struct fake_flow *f;

	if (!dp->n_buckets)
		return NULL;
	for (f = dp->buckets[hash % dp->n_buckets]; f; f = f->next) {
		if (f->hash == hash && flow_match_equal(&f->match, match))
			return f;
	}
	return NULL;
}

struct fake_flow *fake_table_find(const struct fake_dp *dp,
				  const struct flow_match *match)
{
	return find(dp, match);
}

/* The key, as a mask of @fields leaves it. */
static void mask_key(const struct fake_key *key, uint32_t fields,
		     struct flow_match *m)
{
	memset(m, 0, sizeof(*m));
	m->fields = fields;
	m->recirc_id = key->recirc_id;
	if (fields & FLOW_IN_PORT)
		m->in_port = key->in_port;
	if (fields & FLOW_TUN_SRC)
		m->tun_src = key->tun_src;
	if (fields & FLOW_TUN_ID)
		m->tun_id = key->tun_id;
	if (fields & FLOW_ETH_SRC)
		m->eth_src = key->src;
	if (fields & FLOW_ETH_DST)
		m->eth_dst = key->dst;
	if (fields & FLOW_ETH_TYPE)
		m->eth_type = key->eth_type;
	if (fields & FLOW_ARP_OP)
		m->arp_op = key->arp_op;
	if (fields & FLOW_ARP_TIP)
		m->ip = key->arp_tip;
	if (fields & FLOW_IP_PROTO)
		m->ip_proto = key->ip_proto;
	if (fields & FLOW_ICMP6_TYPE)
		m->icmp6_type = key->icmp6_type;
	if (fields & FLOW_ND_TARGET)
		m->ip = key->nd_target;
}

struct fake_flow *fake_table_look_up(const struct fake_dp *dp,
				     const struct fake_key *key,
				     bool *ret_is_double)
{
	struct fake_flow *found = NULL, *f;
	struct flow_match m;
	uint32_t i;

	*ret_is_double = false;
	for (i = 0; i < dp->n_masks; i++) {
		if (!dp->masks[i].n_flows ||
		    dp->masks[i].stage != RECIRC_STAGE(key->recirc_id))
			continue;
		mask_key(key, dp->masks[i].fields, &m);
		f = find(dp, &m);
		if (!f || !fake_key_fits(key, &f->match))
			continue;
		*ret_is_double |= found != NULL;
		found = f;
	}
	return found;
}

/* The kernel looks the new key up, with zeros where its mask has none. */
static bool is_masked(const struct flow_match *wide,
		      const struct flow_match *narrow)
{
	return (wide->fields & ~narrow->fields) == 0 &&
	       flow_match_overlap(wide, narrow);
}

/* @m, as a mask of fewer fields leaves it. */
static struct flow_match mask_match(const struct flow_match *m, uint32_t fields)
{
	struct flow_match r = *m;

	r.fields = fields;
	if (!(fields & FLOW_IN_PORT))
		r.in_port = 0;
	if (!(fields & FLOW_TUN_SRC))
		memset(&r.tun_src, 0, sizeof(r.tun_src));
	if (!(fields & FLOW_TUN_ID))
		r.tun_id = 0;
	if (!(fields & FLOW_ETH_SRC))
		memset(&r.eth_src, 0, sizeof(r.eth_src));
	if (!(fields & FLOW_ETH_DST))
		memset(&r.eth_dst, 0, sizeof(r.eth_dst));
	if (!(fields & FLOW_ETH_TYPE))
		r.eth_type = 0;
	if (!(fields & FLOW_ARP_OP))
		r.arp_op = 0;
	if (!(fields & FLOW_IP_PROTO))
		r.ip_proto = 0;
	if (!(fields & FLOW_ICMP6_TYPE))
		r.icmp6_type = 0;
	if (!(fields & (FLOW_ARP_TIP | FLOW_ND_TARGET)))
		memset(&r.ip, 0, sizeof(r.ip));
	return r;
}

static uint32_t overlaps_by_mask(const struct fake_dp *dp,
				 const struct flow_match *match,
				 bool *ret_is_masked)
{
	const struct fake_flow *f;
	uint32_t i, n = 0;

	for (i = 0; i < dp->n_masks; i++) {
		const uint32_t fields = dp->masks[i].fields;
		struct flow_match m;

		/* Of the same fields there is none but @match itself. */
		if (!dp->masks[i].n_flows || fields == match->fields ||
		    dp->masks[i].stage != RECIRC_STAGE(match->recirc_id) ||
		    (fields & ~match->fields))
			continue;
		m = mask_match(match, fields);
		f = find(dp, &m);
		if (f && is_masked(&f->match, match)) {
			*ret_is_masked = true;
			n++;
		}
	}
	return n;
}

/*
 * The wide form of D takes the place of narrow ones that go after it, and does
 * what they did (core/arrival.h): the kernel takes it beside them.
 */
static bool is_successor(const struct flow_match *match,
			 const struct flow_match *old)
{
	return match->fields == (FLOW_IN_PORT | FLOW_TUN_SRC | FLOW_TUN_ID) &&
	       (old->fields & ~match->fields &
		~(uint32_t)(FLOW_ETH_DST | FLOW_ETH_GROUP)) == 0 &&
	       old->fields != match->fields && is_masked(match, old);
}

uint32_t fake_table_overlaps(const struct fake_dp *dp,
			     const struct flow_match *match,
			     bool *ret_is_masked)
{
	struct fake_flow *f;
	uint32_t i, n = 0;

	*ret_is_masked = false;
	if (dp->n_flows > FAKE_EXACT)
		return overlaps_by_mask(dp, match, ret_is_masked);
	EACH_FAKE_FLOW(dp, i, f)
	{
		if (f->match.recirc_id != match->recirc_id ||
		    !flow_match_overlap(&f->match, match) ||
		    is_successor(match, &f->match))
			continue;
		n++;
		*ret_is_masked |= is_masked(&f->match, match);
	}
	return n;
}

static uint32_t *count_of(struct fake_dp *dp, const struct flow_match *m)
{
	const uint32_t stage = RECIRC_STAGE(m->recirc_id);
	uint32_t i, place = dp->n_masks;

	for (i = 0; i < dp->n_masks; i++) {
		if (!dp->masks[i].n_flows)
			place = i;
		else if (dp->masks[i].fields == m->fields &&
			 dp->masks[i].stage == stage)
			return &dp->masks[i].n_flows;
	}
	if (place == FAKE_MAX_MASKS)
		abort();
	if (place == dp->n_masks)
		dp->n_masks++;
	dp->masks[place].fields = m->fields;
	dp->masks[place].stage = stage;
	return &dp->masks[place].n_flows;
}

static void grow(struct fake_dp *dp)
{
	struct fake_flow **old = dp->buckets, *f, *next;
	const uint32_t n_old = dp->n_buckets;
	uint32_t i;

	dp->n_buckets = n_old ? n_old * 2 : FIRST_BUCKETS;
	dp->buckets = calloc(dp->n_buckets, sizeof(struct fake_flow *));
	if (!dp->buckets)
		abort();
	for (i = 0; i < n_old; i++) {
		for (f = old[i]; f; f = next) {
			struct fake_flow **bucket =
				&dp->buckets[f->hash % dp->n_buckets];

			next = f->next;
			f->next = *bucket;
			*bucket = f;
		}
	}
	free(old);
}

struct fake_flow *fake_table_add(struct fake_dp *dp,
				 const struct flow_match *match)
{
	struct fake_flow *f = calloc(1, sizeof(*f)), **bucket;

	if (!f)
		abort();
	if (dp->n_flows >= dp->n_buckets)
		grow(dp);
	f->match = *match;
	f->hash = flow_match_hash(match, 0);
	f->used_at = USEC_NEVER;
	bucket = &dp->buckets[f->hash % dp->n_buckets];
	f->next = *bucket;
	*bucket = f;
	dp->n_flows++;
	++*count_of(dp, match);
	return f;
}

void fake_table_remove(struct fake_dp *dp, struct fake_flow *f)
{
	struct fake_flow **p = &dp->buckets[f->hash % dp->n_buckets];

	while (*p != f)
		p = &(*p)->next;
	*p = f->next;
	--*count_of(dp, &f->match);
	dp->n_flows--;
	flow_actions_free(&f->actions);
	free(f);
}
