/* SPDX-License-Identifier: Apache-2.0 */
#include "announce.h"

#include <assert.h>

#include "alloc.h"

struct record {
	struct table_node node;
	struct list log;
	vni_t vni;
	struct mac mac;
	bool is_withdrawn;
};

void announce_init(struct announce *a, uint64_t seed)
{
	memset(a, 0, sizeof(*a));
	a->seed = seed;
	list_init(&a->log);
	list_init(&a->feeds);
}

static struct record *record_of(struct list *node)
{
	return CONTAINER_OF(node, struct record, log);
}

/* Feeds that stand before @r step over it. */
static void step_over(struct announce *a, const struct record *r)
{
	struct list *node;

	for (node = a->feeds.next; node != &a->feeds; node = node->next) {
		struct feed *f = CONTAINER_OF(node, struct feed, all);

		if (f->next == &r->log)
			f->next = r->log.next;
	}
}

static void destroy(struct announce *a, struct record *r)
{
	step_over(a, r);
	if (r->is_withdrawn)
		a->n_withdrawn--;
	table_remove(&a->table, &r->node);
	list_remove(&r->log);
	free(r);
}

void announce_free(struct announce *a)
{
	while (!list_is_empty(&a->log))
		destroy(a, record_of(a->log.next));
	table_free(&a->table);
}

static struct record *find(const struct announce *a, vni_t vni,
			   const struct mac *mac, uint64_t hash)
{
	struct table_node *node = table_first(&a->table, hash);
	struct record *r;

	for (; node; node = table_next(node)) {
		r = CONTAINER_OF(node, struct record, node);
		if (r->vni == vni && mac_equal(&r->mac, mac))
			return r;
	}
	return NULL;
}

/* Withdrawn ones that nobody has to be told of any more. */
static void collect(struct announce *a)
{
	struct list *node, *next;

	if (!a->n_withdrawn)
		return;
	for (node = a->feeds.next; node != &a->feeds; node = node->next) {
		if (CONTAINER_OF(node, struct feed, all)->next != &a->log)
			return;
	}
	for (node = a->log.next; node != &a->log; node = next) {
		next = node->next;
		if (record_of(node)->is_withdrawn)
			destroy(a, record_of(node));
	}
}

void announce_changed(struct announce *a, vni_t vni, const struct mac *mac,
		      bool is_withdrawn)
{
	const uint64_t hash = core_hash(mac->b, sizeof(mac->b), a->seed ^ vni);
	struct record *r = find(a, vni, mac, hash);
	struct list *node;

	if (r) {
		step_over(a, r);
	} else {
		r = core_alloc(sizeof(*r));
		r->vni = vni;
		r->mac = *mac;
		list_init(&r->log);
		table_add(&a->table, &r->node, hash);
	}
	if (r->is_withdrawn != is_withdrawn) {
		a->n_withdrawn += is_withdrawn ? 1 : 0;
		a->n_withdrawn -= is_withdrawn ? 0 : 1;
		r->is_withdrawn = is_withdrawn;
	}
	list_append(&a->log, &r->log);
	if (list_is_empty(&a->feeds))
		collect(a);
	/* Who had everything has everything but this. */
	for (node = a->feeds.next; node != &a->feeds; node = node->next) {
		struct feed *f = CONTAINER_OF(node, struct feed, all);

		if (f->next == &a->log)
			f->next = &r->log;
	}
}

void feed_open(struct announce *a, struct feed *f)
{
	memset(f, 0, sizeof(*f));
	list_init(&f->all);
	list_append(&a->feeds, &f->all);
	f->next = a->log.next;
}

void feed_close(struct announce *a, struct feed *f)
{
	if (!f->next)
		return;
	list_remove(&f->all);
	memset(f, 0, sizeof(*f));
	collect(a);
}

static void fill(const struct record *r, const struct directory *d,
		 peer_id_t self, struct entry *ret)
{
	const struct claim *c = directory_find_claim(d, r->vni, &r->mac, self);

	if (c) {
		directory_entry(c, ret);
		return;
	}
	memset(ret, 0, sizeof(*ret));
	ret->vni = r->vni;
	ret->mac = r->mac;
	ret->flags = ENTRY_WITHDRAWN;
	ret->revision = directory_clock(d);
}

bool feed_poll(struct announce *a, struct feed *f, const struct directory *d,
	       peer_id_t self, struct entry *list, struct message *ret)
{
	uint32_t n = 0;

	if (!f->next || (f->next == &a->log && f->is_complete))
		return false;
	while (f->next != &a->log && n < MESSAGE_MAX_ENTRIES) {
		const struct record *r = record_of(f->next);

		f->next = f->next->next;
		if (r->is_withdrawn && !f->is_started)
			continue;
		fill(r, d, self, &list[n++]);
	}
	memset(ret, 0, sizeof(*ret));
	ret->type = MESSAGE_ENTRIES;
	ret->entries.n = n;
	ret->entries.list = list;
	ret->entries.is_first = !f->is_started;
	ret->entries.is_last = !f->is_complete && f->next == &a->log;
	f->is_started = true;
	if (f->next == &a->log) {
		f->is_complete = true;
		collect(a);
	}
	return true;
}
