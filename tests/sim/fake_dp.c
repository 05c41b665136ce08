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
	uint32_t i;

	for (i = 0; i < dp->n_buckets; i++) {
		while (dp->buckets[i])
			fake_table_remove(dp, dp->buckets[i]);
	}
}

void fake_dp_free(struct fake_dp *dp)
{
	fake_dp_flush(dp);
	free(dp->buckets);
	dp->buckets = NULL;
	dp->n_buckets = 0;
}

struct fake_flow *fake_dp_find(const struct fake_dp *dp,
			       const struct flow_match *match)
{
	return fake_table_find(dp, match);
}

enum fake_result fake_dp_put(struct fake_dp *dp, const struct flow_match *match,
			     const struct flow_actions *actions)
{
	struct fake_flow *f = fake_table_find(dp, match);
	bool is_masked;
	uint32_t n;

	dp->n_puts++;
	if (!f) {
		n = fake_table_overlaps(dp, match, &is_masked);
		if (!dp->is_in_doubt)
			dp->n_overlaps += n;
		if (is_masked)
			return FAKE_OVERLAP;
		if (dp->n_flows >= dp->max_flows)
			return FAKE_FULL;
		f = fake_table_add(dp, match);
	} else if (!dp->is_unsure && flow_actions_equal(&f->actions, actions)) {
		dp->n_idle_puts++;
	}
	f->is_old = false;
	flow_actions_copy(&f->actions, actions);
	return FAKE_OK;
}

bool fake_dp_delete(struct fake_dp *dp, const struct flow_match *match)
{
	struct fake_flow *f = fake_table_find(dp, match);

	dp->n_deletes++;
	if (!f)
		return false;
	fake_table_remove(dp, f);
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
	struct fake_flow *found;
	struct fake_key key;
	bool is_double;

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
	found = fake_table_look_up(dp, &key, &is_double);
	if (is_double && !dp->is_in_doubt)
		dp->io.fault(dp->io.ctx, "two flows for one packet");
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
				recirculate(dp, now, w, a->longer);
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
