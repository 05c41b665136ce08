/* SPDX-License-Identifier: Apache-2.0 */
#include "carrier.h"

#include <stdlib.h>
#include <string.h>

#include "bridge.h"
#include "carrier_table.h"
#include "core/sleeve_wire.h"
#include "host.h"
#include "host_apply.h"
#include "nat.h"

#define N_TAPS 8U
#define TAP_US 300U
#define TAP_RETRY_US (2 * USEC_PER_SEC)
#define MOVED_US USEC_PER_SEC
#define FRAME_AT (SLEEVE_HEADER_SIZE + SLEEVE_FRAME_SIZE)
#define MAX_FRAME 9216U

struct tap {
	vni_t vni;
	bool is_wanted, is_there;
};

/* What the thread remembers of a peer while its tokens stay. */
struct state {
	peer_id_t peer_id;
	uint64_t rx_token;
	uint64_t tx_seq;
	uint64_t top, window; /* of data */
	uint64_t control_top;
	struct endpoint moved_to;
	usec_t moved_at;
};

struct carrier {
	struct carrier_table *table;
	struct state *states; /* by identity: clones share one, as in sleeve */
	size_t n_states;
	struct tap taps[N_TAPS];
	uint64_t control_seq;
	bool is_stale; /* a newer table is owed */
};

struct carrier *carrier_new(void)
{
	return sim_alloc(sizeof(struct carrier));
}

void carrier_free(struct carrier *c)
{
	if (!c)
		return;
	carrier_table_free(c->table);
	free(c->states);
	free(c);
}

/* Networks */

static uint64_t tap_arg(const struct host *h, uint32_t i)
{
	return (h->life * SIM_MAX_HOSTS + h->index) * N_TAPS + i;
}

static void tap_event(struct host *h, vni_t vni, port_no_t port_no)
{
	struct event ev = { .type = EVENT_TAP };

	ev.tap.vni = vni;
	ev.tap.port_no = port_no;
	host_event(h, &ev);
}

static void make_tap(struct sim *sim, void *ctx, uint64_t arg)
{
	const uint32_t i = arg % N_TAPS;
	struct host *h = sim->hosts[arg / N_TAPS % SIM_MAX_HOSTS];
	struct tap *t;

	(void)ctx;
	if (!h->carrier || h->life != arg / N_TAPS / SIM_MAX_HOSTS)
		return;
	t = &h->carrier->taps[i];
	if (!t->is_wanted || t->is_there)
		return;
	if (sim_chance(sim, h->tap_fault_percent)) {
		sim_post(sim, sim->now + TAP_RETRY_US, make_tap, NULL, arg);
		return;
	}
	t->is_there = true;
	tap_event(h, t->vni, PORT_NO_TAP + i);
}

void carrier_network(struct host *h, vni_t vni, bool is_wanted)
{
	struct carrier *c = h->carrier;
	uint32_t i;

	for (i = 0; i < N_TAPS; i++) {
		if (is_wanted ? !c->taps[i].is_wanted
			      : c->taps[i].is_wanted && c->taps[i].vni == vni)
			break;
	}
	if (i == N_TAPS)
		return;
	c->taps[i] = (struct tap){ .vni = vni, .is_wanted = is_wanted };
	if (is_wanted)
		sim_post(h->sim, h->sim->now + TAP_US, make_tap, NULL,
			 tap_arg(h, i));
}

port_no_t carrier_tap(const struct host *h, vni_t vni)
{
	uint32_t i;

	for (i = 0; h->carrier && i < N_TAPS; i++) {
		const struct tap *t = &h->carrier->taps[i];

		if (t->is_wanted && t->is_there && t->vni == vni)
			return PORT_NO_TAP + i;
	}
	return PORT_NO_NONE;
}

void carrier_lose_tap(struct host *h, vni_t vni)
{
	const port_no_t port = carrier_tap(h, vni);

	if (port == PORT_NO_NONE)
		return;
	h->carrier->taps[port - PORT_NO_TAP].is_there = false;
	tap_event(h, vni, PORT_NO_NONE);
	sim_post(h->sim, h->sim->now + TAP_RETRY_US, make_tap, NULL,
		 tap_arg(h, port - PORT_NO_TAP));
}

/* The table */

static void publish(struct host *h)
{
	struct carrier *c = h->carrier;

	carrier_table_free(c->table);
	c->table = carrier_table_new(h->engine);
	c->is_stale = false;
}

static void publish_late(struct sim *sim, void *ctx, uint64_t arg)
{
	struct host *h = sim->hosts[arg % SIM_MAX_HOSTS];

	(void)ctx;
	if (h->carrier && h->life == arg / SIM_MAX_HOSTS && h->engine)
		publish(h);
}

/* Often at once; after another one only when a pause is over. */
void carrier_table(struct host *h)
{
	struct sim *sim = h->sim;

	if (!h->carrier->is_stale && sim_chance(sim, 70)) {
		publish(h);
		return;
	}
	if (!h->carrier->is_stale)
		sim_post(sim, sim->now + sim_random(sim, 20 * USEC_PER_MS),
			 publish_late, NULL,
			 h->life * SIM_MAX_HOSTS + h->index);
	h->carrier->is_stale = true;
}

bool carrier_is_stale(const struct host *h)
{
	return h->carrier && h->carrier->is_stale;
}

/* Datagrams out */

static struct state *find_state(struct carrier *c, peer_id_t id)
{
	size_t i;

	for (i = 0; i < c->n_states; i++) {
		if (c->states[i].peer_id == id)
			return &c->states[i];
	}
	c->states = realloc(c->states,
			    (c->n_states + 1) * sizeof(c->states[0]));
	if (!c->states)
		abort();
	memset(&c->states[i], 0, sizeof(c->states[i]));
	c->states[i].peer_id = id;
	c->n_states++;
	return &c->states[i];
}

static struct state *state_of(struct host *h, const struct sleeve_place *place)
{
	struct state *s = find_state(h->carrier, place->peer_id);

	if (s->rx_token != place->rx_token)
		*s = (struct state){ .peer_id = place->peer_id,
				     .rx_token = place->rx_token };
	return s;
}

/* Of a datagram's payload. */
static uint32_t max_size(const struct host *h, const struct sleeve_place *place)
{
	uint32_t mtu = place->link_mtu ? place->link_mtu : h->link_mtu;

	if (place->plpmtu && place->plpmtu < mtu)
		mtu = place->plpmtu;
	return mtu - NET_UDP_OVERHEAD;
}

static void refuse(struct host *h, peer_id_t id)
{
	struct event ev = { .type = EVENT_SLEEVE_REFUSED };

	ev.peer_id = id;
	host_event(h, &ev);
}

void carrier_beat(struct host *h, const struct action *action)
{
	const struct sleeve_place *place = &action->beat.place;
	const struct sleeve_header head = { .type = SLEEVE_REQUEST,
					    .token = place->tx_token,
					    .seq = ++h->carrier->control_seq };
	const struct sleeve_beat beat = { .cookie = action->beat.cookie,
					  .number = action->beat.seq };
	uint8_t p[MAX_FRAME];
	size_t size = SLEEVE_BEAT_SIZE;

	if (action->beat.size > size + NET_UDP_OVERHEAD)
		size = action->beat.size - NET_UDP_OVERHEAD;
	if (!place->tx_token || !place->endpoint.port)
		sim_fail(h->sim, "host %u: a heartbeat that cannot be sent",
			 h->index);
	if (size + NET_UDP_OVERHEAD > h->link_mtu &&
	    h->sim->now - h->link_since < 100 * USEC_PER_MS) {
		refuse(h, place->peer_id);
		return;
	}
	if (!sleeve_put_beat(&head, &beat, p,
			     size < sizeof(p) ? size : sizeof(p)))
		sim_fail(h->sim, "host %u: a heartbeat of %zu bytes", h->index,
			 size);
	net_send_udp(h->sim, h->index, &place->endpoint, p, size, 0, true);
}

static void send_to(struct host *h, const struct sleeve_place *place, vni_t vni,
		    const struct fake_packet *p)
{
	struct state *s = state_of(h, place);
	const uint32_t max = max_size(h, place);
	struct sleeve_header head = { .type = SLEEVE_DATA,
				      .token = place->tx_token };
	const struct sleeve_frame frame = { .vni = vni,
					    .size = (uint16_t)p->size };
	uint8_t data[MAX_FRAME + FRAME_AT];

	if (!place->tx_token || p->size > MAX_FRAME)
		return;
	if (FRAME_AT + p->size > max) {
		struct event ev = { .type = EVENT_TOO_BIG };

		ev.too_big.vni = vni;
		ev.too_big.mtu = max > FRAME_AT + 14U ? max - FRAME_AT - 14U
						      : 0;
		host_frame_event(h, &ev, p->frame, p->size);
		return;
	}
	head.seq = ++s->tx_seq;
	sleeve_put_header(&head, data);
	sleeve_put_frame(&frame, data + SLEEVE_HEADER_SIZE);
	memcpy(data + FRAME_AT, p->frame, p->size);
	net_send_udp(h->sim, h->index, &place->endpoint, data,
		     FRAME_AT + p->size, p->n_hops, false);
}

void carrier_frame(struct host *h, port_no_t port, const struct fake_packet *p)
{
	struct carrier *c = h->carrier;
	const struct tap *t = c && port - PORT_NO_TAP < N_TAPS
				      ? &c->taps[port - PORT_NO_TAP]
				      : NULL;
	const struct sleeve_place *place;
	size_t pos = 0;

	if (!t || !t->is_wanted || !t->is_there || !c->table)
		return; /* no daemon, no TAP */
	while ((place = carrier_table_next(c->table, t->vni, p->frame, p->size,
					   &pos)))
		send_to(h, place, t->vni, p);
}

/* Datagrams in */

static bool accept(struct state *s, uint64_t seq)
{
	if (seq > s->top) {
		s->window = seq - s->top < 64 ? s->window << (seq - s->top) : 0;
		s->top = seq;
	} else if (s->top - seq >= 64 || s->window >> (s->top - seq) & 1) {
		return false;
	}
	s->window |= UINT64_C(1) << (s->top - seq);
	return true;
}

static void look_at_source(struct host *h, const struct sleeve_place *place,
			   struct state *s, const struct endpoint *from)
{
	struct event ev = { .type = EVENT_SLEEVE_MOVED };

	if (from->port == place->endpoint.port &&
	    ip_equal(&from->ip, &place->endpoint.ip))
		return;
	if (from->port == s->moved_to.port &&
	    ip_equal(&from->ip, &s->moved_to.ip) &&
	    h->sim->now - s->moved_at < MOVED_US)
		return;
	s->moved_to = *from;
	s->moved_at = h->sim->now;
	ev.moved.peer_id = place->peer_id;
	ev.moved.endpoint = *from;
	host_event(h, &ev);
}

static void take_frames(struct host *h, const struct net_datagram *d)
{
	uint8_t data[MAX_FRAME + FRAME_AT], *at = data + SLEEVE_HEADER_SIZE;
	size_t left = d->size - SLEEVE_HEADER_SIZE;
	struct fake_packet p = { .n_hops = d->n_hops };
	struct sleeve_frame f;
	uint8_t *frame;

	memcpy(data, d->data, d->size);
	while (left && sleeve_get_frame(&at, &left, &f, &frame) == SLEEVE_OK) {
		p.in_port = carrier_tap(h, f.vni);
		p.frame = frame;
		p.size = f.size;
		if (p.in_port == PORT_NO_NONE || (frame[6] & 1))
			continue;
		if (h->is_bridge)
			bridge_from_tap(h, f.vni, &p);
		else
			fake_dp_input(&h->dp, h->sim->now, &p);
	}
}

/* Back to where it came from: the way through a NAT. */
static void reply(struct host *h, const struct sleeve_place *place,
		  const struct net_datagram *d, const struct sleeve_beat *beat)
{
	const struct sleeve_header head = { .type = SLEEVE_REPLY,
					    .token = place->tx_token,
					    .seq = ++h->carrier->control_seq };
	uint8_t p[SLEEVE_BEAT_SIZE];

	if (sleeve_put_beat(&head, beat, p, sizeof(p)))
		net_send_udp(h->sim, h->index, &d->from, p, sizeof(p), 0, true);
}

static void take_beat(struct host *h, const struct sleeve_place *place,
		      const struct net_datagram *d,
		      const struct sleeve_header *head)
{
	struct event ev = { .type = EVENT_SLEEVE_REPLY };
	struct sleeve_beat beat;

	if (sleeve_get_beat(head, d->data, d->size, &beat) != SLEEVE_OK)
		return;
	if (head->type == SLEEVE_REQUEST) {
		reply(h, place, d, &beat);
		return;
	}
	ev.beat.peer_id = place->peer_id;
	ev.beat.cookie = beat.cookie;
	ev.beat.seq = beat.number;
	host_event(h, &ev);
}

void carrier_datagram(struct host *h, const struct net_datagram *d)
{
	struct carrier *c = h->carrier;
	const struct sleeve_place *found;
	struct sleeve_place place; /* an event may bring another table */
	struct sleeve_header head;
	struct state *s;
	bool is_newest;

	if (!h->has_power || !c || !c->table ||
	    sleeve_get_header(d->data, d->size, &head) != SLEEVE_OK)
		return;
	found = carrier_table_find(c->table, head.token);
	if (!found)
		return;
	place = *found;
	s = state_of(h, &place);
	is_newest = head.seq >
		    (head.type == SLEEVE_DATA ? s->top : s->control_top);
	if (head.type == SLEEVE_DATA && !accept(s, head.seq))
		return;
	if (head.type != SLEEVE_DATA && is_newest)
		s->control_top = head.seq;
	if (is_newest)
		look_at_source(h, &place, s, &d->from);
	if (!h->carrier)
		return;
	if (head.type == SLEEVE_DATA)
		take_frames(h, d);
	else
		take_beat(h, &place, d, &head);
}
