/* SPDX-License-Identifier: Apache-2.0 */
#include "store_plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "ipam/claims.h"
#include "log.h"
#include "state.h"
#include "store_state.h"
#include "sys/addr.h"

/* etcd takes 128 in one transaction. */
#define MAX_DELETES 100U

static const char *prefix_of(const struct store *s)
{
	return s->settings->prefix[0] ? s->settings->prefix : "/fastdp";
}

static const char *key_of(const char *what, peer_id_t id,
			  char ret[STORE_MAX_KEY])
{
	snprintf(ret, STORE_MAX_KEY, "%s/%016" PRIx64, what, id);
	return ret;
}

static json_t *block_value(const struct daemon *d)
{
	char id[20];

	snprintf(id, sizeof(id), "%016" PRIx64, d->id);
	return json_pack("{s:s, s:s}", "id", id, "nickname",
			 d->settings.nickname);
}

/* ---- this host */

static json_t *registration(const struct store *s, const struct store_host *me)
{
	char key[STORE_MAX_KEY], serial[24], instance[20];
	json_t *txn = store_keys_txn();

	snprintf(serial, sizeof(serial), "%" PRIu64, s->held.serial);
	snprintf(instance, sizeof(instance), "%016" PRIx64, s->d->instance);
	key_of("alive", s->d->id, key);
	store_keys_if(txn, prefix_of(s), key, me && me->is_alive,
		      me && me->is_alive ? me->alive_rev : 0);
	store_keys_put(txn, prefix_of(s), key,
		       json_pack("{s:s}", "instance", instance), s->lease);
	store_keys_put(txn, prefix_of(s), key_of("hosts", s->d->id, key),
		       json_pack("{s:s, s:s, s:s}", "name", s->d->name,
				 "nickname", s->d->settings.nickname, "serial",
				 serial),
		       0);
	return txn;
}

/* Is this key of another daemon's than us, as we are or were? */
static bool is_stranger(const struct store *s, const struct store_host *me)
{
	return me->is_alive && me->instance != s->d->instance &&
	       (!s->old_instance || me->instance != s->old_instance);
}

static bool is_registered(const struct store *s, const struct store_host *me)
{
	return me && me->is_alive && me->instance == s->d->instance &&
	       me->lease == s->lease && me->serial == s->held.serial;
}

/* True: this host may not act now; *ret is what it may do to change that. */
static bool plan_host(struct store *s, json_t **ret)
{
	const struct store_host *me = store_keys_host(&s->view, s->d->id);

	/* Without its sign of life, as where etcd has lost its data, others may
	 * take what it has. */
	if (!me || !me->is_alive)
		s->safe_until = 0;
	if (me && is_stranger(s, me)) {
		s->is_registered = false;
		s->state = STORE_CLONED;
		return true;
	}
	if (me && me->serial > s->held.serial) {
		s->is_registered = false;
		s->state = STORE_OLD;
		return true;
	}
	s->is_registered = is_registered(s, me);
	if (s->is_registered)
		return false;
	/* Its number first: what etcd has is never more than the disk has. */
	if (store_held_save(&s->held))
		*ret = registration(s, me);
	return true;
}

/* ---- what it holds */

static const struct store_block *find_block(const struct store_view *v,
					    const struct store_held *h)
{
	size_t i;

	for (i = 0; i < v->n_blocks; i++) {
		if (prefix_equal(&v->blocks[i].prefix, &h->prefix) &&
		    strcmp(v->blocks[i].network, h->network) == 0)
			return &v->blocks[i];
	}
	return NULL;
}

/* Another host's that has an address of it; one that is given back has none. */
static const struct store_block *rival_of(const struct store *s,
					  const struct store_held *h)
{
	size_t i;

	for (i = 0; i < s->view.n_blocks && !h->is_leaving; i++) {
		const struct store_block *b = &s->view.blocks[i];

		if (b->id != s->d->id && strcmp(b->network, h->network) == 0 &&
		    prefix_overlaps(&b->prefix, &h->prefix))
			return b;
	}
	return NULL;
}

static void set_reason(struct store *s, struct store_held *h,
		       const struct store_block *rival)
{
	char text[ADDR_PREFIX_SIZE], reason[sizeof(h->reason)] = "";
	const struct store_host *other =
		rival ? store_keys_host(&s->view, rival->id) : NULL;

	addr_print_prefix(&h->prefix.ip, h->prefix.len, text);
	if (rival)
		snprintf(reason, sizeof(reason),
			 "%s of %s is leased to %s in etcd: nothing is given "
			 "out from it",
			 text, s->d->settings.nickname,
			 other ? other->nickname : "another host");
	else if (h->is_leaving)
		snprintf(reason, sizeof(reason), "%s is being given back",
			 text);
	if (strcmp(reason, h->reason) == 0)
		return;
	if (rival)
		log_error("%s", reason);
	strcpy(h->reason, reason);
	s->is_changed = true;
}

static json_t *plan_held(struct store *s)
{
	char key[STORE_MAX_KEY];
	json_t *txn = NULL;
	size_t i;

	/* All of them, before the first change is under way. */
	for (i = 0; i < s->held.n; i++)
		set_reason(s, &s->held.list[i], rival_of(s, &s->held.list[i]));
	for (i = 0; i < s->held.n && !txn; i++) {
		struct store_held *h = &s->held.list[i];
		const struct store_block *b = find_block(&s->view, h);
		const bool is_ours = b && b->id == s->d->id;

		if (h->is_leaving && !is_ours) {
			store_held_drop(&s->held, i--);
			s->is_changed = true;
			continue;
		}
		if (!h->is_leaving && (is_ours || rival_of(s, h)))
			continue;
		txn = store_keys_txn();
		store_keys_block(h->network, &h->prefix, key);
		store_keys_if(txn, prefix_of(s), key, is_ours,
			      is_ours ? b->rev : 0);
		if (is_ours)
			store_keys_delete(txn, prefix_of(s), key);
		else
			store_keys_put(txn, prefix_of(s), key,
				       block_value(s->d), 0);
	}
	return txn;
}

/* Ours in etcd, and unknown here: the answer to our request was lost, or this
 * is the answer. It is on the disk before anything is given out from it. What
 * does not go with the range or with what is held was not asked for by us.
 * False: it cannot be written, and a further one would be lost as well. */
static bool adopt(struct store *s)
{
	char text[ADDR_PREFIX_SIZE];
	size_t i;

	for (i = 0; i < s->view.n_blocks; i++) {
		const struct store_block *b = &s->view.blocks[i];

		if (b->id != s->d->id ||
		    !ipam_settings_has(s->settings, b->network, &b->prefix) ||
		    store_held_overlaps(&s->held, b->network, &b->prefix))
			continue;
		if (s->held.n == STORE_MAX_HELD)
			return true;
		if (!store_held_add(&s->held, b->network, &b->prefix))
			return false;
		log_info("leased %s of network %s",
			 addr_print_prefix(&b->prefix.ip, b->prefix.len, text),
			 b->network);
		s->is_changed = true;
	}
	return true;
}

/* ---- a store that was just made, or has lost its data */

/* True: hosts must have time to say what they have. */
static bool plan_ready(struct store *s, usec_t now, json_t **ret)
{
	const bool is_new = s->view.is_new;
	json_t *txn;

	if (s->view.is_ready) {
		s->new_since = 0;
		return false;
	}
	s->state = STORE_NEW;
	if (is_new && !s->new_since)
		s->new_since = now;
	if (is_new && now < s->new_since + s->lease_us / 2)
		return true;
	txn = store_keys_txn();
	store_keys_if(txn, prefix_of(s), "ready", false, 0);
	if (is_new)
		store_keys_delete(txn, prefix_of(s), "new");
	else
		store_keys_if(txn, prefix_of(s), "new", false, 0);
	store_keys_put(txn, prefix_of(s), is_new ? "ready" : "new",
		       block_value(s->d), 0);
	*ret = txn;
	return true;
}

/* ---- a host that is gone for good */

static json_t *plan_reclaim(struct store *s)
{
	const struct store_host *h = store_keys_host(&s->view, s->reclaim);
	char key[STORE_MAX_KEY];
	unsigned int n = 0;
	json_t *txn;
	size_t i;

	if (!s->reclaim)
		return NULL;
	if (!h || h->is_alive) {
		if (h)
			log_error("%s is there again: its blocks stay its",
				  h->nickname);
		s->reclaim = PEER_ID_NONE;
		return NULL;
	}
	txn = store_keys_txn();
	store_keys_if(txn, prefix_of(s), key_of("alive", h->id, key), false, 0);
	for (i = 0; i < s->view.n_blocks && n < MAX_DELETES; i++) {
		const struct store_block *b = &s->view.blocks[i];

		if (b->id != h->id)
			continue;
		store_keys_block(b->network, &b->prefix, key);
		store_keys_if(txn, prefix_of(s), key, true, b->rev);
		store_keys_delete(txn, prefix_of(s), key);
		n++;
	}
	if (n < MAX_DELETES)
		store_keys_delete(txn, prefix_of(s),
				  key_of("hosts", h->id, key));
	return txn;
}

/* ---- a further block */

static void mark(uint8_t *taken, const struct prefix *range, uint8_t len,
		 const struct prefix *p)
{
	const unsigned int bits = ip_is_v4(&range->ip) ? 32 : 128;
	uint32_t first = 0, n = 1, i;

	if (!prefix_overlaps(p, range))
		return;
	if (p->len < len)
		n = UINT32_C(1)
		    << (len - (p->len > range->len ? p->len : range->len));
	for (i = range->len; i < len && i < p->len; i++) {
		const unsigned int at = i + 128 - bits;
		const uint32_t bit = p->ip.b[at / 8] >> (7 - at % 8) & 1;

		first |= bit << (len - 1 - i);
	}
	for (i = 0; i < n; i++)
		taken[first + i] = 1;
}

static struct prefix block_number(const struct prefix *range, uint8_t len,
				  uint32_t n)
{
	const unsigned int bits = ip_is_v4(&range->ip) ? 32 : 128;
	struct prefix p = { range->ip, len };
	unsigned int i;

	for (i = range->len; i < len; i++) {
		const unsigned int at = i + 128 - bits;

		if (n >> (len - 1 - i) & 1)
			p.ip.b[at / 8] |= (uint8_t)(0x80 >> at % 8);
	}
	return p;
}

/* What etcd has, what peers say that they have, and what is ours. */
static void mark_all(const struct store *s, const struct ipam_network *n,
		     const struct prefix *range, uint8_t len, uint8_t *taken)
{
	const vni_t vni = settings_vni(&s->d->settings, n->name);
	struct claim c;
	size_t i, pos = 0;

	for (i = 0; i < s->view.n_blocks; i++) {
		if (strcmp(s->view.blocks[i].network, n->name) == 0)
			mark(taken, range, len, &s->view.blocks[i].prefix);
	}
	for (i = 0; i < s->held.n; i++) {
		if (strcmp(s->held.list[i].network, n->name) == 0)
			mark(taken, range, len, &s->held.list[i].prefix);
	}
	while (claims_each(s->claims, &pos, &c)) {
		const struct prefix p = { c.block.ip, c.block.prefix_len };

		if (c.block.vni == vni && c.id != s->d->id)
			mark(taken, range, len, &p);
	}
}

/* Hosts that start at once begin at places of their own. */
static bool choose_block(const struct store *s, const struct ipam_network *n,
			 const struct prefix *range, struct prefix *ret)
{
	const uint8_t len = ipam_network_block_len(n, range);
	const uint32_t count = UINT32_C(1) << (len - range->len);
	const uint32_t from = (uint32_t)(s->d->id % count);
	uint8_t *taken = core_alloc(count);
	bool is_found = false;
	uint32_t i;

	mark_all(s, n, range, len, taken);
	for (i = 0; i < count && !is_found; i++) {
		const uint32_t k = (from + i) % count;

		if (taken[k])
			continue;
		*ret = block_number(range, len, k);
		is_found = true;
	}
	free(taken);
	return is_found;
}

static bool has_block(const struct store *s, const struct ipam_network *n,
		      bool is_v4)
{
	size_t i;

	for (i = 0; i < s->held.n; i++) {
		const struct store_held *h = &s->held.list[i];

		if (strcmp(h->network, n->name) == 0 && !h->is_leaving &&
		    ip_is_v4(&h->prefix.ip) == is_v4)
			return true;
	}
	return false;
}

static json_t *take_block(struct store *s, const struct ipam_network *n,
			  const struct prefix *range, struct store_wish *w)
{
	char key[STORE_MAX_KEY];
	struct prefix p;
	json_t *txn;

	w->is_full = !choose_block(s, n, range, &p);
	if (w->is_full)
		return NULL;
	w->is_wanted = false; /* asked for again when it has not worked */
	w->is_asked = true;
	txn = store_keys_txn();
	store_keys_block(n->name, &p, key);
	store_keys_if(txn, prefix_of(s), key, false, 0);
	store_keys_put(txn, prefix_of(s), key, block_value(s->d), 0);
	return txn;
}

static json_t *plan_wants(struct store *s)
{
	unsigned int i, k;

	for (i = 0; i < s->settings->n_networks; i++) {
		const struct ipam_network *n = &s->settings->networks[i];

		for (k = 0; k < n->n_ranges; k++) {
			const bool is_v4 = ip_is_v4(&n->ranges[k].ip);
			struct store_wish *w = &s->wishes[i][is_v4 ? 0 : 1];
			json_t *txn;

			if (!w->is_wanted)
				continue;
			if (s->held.n == STORE_MAX_HELD) {
				w->is_full = true; /* it could not be kept */
				continue;
			}
			txn = take_block(s, n, &n->ranges[k], w);
			if (txn)
				return txn;
		}
	}
	return NULL;
}

/* What was asked for is in what was read now, or was refused. */
static void note_answers(struct store *s)
{
	unsigned int i;

	for (i = 0; i < s->settings->n_networks; i++)
		s->wishes[i][0].is_asked = s->wishes[i][1].is_asked = false;
}

/* The first block is leased before anybody asks. */
static void want_first(struct store *s)
{
	unsigned int i, k;

	for (i = 0; i < s->settings->n_networks; i++) {
		const struct ipam_network *n = &s->settings->networks[i];

		for (k = 0; k < n->n_ranges; k++) {
			const bool is_v4 = ip_is_v4(&n->ranges[k].ip);

			if (!has_block(s, n, is_v4) && !s->is_idle)
				s->wishes[i][is_v4 ? 0 : 1].is_wanted = true;
		}
	}
}

json_t *store_plan(struct store *s, usec_t now)
{
	json_t *txn = NULL;
	bool is_kept;

	s->state = STORE_UP;
	s->is_held_sure = false;
	if (plan_host(s, &txn))
		return txn;
	is_kept = adopt(s);
	note_answers(s);
	txn = plan_held(s);
	s->is_held_sure = !txn;
	if (txn || plan_ready(s, now, &txn))
		return txn;
	txn = plan_reclaim(s);
	if (txn || !is_kept)
		return txn;
	want_first(s);
	return plan_wants(s);
}
