/* SPDX-License-Identifier: Apache-2.0 */
#include "puppet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/wire.h"

#define RTT_US 400U

/* What the engine is told a little later. */
struct reply {
	uint32_t puppet;
	struct event ev;
	size_t size;
	uint8_t frame[];
};

static void take(struct sim *sim, void *ctx, uint64_t arg)
{
	struct reply *r = ctx;

	(void)sim;
	(void)arg;
	if (scale->puppets[r->puppet].is_dead)
		return;
	if (r->ev.type == EVENT_UPCALL) {
		r->ev.upcall.frame = r->frame;
		r->ev.upcall.size = r->size;
	}
	scale_tell(&r->ev);
}

static void later(uint32_t puppet, const struct event *ev, const uint8_t *frame,
		  size_t size)
{
	struct reply *r = sim_alloc(sizeof(*r) + size);

	r->puppet = puppet;
	r->ev = *ev;
	r->size = size;
	if (size)
		memcpy(r->frame, frame, size);
	sim_post(scale->sim, scale->sim->now + RTT_US, take, r, 0);
}

static uint32_t puppet_of(peer_id_t id)
{
	/* Identities are 2, 3, …: the engine's own is 1. */
	return (uint32_t)(id - 2);
}

void puppet_count(const struct message *m, bool is_in)
{
	struct codec_bytes bytes;

	if (codec_encode_message(scale->codec, m, &bytes) != CODEC_OK)
		abort();
	scale->f.n_in += is_in;
	scale->f.n_out += !is_in;
	scale->f.in_bytes += is_in ? bytes.size + 4 : 0;
	scale->f.out_bytes += is_in ? 0 : bytes.size + 4;
}

static void say(const struct puppet *p, const struct message *m)
{
	struct event ev = { .type = EVENT_MESSAGE };

	puppet_count(m, true);
	ev.message.session = p->session;
	ev.message.message = m;
	scale_tell(&ev);
}

static void fill(struct puppet *p, uint32_t i, struct entry *e)
{
	const uint32_t host = puppet_of(p->hello.id);
	const uint8_t v4[4] = { 10, (uint8_t)(32 + (host >> 8)), (uint8_t)host,
				(uint8_t)i };

	memset(e, 0, sizeof(*e));
	e->vni = 100 + i % 2;
	e->mac = (struct mac){ { 2, (uint8_t)(host >> 16), (uint8_t)(host >> 8),
				 (uint8_t)host, (uint8_t)(i >> 8),
				 (uint8_t)i } };
	e->revision = ++p->revision;
	e->n_ips = 2;
	e->ips[0] = ip_from_v4(v4);
	memcpy(e->ips[1].b, "\xfd\x32", 2);
	memcpy(e->ips[1].b + 8, v4, 4);
	e->ips[1].b[15] = (uint8_t)(i >> 8);
}

static void say_entries(struct puppet *p)
{
	struct entry list[MESSAGE_MAX_ENTRIES];
	struct message m = { .type = MESSAGE_ENTRIES };
	uint32_t at = 0, i;

	m.entries.list = list;
	do {
		m.entries.is_first = at == 0;
		for (i = 0; i < MESSAGE_MAX_ENTRIES && at < scale->n_containers;
		     i++, at++)
			fill(p, at, &list[i]);
		m.entries.n = i;
		m.entries.is_last = at == scale->n_containers;
		say(p, &m);
	} while (at < scale->n_containers);
}

static void say_peers(struct puppet *p)
{
	struct peer_hint list[MESSAGE_MAX_PEERS];
	struct message m = { .type = MESSAGE_PEERS };
	uint32_t at = 0, i;

	m.peers.list = list;
	while (at < scale->n) {
		for (i = 0; i < MESSAGE_MAX_PEERS && at < scale->n; i++, at++) {
			list[i].id = scale->puppets[at].hello.id;
			list[i].control.ip = scale->puppets[at].ip;
			list[i].control.port = 6783;
		}
		m.peers.n = i;
		say(p, &m);
	}
}

static void egress(const struct puppet *p)
{
	struct event ev = { .type = EVENT_EGRESS };

	ev.egress.peer_id = p->hello.id;
	ev.egress.is_up = true;
	ev.egress.link_mtu = SCALE_LINK_MTU;
	ev.egress.route_mtu = SCALE_LINK_MTU;
	scale_tell(&ev);
}

static void session_up(struct puppet *p, target_t target)
{
	struct event ev = { .type = EVENT_SESSION_UP };
	const struct message token = { .type = MESSAGE_SLEEVE,
				       .sleeve.token = p->hello.id };

	if (p->session || p->is_dead)
		return;
	p->session = ++scale->last_session;
	ev.session.session = p->session;
	ev.session.target = target;
	ev.session.hello = &p->hello;
	ev.session.local.port = 40000;
	ev.session.remote.ip = p->ip;
	ev.session.remote.port = 6783;
	scale_tell(&ev);
	egress(p);
	say(p, &token);
	say_entries(p);
	say_peers(p);
}

static void session_down(struct puppet *p)
{
	struct event ev = { .type = EVENT_SESSION_DOWN };

	if (!p->session)
		return;
	ev.down.session = p->session;
	ev.down.reason = REASON_CLOSED;
	p->session = 0;
	scale_tell(&ev);
}

static void do_dial(struct sim *sim, void *ctx, uint64_t arg)
{
	const uint32_t n = (uint32_t)(arg >> 32) - 1;
	const target_t target = (target_t)arg;
	struct event ev = { .type = EVENT_DIAL_FAILED };

	(void)sim;
	(void)ctx;
	if (n < scale->n && !scale->puppets[n].is_dead &&
	    !scale->puppets[n].session) {
		session_up(&scale->puppets[n], target);
		return;
	}
	ev.dial.target = target;
	ev.dial.reason = REASON_UNREACHABLE;
	scale_tell(&ev);
}

/* Hosts are "10.1.H.L", for people as for engines. */
void puppet_dial(const struct action *a)
{
	unsigned int h = 0, l = 0;

	if (sscanf(a->dial.host, "10.1.%u.%u", &h, &l) != 2)
		h = l = 0;
	sim_post(scale->sim, scale->sim->now + RTT_US, do_dial, NULL,
		 (uint64_t)(h << 8 | l) << 32 | a->dial.target);
}

static uint32_t by_ip(const struct ip *ip)
{
	return ((uint32_t)ip->b[14] << 8 | ip->b[15]) - 1;
}

/* Turned round by the peer's kernel, as flow H says. */
void puppet_probe(const struct action *a)
{
	static const struct mac reply = PROBE_REPLY_MAC,
				sized = PROBE_SIZED_MAC;
	struct event ev = { .type = EVENT_UPCALL };
	uint8_t frame[2048];
	size_t size = a->execute.size;
	const struct flow_tunnel *t = NULL;
	uint32_t i;

	for (i = 0; i < a->execute.actions->n; i++) {
		if (a->execute.actions->list[i].type == FLOW_SET_TUNNEL)
			t = &a->execute.actions->list[i].tunnel;
	}
	if (!t || t->tun_id != VNI_PROBE || by_ip(&t->dst) >= scale->n ||
	    size + 36 > SCALE_LINK_MTU)
		return;
	i = memcmp(a->execute.frame, sized.b, 6) == 0;
	scale->f.n_probes += i;
	scale->f.n_beats += !i;
	scale->f.beat_bytes += size + 50;
	if (size > PROBE_MIN_SIZE)
		size = PROBE_MIN_SIZE;
	memcpy(frame, a->execute.frame, size);
	memcpy(frame, reply.b, 6);
	ev.upcall.in_port = PORT_NO_VXLAN;
	ev.upcall.tun_id = VNI_PROBE;
	ev.upcall.tun_src = t->dst;
	later(by_ip(&t->dst), &ev, frame, size);
}

void puppet_beat(const struct action *a)
{
	struct event ev = { .type = EVENT_SLEEVE_REPLY };
	const uint32_t size = a->beat.size ? a->beat.size : 64;

	scale->f.n_probes += a->beat.size != 0;
	scale->f.n_beats += a->beat.size == 0;
	scale->f.beat_bytes += size + 14;
	if (size > SCALE_LINK_MTU)
		return;
	ev.beat.peer_id = a->beat.place.peer_id;
	ev.beat.cookie = a->beat.cookie;
	ev.beat.seq = a->beat.seq;
	later(puppet_of(ev.beat.peer_id), &ev, NULL, 0);
}

void puppets_make(void)
{
	uint32_t i;

	scale->puppets = sim_alloc((scale->n + 1) * sizeof(struct puppet));
	for (i = 0; i < scale->n; i++) {
		struct puppet *p = &scale->puppets[i];
		const uint8_t v4[4] = { 10, 1, (uint8_t)((i + 1) >> 8),
					(uint8_t)(i + 1) };

		p->ip = ip_from_v4(v4);
		p->hello = (struct hello){ .version_min = 1,
					   .version_max = 1,
					   .id = i + 2,
					   .instance = 1,
					   .control_port = 6783,
					   .sleeve_port = 6783,
					   .vxlan_port = 6784,
					   .can_fastdp = true,
					   .can_sleeve = true,
					   .has_discovery = true };
		snprintf(p->hello.name, sizeof(p->hello.name), "host%u", i + 2);
	}
}

/* One a second: a host dies for a while, restarts, or announces anew. */
void puppets_fault(void)
{
	struct sim *sim = scale->sim;
	struct puppet *p = &scale->puppets[sim_random(sim, scale->n)];
	struct entry e;
	struct message m = { .type = MESSAGE_ENTRIES };

	scale->f.n_faults++;
	switch (sim_random(sim, 4)) {
	case 0:
		session_down(p);
		p->is_dead = true;
		break;
	case 1:
		p->is_dead = false;
		break;
	case 2:
		session_down(p);
		p->hello.instance++;
		session_up(p, 0);
		break;
	default:
		if (!p->session)
			break;
		fill(p, (uint32_t)sim_random(sim, scale->n_containers), &e);
		e.flags = sim_chance(sim, 50) ? ENTRY_WITHDRAWN : 0;
		if (e.flags)
			e.n_ips = 0;
		m.entries.n = 1;
		m.entries.list = &e;
		say(p, &m);
		break;
	}
}

void puppet_closed(session_t session)
{
	uint32_t i;

	for (i = 0; i < scale->n; i++) {
		if (scale->puppets[i].session == session)
			scale->puppets[i].session = 0;
	}
}
