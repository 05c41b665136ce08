/* SPDX-License-Identifier: Apache-2.0 */
#include "traffic.h"

#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"

#define MAGIC UINT32_C(0x51b0a7e5)
#define MAX_ARRIVALS 64U

struct record {
	uint64_t at;
	enum traffic_kind kind;
	enum traffic_rule rule;
	vni_t vni;
	bool is_to_itself; /* its own address or MAC: it may get it back */
	const struct sim_port *from, *to;
	uint32_t n_due; /* of TRAFFIC_ALL */
	uint32_t n;
	const struct sim_port *where[MAX_ARRIVALS];
};

struct traffic {
	struct record *list; /* of numbers from n_first */
	uint64_t n_first, n;
	size_t capacity;
};

struct traffic *traffic_new(void)
{
	return sim_alloc(sizeof(struct traffic));
}

void traffic_free(struct traffic *t)
{
	free(t->list);
	free(t);
}

uint64_t traffic_n_sent(const struct sim *sim)
{
	return sim->traffic->n;
}

static struct record *add(struct sim *sim)
{
	struct traffic *t = sim->traffic;
	const size_t n = (size_t)(t->n - t->n_first);

	if (n == t->capacity) {
		t->capacity = t->capacity ? t->capacity * 2 : 64;
		t->list = realloc(t->list, t->capacity * sizeof(*t->list));
		if (!t->list)
			abort();
	}
	memset(&t->list[n], 0, sizeof(t->list[n]));
	t->list[n].at = sim->now;
	t->n++;
	return &t->list[n];
}

static const struct ip *ip_of(const struct sim_port *p, bool is_v4)
{
	uint32_t i;

	for (i = 0; i < p->port.n_ips; i++) {
		if (ip_is_v4(&p->port.ips[i]) == is_v4)
			return &p->port.ips[i];
	}
	return NULL;
}

static void put_arp(struct writer *w, unsigned int op, const struct mac *src,
		    const struct ip *sip, const struct ip *tip)
{
	static const struct ip none;

	write_number(w, 0x0806, 2);
	write_number(w, UINT64_C(0x000108000604), 6);
	write_number(w, op, 2);
	write_bytes(w, src->b, 6);
	write_bytes(w, (sip ? sip : &none)->b + 12, 4);
	write_zeros(w, 6);
	write_bytes(w, (tip ? tip : &none)->b + 12, 4);
}

static void put_nd(struct writer *w, const struct ip *sip, const struct ip *tip)
{
	static const struct ip none;

	write_number(w, 0x86dd, 2);
	write_number(w, 0x60000000, 4);
	write_number(w, 24, 2);
	write_number(w, 58, 1);
	write_number(w, 255, 1);
	write_bytes(w, (sip ? sip : &none)->b, 16);
	write_number(w, UINT64_C(0xff02000000000000), 8);
	write_number(w, UINT64_C(0x00000001ff000001), 8);
	write_number(w, 135, 1);
	write_zeros(w, 7);
	write_bytes(w, (tip ? tip : &none)->b, 16);
}

static void put_dst(struct writer *w, enum traffic_kind kind,
		    const struct mac *dst)
{
	static const struct mac all = { { 0xff, 0xff, 0xff, 0xff, 0xff,
					  0xff } };
	static const struct mac nodes = { { 0x33, 0x33, 0xff, 0, 0, 1 } };

	if (kind == TRAFFIC_UNICAST)
		write_bytes(w, dst->b, 6);
	else
		write_bytes(w, kind == TRAFFIC_ND ? nodes.b : all.b, 6);
}

static bool has_ip(const struct sim_port *p, const struct ip *ip)
{
	uint32_t i;

	for (i = 0; ip && i < p->port.n_ips; i++) {
		if (ip_equal(&p->port.ips[i], ip))
			return true;
	}
	return false;
}

static bool is_to_itself(const struct record *r, const struct mac *dst)
{
	switch (r->kind) {
	case TRAFFIC_UNICAST:
		/* Or what was learnt behind its port. */
		return mac_equal(dst, &r->from->port.mac) ||
		       r->from->port.is_trusted;
	case TRAFFIC_ARP:
	case TRAFFIC_ND:
		return has_ip(r->from, ip_of(r->to, r->kind == TRAFFIC_ARP));
	case TRAFFIC_BROADCAST:
	case TRAFFIC_GRATUITOUS:
		break;
	}
	return false;
}

static uint64_t send(struct sim *sim, struct host *h, struct record *r,
		     const struct mac *src, const struct mac *dst)
{
	const uint64_t number = sim->traffic->n - 1;
	const enum traffic_kind kind = r->kind;
	const struct sim_port *from = r->from, *to = r->to;
	uint8_t frame[TRAFFIC_MAX_FRAME];
	struct writer w = writer_of(frame, sizeof(frame));
	struct fake_packet p = { .in_port = from->port.port_no };

	r->is_to_itself = is_to_itself(r, dst);
	put_dst(&w, kind, dst);
	write_bytes(&w, src->b, 6);
	if (kind == TRAFFIC_ARP || kind == TRAFFIC_GRATUITOUS)
		put_arp(&w, kind == TRAFFIC_ARP ? 1 : 2, src, ip_of(from, true),
			ip_of(to ? to : from, true));
	else if (kind == TRAFFIC_ND)
		put_nd(&w, ip_of(from, false), ip_of(to, false));
	else
		write_number(&w, 0x0800, 2);
	write_zeros(&w, 20);
	write_number(&w, MAGIC, 4);
	write_number(&w, number, 8);
	p.frame = frame;
	p.size = w.size;
	if (h->has_power && from->is_alive)
		fake_dp_input(&h->dp, sim->now, &p);
	return number;
}

/* Ports that a broadcast of @from must reach: of hosts that have power. */
static uint32_t count_ports(const struct sim *sim, const struct sim_port *from)
{
	uint32_t i, k, n = 0;

	for (i = 0; i < sim->n_hosts; i++) {
		for (k = 0; k < HOST_MAX_PORTS; k++) {
			const struct sim_port *p = &sim->hosts[i]->ports[k];

			if (p->is_known && p->is_alive && p != from &&
			    p->port.vni == from->port.vni)
				n++;
		}
	}
	return n;
}

uint64_t traffic_send(struct sim *sim, struct host *h, struct sim_port *from,
		      struct sim_port *to, enum traffic_kind kind,
		      enum traffic_rule rule, const struct mac *src)
{
	struct record *r = add(sim);

	r->kind = kind;
	r->rule = rule;
	r->vni = from->port.vni;
	r->from = from;
	r->to = to;
	if (rule == TRAFFIC_ALL)
		r->n_due = count_ports(sim, from);
	return send(sim, h, r, src ? src : &from->port.mac,
		    to ? &to->port.mac : NULL);
}

uint64_t traffic_send_to(struct sim *sim, struct host *h, struct sim_port *from,
			 const struct mac *dst, enum traffic_rule rule)
{
	struct record *r = add(sim);

	r->kind = TRAFFIC_UNICAST;
	r->rule = rule;
	r->vni = from->port.vni;
	r->from = from;
	return send(sim, h, r, &from->port.mac, dst);
}

/* Of a daemon: "this address is at this MAC". */
static void told(struct sim_port *port, const struct fake_packet *p)
{
	struct reader r = reader_of(p->frame, p->size);

	if (p->size != 42)
		return;
	read_bytes(&r, 22);
	memcpy(port->told_mac.b, read_bytes(&r, 6), 6);
	port->told_ip = ip_from_v4(read_bytes(&r, 4));
	port->n_told++;
}

void traffic_arrived(struct sim *sim, struct host *h, struct sim_port *port,
		     const struct fake_packet *p)
{
	struct traffic *t = sim->traffic;
	struct reader reader = reader_of(p->frame, p->size);
	struct record *r;
	uint64_t number;
	uint32_t i;

	read_bytes(&reader, p->size < 12 ? 0 : p->size - 12);
	if (read_u32(&reader) != MAGIC) {
		told(port, p);
		return;
	}
	number = read_u64(&reader);
	if (number < t->n_first || number >= t->n)
		return;
	r = &t->list[number - t->n_first];
	if (port->port.vni != r->vni)
		sim_fail(sim, "host %u: frame %llu in another network",
			 h->index, (unsigned long long)number);
	if (port == r->from && !r->is_to_itself)
		sim_fail(sim,
			 "host %u: frame %llu, kind %d: back at its sender",
			 h->index, (unsigned long long)number, r->kind);
	for (i = 0; i < r->n; i++) {
		if (r->where[i] == port)
			sim_fail(sim, "host %u: frame %llu comes twice",
				 h->index, (unsigned long long)number);
	}
	if (r->n < MAX_ARRIVALS)
		r->where[r->n++] = port;
}

static void check_record(struct sim *sim, const struct record *r,
			 uint64_t number)
{
	const unsigned long long nr = (unsigned long long)number;
	const double at = (double)r->at / 1e6;

	switch (r->rule) {
	case TRAFFIC_ANY:
		break;
	case TRAFFIC_MUST:
		if (r->n == 0)
			sim_fail(sim, "frame %llu of %.6f s, kind %d: lost", nr,
				 at, r->kind);
		else if (r->n > 1 || r->where[0] != r->to)
			sim_fail(sim,
				 "frame %llu of %.6f s, kind %d: at others", nr,
				 at, r->kind);
		break;
	case TRAFFIC_ALL:
		if (r->n != r->n_due)
			sim_fail(sim, "frame %llu of %.6f s: at %u, not %u", nr,
				 at, r->n, r->n_due);
		break;
	case TRAFFIC_NOBODY:
		if (r->n)
			sim_fail(sim, "frame %llu of %.6f s: arrived", nr, at);
		break;
	}
}

void traffic_check(struct sim *sim)
{
	struct traffic *t = sim->traffic;
	size_t i;

	for (i = 0; i < t->n - t->n_first; i++) {
		if (t->list[i].at + 100 * USEC_PER_MS > sim->now)
			break;
		check_record(sim, &t->list[i], t->n_first + i);
	}
	if (!i)
		return;
	memmove(t->list, t->list + i,
		(size_t)(t->n - t->n_first - i) * sizeof(*t->list));
	t->n_first += i;
}

static void pair(struct sim *sim, struct host *h, struct sim_port *from,
		 struct sim_port *to, bool with_requests)
{
	if (!to->is_known || !to->is_alive || from == to ||
	    from->port.vni != to->port.vni)
		return;
	traffic_send(sim, h, from, to, TRAFFIC_UNICAST, TRAFFIC_MUST, NULL);
	if (!with_requests)
		return;
	if (ip_of(to, true))
		traffic_send(sim, h, from, to, TRAFFIC_ARP, TRAFFIC_MUST, NULL);
	if (ip_of(to, false))
		traffic_send(sim, h, from, to, TRAFFIC_ND, TRAFFIC_MUST, NULL);
}

void traffic_all_pairs(struct sim *sim, bool with_requests)
{
	uint32_t i, k, j, l;

	for (i = 0; i < sim->n_hosts; i++) {
		for (k = 0; k < HOST_MAX_PORTS; k++) {
			struct sim_port *from = &sim->hosts[i]->ports[k];

			if (!from->is_known || !from->is_alive)
				continue;
			for (j = 0; j < sim->n_hosts; j++) {
				for (l = 0; l < HOST_MAX_PORTS; l++)
					pair(sim, sim->hosts[i], from,
					     &sim->hosts[j]->ports[l],
					     with_requests);
			}
		}
	}
}

struct stream {
	usec_t interval_us, until;
};

static void stream(struct sim *sim, void *ctx, uint64_t arg)
{
	struct stream *next;

	(void)arg;
	traffic_check(sim);
	traffic_all_pairs(sim, true);
	next = sim_alloc(sizeof(*next));
	*next = *(const struct stream *)ctx;
	if (sim->now + next->interval_us <= next->until)
		sim_post(sim, sim->now + next->interval_us, stream, next, 0);
	else
		free(next);
}

void traffic_stream(struct sim *sim, usec_t interval_us, usec_t for_us)
{
	struct stream *s = sim_alloc(sizeof(*s));

	s->interval_us = interval_us;
	s->until = sim->now + for_us;
	sim_post(sim, sim->now, stream, s, 0);
}
