/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam_check.h"

#include <string.h>

#include "daemon/ipam.h"
#include "daemon/ipam_block.h"
#include "daemon/ipam_peers.h"
#include "daemon/ipam_state.h"
#include "daemon/state.h"
#include "daemon/store_state.h"
#include "sys/addr.h"

/* ipam_memory.c writes a second after a change; clocks are not alike. */
#define WRITTEN_US (1100 * USEC_PER_MS)

static const char *print(const struct ip *ip)
{
	static char text[ADDR_IP_SIZE];

	return addr_print_ip(ip, text);
}

static const char *network_of(vni_t vni)
{
	return vni == IPAM_VNI_4 ? "blue" : "red";
}

/* ---- what was heard */

static peer_id_t talker(const struct ipam_host *ih, session_t session)
{
	uint32_t i;

	for (i = 0; i < IPAM_MAX_TALKS; i++) {
		if (ih->talks[i].session == session)
			return ih->talks[i].id;
	}
	return PEER_ID_NONE;
}

static void talk(struct ipam_host *ih, session_t old, session_t session,
		 peer_id_t id)
{
	uint32_t i = 0;

	while (i < IPAM_MAX_TALKS && ih->talks[i].session != old)
		i++;
	if (i == IPAM_MAX_TALKS)
		return;
	ih->talks[i].session = session;
	ih->talks[i].id = id;
}

static struct ipam_word *word_of(struct ipam_host *ih, peer_id_t id)
{
	uint32_t i = 0;

	while (i < IPAM_MAX_TALKS && ih->heard[i].id != id)
		i++;
	return i < IPAM_MAX_TALKS ? &ih->heard[i] : NULL;
}

static void hear(struct ipam_host *ih, peer_id_t id, const struct message *m)
{
	struct ipam_word *w = word_of(ih, id);

	if (id == PEER_ID_NONE)
		return;
	if (!w)
		w = word_of(ih, PEER_ID_NONE);
	if (!w || m->blocks.n > IPAM_MAX_WORD)
		return;
	w->id = id;
	w->at = ih->state.is_full ? USEC_NEVER : ih->w->sim->now;
	w->n = m->blocks.n;
	if (w->n)
		memcpy(w->list, m->blocks.list, w->n * sizeof(w->list[0]));
}

void ipam_check_forget(struct ipam_host *ih, peer_id_t id)
{
	struct ipam_word *w = word_of(ih, id);

	if (w && id != PEER_ID_NONE)
		w->id = PEER_ID_NONE;
}

void ipam_check_event(struct ipam_host *ih, const struct event *ev)
{
	const struct message *m = ev->message.message;

	if (ev->type == EVENT_SESSION_UP)
		talk(ih, 0, ev->session.session, ev->session.hello->id);
	else if (ev->type == EVENT_SESSION_DOWN)
		talk(ih, ev->down.session, 0, PEER_ID_NONE);
	else if (ev->type == EVENT_MESSAGE && m->type == MESSAGE_BLOCKS)
		hear(ih, talker(ih, ev->message.session), m);
	else if (ev->type == EVENT_MESSAGE && m->type == MESSAGE_LEAVE)
		ipam_check_forget(ih, talker(ih, ev->message.session));
}

void ipam_check_disk(struct ipam_host *ih)
{
	memset(ih->heard, 0, sizeof(ih->heard));
}

void ipam_check_killed(struct ipam_host *ih)
{
	uint32_t i;

	memset(ih->talks, 0, sizeof(ih->talks));
	for (i = 0; i < IPAM_MAX_TALKS; i++) {
		if (ih->heard[i].at + WRITTEN_US > ih->w->sim->now ||
		    ih->heard[i].at == USEC_NEVER)
			ih->heard[i].id = PEER_ID_NONE;
	}
}

/* ---- one that is given */

static bool has(const struct store_block *b, const struct container *c)
{
	return strcmp(b->network, network_of(c->vni)) == 0 &&
	       prefix_contains(&b->prefix, &c->ip);
}

static void check_store(struct ipam_host *ih, struct container *c, bool is_kept)
{
	const struct store_host *me;
	struct store_view view;
	peer_id_t owner = PEER_ID_NONE;
	size_t i;

	etcd_view(ih->w->etcd, &view);
	me = store_keys_host(&view, c->owner);
	for (i = 0; i < view.n_blocks; i++) {
		if (has(&view.blocks[i], c))
			owner = view.blocks[i].id;
	}
	if (owner == c->owner)
		c->told_generation = ih->w->generation;
	else if (!is_kept)
		sim_fail(ih->w->sim,
			 "host %u gives out %s of a block that is %s",
			 ih->h->index, print(&c->ip),
			 owner ? "another's" : "nobody's");
	if (is_kept)
		; /* it has had it since the host was booted */
	else if (!me || !me->is_alive || me->instance != ih->d->instance)
		sim_fail(ih->w->sim,
			 "host %u gives out %s without its sign of life",
			 ih->h->index, print(&c->ip));
	else if (me->serial > ih->d->ipam->book.serial)
		sim_fail(ih->w->sim, "host %u gives out %s by an old book",
			 ih->h->index, print(&c->ip));
	store_keys_release(&view);
}

static void check_heard(struct ipam_host *ih, const struct container *c)
{
	const struct ipam_block *b;
	uint32_t i, k;

	b = ipam_block_find(ih->d->ipam, c->vni, &c->ip);
	for (i = 0; b && i < IPAM_MAX_TALKS; i++) {
		const struct ipam_word *w = &ih->heard[i];

		if (w->id == PEER_ID_NONE || w->id == c->owner)
			continue;
		for (k = 0; k < w->n; k++) {
			const struct prefix p = { w->list[k].ip,
						  w->list[k].prefix_len };

			if (w->list[k].vni == c->vni &&
			    prefix_overlaps(&p, pool_block(b->pool)))
				sim_fail(ih->w->sim,
					 "host %u gives out %s, and has heard "
					 "who claims it, too",
					 ih->h->index, print(&c->ip));
		}
	}
}

/*
 * Without a store two hosts may declare the same before they have met. With
 * one: a clone's containers are its original's to the store; and who could not
 * be reached while the store was new had no chance to say what it has.
 */
static bool is_excused(const struct ipam_host *ih, const struct container *c,
		       const struct container *other)
{
	return !ih->w->etcd || c->owner == other->owner ||
	       other->told_generation != ih->w->generation;
}

static void check_others(const struct ipam_host *ih, const struct container *c)
{
	uint32_t i, k;

	for (i = 0; i < ih->w->sim->n_hosts; i++) {
		const struct ipam_host *g = ih->w->hosts[i];

		for (k = 0; k < IPAM_MAX_CONTAINERS; k++) {
			const struct container *o = &g->containers[k];

			if (!o->is_alive || o == c || o->vni != c->vni ||
			    !ip_equal(&o->ip, &c->ip))
				continue;
			if (g == ih || !is_excused(ih, c, o))
				sim_fail(ih->w->sim,
					 "%s of %s on host %u is given to %s "
					 "on host %u",
					 print(&c->ip), o->id, i, c->id,
					 ih->h->index);
		}
	}
}

void ipam_check_given(struct ipam_host *ih, struct container *c, bool is_kept)
{
	if (!ih->w->etcd && !is_kept)
		check_heard(ih, c);
	if (ih->w->etcd && ih->seen_generation == ih->w->generation)
		check_store(ih, c, is_kept);
	check_others(ih, c);
}

void ipam_check_refused(struct ipam_host *ih, const struct error *e)
{
	const struct store *s = ipam_store(ih->d->ipam);

	if (s && s->trouble[0] && strstr(e->hint, "at most"))
		sim_fail(ih->w->sim, "host %u: \"%s\", but: \"%s\"",
			 ih->h->index, e->message, e->hint);
}

void ipam_note_told(struct ipam_world *w)
{
	struct store_view view;
	uint32_t i, k;
	size_t b;

	etcd_view(w->etcd, &view);
	for (i = 0; i < w->sim->n_hosts; i++) {
		for (k = 0; k < IPAM_MAX_CONTAINERS; k++) {
			struct container *c = &w->hosts[i]->containers[k];

			for (b = 0; c->is_alive && b < view.n_blocks; b++) {
				if (view.blocks[b].id == c->owner &&
				    has(&view.blocks[b], c))
					c->told_generation = w->generation;
			}
		}
	}
	store_keys_release(&view);
}

/* ---- a host by itself */

static uint32_t n_leased(const struct ipam_host *ih, const struct ipam_block *b)
{
	uint32_t n = 0;
	size_t k;

	EACH_LEASE(&ih->d->ipam->book, node)
	{
		const struct lease *l = LEASE_OF(node);

		for (k = 0; k < l->n_ips; k++)
			n += strcmp(l->network, b->network) == 0 &&
			     prefix_contains(pool_block(b->pool), &l->ips[k]);
	}
	return n;
}

static void check_book(const struct ipam_host *ih)
{
	EACH_LEASE(&ih->d->ipam->book, node)
	{
		struct list *later;

		for (later = node->next; later != &ih->d->ipam->book.all;
		     later = later->next) {
			const struct lease *p = LEASE_OF(node),
					   *q = LEASE_OF(later);

			if (strcmp(p->network, q->network) == 0 &&
			    ip_is_among(&p->ips[0], q->ips, q->n_ips))
				sim_fail(ih->w->sim,
					 "host %u: %s is in its book twice",
					 ih->h->index, print(&p->ips[0]));
		}
	}
}

static void check_blocks(const struct ipam_host *ih)
{
	const struct ipam *i = ih->d->ipam;

	EACH_BLOCK(i, node)
	{
		const struct ipam_block *b = BLOCK_OF(node);
		struct list *later;

		if (pool_used(b->pool) != n_leased(ih, b))
			sim_fail(ih->w->sim,
				 "host %u: %u of a block are taken, and %u "
				 "in the book",
				 ih->h->index, pool_used(b->pool),
				 n_leased(ih, b));
		for (later = node->next; later != &i->blocks;
		     later = later->next) {
			const struct ipam_block *o = BLOCK_OF(later);

			if (b->vni == o->vni &&
			    prefix_overlaps(pool_block(b->pool),
					    pool_block(o->pool)))
				sim_fail(ih->w->sim,
					 "host %u: its blocks overlap",
					 ih->h->index);
		}
	}
}

void ipam_check_host(struct ipam_host *ih)
{
	/* Three an interval of a third of a lease, some more for each that asks;
	 * and one a second while nobody answers. */
	const uint64_t n_max = 400 + ih->n_asked * 20 +
			       ih->w->sim->now / USEC_PER_SEC * 4;

	if (!ih->d)
		return;
	check_book(ih);
	check_blocks(ih);
	if (ih->n_requests > n_max)
		sim_fail(ih->w->sim, "host %u has asked etcd %llu times",
			 ih->h->index, (unsigned long long)ih->n_requests);
}

/* ---- all hosts, when all is quiet */

/* Each of the store's that is @ih's is held; returns how many they are. */
static size_t check_held(const struct ipam_host *ih,
			 const struct store_view *view)
{
	const struct store_held_list *held = &ih->d->ipam->store->held;
	size_t i, n = 0;

	for (i = 0; i < view->n_blocks; i++) {
		const struct store_block *b = &view->blocks[i];

		if (b->id != ih->d->id)
			continue;
		n++;
		if (!store_held_overlaps(held, b->network, &b->prefix))
			sim_fail(ih->w->sim,
				 "host %u does not know of its block %s",
				 ih->h->index, print(&b->prefix.ip));
	}
	return n;
}

static void check_agrees(struct ipam_host *ih, const struct store_view *view)
{
	const struct store *s = ih->d->ipam->store;
	size_t i, n = check_held(ih, view);

	if (strcmp(ipam_condition(ih), "up") != 0)
		sim_fail(ih->w->sim, "host %u: the store is %s: %s",
			 ih->h->index, ipam_condition(ih), s->reason);
	for (i = 0; i < s->held.n; i++)
		n += s->held.list[i].reason[0] != '\0'; /* another has it */
	if (n != s->held.n)
		sim_fail(ih->w->sim,
			 "host %u holds %zu blocks, of which etcd has %zu",
			 ih->h->index, s->held.n, n);
}

static void check_disjoint(const struct ipam_world *w,
			   const struct store_view *view)
{
	size_t i, k;

	for (i = 0; i < view->n_blocks; i++) {
		for (k = 0; k < i; k++) {
			const struct store_block *p = &view->blocks[i],
						 *q = &view->blocks[k];

			if (p->id != q->id &&
			    strcmp(p->network, q->network) == 0 &&
			    prefix_overlaps(&p->prefix, &q->prefix))
				sim_fail(w->sim,
					 "two hosts have leased %s in etcd",
					 print(&p->prefix.ip));
		}
	}
}

/* What @to has heard of @of is what @of has. */
static void check_claims(const struct ipam_host *to, const struct ipam_host *of)
{
	struct claim claim;
	size_t pos = 0, n = 0, n_blocks = 0;

	EACH_BLOCK(of->d->ipam, node)
	n_blocks++;
	while (claims_each(ipam_claims(to->d->ipam), &pos, &claim)) {
		const struct ipam_block *b;

		if (claim.id != of->d->id)
			continue;
		b = ipam_block_find(of->d->ipam, claim.block.vni,
				    &claim.block.ip);
		n += b && pool_block(b->pool)->len == claim.block.prefix_len;
	}
	if (n != n_blocks)
		sim_fail(to->w->sim,
			 "host %u has heard of %zu blocks of host %u, which "
			 "has %zu",
			 to->h->index, n, of->h->index, n_blocks);
}

void ipam_check_store(struct ipam_world *w)
{
	struct store_view view;
	uint32_t i;

	if (!w->etcd)
		return;
	etcd_view(w->etcd, &view);
	check_disjoint(w, &view);
	for (i = 0; i < w->sim->n_hosts; i++)
		check_agrees(w->hosts[i], &view);
	store_keys_release(&view);
}

void ipam_check_agreed(struct ipam_world *w)
{
	uint32_t i, k;

	for (i = 0; i < w->sim->n_hosts; i++) {
		for (k = 0; k < w->sim->n_hosts; k++) {
			if (i != k)
				check_claims(w->hosts[i], w->hosts[k]);
		}
	}
	ipam_check_store(w);
}
