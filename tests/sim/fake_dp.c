/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_dp.h"

#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 10U /* the kernel's limit of deferred actions */

void fake_dp_init(struct fake_dp *dp, const struct fake_dp_io *io)
{
	memset(dp, 0, sizeof(*dp));
	dp->io = *io;
	dp->max_flows = UINT32_MAX;
}

void fake_dp_flush(struct fake_dp *dp)
{
	struct fake_flow *f;
	uint32_t i;

	for (i = 0; i < FAKE_BUCKETS; i++) {
		while ((f = dp->buckets[i])) {
			dp->buckets[i] = f->next;
			flow_actions_free(&f->actions);
			free(f);
		}
	}
	dp->n_flows = 0;
}

void fake_dp_free(struct fake_dp *dp)
{
	fake_dp_flush(dp);
}

static struct fake_flow **bucket_of(const struct fake_dp *dp,
				    uint32_t recirc_id)
{
	const uint32_t i = (recirc_id ^ recirc_id >> 24) % FAKE_BUCKETS;

	return (struct fake_flow **)&dp->buckets[i];
}

static struct fake_flow **place_of(const struct fake_dp *dp,
				   const struct flow_match *match)
{
	struct fake_flow **p = bucket_of(dp, match->recirc_id);

	while (*p && !flow_match_equal(&(*p)->match, match))
		p = &(*p)->next;
	return p;
}

struct fake_flow *fake_dp_find(const struct fake_dp *dp,
			       const struct flow_match *match)
{
	return *place_of(dp, match);
}

/* The kernel looks the new key up, with zeros where its mask has none. */
static bool is_masked(const struct flow_match *wide,
		      const struct flow_match *narrow)
{
	return (wide->fields & ~narrow->fields) == 0 &&
	       flow_match_overlap(wide, narrow);
}

static enum fake_result check_overlap(struct fake_dp *dp,
				      const struct flow_match *match)
{
	struct fake_flow *f;

	for (f = *bucket_of(dp, match->recirc_id); f; f = f->next) {
		if (!flow_match_overlap(&f->match, match))
			continue;
		dp->n_overlaps++;
		if (is_masked(&f->match, match))
			return FAKE_OVERLAP;
	}
	return FAKE_OK;
}

enum fake_result fake_dp_put(struct fake_dp *dp, const struct flow_match *match,
			     const struct flow_actions *actions)
{
	struct fake_flow **place = place_of(dp, match), *f = *place;
	enum fake_result r;

	dp->n_puts++;
	if (!f) {
		r = check_overlap(dp, match);
		if (r != FAKE_OK)
			return r;
		if (dp->n_flows >= dp->max_flows)
			return FAKE_FULL;
		f = calloc(1, sizeof(*f));
		if (!f)
			abort();
		f->match = *match;
		f->used_at = USEC_NEVER;
		*place = f;
		dp->n_flows++;
	} else if (flow_actions_equal(&f->actions, actions)) {
		dp->n_idle_puts++;
	}
	f->is_old = false;
	flow_actions_copy(&f->actions, actions);
	return FAKE_OK;
}

bool fake_dp_delete(struct fake_dp *dp, const struct flow_match *match)
{
	struct fake_flow **place = place_of(dp, match), *f = *place;

	dp->n_deletes++;
	if (!f)
		return false;
	*place = f->next;
	flow_actions_free(&f->actions);
	free(f);
	dp->n_flows--;
	return true;
}

/* A frame on its way: the copy that actions change. */
struct walk {
	struct fake_packet p;
	uint8_t *frame;
	struct flow_tunnel tunnel;
	bool has_tunnel;
	uint32_t cut; /* what the next output is cut to; 0: nothing */
	unsigned int depth;
};

static void act(struct fake_dp *dp, usec_t now, struct walk *w,
		const struct flow_actions *actions);

static void look_up(struct fake_dp *dp, usec_t now, struct walk *w)
{
	struct fake_flow *f, *found = NULL;
	struct fake_key key;

	if (++w->depth > MAX_DEPTH) {
		dp->io.fault(dp->io.ctx, "recirculation without end");
		return;
	}
	if (!fake_key_of(w->p.frame, w->p.size, &key))
		return;
	key.recirc_id = w->p.recirc_id;
	key.in_port = w->p.in_port;
	key.tun_id = w->p.tun_id;
	key.tun_src = w->p.tun_src;
	for (f = *bucket_of(dp, key.recirc_id); f; f = f->next) {
		if (!fake_key_fits(&key, &f->match))
			continue;
		if (found)
			dp->io.fault(dp->io.ctx, "two flows for one packet");
		found = f;
	}
	if (!found) {
		dp->io.upcall(dp->io.ctx, &w->p);
		return;
	}
	found->n_packets++;
	found->used_at = now;
	act(dp, now, w, &found->actions);
}

static struct fake_packet cut(struct walk *w)
{
	struct fake_packet p = w->p;

	if (w->cut && w->cut < p.size)
		p.size = w->cut;
	w->cut = 0;
	return p;
}

static void output(struct fake_dp *dp, struct walk *w, port_no_t port)
{
	const struct fake_packet p = cut(w);

	if (port != PORT_NO_VXLAN)
		dp->io.deliver(dp->io.ctx, port, &p);
	else if (w->has_tunnel)
		dp->io.transmit(dp->io.ctx, &w->tunnel, &p);
	else
		dp->io.fault(dp->io.ctx, "to the tunnel without its header");
}

static void recirculate(struct fake_dp *dp, usec_t now, const struct walk *w,
			uint32_t recirc_id)
{
	struct walk next = *w;

	if (!recirc_id) {
		dp->io.fault(dp->io.ctx, "recirculation to 0");
		return;
	}
	next.frame = malloc(w->p.size);
	if (!next.frame)
		abort();
	memcpy(next.frame, w->frame, w->p.size);
	next.p.frame = next.frame;
	next.p.recirc_id = recirc_id;
	next.has_tunnel = false;
	look_up(dp, now, &next);
	free(next.frame);
}

static void act(struct fake_dp *dp, usec_t now, struct walk *w,
		const struct flow_actions *actions)
{
	struct fake_packet p;
	uint32_t i;

	for (i = 0; i < actions->n; i++) {
		const struct flow_action *a = &actions->list[i];

		switch (a->type) {
		case FLOW_OUTPUT:
			output(dp, w, a->port);
			break;
		case FLOW_SET_TUNNEL:
			w->tunnel = a->tunnel;
			w->has_tunnel = true;
			break;
		case FLOW_RECIRC:
			recirculate(dp, now, w, a->recirc_id);
			break;
		case FLOW_SET_ETH_DST:
			memcpy(w->frame, a->eth_dst.b, 6);
			break;
		case FLOW_USERSPACE:
			p = cut(w);
			dp->io.upcall(dp->io.ctx, &p);
			break;
		case FLOW_TRUNC:
			w->cut = a->max_size;
			break;
		case FLOW_CHECK_LEN:
			if (w->p.size > a->max_size) {
				dp->io.upcall(dp->io.ctx, &w->p);
				return;
			}
			break;
		}
	}
}

static void start(struct walk *w, const struct fake_packet *p)
{
	memset(w, 0, sizeof(*w));
	w->p = *p;
	w->frame = malloc(p->size ? p->size : 1);
	if (!w->frame)
		abort();
	memcpy(w->frame, p->frame, p->size);
	w->p.frame = w->frame;
}

void fake_dp_input(struct fake_dp *dp, usec_t now, const struct fake_packet *p)
{
	struct walk w;

	start(&w, p);
	w.p.recirc_id = 0;
	look_up(dp, now, &w);
	free(w.frame);
}

void fake_dp_execute(struct fake_dp *dp, usec_t now,
		     const struct fake_packet *p,
		     const struct flow_actions *actions)
{
	struct walk w;

	start(&w, p);
	act(dp, now, &w, actions);
	free(w.frame);
}
