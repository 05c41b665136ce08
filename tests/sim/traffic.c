/* SPDX-License-Identifier: Apache-2.0 */
#include "traffic.h"

#include <stdlib.h>
#include <string.h>

#include "carrier.h"
#include "core/bytes.h"

#define MAGIC UINT32_C(0x51b0a7e5)
#define MAX_ARRIVALS 64U

struct record {
	uint64_t at;
	enum traffic_kind kind;
	enum traffic_rule rule;
	vni_t vni;
	bool is_to_itself; /* its own address or MAC: it may get it back */
	bool is_copied;	   /* may come twice: the underlay, or see send() */
	bool is_df;
	uint32_t ip_size; /* of TRAFFIC_SIZED */
	const struct sim_port *from, *to;
	uint32_t n_due; /* of TRAFFIC_ALL */
	uint32_t n;
	const struct sim_port *where[MAX_ARRIVALS];
};

struct traffic {
	struct record *list; /* of numbers from n_first */
	uint64_t n_first, n;
	size_t capacity;
	enum traffic_rule rule; /* of all pairs */
};

struct traffic *traffic_new(void)
{
	struct traffic *t = sim_alloc(sizeof(*t));

	t->rule = TRAFFIC_MUST;
	return t;
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

void traffic_expect(struct sim *sim, enum traffic_rule rule)
{
	sim->traffic->rule = rule;
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

	if (kind == TRAFFIC_UNICAST || kind == TRAFFIC_SIZED)
		write_bytes(w, dst->b, 6);
	else
		write_bytes(w, kind == TRAFFIC_ND ? nodes.b : all.b, 6);
}

/* One's complement, RFC 1071. */
static uint16_t sum_of(const uint8_t *p, size_t size)
{
	uint32_t sum = 0;
	size_t i;

	for (i = 0; i + 1 < size; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* IPv4 and UDP; 12 bytes are left for what every frame ends with. */
static void put_sized(struct writer *w, const struct record *r)
{
	static const struct ip none;
	const struct ip *src = ip_of(r->from, true), *dst = ip_of(r->to, true);
	const size_t at = w->size + 2;
	uint16_t sum;

	write_number(w, 0x0800, 2);
	write_number(w, 0x4500, 2);
	write_number(w, r->ip_size, 2);
	write_number(w, r->at & 0xffff, 2);
	write_number(w, r->is_df ? 0x4000 : 0, 2);
	write_number(w, 0x40110000, 4);
	write_bytes(w, (src ? src : &none)->b + 12, 4);
	write_bytes(w, (dst ? dst : &none)->b + 12, 4);
	sum = sum_of(w->p + at, 20);
	w->p[at + 10] = (uint8_t)(sum >> 8);
	w->p[at + 11] = (uint8_t)sum;
	write_number(w, 0x10001000, 4);
	write_number(w, r->ip_size - 20, 2);
	write_number(w, 0, 2);
	write_zeros(w, r->ip_size - 28 - 12);
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
	case TRAFFIC_SIZED:
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
	else if (kind == TRAFFIC_SIZED)
		put_sized(&w, r);
	else
		write_number(&w, 0x0800, 2);
	if (kind != TRAFFIC_SIZED)
		write_zeros(&w, 20);
	/*
	 * Who is copied to by the datapath and who by sleeve changes in two
	 * places, one after the other: for that moment a group frame may come
	 * twice, or not at all.
	 */
	if (mac_is_group(&(struct mac){ { frame[0] } }) &&
	    carrier_is_stale(h)) {
		r->is_copied = true;
		r->rule = TRAFFIC_ANY;
	}
	write_number(&w, MAGIC, 4);
	write_number(&w, number, 8);
	p.frame = frame;
	p.size = w.size;
	if (from->is_alive)
		host_input(h, &p);
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

uint64_t traffic_send_sized(struct sim *sim, struct host *h,
			    struct sim_port *from, struct sim_port *to,
			    uint32_t ip_size, bool is_df,
			    enum traffic_rule rule)
{
	struct record *r = add(sim);

	r->kind = TRAFFIC_SIZED;
	r->rule = rule;
	r->vni = from->port.vni;
	r->from = from;
	r->to = to;
	r->ip_size = ip_size;
	r->is_df = is_df;
	return send(sim, h, r, &from->port.mac, &to->port.mac);
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

/* ICMP: fragmentation needed (RFC 1191). */
static bool is_too_big(const struct fake_packet *p)
{
	const uint8_t *f = p->frame;

	return p->size >= 14 + 20 + 8 && f[12] == 8 && f[13] == 0 &&
	       f[23] == 1 && f[34] == 3 && f[35] == 4;
}

/* Of a daemon: "this address is at this MAC", or "this was too long". */
static void told(struct sim_port *port, const struct fake_packet *p)
{
	struct reader r = reader_of(p->frame, p->size);

	if (is_too_big(p)) {
		port->n_too_big++;
		port->too_big_mtu = (uint32_t)p->frame[40] << 8 | p->frame[41];
		return;
	}
	if (p->size != 42)
		return;
	read_bytes(&r, 22);
	memcpy(port->told_mac.b, read_bytes(&r, 6), 6);
	port->told_ip = ip_from_v4(read_bytes(&r, 4));
	port->n_told++;
}

/* The record of a frame of ours that is still looked at, or NULL. */
static struct record *record_of(const struct sim *sim, const uint8_t *frame,
				size_t size, uint64_t *ret_number)
{
	struct traffic *t = sim->traffic;
	struct reader reader = reader_of(frame, size);

	read_bytes(&reader, size < 12 ? 0 : size - 12);
	if (read_u32(&reader) != MAGIC)
		return NULL;
	*ret_number = read_u64(&reader);
	if (*ret_number < t->n_first || *ret_number >= t->n)
		return NULL;
	return &t->list[*ret_number - t->n_first];
}

void traffic_copied(struct sim *sim, const uint8_t *frame, size_t size)
{
	uint64_t number;
	struct record *r = record_of(sim, frame, size, &number);

	if (r)
		r->is_copied = true;
}

void traffic_arrived(struct sim *sim, struct host *h, struct sim_port *port,
		     const struct fake_packet *p)
{
	struct reader reader = reader_of(p->frame, p->size);
	struct record *r;
	uint64_t number;
	uint32_t i;

	read_bytes(&reader, p->size < 12 ? 0 : p->size - 12);
	if (read_u32(&reader) != MAGIC) {
		told(port, p);
		return;
	}
	r = record_of(sim, p->frame, p->size, &number);
	if (!r)
		return;
	if (port->port.vni != r->vni)
		sim_fail(sim, "host %u: frame %llu in another network",
			 h->index, (unsigned long long)number);
	if (port == r->from && !r->is_to_itself)
		sim_fail(sim,
			 "host %u: frame %llu, kind %d: back at its sender",
			 h->index, (unsigned long long)number, r->kind);
	for (i = 0; i < r->n; i++) {
		if (r->where[i] != port)
			continue;
		if (!r->is_copied)
			sim_fail(sim, "host %u: frame %llu comes twice",
				 h->index, (unsigned long long)number);
		return;
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
	case TRAFFIC_WELL:
		if (r->n > 1 || (r->n == 1 && r->where[0] != r->to))
			sim_fail(sim,
				 "frame %llu of %.6f s, kind %d: at others", nr,
				 at, r->kind);
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
	const enum traffic_rule rule = sim->traffic->rule;

	if (!to->is_known || !to->is_alive || from == to ||
	    from->port.vni != to->port.vni)
		return;
	traffic_send(sim, h, from, to, TRAFFIC_UNICAST, rule, NULL);
	if (!with_requests)
		return;
	if (ip_of(to, true))
		traffic_send(sim, h, from, to, TRAFFIC_ARP, rule, NULL);
	if (ip_of(to, false))
		traffic_send(sim, h, from, to, TRAFFIC_ND, rule, NULL);
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
