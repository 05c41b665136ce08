/* SPDX-License-Identifier: Apache-2.0 */

/*
 * From sockets to TAPs. What one call received is looked at datagram by
 * datagram; segments that follow each other are gathered (merge.h) and written
 * with one call each, at the latest when all was looked at.
 */

#include "rx.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "merge.h"
#include "shield.h"
#include "sys/addr.h"
#include "taps.h"

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

/* What the kernel joins into one is 64 KiB at most. */
#define BUFFER_SIZE 65536U
#define N_BUFFERS 8U
#define CONTROL_SIZE 64U
#define LEAD_SIZE (SLEEVE_HEADER_SIZE + SLEEVE_FRAME_SIZE)
/* A peer that moved is told of so often. */
#define MOVED_US USEC_PER_SEC

struct rx {
	uint32_t used_slots; /* bit map */
	/*
	 * The last datagram held one segment, and went on with this super-frame:
	 * so may the next one. NULL: it did not.
	 */
	struct merge *follow;
	struct merge slots[MERGE_SLOTS];
	struct mmsghdr headers[N_BUFFERS];
	struct iovec iov[N_BUFFERS];
	struct sockaddr_storage from[N_BUFFERS];
	char control[N_BUFFERS][CONTROL_SIZE] __attribute__((aligned(8)));
	uint8_t buffers[N_BUFFERS][BUFFER_SIZE];
};

/* A datagram, and what came with it. */
struct datagram {
	uint8_t *p;
	size_t size;
	const struct sockaddr_storage *from;
	struct sleeve_header header;
	const struct fib_peer *peer;
};

struct rx *rx_new(void)
{
	struct rx *rx = malloc(sizeof(*rx));
	uint32_t i;

	if (!rx)
		return NULL;
	memset(rx, 0, offsetof(struct rx, control));
	for (i = 0; i < N_BUFFERS; i++) {
		struct msghdr *h = &rx->headers[i].msg_hdr;

		rx->iov[i].iov_base = rx->buffers[i];
		rx->iov[i].iov_len = BUFFER_SIZE;
		h->msg_name = &rx->from[i];
		h->msg_iov = &rx->iov[i];
		h->msg_iovlen = 1;
		h->msg_control = rx->control[i];
	}
	return rx;
}

void rx_free(struct rx *rx)
{
	free(rx);
}

/* Writing */

static void count_written(struct worker *w, bool is_written, uint32_t size)
{
	if (!is_written) {
		w->n[SLEEVE_DROP_TAP]++;
		return;
	}
	w->n[SLEEVE_RX_FRAMES]++;
	w->n[SLEEVE_RX_BYTES] += size;
}

/* A datagram's header is in front of each frame: room enough. */
static void write_one(struct worker *w, uint16_t tap, uint8_t *frame,
		      uint32_t size, const struct tap_header *h)
{
	const int r = tap_write(w->taps[tap].fd, frame, size, h);

	count_written(w, r == 0, size);
}

static void write_frame(struct worker *w, uint16_t tap, uint8_t *frame,
			const struct sleeve_frame *f)
{
	struct tap_header h;

	memset(&h, 0, sizeof(h));
	if (f->flags & SLEEVE_PARTIAL) {
		h.flags = TAP_NEEDS_CSUM;
		h.csum_start = f->csum_start;
		h.csum_offset = f->csum_offset;
	}
	write_one(w, tap, frame, f->size, &h);
}

static void write_pieces(struct worker *w, struct merge *m,
			 struct tap_header *h, uint32_t size)
{
	ssize_t n;

	m->iov[0].iov_base = h;
	m->iov[0].iov_len = sizeof(*h);
	n = writev(w->taps[m->network].fd, m->iov, (int)m->n + 1);
	count_written(w, n >= 0, size);
}

static void flush_slot(struct worker *w, uint32_t slot)
{
	struct merge *m = &w->rx->slots[slot];
	struct tap_header h;
	uint32_t size;

	if (m->n == 0)
		return;
	merge_finish(m, &h, &size);
	if (m->n == 1)
		write_one(w, m->network, m->frame, size, &h);
	else
		write_pieces(w, m, &h, size);
	m->n = 0;
	w->rx->used_slots &= ~(UINT32_C(1) << slot);
}

static void flush_all(struct worker *w)
{
	while (w->rx->used_slots)
		flush_slot(w, (uint32_t)__builtin_ctz(w->rx->used_slots));
}

/*
 * Order is kept within a flow: what cannot be joined to the segments before it
 * is written after them.
 */
static void gather(struct worker *w, uint16_t tap, uint8_t *frame,
		   const struct sleeve_frame *f)
{
	struct inner in;
	struct merge *m;
	uint32_t slot;

	if (!inner_parse(frame, f->size, &in) ||
	    (!in.is_tcp && !w->taps[tap].has_uso)) {
		flush_all(w);
		write_frame(w, tap, frame, f);
		return;
	}
	slot = merge_slot(frame, &in);
	m = &w->rx->slots[slot];
	if (m->n) {
		if (merge_add(m, tap, frame, &in, f)) {
			w->rx->follow = m;
			return;
		}
		flush_slot(w, slot);
	}
	if (merge_start(m, tap, frame, &in, f)) {
		w->rx->follow = m;
		w->rx->used_slots |= UINT32_C(1) << slot;
	} else {
		write_frame(w, tap, frame, f);
	}
}

/* After a datagram of one frame that was joined: what would go on with it? */
static void follow_on(struct worker *w, const struct datagram *d,
		      const uint8_t *frame, const struct sleeve_frame *f)
{
	struct rx *rx = w->rx;

	if (!rx->follow)
		return;
	if (frame != d->p + LEAD_SIZE ||
	    !merge_expect(rx->follow, frame, f->size))
		rx->follow = NULL;
}

/*
 * Most datagrams of a stream differ from the one before in what is foreseen:
 * then all is known of them. False: nothing has changed, look closer.
 */
static bool take_following(struct worker *w, const struct datagram *d,
			   const uint8_t *last)
{
	if (memcmp(d->p, last, SLEEVE_SEQ_AT) ||
	    memcmp(d->p + SLEEVE_HEADER_SIZE, last + SLEEVE_HEADER_SIZE,
		   SLEEVE_FRAME_SIZE) ||
	    !window_is_next(&worker_state(w, d->peer)->window,
			    sleeve_get_seq(d->p)) ||
	    !merge_follow(w->rx->follow, d->p + LEAD_SIZE,
			  (uint32_t)(d->size - LEAD_SIZE)))
		return false;
	window_accept(&worker_state(w, d->peer)->window, sleeve_get_seq(d->p));
	w->n[SLEEVE_RX_DATAGRAMS]++;
	w->n[SLEEVE_RX_SEGMENTS]++;
	return true;
}

static void take_frames(struct worker *w, const struct datagram *d)
{
	uint8_t *p = d->p + SLEEVE_HEADER_SIZE, *frame = NULL;
	size_t left = d->size - SLEEVE_HEADER_SIZE;
	struct sleeve_frame f = { 0 };
	vni_t vni = VNI_NONE;
	uint16_t tap = FIB_NONE;

	while (left > 0) {
		if (sleeve_get_frame(&p, &left, &f, &frame) != SLEEVE_OK) {
			w->n[SLEEVE_DROP_MALFORMED]++;
			return;
		}
		w->n[SLEEVE_RX_SEGMENTS]++;
		if (f.vni != vni) {
			vni = f.vni;
			tap = taps_find(w, vni);
		}
		if (tap == FIB_NONE)
			w->n[SLEEVE_DROP_VNI]++;
		else if (frame[6] & 1)
			w->n[SLEEVE_DROP_SPOOFED]++;
		else
			gather(w, tap, frame, &f);
	}
	follow_on(w, d, frame, &f);
}

/* Control */

static void tell_beat(struct worker *w, const struct datagram *d,
		      const struct sleeve_beat *beat,
		      enum sleeve_event_type type)
{
	struct sleeve_event event;

	memset(&event, 0, offsetof(struct sleeve_event, data));
	event.type = type;
	event.peer = d->peer->peer.id;
	event.beat = *beat;
	if (addr_from_sockaddr(d->from, &event.endpoint))
		worker_tell(w, &event, false);
}

/* To where it came from: the way back through a NAT. */
static void reply(struct worker *w, const struct datagram *d,
		  const struct sleeve_beat *beat)
{
	const struct sleeve_header h = {
		.type = SLEEVE_REPLY,
		.token = d->peer->peer.tx_token,
		.seq = atomic_fetch_add_explicit(&w->shared->control_seq, 1,
						 memory_order_relaxed),
	};
	const bool is_v6 = d->from->ss_family == AF_INET6;
	const socklen_t size = is_v6 ? sizeof(struct sockaddr_in6)
				     : sizeof(struct sockaddr_in);
	const int fd = w->sockets[is_v6 ? SOCKET_V6 : SOCKET_V4].control;
	uint8_t p[SLEEVE_BEAT_SIZE];
	int tries;

	w->n[SLEEVE_REQUESTS]++;
	if (!sleeve_put_beat(&h, beat, p, sizeof(p)))
		return;
	/* The first may fail with what is about an earlier datagram. */
	for (tries = 0; tries < 2; tries++) {
		if (sendto(fd, p, sizeof(p), MSG_DONTWAIT,
			   (const struct sockaddr *)d->from, size) >= 0)
			return;
		worker_read_errors(w, fd);
	}
	w->n[SLEEVE_DROP_REFUSED]++;
}

static void take_beat(struct worker *w, const struct datagram *d)
{
	struct sleeve_beat beat;

	if (sleeve_get_beat(&d->header, d->p, d->size, &beat) != SLEEVE_OK) {
		w->n[SLEEVE_DROP_MALFORMED]++;
		return;
	}
	if (d->header.type == SLEEVE_REPLY) {
		w->n[SLEEVE_REPLIES]++;
		tell_beat(w, d, &beat, SLEEVE_EVENT_REPLY);
		return;
	}
	reply(w, d, &beat);
	if (d->peer->peer.wants_requests)
		tell_beat(w, d, &beat, SLEEVE_EVENT_REQUEST);
}

/* Datagrams */

/* The newest one of the peer came from here. */
static void look_at_source(struct worker *w, const struct datagram *d)
{
	struct peer_state *state = worker_state(w, d->peer);
	const struct endpoint *known = &d->peer->peer.endpoint;
	struct sleeve_event event;
	struct endpoint from;

	if (!addr_from_sockaddr(d->from, &from) ||
	    (from.port == known->port && ip_equal(&from.ip, &known->ip)))
		return;
	if (from.port == state->moved_to.port &&
	    ip_equal(&from.ip, &state->moved_to.ip) &&
	    w->now - state->moved_at < MOVED_US)
		return;
	state->moved_to = from;
	state->moved_at = w->now;
	memset(&event, 0, offsetof(struct sleeve_event, data));
	event.type = SLEEVE_EVENT_MOVED;
	event.peer = d->peer->peer.id;
	event.endpoint = from;
	worker_tell(w, &event, false);
}

/* False: seen before, or too old. */
static bool is_new(struct worker *w, const struct datagram *d,
		   bool *ret_is_newest)
{
	struct peer_state *state = worker_state(w, d->peer);
	struct window *window = d->header.type == SLEEVE_DATA ? &state->window
							      : &state->control;

	*ret_is_newest = d->header.seq > window->top;
	if (window_accept(window, d->header.seq))
		return true;
	if (d->header.seq < window_edge(window)) {
		w->n_stoppable++;
		state->is_overheard = true;
	}
	return false;
}

static const struct fib_peer *find_peer(const struct worker *w, uint64_t token)
{
	const uint16_t index = fib_find_token(w->table, token);

	return index == FIB_NONE ? NULL : &w->table->peers[index];
}

static void take_datagram(struct worker *w, struct datagram *d,
			  bool *is_source_seen)
{
	const uint64_t token = d->header.token;
	bool is_newest;

	w->n[SLEEVE_RX_DATAGRAMS]++;
	switch (sleeve_get_header(d->p, d->size, &d->header)) {
	case SLEEVE_OK:
		break;
	case SLEEVE_BAD_VERSION:
		w->n[SLEEVE_DROP_VERSION]++;
		return;
	case SLEEVE_BAD:
		w->n[SLEEVE_DROP_MALFORMED]++;
		return;
	}
	if (!d->peer || d->header.token != token) {
		d->peer = find_peer(w, d->header.token);
		*is_source_seen = false;
	}
	if (!d->peer) {
		w->n[SLEEVE_DROP_TOKEN]++;
		w->n_stoppable++;
		return;
	}
	if (!is_new(w, d, &is_newest)) {
		w->n[SLEEVE_DROP_REPLAY]++;
		return;
	}
	if (is_newest && !*is_source_seen) {
		look_at_source(w, d);
		*is_source_seen = true;
	}
	if (d->header.type == SLEEVE_DATA)
		take_frames(w, d);
	else
		take_beat(w, d);
}

/* Size of each datagram that the kernel joined; 0: it did not. */
static size_t unit_of(struct msghdr *h)
{
	struct cmsghdr *c;
	int unit;

	for (c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level != IPPROTO_UDP || c->cmsg_type != UDP_GRO)
			continue;
		memcpy(&unit, CMSG_DATA(c), sizeof(unit));
		return unit > 0 ? (size_t)unit : 0;
	}
	return 0;
}

static void take_message(struct worker *w, uint32_t i)
{
	struct rx *rx = w->rx;
	struct msghdr *h = &rx->headers[i].msg_hdr;
	const size_t size = rx->headers[i].msg_len;
	size_t unit = unit_of(h);
	struct datagram d = { .from = &rx->from[i] };
	bool is_source_seen = false;
	size_t at = 0, last_size = 0;

	if (h->msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		w->n[SLEEVE_DROP_MALFORMED]++;
		return;
	}
	/* Joined before the shield was raised: nobody says of how many. */
	if (unit == 0 && shield_is_up(w->shield))
		unit = sleeve_train_unit(rx->buffers[i], size);
	rx->follow = NULL;
	do {
		d.p = rx->buffers[i] + at;
		d.size = unit && size - at > unit ? unit : size - at;
		if (!rx->follow || d.size != last_size ||
		    !take_following(w, &d, d.p - last_size)) {
			rx->follow = NULL;
			take_datagram(w, &d, &is_source_seen);
		}
		at += d.size;
		last_size = d.size;
	} while (at < size);
}

void rx_read(struct worker *w, int fd)
{
	struct rx *rx = w->rx;
	uint32_t i;
	int n;

	for (i = 0; i < N_BUFFERS; i++) {
		struct msghdr *h = &rx->headers[i].msg_hdr;

		h->msg_namelen = sizeof(rx->from[i]);
		h->msg_controllen = CONTROL_SIZE;
		h->msg_flags = 0;
	}
	n = recvmmsg(fd, rx->headers, N_BUFFERS, MSG_DONTWAIT, NULL);
	w->n[SLEEVE_RX_CALLS]++;
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			worker_read_errors(w, fd);
		return;
	}
	for (i = 0; i < (uint32_t)n; i++)
		take_message(w, i);
	flush_all(w);
}
