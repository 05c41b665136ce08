/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/wire.h"
#include "scale.h"

#define BEAT_SIZE 64U /* of IP */

/* What an engine is told a little later, and what that points to. */
struct parcel {
	struct real *r;
	uint64_t life;
	uint32_t from;
	struct event ev;
	struct message message;
	size_t size;
	_Alignas(8) uint8_t bytes[];
};

static struct thread *thread_of(struct real *r, session_t session)
{
	return session && session <= r->n_threads ? &r->threads[session - 1]
						  : NULL;
}

static session_t new_thread(struct real *r, uint32_t host)
{
	if ((r->n_threads & (r->n_threads - 1)) == 0) {
		r->threads = realloc(r->threads, (r->n_threads * 2 + 1) *
							 sizeof(*r->threads));
		if (!r->threads)
			abort();
	}
	r->threads[r->n_threads++] = (struct thread){ .host = host,
						      .is_up = true };
	return r->n_threads;
}

static bool has_control(uint32_t a, uint32_t b)
{
	const struct place *p = &scale->places[a], *q = &scale->places[b];

	return !p->is_dead && !q->is_dead && !p->has_no_control &&
	       !q->has_no_control;
}

/* A datagram of that size gets there, and its answer back. */
static bool passes(uint32_t a, uint32_t b, enum path_kind path, size_t size)
{
	const struct place *p = &scale->places[a], *q = &scale->places[b];

	return !p->is_dead && !q->is_dead && !p->is_cut[path] &&
	       !q->is_cut[path] && size <= p->mtu && size <= q->mtu &&
	       !sim_chance(scale->sim, p->loss_percent + q->loss_percent);
}

/* ---- on the way */

static void take(struct sim *sim, void *ctx, uint64_t arg)
{
	struct parcel *p = ctx;

	(void)sim;
	(void)arg;
	if (!p->r->engine || p->r->life != p->life ||
	    scale->places[p->from].is_dead)
		return;
	if (p->ev.type == EVENT_UPCALL) {
		p->ev.upcall.frame = p->bytes;
		p->ev.upcall.size = p->size;
	} else if (p->ev.type == EVENT_MESSAGE) {
		const struct thread *t = thread_of(p->r, p->ev.message.session);

		if (!t || !t->is_up)
			return;
		if (p->message.type == MESSAGE_ENTRIES)
			p->message.entries.list = (void *)p->bytes;
		else if (p->message.type == MESSAGE_PEERS)
			p->message.peers.list = (void *)p->bytes;
		p->ev.message.message = &p->message;
	}
	real_tell(p->r, &p->ev);
}

static struct parcel *pack(struct real *r, uint32_t from,
			   const struct event *ev, const void *bytes,
			   size_t size)
{
	struct parcel *p = sim_alloc(sizeof(*p) + size);

	p->r = r;
	p->life = r->life;
	p->from = from;
	p->ev = *ev;
	p->size = size;
	if (size)
		memcpy(p->bytes, bytes, size);
	return p;
}

static void send_in(usec_t after, struct parcel *p)
{
	sim_post(scale->sim, scale->sim->now + after, take, p, 0);
}

/* The way of an answer may bring it late, and twice. */
static void answer_in(usec_t after, struct parcel *p)
{
	const struct place *a = &scale->places[p->r->host];
	const struct place *b = &scale->places[p->from];
	struct parcel *copy;

	if (sim_chance(scale->sim, a->copy_percent + b->copy_percent)) {
		copy = pack(p->r, p->from, &p->ev, p->bytes, p->size);
		send_in(after + sim_random(scale->sim, USEC_PER_MS), copy);
	}
	if (sim_chance(scale->sim, a->late_percent + b->late_percent))
		after += sim_random(scale->sim, 50 * USEC_PER_MS);
	send_in(after, p);
}

void wire_tell(uint32_t from, struct real *r, enum path_kind path,
	       const struct event *ev)
{
	if (passes(from, r->host, path, BEAT_SIZE))
		answer_in(SCALE_RTT_US / 2, pack(r, from, ev, NULL, 0));
}

/* ---- sessions */

static void count(const struct message *m, bool is_in)
{
	struct codec_bytes bytes;

	/* Of the first engine alone: the others are like it. */
	if (codec_encode_message(scale->codec, m, &bytes) != CODEC_OK)
		abort();
	scale->f.n_in += is_in;
	scale->f.n_out += !is_in;
	scale->f.in_bytes += is_in ? bytes.size + 4 : 0;
	scale->f.out_bytes += is_in ? 0 : bytes.size + 4;
}

void wire_say(struct real *r, session_t session, const struct message *m)
{
	const struct thread *t = thread_of(r, session);
	struct event ev = { .type = EVENT_MESSAGE };

	if (!t || !t->is_up)
		return; /* it was closed meanwhile */
	if (r == scale->reals)
		count(m, true);
	ev.message.session = session;
	ev.message.message = m;
	real_tell(r, &ev);
}

void wire_send(struct real *r, const struct action *a)
{
	const struct message *m = &a->send.message;
	const struct thread *t = thread_of(r, a->send.session);
	struct event ev = { .type = EVENT_MESSAGE };
	const void *list = NULL;
	struct parcel *p;
	size_t size = 0;

	if (r == scale->reals)
		count(m, false);
	if (!t || !t->is_up || !t->other || !has_control(r->host, t->host))
		return;
	if (m->type == MESSAGE_ENTRIES) {
		list = m->entries.list;
		size = m->entries.n * sizeof(struct entry);
	} else if (m->type == MESSAGE_PEERS) {
		list = m->peers.list;
		size = m->peers.n * sizeof(struct peer_hint);
	}
	if (scale->places[t->host].real == scale->reals)
		count(m, true);
	ev.message.session = t->other;
	p = pack(scale->places[t->host].real, r->host, &ev, list, size);
	p->message = *m;
	send_in(SCALE_RTT_US / 2, p);
}

static void end(struct real *r, session_t session, enum reason reason)
{
	struct event ev = { .type = EVENT_SESSION_DOWN };
	struct thread *t = thread_of(r, session);

	if (!t || !t->is_up)
		return;
	t->is_up = false;
	ev.down.session = session;
	ev.down.reason = reason;
	if (r->engine)
		send_in(SCALE_RTT_US / 2, pack(r, r->host, &ev, NULL, 0));
}

/* The other end hears of it. */
static void end_other(struct real *r, const struct thread *t)
{
	struct place *p = &scale->places[t->host];

	if (p->real)
		end(p->real, t->other, REASON_CLOSED);
	else
		p->sessions[r->host] = 0;
}

void wire_close(struct real *r, const struct action *a)
{
	struct thread *t = thread_of(r, a->close.session);

	if (!t || !t->is_up)
		return;
	end_other(r, t);
	end(r, a->close.session, a->close.reason);
}

void wire_break(uint32_t host, uint32_t other)
{
	uint32_t i;
	session_t s;

	for (i = 0; i < scale->n_reals; i++) {
		struct real *r = &scale->reals[i];

		for (s = 1; s <= r->n_threads; s++) {
			const struct thread t = r->threads[s - 1];

			if (!t.is_up || (r->host != host && t.host != host) ||
			    (other != SCALE_NONE && r->host != other &&
			     t.host != other))
				continue;
			end_other(r, &t);
			end(r, s, REASON_CLOSED);
		}
	}
}

static void egress(struct real *r, peer_id_t id)
{
	struct event ev = { .type = EVENT_EGRESS };

	ev.egress.peer_id = id;
	ev.egress.is_up = true;
	ev.egress.link_mtu = SCALE_LINK_MTU;
	ev.egress.route_mtu = SCALE_LINK_MTU;
	real_tell(r, &ev);
}

static void up(struct real *r, session_t session, uint32_t from,
	       target_t target)
{
	const struct place *p = &scale->places[from];
	struct event ev = { .type = EVENT_SESSION_UP };

	ev.session.session = session;
	ev.session.target = target;
	ev.session.hello = &p->hello;
	ev.session.local.ip = scale->places[r->host].ip;
	ev.session.local.port = target ? 40000 : 6783;
	ev.session.remote.ip = *scale_seen_ip(from);
	ev.session.remote.port = target ? 6783 : 40000;
	real_tell(r, &ev);
	egress(r, p->hello.id);
}

session_t wire_up(struct real *r, uint32_t p, target_t target)
{
	struct place *place = &scale->places[p];
	session_t session;

	if (place->sessions[r->host] || !r->engine || !has_control(p, r->host))
		return 0;
	session = new_thread(r, p);
	place->sessions[r->host] = session;
	up(r, session, p, target);
	return session;
}

struct dial {
	struct real *r;
	uint64_t life;
	uint32_t to;
	target_t target;
};

static void join(struct real *r, struct real *to, target_t target)
{
	const session_t s = new_thread(r, to->host);
	const session_t other = new_thread(to, r->host);

	r->threads[s - 1].other = other;
	to->threads[other - 1].other = s;
	up(r, s, to->host, target);
	up(to, other, r->host, 0);
}

static void do_dial(struct sim *sim, void *ctx, uint64_t arg)
{
	const struct dial *d = ctx;
	struct event ev = { .type = EVENT_DIAL_FAILED };
	struct place *p;

	(void)sim;
	(void)arg;
	if (!d->r->engine || d->r->life != d->life)
		return;
	p = d->to < scale->n ? &scale->places[d->to] : NULL;
	if (p && !p->nat_port && has_control(d->to, d->r->host)) {
		if (p->real && p->real->engine && p->real != d->r) {
			join(d->r, p->real, d->target);
			return;
		}
		if (!p->real && !p->sessions[d->r->host]) {
			puppet_greet(d->to, d->r, d->target);
			return;
		}
	}
	ev.dial.target = d->target;
	ev.dial.reason = REASON_UNREACHABLE;
	real_tell(d->r, &ev);
}

/* Hosts are "10.1.H.L", for people as for engines. */
void wire_dial(struct real *r, const struct action *a)
{
	struct dial *d = sim_alloc(sizeof(*d));
	unsigned int h = 0, l = 0;

	if (sscanf(a->dial.host, "10.1.%u.%u", &h, &l) != 2)
		h = l = 0;
	*d = (struct dial){ r, r->life, (h << 8 | l) - 1, a->dial.target };
	sim_post(scale->sim, scale->sim->now + SCALE_RTT_US, do_dial, d, 0);
}

/* ---- heartbeats and probes */

/* Who is seen there; SCALE_NONE: nobody. */
static uint32_t by_ip(const struct ip *ip)
{
	const uint32_t i = ((uint32_t)ip->b[14] << 8 | ip->b[15]) - 1;

	return i < scale->n && ip_equal(ip, scale_seen_ip(i)) ? i : SCALE_NONE;
}

static void note_probe(const struct real *r, bool is_probe, size_t size)
{
	if (r != scale->reals)
		return;
	scale->f.n_probes += is_probe;
	scale->f.n_beats += !is_probe;
	scale->f.beat_bytes += size;
}

/* Turned round by the peer's kernel, as flow H says; also without a daemon. */
void wire_probe(struct real *r, const struct action *a)
{
	static const struct mac reply = PROBE_REPLY_MAC,
				sized = PROBE_SIZED_MAC;
	struct event ev = { .type = EVENT_UPCALL };
	const struct flow_tunnel *t = NULL;
	uint8_t frame[PROBE_MIN_SIZE];
	size_t size = a->execute.size;
	uint32_t i, to;

	for (i = 0; i < a->execute.actions->n; i++) {
		if (a->execute.actions->list[i].type == FLOW_SET_TUNNEL)
			t = &a->execute.actions->list[i].tunnel;
	}
	if (!t || t->tun_id != VNI_PROBE || size < PROBE_MIN_SIZE)
		return;
	note_probe(r, memcmp(a->execute.frame, sized.b, 6) == 0, size + 50);
	to = by_ip(&t->dst);
	if (to == SCALE_NONE || scale->places[to].nat_port ||
	    !passes(r->host, to, PATH_FASTDP, size + 36))
		return;
	memcpy(frame, a->execute.frame, sizeof(frame));
	memcpy(frame, reply.b, 6);
	ev.upcall.in_port = PORT_NO_VXLAN;
	ev.upcall.tun_id = VNI_PROBE;
	ev.upcall.tun_src = t->dst;
	answer_in(SCALE_RTT_US, pack(r, to, &ev, frame, sizeof(frame)));
}

void wire_beat(struct real *r, const struct action *a)
{
	struct event ev = { .type = EVENT_SLEEVE_REPLY };
	const uint32_t size = a->beat.size ? a->beat.size : BEAT_SIZE;
	const struct endpoint *at = &a->beat.place.endpoint;
	const uint32_t to = by_ip(&at->ip);

	note_probe(r, a->beat.size != 0, size + 14);
	if (to == SCALE_NONE ||
	    (scale->places[to].nat_port &&
	     scale->places[to].nat_port != at->port) ||
	    !passes(r->host, to, PATH_SLEEVE, size) ||
	    (scale->places[to].real && !scale->places[to].real->engine))
		return;
	ev.beat.peer_id = a->beat.place.peer_id;
	ev.beat.cookie = a->beat.cookie;
	ev.beat.seq = a->beat.seq;
	answer_in(SCALE_RTT_US, pack(r, to, &ev, NULL, 0));
}
