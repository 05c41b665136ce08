/* SPDX-License-Identifier: Apache-2.0 */

/*
 * From TAPs to sockets. A drain reads frames one behind the other into one
 * buffer, each with room for its wire header before it; then the frames of
 * each peer become datagrams: small ones are packed, and lie in the buffer as
 * they go out; super-frames are cut by making headers, their payload stays.
 */

#include "tx.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "cut.h"
#include "out.h"

/*
 * A drain ends at so many frames or bytes. Not more bytes than a cache holds:
 * they are read again when they are sent.
 */
#define DRAIN_FRAMES 256U
#define DRAIN_SIZE 262144U
#define READ_SIZE \
	(MAX_FRAME_SIZE + 19U) /* what a TAP gives at most, and more */
#define DRAIN_NODES 2048U
#define NO_NODE UINT16_MAX

/* In a datagram before a single frame. */
#define LEAD_SIZE (SLEEVE_HEADER_SIZE + SLEEVE_FRAME_SIZE)
/* And before the payload of a segment: TCP's header has 60 bytes at most. */
#define MAX_LEAD (LEAD_SIZE + UINT8_MAX + 60U)

struct tx_frame {
	uint8_t *data; /* the wire header is in front */
	uint32_t size;
	struct tap_header h;
	vni_t vni;
};

/* A frame in the list of one peer. */
struct tx_node {
	uint16_t frame, next;
};

struct tx {
	uint32_t n_frames, n_nodes, n_active;
	size_t used;	      /* of the buffer */
	usec_t waiting_since; /* 0: not waiting */
	struct tx_frame frames[DRAIN_FRAMES];
	struct tx_node nodes[DRAIN_NODES];
	uint16_t active[MAX_PEERS]; /* peers with frames: index in the table */
	struct out out;
	uint8_t buffer[DRAIN_SIZE + READ_SIZE];
};

#define GIVE_UP_US (100 * USEC_PER_MS)

struct tx *tx_new(bool has_segment)
{
	struct tx *tx = malloc(sizeof(*tx));

	if (!tx)
		return NULL;
	memset(tx, 0, offsetof(struct tx, frames));
	out_init(&tx->out, has_segment);
	return tx;
}

void tx_free(struct tx *tx)
{
	free(tx);
}

/* Sending */

static void tell_refused(struct worker *w, const struct fib_peer *peer,
			 int error)
{
	struct sleeve_event event = {
		.type = SLEEVE_EVENT_SEND_REFUSED,
		.peer = peer->peer.id,
		.endpoint = peer->peer.endpoint,
		.error = error,
	};

	worker_tell(w, &event, true);
}

static void read_counters(struct worker *w)
{
	struct out *o = &w->tx->out;

	w->n[SLEEVE_TX_CALLS] += o->n_calls;
	w->n[SLEEVE_TX_DATAGRAMS] += o->n_datagrams;
	o->n_calls = o->n_datagrams = 0;
	atomic_store_explicit(&w->shared->max_segments, o->max_segments,
			      memory_order_relaxed);
}

/* False: the socket is full. */
static bool send_batch(struct worker *w)
{
	struct out *o = &w->tx->out;
	const struct out_message *m;
	enum out_result result;
	int error;

	while ((result = out_send(o, &m, &error)) == OUT_REFUSED) {
		/* A full queue behind the socket says nothing of the path. */
		if (error == ENOBUFS || error == ENOMEM) {
			w->n[SLEEVE_DROP_FULL] += m->n_segments;
			continue;
		}
		w->n[SLEEVE_DROP_REFUSED] += m->n_segments;
		tell_refused(w, m->to, error);
	}
	if (o->has_errors) {
		o->has_errors = false;
		worker_read_errors(w, o->fd);
	}
	read_counters(w);
	return result == OUT_SENT;
}

/* In the midst of a drain there is nobody to wait: what does not go is lost. */
static void send_now(struct worker *w)
{
	if (!send_batch(w))
		w->n[SLEEVE_DROP_FULL] += out_drop(&w->tx->out);
}

static void make_room(struct worker *w, const struct fib_peer *peer,
		      uint32_t n_pieces, uint32_t n_header)
{
	struct out *o = &w->tx->out;

	if (out_has_room(o, n_pieces, n_header))
		return;
	send_now(w);
	out_address(o, &peer->address, peer->address_size, peer);
}

static uint64_t next_seq(struct worker *w, const struct fib_peer *peer)
{
	return ++worker_state(w, peer)->tx_seq;
}

/* Opens a datagram of data: its header is written. */
static void open_datagram(struct worker *w, const struct fib_peer *peer)
{
	const struct sleeve_header h = {
		.type = SLEEVE_DATA,
		.token = peer->peer.tx_token,
		.seq = next_seq(w, peer),
	};

	out_open(&w->tx->out);
	sleeve_put_header(&h, out_header(&w->tx->out, SLEEVE_HEADER_SIZE));
}

static void close_datagram(struct out *o)
{
	if (o->is_open)
		out_close(o);
}

static void tell_too_big(struct worker *w, const struct fib_peer *peer,
			 const struct tx_frame *f, uint32_t size)
{
	struct sleeve_event event;

	w->n[SLEEVE_DROP_TOO_BIG]++;
	memset(&event, 0, offsetof(struct sleeve_event, data));
	event.type = SLEEVE_EVENT_TOO_BIG;
	event.peer = peer->peer.id;
	event.endpoint = peer->peer.endpoint;
	event.vni = f->vni;
	event.size = size;
	event.max_size = peer->max_size > LEAD_SIZE ? peer->max_size - LEAD_SIZE
						    : 0;
	event.n_data = (uint16_t)(f->size < SLEEVE_EVENT_DATA
					  ? f->size
					  : SLEEVE_EVENT_DATA);
	memcpy(event.data, f->data, event.n_data);
	worker_tell(w, &event, true);
}

/* One frame, into the open datagram or a new one. */
static void pack(struct worker *w, const struct fib_peer *peer,
		 const struct tx_frame *f)
{
	struct out *o = &w->tx->out;
	const uint32_t size = SLEEVE_FRAME_SIZE + f->size;

	if (out_open_size(o) + size > peer->max_size ||
	    out_open_pieces(o) + 2 > OUT_MESSAGE_PIECES)
		close_datagram(o);
	if (!out_has_room(o, 2, SLEEVE_HEADER_SIZE))
		close_datagram(o);
	if (!o->is_open) {
		make_room(w, peer, 2, SLEEVE_HEADER_SIZE);
		open_datagram(w, peer);
	}
	out_put(o, f->data - SLEEVE_FRAME_SIZE, size);
	w->n[SLEEVE_TX_SEGMENTS]++;
}

/* Everything before the payload of segment @i. */
static void write_lead(struct worker *w, const struct fib_peer *peer,
		       const struct tx_frame *f, const struct cut *c,
		       uint32_t i, uint8_t *p)
{
	const struct sleeve_header h = {
		.type = SLEEVE_DATA,
		.token = peer->peer.tx_token,
		.seq = next_seq(w, peer),
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
	cut_header(c, i, p + LEAD_SIZE);
}

static uint8_t *add_segment(struct worker *w, const struct fib_peer *peer,
			    const struct cut *c, uint32_t i)
{
	const uint32_t n_lead = LEAD_SIZE + cut_header_size(c);
	const uint8_t *payload;
	const uint32_t n_payload = cut_payload(c, i, &payload);

	make_room(w, peer, 2, n_lead);
	return out_segment(&w->tx->out, n_lead, payload, n_payload);
}

/* Those of the middle differ in so little that they are copied. */
static void send_segments(struct worker *w, const struct fib_peer *peer,
			  const struct tx_frame *f, const struct cut *c)
{
	uint8_t lead[MAX_LEAD];
	uint32_t i;

	for (i = 0; i < c->n; i++) {
		uint8_t *p = add_segment(w, peer, c, i);

		if (i < 2 || i + 1 == c->n) {
			write_lead(w, peer, f, c, i, p);
			if (i == 1)
				memcpy(lead, p, LEAD_SIZE + cut_header_size(c));
			continue;
		}
		memcpy(p, lead, LEAD_SIZE + cut_header_size(c));
		sleeve_set_seq(p, next_seq(w, peer));
		cut_move_header(c, i, p + LEAD_SIZE);
	}
	w->n[SLEEVE_TX_SEGMENTS] += c->n;
}

static uint32_t max_frame(const struct fib_peer *peer)
{
	return peer->max_size > LEAD_SIZE ? peer->max_size - LEAD_SIZE : 0;
}

static void send_cut(struct worker *w, const struct fib_peer *peer,
		     const struct tx_frame *f, const struct cut *c)
{
	/* What is open was read before. */
	close_datagram(&w->tx->out);
	send_segments(w, peer, f, c);
}

static void send_super_frame(struct worker *w, const struct fib_peer *peer,
			     const struct tx_frame *f)
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
			 const struct tx_frame *f)
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

/* RFC 791 lets any router do it where DF is clear; here without options. */
static bool may_fragment(const struct tx_frame *f, const struct fib_peer *peer)
{
	const uint8_t *ip = f->data + ETH_SIZE;

	return f->size > ETH_SIZE + IP4_SIZE &&
	       inner_get16(f->data + 12) == 0x0800 && ip[0] == 0x45 &&
	       inner_get16(ip + 2) == f->size - ETH_SIZE &&
	       !(inner_get16(ip + INNER_IP_FRAGMENT) & IP4_DF) &&
	       max_frame(peer) >= ETH_SIZE + IP4_SIZE + 8;
}

/*
 * Where the wire format cannot say where the checksum is, or pieces of the
 * packet go each their own way.
 */
static void complete_checksum(struct tx_frame *f)
{
	uint8_t *at = f->data + f->h.csum_start + f->h.csum_offset;
	uint16_t sum = (uint16_t)~inner_sum(f->data + f->h.csum_start,
					    f->size - f->h.csum_start);

	inner_put16(at, sum ? sum : 0xffff);
	f->h.flags = 0;
}

static void send_fragment(struct worker *w, const struct fib_peer *peer,
			  const struct tx_frame *f, uint32_t at, uint32_t size)
{
	const uint32_t n_header = ETH_SIZE + IP4_SIZE;
	const struct sleeve_frame frame = {
		.vni = f->vni,
		.size = (uint16_t)(n_header + size),
	};
	const uint16_t old =
		inner_get16(f->data + ETH_SIZE + INNER_IP_FRAGMENT);
	uint32_t field = (old & IP4_OFFSET) + at / 8;
	struct out *o = &w->tx->out;
	uint8_t *p;

	if ((old & IP4_MORE) || n_header + at + size < f->size)
		field |= IP4_MORE;
	make_room(w, peer, 2, LEAD_SIZE + n_header);
	open_datagram(w, peer);
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
			   struct tx_frame *f)
{
	const struct sleeve_frame whole = { .vni = f->vni,
					    .size = (uint16_t)f->size };
	const uint32_t n_header = ETH_SIZE + IP4_SIZE;
	const uint32_t unit = (max_frame(peer) - n_header) & ~UINT32_C(7);
	const uint32_t n_payload = f->size - n_header;
	uint32_t at, size;

	if (f->h.flags & TAP_NEEDS_CSUM) {
		complete_checksum(f);
		/* Other peers may get it in one piece. */
		sleeve_put_frame(&whole, f->data - SLEEVE_FRAME_SIZE);
	}
	close_datagram(&w->tx->out);
	for (at = 0; at < n_payload; at += size) {
		size = n_payload - at < unit ? n_payload - at : unit;
		send_fragment(w, peer, f, at, size);
	}
}

static void send_frame(struct worker *w, const struct fib_peer *peer,
		       struct tx_frame *f)
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

static void send_to(struct worker *w, const struct fib_peer *peer)
{
	struct tx *tx = w->tx;
	struct out *o = &tx->out;
	struct peer_state *state = worker_state(w, peer);
	const int fd = w->sockets[peer->is_v6 ? SOCKET_V6 : SOCKET_V4].send;
	uint16_t at = state->first;

	state->first = state->last = NO_NODE;
	if (fd < 0) {
		for (; at != NO_NODE; at = tx->nodes[at].next)
			w->n[SLEEVE_DROP_NO_PATH]++;
		return;
	}
	if (o->fd != fd && !out_is_empty(o))
		send_now(w);
	o->fd = fd;
	out_address(o, &peer->address, peer->address_size, peer);
	for (; at != NO_NODE; at = tx->nodes[at].next) {
		struct tx_frame *f = &tx->frames[tx->nodes[at].frame];

		send_frame(w, peer, f);
	}
	close_datagram(o);
}

/* Every peer's frames into the batch. */
static void send_active(struct worker *w)
{
	struct tx *tx = w->tx;
	uint32_t i;

	for (i = 0; i < tx->n_active; i++)
		send_to(w, &w->table->peers[tx->active[i]]);
	tx->n_active = 0;
	tx->n_nodes = 0;
}

static void forget_drain(struct tx *tx)
{
	tx->n_frames = 0;
	tx->used = 0;
	tx->waiting_since = 0;
}

void tx_flush(struct worker *w)
{
	struct tx *tx = w->tx;

	if (tx->n_frames == 0)
		return;
	send_active(w);
	if (out_is_empty(&tx->out) || send_batch(w))
		forget_drain(tx);
	else
		tx->waiting_since = w->now;
}

bool tx_is_waiting(const struct tx *tx)
{
	return tx->waiting_since != 0;
}

int tx_waits_for(const struct tx *tx)
{
	return tx->out.fd;
}

void tx_resume(struct worker *w)
{
	struct tx *tx = w->tx;

	if (!tx_is_waiting(tx))
		return;
	if (!send_batch(w)) {
		if (w->now - tx->waiting_since < GIVE_UP_US)
			return;
		w->n[SLEEVE_DROP_FULL] += out_drop(&tx->out);
	}
	forget_drain(tx);
}

/* Reading */

static void add_to_peer(struct worker *w, uint16_t index, uint16_t frame)
{
	struct tx *tx = w->tx;
	const struct fib_peer *peer = &w->table->peers[index];
	struct peer_state *state = worker_state(w, peer);
	uint16_t node;

	if (!peer->peer.may_send) {
		w->n[SLEEVE_DROP_NO_PATH]++;
		return;
	}
	if (tx->n_nodes == DRAIN_NODES) { /* flooding to many */
		send_active(w);
		send_now(w);
	}
	node = (uint16_t)tx->n_nodes++;
	tx->nodes[node].frame = frame;
	tx->nodes[node].next = NO_NODE;
	if (state->first == NO_NODE) {
		state->first = node;
		tx->active[tx->n_active++] = index;
	} else {
		tx->nodes[state->last].next = node;
	}
	state->last = node;
}

static void forward(struct worker *w, uint16_t network, uint16_t frame)
{
	const struct tx_frame *f = &w->tx->frames[frame];
	const struct fib_network *n = &w->table->networks[network];
	const struct fib_list *list = &n->group;
	const bool is_group = f->data[0] & 1;
	const uint16_t peer =
		is_group ? fib_find_asked(w->table, network, f->data, f->size)
			 : fib_find_mac(w->table, network, f->data);
	uint32_t i;

	if (peer == FIB_HERE)
		return;
	if (peer != FIB_NONE) {
		add_to_peer(w, peer, frame);
		return;
	}
	if (!is_group) {
		list = &n->unknown;
		if (list->n == 0)
			w->n[SLEEVE_DROP_UNKNOWN_MAC]++;
	}
	for (i = 0; i < list->n; i++)
		add_to_peer(w, list->peers[i], frame);
}

/* Writes the wire header; false: not a frame to forward. */
static bool prepare(struct tx_frame *f)
{
	struct sleeve_frame frame = { .vni = f->vni };

	if (f->size < SLEEVE_MIN_FRAME)
		return false;
	if (f->h.gso_type != TAP_GSO_NONE)
		return true; /* segments get their own */
	if (f->size > UINT16_MAX)
		return false;
	if (f->h.flags & TAP_NEEDS_CSUM) {
		if (f->h.csum_start < SLEEVE_MIN_FRAME ||
		    f->h.csum_start + f->h.csum_offset + 2U > f->size)
			return false;
		if (f->h.csum_start > UINT8_MAX ||
		    f->h.csum_offset > UINT8_MAX) {
			complete_checksum(f);
		} else {
			frame.flags = SLEEVE_PARTIAL;
			frame.csum_start = (uint8_t)f->h.csum_start;
			frame.csum_offset = (uint8_t)f->h.csum_offset;
		}
	}
	frame.size = (uint16_t)f->size;
	sleeve_put_frame(&frame, f->data - SLEEVE_FRAME_SIZE);
	return true;
}

static bool has_room(const struct tx *tx)
{
	return tx->n_frames < DRAIN_FRAMES && tx->used < DRAIN_SIZE;
}

void tx_read(struct worker *w, uint32_t tap)
{
	struct tx *tx = w->tx;
	const struct worker_tap *t = &w->taps[tap];

	while (!tx_is_waiting(tx) && has_room(tx)) {
		struct tx_frame *f = &tx->frames[tx->n_frames];
		uint8_t *data = tx->buffer + tx->used + SLEEVE_FRAME_SIZE;
		struct iovec iov[2] = {
			{ .iov_base = &f->h, .iov_len = sizeof(f->h) },
			{ .iov_base = data,
			  .iov_len = READ_SIZE - SLEEVE_FRAME_SIZE },
		};
		const ssize_t n = readv(t->fd, iov, 2);

		if (n < 0)
			break;
		w->n[SLEEVE_TX_FRAMES]++;
		w->n[SLEEVE_TX_BYTES] += (uint64_t)n;
		f->data = data;
		f->size = (uint32_t)n > sizeof(f->h)
				  ? (uint32_t)n - (uint32_t)sizeof(f->h)
				  : 0;
		f->vni = t->vni;
		if (!prepare(f)) {
			w->n[SLEEVE_DROP_BAD_FRAME]++;
			continue;
		}
		if (t->network == FIB_NONE) {
			w->n[SLEEVE_DROP_NO_PATH]++;
			continue;
		}
		tx->used += SLEEVE_FRAME_SIZE + f->size;
		forward(w, t->network, (uint16_t)tx->n_frames++);
	}
}
