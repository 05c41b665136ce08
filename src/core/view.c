/* SPDX-License-Identifier: Apache-2.0 */
#include "view.h"

#include "alloc.h"
#include "engine_state.h"
#include "sizing.h"

const char *path_state_text(enum path_state s)
{
	static const char *const text[] = { "down", "probing", "up" };

	return text[s];
}

const char *peer_state_text(enum peer_state s)
{
	static const char *const text[] = { "down", "connecting", "up" };

	return text[s];
}

/*
 * The first node of a list (*pos 0), or the one behind the last; *pos is its
 * address. NULL: the end.
 */
static struct list *next(const struct list *head, size_t *pos)
{
	const struct list *last = *pos ? (const struct list *)(uintptr_t)*pos
				       : head;

	if (last->next == head)
		return NULL;
	*pos = (uintptr_t)last->next;
	return last->next;
}

static void show_peer(const struct engine *e, const struct peer *p,
		      struct peer_view *ret)
{
	int i;

	peer_view(p, ret);
	ret->n_entries = directory_n_owned(e->directory, p->hello.id);
	ret->mtu = sizing_mtu(p);
	for (i = 0; i < N_PATHS; i++)
		sizing_view(p, (enum path_kind)i, &ret->paths[i]);
}

bool engine_each_peer(const struct engine *e, size_t *pos,
		      struct peer_view *ret)
{
	struct list *node = next(&e->peers.all, pos);

	if (node)
		show_peer(e, PEER_OF(node), ret);
	return node != NULL;
}

bool engine_each_target(const struct engine *e, size_t *pos,
			struct target_view *ret)
{
	struct list *node = next(&e->targets.all, pos);

	if (node)
		target_view(CONTAINER_OF(node, struct target, all), ret);
	return node != NULL;
}

bool engine_each_port(const struct engine *e, size_t *pos,
		      const struct port **ret)
{
	struct list *node = next(&e->ports.all, pos);

	if (node)
		*ret = &PORT_OF(node)->port;
	return node != NULL;
}

static void show_claim(const struct engine *e, const struct claim *c,
		       struct entry_view *ret)
{
	memset(ret, 0, sizeof(*ret));
	directory_entry(c, &ret->entry);
	ret->owner = c->owner;
	ret->port_no = c->port_no;
	ret->since = c->since;
	ret->is_winner = directory_find_mac(e->directory, c->vni, &c->mac) == c;
}

void engine_all_entries(const struct engine *e,
			void (*f)(void *ctx, const struct entry_view *entry),
			void *ctx)
{
	const struct claim *c = NULL;
	struct entry_view view;
	size_t pos = 0;

	while ((c = directory_walk(e->directory, &pos, c))) {
		show_claim(e, c, &view);
		f(ctx, &view);
	}
}

void engine_all_flows(const struct engine *e,
		      void (*f)(void *ctx, const struct flow_match *match,
				const struct flow_actions *actions),
		      void *ctx)
{
	const struct table_node *node = NULL;
	size_t pos = 0;

	while ((node = table_walk(&e->flows.table, &pos, node))) {
		const struct flow_slot *slot =
			CONTAINER_OF(node, struct flow_slot, node);

		if (slot->is_wanted)
			f(ctx, &slot->match, &slot->actions);
	}
}

const struct flow_actions *engine_find_flow(const struct engine *e,
					    const struct flow_match *match)
{
	const struct flow_slot *slot = flowset_find(&e->flows, match);

	return slot && slot->is_wanted ? &slot->actions : NULL;
}

bool engine_each_removed(const struct engine *e, size_t *pos, peer_id_t *ret)
{
	if (*pos >= e->n_removed)
		return false;
	*ret = e->removed[(*pos)++];
	return true;
}

/* One that is ourselves tells nothing. */
static bool is_open(const struct target *t)
{
	return t->peer_id == PEER_ID_NONE && t->reason != REASON_OURSELVES;
}

bool engine_is_complete(const struct engine *e)
{
	const struct list *at;

	if (!e->is_started)
		return false;
	EACH_PEER(&e->peers, node) {
		if (!PEER_OF(node)->has_snapshot)
			return false;
	}
	for (at = e->targets.all.next; at != &e->targets.all; at = at->next) {
		if (is_open(CONTAINER_OF(at, struct target, all)))
			return false;
	}
	return true;
}

uint32_t engine_narrowest_mtu(const struct engine *e)
{
	return sizing_narrowest(e);
}

bool engine_find_peer(const struct engine *e, peer_id_t id,
		      struct peer_view *ret)
{
	const struct peer *p = peers_find(&e->peers, id);

	if (p)
		show_peer(e, p, ret);
	return p != NULL;
}

bool engine_find_mac(const struct engine *e, vni_t vni, const struct mac *mac,
		     struct entry_view *ret)
{
	const struct claim *c = directory_find_mac(e->directory, vni, mac);

	if (c)
		show_claim(e, c, ret);
	return c != NULL;
}

bool engine_find_ip(const struct engine *e, vni_t vni, const struct ip *ip,
		    struct entry_view *ret)
{
	const struct claim *c = directory_find_ip(e->directory, vni, ip);

	if (c)
		show_claim(e, c, ret);
	return c != NULL;
}

void engine_counters(const struct engine *e, struct engine_counters *ret)
{
	*ret = e->counters;
	ret->n_flow_puts = e->flows.n_puts;
	ret->n_flow_dels = e->flows.n_deletes;
	ret->n_flow_refused = e->flows.n_refused;
	ret->n_flows_adopted = e->flows.n_adopted;
	ret->n_flows = (uint32_t)e->flows.table.n;
	ret->n_flows_there = e->flows.n_sure;
	ret->n_lazy_flows = e->flows.n_lazy;
	ret->n_entries = directory_n_claims(e->directory);
	ret->n_bindings = directory_n_bindings(e->directory);
	ret->n_peers = (uint32_t)e->peers.table.n;
	ret->n_targets = e->targets.n;
	ret->n_ports = e->ports.n;
	ret->n_sessions = 0;
	EACH_PEER(&e->peers, node)
		ret->n_sessions += PEER_OF(node)->session != 0;
}

bool engine_each_place(const struct engine *e, size_t *pos,
		       struct sleeve_place *ret)
{
	struct list *node = next(&e->peers.all, pos);

	if (node)
		*ret = PEER_OF(node)->sleeve;
	return node != NULL;
}

void engine_all_floods(const struct engine *e,
		       void (*f)(void *ctx, vni_t vni, bool is_unknown,
				 peer_id_t peer_id),
		       void *ctx)
{
	enum path_kind carrier;
	uint32_t i;

	for (i = 0; i < e->taps.n; i++) {
		const vni_t vni = e->taps.list[i].vni;

		EACH_PEER(&e->peers, node) {
			const struct peer *p = PEER_OF(node);
			const peer_id_t id = p->hello.id;

			if (!peer_carrier(p, &carrier) ||
			    carrier != PATH_SLEEVE ||
			    !directory_is_member(e->directory, id, vni, 0))
				continue;
			f(ctx, vni,
			  directory_is_member(e->directory, id, vni,
					      ENTRY_TRUSTED),
			  id);
		}
	}
}
