/* SPDX-License-Identifier: Apache-2.0 */
#include "regroup.h"

#include "alloc.h"

void regroup_init(struct regroup *r, uint64_t seed, struct timerq *timers,
		  int timer_kind)
{
	memset(r, 0, sizeof(*r));
	r->seed = seed;
	r->timers = timers;
	r->timer_kind = timer_kind;
	list_init(&r->stale);
}

void regroup_free(struct regroup *r)
{
	table_free_nodes(&r->table);
}

static struct regroup_network *find_or_add(struct regroup *r, vni_t vni)
{
	const uint64_t hash = core_hash(&vni, sizeof(vni), r->seed);
	struct table_node *node = table_first(&r->table, hash);
	struct regroup_network *n;

	for (; node; node = table_next(node)) {
		n = CONTAINER_OF(node, struct regroup_network, node);
		if (n->vni == vni)
			return n;
	}
	n = core_alloc(sizeof(*n));
	n->vni = vni;
	list_init(&n->stale);
	timer_init(&n->timer, r->timer_kind);
	table_add(&r->table, &n->node, hash);
	return n;
}

/* Those that rest come last: whoever finds one of them has seen all others. */
void regroup_changed(struct regroup *r, vni_t vni)
{
	struct regroup_network *n = find_or_add(r, vni);

	if (!list_is_empty(&n->stale))
		return;
	if (n->timer.index)
		list_append(&r->stale, &n->stale);
	else
		list_prepend(&r->stale, &n->stale);
}

bool regroup_next(struct regroup *r, usec_t now, bool is_hurried,
		  vni_t *ret_vni)
{
	struct regroup_network *n;

	if (list_is_empty(&r->stale))
		return false;
	n = CONTAINER_OF(r->stale.next, struct regroup_network, stale);
	if (n->timer.index && !is_hurried)
		return false;
	list_remove(&n->stale);
	timerq_set(r->timers, &n->timer, now + REGROUP_PAUSE_US);
	*ret_vni = n->vni;
	return true;
}

void regroup_timer(struct regroup *r, struct regroup_network *n)
{
	if (!list_is_empty(&n->stale)) {
		list_prepend(&r->stale, &n->stale);
		return;
	}
	table_remove(&r->table, &n->node);
	free(n);
}
