/* SPDX-License-Identifier: Apache-2.0 */
#include "flowset.h"

#include <assert.h>

#include "alloc.h"
#include "core.h"

#define RETRY_FIRST_US (500 * USEC_PER_MS)
#define RETRY_MAX_DOUBLINGS 7

void flowset_init(struct flowset *fs, uint64_t seed, struct timerq *timers,
		  int timer_kind)
{
	size_t i;

	memset(fs, 0, sizeof(*fs));
	fs->seed = seed;
	fs->timers = timers;
	fs->timer_kind = timer_kind;
	list_init(&fs->clears);
	list_init(&fs->puts);
	list_init(&fs->deletes);
	list_init(&fs->queries);
	list_init(&fs->lazy);
	list_init(&fs->inherited);
	for (i = 0; i < FLOWSET_ENDS; i++)
		list_init(&fs->inherited_of[i]);
}

static struct flow_slot *slot_of(struct table_node *node)
{
	return node ? CONTAINER_OF(node, struct flow_slot, node) : NULL;
}

static struct flow_slot *find(const struct flowset *fs,
			      const struct flow_match *match)
{
	struct table_node *node = table_first(&fs->table,
					      flow_match_hash(match, fs->seed));

	for (; node; node = table_next(node)) {
		if (flow_match_equal(&slot_of(node)->match, match))
			return slot_of(node);
	}
	return NULL;
}

const struct flow_slot *flowset_find(const struct flowset *fs,
				     const struct flow_match *match)
{
	return find(fs, match);
}

static struct flow_slot *make(struct flowset *fs,
			      const struct flow_match *match)
{
	struct flow_slot *slot = core_alloc(sizeof(*slot));

	slot->match = *match;
	slot->asked_by = PORT_NO_NONE;
	list_init(&slot->owed);
	list_init(&slot->of_kind);
	timer_init(&slot->timer, fs->timer_kind);
	table_add(&fs->table, &slot->node, flow_match_hash(match, fs->seed));
	return slot;
}

/* Two containers' ports that share a place share their limit. */
static uint16_t *n_asked(struct flowset *fs, port_no_t asked_by)
{
	if (asked_by >= PORT_NO_FIRST)
		asked_by = PORT_NO_FIRST +
			   asked_by % (FLOWSET_PLACES - PORT_NO_FIRST);
	return &fs->n_asked[asked_by];
}

static void forget_kind(struct flowset *fs, struct flow_slot *slot)
{
	if (slot->is_lazy) {
		fs->n_lazy--;
		--*n_asked(fs, slot->asked_by);
	} else if (!list_is_empty(&slot->of_kind)) {
		fs->n_inherited--;
	}
	slot->is_lazy = false;
	slot->asked_by = PORT_NO_NONE;
	list_remove(&slot->of_kind);
	timerq_set(fs->timers, &slot->timer, USEC_NEVER);
}

static void set_sure(struct flowset *fs, struct flow_slot *slot, bool is_sure)
{
	if (slot->is_sure != is_sure)
		fs->n_sure = is_sure ? fs->n_sure + 1 : fs->n_sure - 1;
	slot->is_sure = is_sure;
}

static void destroy(struct flowset *fs, struct flow_slot *slot)
{
	forget_kind(fs, slot);
	set_sure(fs, slot, false);
	list_remove(&slot->owed);
	table_remove(&fs->table, &slot->node);
	flow_actions_free(&slot->actions);
	flow_actions_free(&slot->before);
	free(slot);
}

void flowset_free(struct flowset *fs)
{
	size_t i;

	for (i = 0; i < fs->table.n_buckets; i++) {
		while (fs->table.buckets[i])
			destroy(fs, slot_of(fs->table.buckets[i]));
	}
	table_free(&fs->table);
}

void flowset_check(const struct flowset *fs, const struct flow_slot *slot)
{
	const bool is_owed = !list_is_empty(&slot->owed);

	assert(slot->is_wanted ==
	       (slot->state != SLOT_INHERITED && slot->state != SLOT_DELETE));
	assert(slot->state != SLOT_PUT || is_owed);
	assert(slot->state != SLOT_DELETE || is_owed);
	assert(slot->state != SLOT_DELETE || slot->is_installed);
	assert(slot->state != SLOT_REFUSED || slot->timer.index);
	assert(slot->state != SLOT_INHERITED || slot->is_sure);
	assert(!slot->has_before || slot->state == SLOT_PUT);
	assert(!slot->is_lazy || slot->timer.index);
	assert(fs->n_lazy <= fs->table.n);
	(void)fs; /* without asserts nobody asks */
	(void)is_owed;
}

static void set_state(struct flowset *fs, struct flow_slot *slot,
		      enum slot_state state)
{
	slot->state = state;
	slot->is_wanted = state != SLOT_INHERITED && state != SLOT_DELETE;
	switch (state) {
	case SLOT_PUT:
		list_append(&fs->puts, &slot->owed);
		break;
	case SLOT_DELETE:
		list_append(&fs->deletes, &slot->owed);
		break;
	case SLOT_INHERITED:
	case SLOT_SYNCED:
	case SLOT_REFUSED:
		list_remove(&slot->owed);
		break;
	}
}

/* The peer that a flow has to do with; NULL: none. */
static const struct ip *tunnel_end(const struct flow_slot *slot)
{
	uint32_t i;

	if (slot->match.fields & FLOW_TUN_SRC)
		return &slot->match.tun_src;
	for (i = 0; i < slot->actions.n; i++) {
		if (slot->actions.list[i].type == FLOW_SET_TUNNEL)
			return &slot->actions.list[i].tunnel.dst;
	}
	return NULL;
}

/* Several peers may share a place. */
static size_t place_of(const struct flowset *fs, const struct ip *end)
{
	return core_hash(end->b, sizeof(end->b), fs->seed) % FLOWSET_ENDS;
}

static struct list *inherited_with(struct flowset *fs, const struct ip *end)
{
	return end ? &fs->inherited_of[place_of(fs, end)] : &fs->inherited;
}

void flowset_found(struct flowset *fs, const struct flow_match *match,
		   const struct flow_actions *actions)
{
	struct flow_slot *slot;

	if (find(fs, match))
		return;
	slot = make(fs, match);
	flow_actions_copy(&slot->actions, actions);
	slot->is_installed = true;
	set_sure(fs, slot, true);
	set_state(fs, slot, SLOT_INHERITED);
	list_append(inherited_with(fs, tunnel_end(slot)), &slot->of_kind);
	fs->n_inherited++;
	flowset_check(fs, slot);
}

/* The form that the kernel has is the wanted one again, or all we know of. */
static void restore(struct flow_slot *slot)
{
	if (!slot->has_before)
		return;
	flow_actions_free(&slot->actions);
	slot->actions = slot->before;
	slot->has_before = false;
	memset(&slot->before, 0, sizeof(slot->before));
}

static void forget_before(struct flow_slot *slot)
{
	flow_actions_free(&slot->before);
	slot->has_before = false;
}

/* The kernel has these very actions for it. */
static bool is_there(const struct flow_slot *slot,
		     const struct flow_actions *actions)
{
	if (!slot->is_installed || !slot->is_sure)
		return false;
	return flow_actions_equal(slot->has_before ? &slot->before
						   : &slot->actions,
				  actions);
}

static void change(struct flowset *fs, struct flow_slot *slot,
		   const struct flow_actions *actions)
{
	if (is_there(slot, actions)) {
		restore(slot);
		set_state(fs, slot, SLOT_SYNCED);
		return;
	}
	if (slot->is_installed && slot->is_sure && !slot->has_before) {
		slot->before = slot->actions;
		slot->has_before = true;
		memset(&slot->actions, 0, sizeof(slot->actions));
	}
	flow_actions_copy(&slot->actions, actions);
	set_state(fs, slot, SLOT_PUT);
}

static void want(struct flowset *fs, struct flow_slot *slot,
		 const struct flow_actions *actions)
{
	if (slot->state == SLOT_REFUSED &&
	    flow_actions_equal(&slot->actions, actions))
		return;
	if (slot->state == SLOT_INHERITED && is_there(slot, actions))
		fs->n_adopted++;
	forget_kind(fs, slot);
	change(fs, slot, actions);
}

void flowset_want(struct flowset *fs, const struct flow_match *match,
		  const struct flow_actions *actions)
{
	struct flow_slot *slot = find(fs, match);

	if (!slot)
		slot = make(fs, match);
	want(fs, slot, actions);
	flowset_check(fs, slot);
}

/* What peers send is of many ports. */
static bool is_at_limit(struct flowset *fs, port_no_t asked_by)
{
	const uint32_t limit = asked_by == PORT_NO_VXLAN
				       ? MAX_LAZY_FLOWS / 2
				       : MAX_LAZY_FLOWS_PER_PORT;

	return fs->n_lazy >= MAX_LAZY_FLOWS || *n_asked(fs, asked_by) >= limit;
}

bool flowset_want_lazy(struct flowset *fs, usec_t now,
		       const struct flow_match *match,
		       const struct flow_actions *actions, port_no_t asked_by,
		       usec_t age_us, bool is_extended)
{
	struct flow_slot *slot = find(fs, match);

	if (slot && slot->is_wanted && !slot->is_lazy)
		return true;
	if ((!slot || !slot->is_lazy) && is_at_limit(fs, asked_by))
		return false;
	if (!slot)
		slot = make(fs, match);
	want(fs, slot, actions);
	slot->is_lazy = true;
	slot->is_extended = is_extended;
	slot->asked_by = asked_by;
	slot->age_us = age_us;
	list_append(&fs->lazy, &slot->of_kind);
	fs->n_lazy++;
	++*n_asked(fs, asked_by);
	timerq_set(fs->timers, &slot->timer, now + age_us);
	flowset_check(fs, slot);
	return true;
}

static void unwant(struct flowset *fs, struct flow_slot *slot)
{
	if (slot->state == SLOT_DELETE)
		return;
	if (!slot->is_installed) {
		destroy(fs, slot);
		return;
	}
	forget_kind(fs, slot);
	/* What was to be put never was: the kernel has what it had. */
	if (slot->state == SLOT_PUT && !slot->has_before)
		set_sure(fs, slot, false);
	restore(slot);
	set_state(fs, slot, SLOT_DELETE);
	flowset_check(fs, slot);
}

void flowset_unwant(struct flowset *fs, const struct flow_match *match)
{
	struct flow_slot *slot = find(fs, match);

	if (slot && slot->is_wanted)
		unwant(fs, slot);
}

void flowset_clear(struct flowset *fs, const struct flow_match *match)
{
	struct flow_slot *slot = find(fs, match);

	if (!slot)
		return;
	if (!slot->is_installed) {
		destroy(fs, slot);
		return;
	}
	unwant(fs, slot);
	list_append(&fs->clears, &slot->owed);
}

/* Of a TAP that went with the last life and is back in a moment. */
static bool is_of_tap(const struct flow_slot *slot)
{
	return (slot->match.fields & FLOW_IN_PORT) &&
	       slot->match.in_port >= PORT_NO_TAP;
}

bool flowset_has_inherited(const struct flowset *fs, const struct ip *peer)
{
	return !list_is_empty(&fs->inherited_of[place_of(fs, peer)]);
}

void flowset_release(struct flowset *fs, const struct ip *peer)
{
	struct list *head = inherited_with(fs, peer), *node, *next;

	for (node = head->next; node != head; node = next) {
		struct flow_slot *slot = CONTAINER_OF(node, struct flow_slot,
						      of_kind);

		next = node->next;
		if (peer ? ip_equal(tunnel_end(slot), peer) : !is_of_tap(slot))
			unwant(fs, slot);
	}
}

void flowset_release_all(struct flowset *fs,
			 bool (*is_kept)(const void *ctx,
					 const struct ip *peer),
			 const void *ctx)
{
	struct list *head, *node, *next;
	size_t i;

	while (!list_is_empty(&fs->inherited))
		unwant(fs, CONTAINER_OF(fs->inherited.next, struct flow_slot,
					of_kind));
	for (i = 0; i < FLOWSET_ENDS; i++) {
		head = &fs->inherited_of[i];
		for (node = head->next; node != head; node = next) {
			struct flow_slot *slot =
				CONTAINER_OF(node, struct flow_slot, of_kind);

			next = node->next;
			if (!is_kept(ctx, tunnel_end(slot)))
				unwant(fs, slot);
		}
	}
}

static struct flow_slot *first(const struct list *queue)
{
	return list_is_empty(queue)
		       ? NULL
		       : CONTAINER_OF(queue->next, struct flow_slot, owed);
}

static bool poll_delete(struct flowset *fs, const struct list *queue,
			struct flow_match *ret_match)
{
	struct flow_slot *slot = first(queue);

	if (!slot)
		return false;
	*ret_match = slot->match;
	fs->n_deletes++;
	destroy(fs, slot);
	return true;
}

bool flowset_poll(struct flowset *fs, enum flowset_op *ret_op,
		  struct flow_match *ret_match,
		  const struct flow_actions **ret_actions)
{
	struct flow_slot *slot;

	*ret_op = FLOWSET_DELETE;
	*ret_actions = NULL;
	if (poll_delete(fs, &fs->clears, ret_match))
		return true;
	slot = first(&fs->puts);
	if (slot) {
		*ret_op = FLOWSET_PUT;
		*ret_actions = &slot->actions;
		fs->n_puts++;
		slot->is_installed = true;
		set_sure(fs, slot, true);
		forget_before(slot);
		set_state(fs, slot, SLOT_SYNCED);
	} else if (poll_delete(fs, &fs->deletes, ret_match)) {
		return true;
	} else {
		slot = first(&fs->queries);
		if (!slot)
			return false;
		list_remove(&slot->owed);
		*ret_op = FLOWSET_QUERY;
	}
	*ret_match = slot->match;
	return true;
}

void flowset_refused(struct flowset *fs, usec_t now,
		     const struct flow_match *match)
{
	struct flow_slot *slot = find(fs, match);
	usec_t pause;

	fs->n_refused++;
	if (!slot || slot->state != SLOT_SYNCED)
		return;
	set_sure(fs, slot, false);
	if (slot->is_lazy) {
		/* Another packet will ask again. */
		unwant(fs, slot);
		return;
	}
	if (slot->n_refusals < RETRY_MAX_DOUBLINGS)
		slot->n_refusals++;
	pause = RETRY_FIRST_US << (slot->n_refusals - 1);
	/* An older form of it may be there: is_installed stays. */
	set_state(fs, slot, SLOT_REFUSED);
	timerq_set(fs->timers, &slot->timer, now + pause);
	flowset_check(fs, slot);
}

bool flowset_used(struct flowset *fs, usec_t now,
		  const struct flow_match *match, bool is_known, usec_t idle_us)
{
	struct flow_slot *slot = find(fs, match);

	if (!slot || !slot->is_lazy)
		return false;
	/* Unknown: yet it may have been put while the question was out. */
	if (is_known && slot->is_extended && idle_us < slot->age_us) {
		timerq_set(fs->timers, &slot->timer,
			   now + slot->age_us - idle_us);
		return false;
	}
	unwant(fs, slot);
	return true;
}

void flowset_timer(struct flowset *fs, usec_t now, struct flow_slot *slot)
{
	if (slot->state == SLOT_REFUSED) {
		set_state(fs, slot, SLOT_PUT);
		return;
	}
	if (!slot->is_lazy)
		return;
	if (!slot->is_extended) {
		unwant(fs, slot);
		return;
	}
	/* Should the answer be lost, it is asked again. */
	timerq_set(fs->timers, &slot->timer, now + slot->age_us);
	if (slot->state == SLOT_SYNCED)
		list_append(&fs->queries, &slot->owed);
	flowset_check(fs, slot);
}

void flowset_lost(struct flowset *fs)
{
	struct table_node *node, *next;
	size_t i;

	for (i = 0; i < fs->table.n_buckets; i++) {
		for (node = fs->table.buckets[i]; node; node = next) {
			struct flow_slot *slot = slot_of(node);

			next = node->next;
			slot->is_installed = false;
			set_sure(fs, slot, false);
			forget_before(slot);
			if (slot->is_wanted)
				set_state(fs, slot, SLOT_PUT);
			else
				destroy(fs, slot);
		}
	}
}
