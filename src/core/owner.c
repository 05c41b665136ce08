/* SPDX-License-Identifier: Apache-2.0 */
#include "owner.h"

#include <assert.h>

#include "alloc.h"

/* How much of a network is an owner's. */
struct member {
	struct table_node node; /* by (owner, VNI) */
	struct list of_owner;
	peer_id_t owner;
	vni_t vni;
	uint32_t n, n_trusted;
};

static uint64_t hash_of(const struct owners *os, peer_id_t id, vni_t vni)
{
	return core_hash(&id, sizeof(id), os->seed ^ vni);
}

void owners_free(struct owners *os)
{
	/* In both the node is the first member. */
	table_free_nodes(&os->by_id);
	table_free_nodes(&os->members);
}

struct owner *owners_find(const struct owners *os, peer_id_t id)
{
	struct table_node *node = table_first(&os->by_id, hash_of(os, id, 0));
	struct owner *o;

	for (; node; node = table_next(node)) {
		o = CONTAINER_OF(node, struct owner, node);
		if (o->id == id)
			return o;
	}
	return NULL;
}

struct owner *owners_make(struct owners *os, peer_id_t id)
{
	struct owner *o = owners_find(os, id);

	if (o)
		return o;
	o = core_alloc(sizeof(*o));
	o->id = id;
	list_init(&o->claims);
	list_init(&o->networks);
	table_add(&os->by_id, &o->node, hash_of(os, id, 0));
	return o;
}

void owners_remove(struct owners *os, struct owner *o)
{
	assert(list_is_empty(&o->claims) && list_is_empty(&o->networks));
	table_remove(&os->by_id, &o->node);
	free(o);
}

static struct member *member_of(const struct owners *os, peer_id_t owner,
				vni_t vni)
{
	struct table_node *node = table_first(&os->members,
					      hash_of(os, owner, vni));
	struct member *m;

	for (; node; node = table_next(node)) {
		m = CONTAINER_OF(node, struct member, node);
		if (m->owner == owner && m->vni == vni)
			return m;
	}
	return NULL;
}

bool owners_is_member(const struct owners *os, peer_id_t owner, vni_t vni,
		      bool only_trusted)
{
	const struct member *m = member_of(os, owner, vni);

	return m && (!only_trusted || m->n_trusted > 0);
}

bool owners_join(struct owners *os, struct owner *o, vni_t vni, bool is_trusted)
{
	struct member *m = member_of(os, o->id, vni);
	const bool is_first = !m;

	if (is_first) {
		m = core_alloc(sizeof(*m));
		m->owner = o->id;
		m->vni = vni;
		list_init(&m->of_owner);
		list_append(&o->networks, &m->of_owner);
		table_add(&os->members, &m->node, hash_of(os, o->id, vni));
	}
	m->n++;
	m->n_trusted += is_trusted;
	return is_first;
}

bool owners_leave(struct owners *os, peer_id_t owner, vni_t vni,
		  bool is_trusted)
{
	struct member *m = member_of(os, owner, vni);

	assert(m && m->n > 0);
	m->n_trusted -= is_trusted;
	if (--m->n > 0)
		return false;
	list_remove(&m->of_owner);
	table_remove(&os->members, &m->node);
	free(m);
	return true;
}

bool owner_walk(const struct owner *o, const struct list **last, vni_t *ret_vni)
{
	*last = *last ? (*last)->next : o->networks.next;
	if (*last == &o->networks)
		return false;
	*ret_vni = CONTAINER_OF(*last, const struct member, of_owner)->vni;
	return true;
}
