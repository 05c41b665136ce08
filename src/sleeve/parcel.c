/* SPDX-License-Identifier: Apache-2.0 */
#include "parcel.h"

#include <string.h>

#include "batch.h"
#include "cut.h"

/* Before the payload of a segment: TCP's header has 60 bytes at most. */
#define MAX_LEAD (DRAIN_LEAD + UINT8_MAX + 60U)

static void tell_too_big(struct worker *w, const struct fib_peer *peer,
			 const struct drain_frame *f, uint32_t size)
{
	struct sleeve_event event;

	w->n[SLEEVE_DROP_TOO_BIG]++;
	memset(&event, 0, offsetof(struct sleeve_event, data));
	event.type = SLEEVE_EVENT_TOO_BIG;
	event.peer = peer->peer.id;
	event.endpoint = peer->peer.endpoint;
	event.vni = f->vni;
	event.size = size;
	event.max_size = peer->max_size > DRAIN_LEAD
				 ? peer->max_size - DRAIN_LEAD
				 : 0;
	event.n_data = (uint16_t)(f->size < SLEEVE_EVENT_DATA
					  ? f->size
					  : SLEEVE_EVENT_DATA);
	memcpy(event.data, f->data, event.n_data);
	worker_tell(w, &event, true);
}

/* One frame, into the open datagram or a new one. */
static void pack(struct worker *w, const struct fib_peer *peer,
		 const struct drain_frame *f)
{
	struct out *o = w->out;
	const uint32_t size = SLEEVE_FRAME_SIZE + f->size;

	if (out_open_size(o) + size > peer->max_size ||
	    out_open_pieces(o) + 2 > OUT_MESSAGE_PIECES)
		batch_close(w);
	if (!out_has_room(o, 2, SLEEVE_HEADER_SIZE))
		batch_close(w);
	if (!o->is_open) {
		batch_make_room(w, peer, 2, SLEEVE_HEADER_SIZE);
		batch_open(w, peer);
	}
	out_put(o, f->data - SLEEVE_FRAME_SIZE, size);
	w->n[SLEEVE_TX_SEGMENTS]++;
}

/* Everything before the payload of segment @i. */
static void write_lead(struct worker *w, const struct fib_peer *peer,
		       const struct drain_frame *f, const struct cut *c,
		       uint32_t i, uint8_t *p)
{
	const struct sleeve_header h = {
		.type = SLEEVE_DATA,
		.token = peer->peer.tx_token,
		.seq = batch_next_seq(w, peer),
	};
	const uint8_t *payload;
	const struct sleeve_frame frame = {
		.vni = f->vni,
		.flags = c->in.is_tcp ? SLEEVE_PARTIAL
				      : SLEEVE_PARTIAL | SLEEVE_CUT_UDP,
		.csum_start = (uint8_t)c->in.l4,
		.csum_offset = cut_csum_offset(c),
		.size = (uint16_t)(cut_header_size(c) +
				   cut_payload(c, i, &payload)),
	};

	sleeve_put_header(&h, p);
	sleeve_put_frame(&frame, p + SLEEVE_HEADER_SIZE);
	cut_header(c, i, p + DRAIN_LEAD);
}

/* Those of the middle differ in so little that they are copied from @model. */
static void fill_lead(struct worker *w, const struct fib_peer *peer,
		      const struct drain_frame *f, const struct cut *c,
		      uint32_t i, uint8_t model[MAX_LEAD], uint8_t *p)
{
	const uint32_t n_lead = DRAIN_LEAD + cut_header_size(c);

	if (i < 2 || i + 1 == c->n) {
		write_lead(w, peer, f, c, i, p);
		if (i == 1)
			memcpy(model, p, n_lead);
		return;
	}
	memcpy(p, model, n_lead);
	sleeve_set_seq(p, batch_next_seq(w, peer));
	cut_move_header(c, i, p + DRAIN_LEAD);
}

static void send_segments(struct worker *w, const struct fib_peer *peer,
			  const struct drain_frame *f, const struct cut *c)
{
	const uint32_t n_lead = DRAIN_LEAD + cut_header_size(c);
	uint8_t model[MAX_LEAD];
	uint32_t i;

	for (i = 0; i < c->n; i++) {
		const uint8_t *payload;
		const uint32_t n_payload = cut_payload(c, i, &payload);

		batch_make_room(w, peer, 2, n_lead);
		fill_lead(w, peer, f, c, i, model,
			  out_segment(w->out, n_lead, payload, n_payload));
	}
}

static uint32_t max_frame(const struct fib_peer *peer)
{
	return peer->max_size > DRAIN_LEAD ? peer->max_size - DRAIN_LEAD : 0;
}

static void send_cut(struct worker *w, const struct fib_peer *peer,
		     struct drain_frame *f, const struct cut *c)
{
	/* What is open was read before. */
	batch_close(w);
	send_segments(w, peer, f, c);
	w->n[SLEEVE_TX_SEGMENTS] += c->n;
}

static void send_super_frame(struct worker *w, const struct fib_peer *peer,
			     struct drain_frame *f)
{
	struct cut c;

	if (!cut_init(&c, f->data, f->size, &f->h)) {
		w->n[SLEEVE_DROP_BAD_FRAME]++;
		return;
	}
	if (!cut_limit(&c, max_frame(peer))) {
		tell_too_big(w, peer, f, cut_header_size(&c) + c.unit);
		return;
	}
	send_cut(w, peer, f, &c);
}

/* Too long for one datagram, but TCP: sent as if it were a super-frame. */
static bool send_shorter(struct worker *w, const struct fib_peer *peer,
			 struct drain_frame *f)
{
	struct tap_header h = f->h;
	struct inner in;
	struct cut c;

	if (!inner_parse(f->data, f->size, &in) || !in.is_tcp)
		return false;
	h.gso_type = in.is_v6 ? TAP_GSO_TCP6 : TAP_GSO_TCP4;
	h.gso_size = UINT16_MAX;
	if (!cut_init(&c, f->data, f->size, &h) ||
	    !cut_limit(&c, max_frame(peer)))
		return false;
	send_cut(w, peer, f, &c);
	return true;
}

#define ETH_SIZE 14U
#define IP4_SIZE 20U
#define IP4_DF 0x4000U
#define IP4_MORE 0x2000U
#define IP4_OFFSET 0x1fffU
#define IP4_MAX_SIZE 65535U

/*
 * RFC 791 lets any router do it where DF is clear; here without options. What
 * ends beyond the largest packet is no fragment of one, and its offset would
 * run into the flags.
 */
static bool may_fragment(const struct drain_frame *f,
			 const struct fib_peer *peer)
{
	const uint8_t *ip = f->data + ETH_SIZE;
	uint16_t field;

	if (f->size <= ETH_SIZE + IP4_SIZE ||
	    inner_get16(f->data + 12) != 0x0800 || ip[0] != 0x45 ||
	    inner_get16(ip + 2) != f->size - ETH_SIZE ||
	    max_frame(peer) < ETH_SIZE + IP4_SIZE + 8)
		return false;
	field = inner_get16(ip + INNER_IP_FRAGMENT);
	return !(field & IP4_DF) &&
	       (field & IP4_OFFSET) * 8U + f->size - ETH_SIZE <= IP4_MAX_SIZE;
}

static void send_fragment(struct worker *w, const struct fib_peer *peer,
			  const struct drain_frame *f, uint32_t at,
			  uint32_t size)
{
	const uint32_t n_header = ETH_SIZE + IP4_SIZE;
	const struct sleeve_frame frame = {
		.vni = f->vni,
		.size = (uint16_t)(n_header + size),
	};
	const uint16_t old =
		inner_get16(f->data + ETH_SIZE + INNER_IP_FRAGMENT);
	uint32_t field = (old & IP4_OFFSET) + at / 8;
	struct out *o = w->out;
	uint8_t *p;

	if ((old & IP4_MORE) || n_header + at + size < f->size)
		field |= IP4_MORE;
	batch_make_room(w, peer, 2, DRAIN_LEAD + n_header);
	batch_open(w, peer);
	p = out_header(o, SLEEVE_FRAME_SIZE + n_header);
	sleeve_put_frame(&frame, p);
	p += SLEEVE_FRAME_SIZE;
	memcpy(p, f->data, n_header);
	inner_put16(p + ETH_SIZE + INNER_IP_FRAGMENT, (uint16_t)field);
	inner_set_v4_length(p + ETH_SIZE, (uint16_t)(IP4_SIZE + size));
	out_put(o, f->data + n_header + at, size);
	out_close(o);
	w->n[SLEEVE_TX_SEGMENTS]++;
}

static void send_fragments(struct worker *w, const struct fib_peer *peer,
			   struct drain_frame *f)
{
	const struct sleeve_frame whole = { .vni = f->vni,
					    .size = (uint16_t)f->size };
	const uint32_t n_header = ETH_SIZE + IP4_SIZE;
	const uint32_t unit = (max_frame(peer) - n_header) & ~UINT32_C(7);
	const uint32_t n_payload = f->size - n_header;
	uint32_t at, size;

	if (f->h.flags & TAP_NEEDS_CSUM) {
		drain_complete_checksum(f);
		/* Other peers may get it in one piece. */
		sleeve_put_frame(&whole, f->data - SLEEVE_FRAME_SIZE);
	}
	batch_close(w);
	for (at = 0; at < n_payload; at += size) {
		size = n_payload - at < unit ? n_payload - at : unit;
		send_fragment(w, peer, f, at, size);
	}
}

void parcel_add(struct worker *w, const struct fib_peer *peer,
		struct drain_frame *f)
{
	if (f->h.gso_type != TAP_GSO_NONE)
		send_super_frame(w, peer, f);
	else if (f->size <= max_frame(peer))
		pack(w, peer, f);
	else if (send_shorter(w, peer, f))
		return;
	else if (may_fragment(f, peer))
		send_fragments(w, peer, f);
	else
		tell_too_big(w, peer, f, f->size);
}
