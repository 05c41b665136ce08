/* SPDX-License-Identifier: Apache-2.0 */
#include "oversize.h"

#include "alloc.h"
#include "fragment.h"
#include "group.h"
#include "too_big.h"
#include "way.h"

/* Answers a second to one port: a stack needs one for each destination. */
#define ANSWERS_PER_SEC 100U
/* Packets a second that are cut for one peer: each costs what ten upcalls do. */
#define CUTS_PER_SEC 2000U

/* @mtu: of IP, what would fit. */
static void answer(struct engine *e, usec_t now, vni_t vni,
		   struct local_port *to, struct peer *p, uint32_t mtu,
		   const uint8_t *frame, size_t size)
{
	uint8_t reply[TOO_BIG_MAX_SIZE];
	const size_t n = too_big_answer(frame, size, mtu, reply);

	if (!n || !rate_allows(&to->answers, now, ANSWERS_PER_SEC)) {
		e->counters.n_too_big_unanswered++;
		return;
	}
	e->counters.n_too_big_answered++;
	if (p)
		p->n_too_big++;
	flow_actions_clear(&e->actions);
	flow_output(&e->actions, to->port.port_no);
	engine_packet(e, vni, reply, n, PORT_NO_NONE, &e->actions);
}

void oversize_frame(struct engine *e, usec_t now, const struct event *ev,
		    const struct claim *c, struct peer *p, uint32_t max_frame)
{
	struct local_port *from = ports_find(&e->ports, ev->upcall.in_port);
	const uint32_t mtu = max_frame - ETH_HEADER_SIZE;
	struct fragments f;

	if (!from || from->port.vni != c->vni)
		return;
	if (!fragment_begin(&f, ev->upcall.frame, ev->upcall.size, mtu, 0)) {
		answer(e, now, c->vni, from, p, mtu, ev->upcall.frame,
		       ev->upcall.size);
		return;
	}
	if (!rate_allows(&p->fragments, now, CUTS_PER_SEC) ||
	    !way_to_owner(&e->pipeline, c, &e->actions)) {
		e->counters.n_upcalls_dropped++;
		return;
	}
	if (!engine_packet_cut(e, c->vni, ev->upcall.frame, ev->upcall.size,
			       ev->upcall.in_port, &e->actions, mtu))
		return;
	p->n_fragmented++;
	p->n_fragments += fragment_count(&f);
}

/* @p may have it in such pieces now; @max: the most in one frame. */
static bool may_have(struct engine *e, usec_t now, const struct event *ev,
		     struct peer *p, uint32_t max)
{
	struct fragments f;

	if (ev->upcall.size <= max)
		return true;
	if (!fragment_begin(&f, ev->upcall.frame, ev->upcall.size,
			    max - ETH_HEADER_SIZE, 0)) {
		p->n_groups_lost++;
		e->counters.n_groups_lost++;
		return false;
	}
	if (!rate_allows(&p->fragments, now, CUTS_PER_SEC)) {
		e->counters.n_upcalls_dropped++;
		return false;
	}
	return true;
}

/* The pieces for @p: all that take it whole are alike. */
static uint32_t pieces_of(const struct engine *e, const struct event *ev,
			  vni_t vni, const struct peer *p)
{
	const uint32_t max = way_max_frame(&e->pipeline, p, vni);

	return ev->upcall.size <= max ? MAX_FRAME_SIZE : max;
}

static void note_cut(const struct event *ev, uint32_t max,
		     struct peer *const *served, size_t n)
{
	struct fragments f;
	size_t i;

	if (!fragment_begin(&f, ev->upcall.frame, ev->upcall.size,
			    max - ETH_HEADER_SIZE, 0))
		return;
	for (i = 0; i < n; i++) {
		served[i]->n_fragmented++;
		served[i]->n_fragments += fragment_count(&f);
	}
}

/*
 * To the first of @list and all that get it in the same pieces, as many as one
 * packet may be for. Returns how many are left in @list.
 */
static size_t copy_to_alike(struct engine *e, usec_t now,
			    const struct event *ev, vni_t vni,
			    const struct peer **list, size_t n)
{
	const uint32_t max = pieces_of(e, ev, vni, list[0]);
	struct peer *served[FLOW_PEERS_PER_CHUNK];
	size_t i, n_left = 0, n_served = 0;

	flow_actions_clear(&e->actions);
	for (i = 0; i < n; i++) {
		struct peer *p = peers_find(&e->peers, list[i]->hello.id);

		if (n_served == FLOW_PEERS_PER_CHUNK ||
		    pieces_of(e, ev, vni, list[i]) != max)
			list[n_left++] = list[i];
		else if (p && may_have(e, now, ev, p, max) &&
			 way_to_peer(&e->pipeline, p, vni, &e->actions))
			served[n_served++] = p;
	}
	if (max == MAX_FRAME_SIZE)
		engine_packet(e, vni, ev->upcall.frame, ev->upcall.size,
			      ev->upcall.in_port, &e->actions);
	else if (engine_packet_cut(e, vni, ev->upcall.frame, ev->upcall.size,
				   ev->upcall.in_port, &e->actions,
				   max - ETH_HEADER_SIZE))
		note_cut(ev, max, served, n_served);
	return n_left;
}

void oversize_group(struct engine *e, usec_t now, const struct event *ev,
		    vni_t vni)
{
	struct local_port *from = ports_find(&e->ports, ev->upcall.in_port);
	const struct peer *list[MAX_PEERS];
	size_t n;

	if (!from || from->port.vni != vni)
		return;
	n = group_narrow(&e->pipeline, vni, list);
	while (n)
		n = copy_to_alike(e, now, ev, vni, list, n);
}

/* The peer that @dst belongs to; NULL: nobody's, or ours. */
static struct peer *owner_of(const struct engine *e, vni_t vni,
			     const struct mac *dst)
{
	const struct claim *c = directory_find_mac(e->directory, vni, dst);

	return c ? peers_find(&e->peers, c->owner) : NULL;
}

void oversize_of_sleeve(struct engine *e, usec_t now, const struct event *ev)
{
	const struct claim *c;
	struct local_port *p;
	struct frame f;

	if (!frame_parse(ev->too_big.frame, ev->too_big.size, &f))
		return;
	c = directory_find_mac(e->directory, ev->too_big.vni, &f.src);
	p = c && c->owner == e->config.id ? ports_find(&e->ports, c->port_no)
					  : NULL;
	if (p)
		answer(e, now, ev->too_big.vni, p,
		       owner_of(e, ev->too_big.vni, &f.dst), ev->too_big.mtu,
		       ev->too_big.frame, ev->too_big.size);
}
