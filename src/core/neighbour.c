/* SPDX-License-Identifier: Apache-2.0 */
#include "neighbour.h"

#include "alloc.h"

/* Pauses before each announcement; the sum passes the locktime twice. */
static const usec_t pauses[] = { 0, 200 * USEC_PER_MS, 1000 * USEC_PER_MS,
				 2000 * USEC_PER_MS };

#define N_ANNOUNCEMENTS (sizeof(pauses) / sizeof(pauses[0]))

void neighbours_init(struct neighbours *ns, struct timerq *timers,
		     int timer_kind)
{
	memset(ns, 0, sizeof(*ns));
	list_init(&ns->all);
	ns->timers = timers;
	ns->timer_kind = timer_kind;
}

static struct neighbour *neighbour_of(struct list *node)
{
	return CONTAINER_OF(node, struct neighbour, all);
}

static void set_due(struct neighbours *ns, struct neighbour *n, bool is_due)
{
	if (n->is_due != is_due)
		ns->n_due = is_due ? ns->n_due + 1 : ns->n_due - 1;
	n->is_due = is_due;
}

static void destroy(struct neighbours *ns, struct neighbour *n)
{
	set_due(ns, n, false);
	timerq_set(ns->timers, &n->timer, USEC_NEVER);
	list_remove(&n->all);
	ns->n--;
	free(n);
}

void neighbours_free(struct neighbours *ns)
{
	while (!list_is_empty(&ns->all))
		destroy(ns, neighbour_of(ns->all.next));
}

static struct neighbour *find(const struct neighbours *ns, vni_t vni,
			      const struct ip *ip)
{
	struct list *node;

	for (node = ns->all.next; node != &ns->all; node = node->next) {
		if (neighbour_of(node)->vni == vni &&
		    ip_equal(&neighbour_of(node)->ip, ip))
			return neighbour_of(node);
	}
	return NULL;
}

void neighbours_moved(struct neighbours *ns, usec_t now, vni_t vni,
		      const struct ip *ip, const struct mac *mac)
{
	struct neighbour *n = find(ns, vni, ip);

	if (!n) {
		if (ns->n >= MAX_NEIGHBOURS)
			destroy(ns, neighbour_of(ns->all.next));
		n = core_alloc(sizeof(*n));
		timer_init(&n->timer, ns->timer_kind);
		list_init(&n->all);
		list_append(&ns->all, &n->all);
		ns->n++;
		n->vni = vni;
		n->ip = *ip;
	}
	n->mac = *mac;
	n->n_sent = 0;
	set_due(ns, n, false);
	timerq_set(ns->timers, &n->timer, now);
}

void neighbour_timer(struct neighbours *ns, struct neighbour *n)
{
	set_due(ns, n, true);
}

bool neighbours_poll(struct neighbours *ns, usec_t now, vni_t *ret_vni,
		     struct ip *ret_ip, struct mac *ret_mac)
{
	struct list *node = ns->all.next;
	struct neighbour *n;

	if (!ns->n_due)
		return false;
	while (!neighbour_of(node)->is_due)
		node = node->next;
	n = neighbour_of(node);
	*ret_vni = n->vni;
	*ret_ip = n->ip;
	*ret_mac = n->mac;
	set_due(ns, n, false);
	if (++n->n_sent >= N_ANNOUNCEMENTS)
		destroy(ns, n);
	else
		timerq_set(ns->timers, &n->timer, now + pauses[n->n_sent]);
	return true;
}
