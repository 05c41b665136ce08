/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scale [--hosts N] [--containers N] [--seconds N] [--faults] [--seed N]
 *
 * What one daemon's engine takes in a cluster of a given size: the engine is
 * real, its peers are spoken for. They dial, announce their containers, tell
 * of each other, and answer heartbeats and probes after a round trip; with
 * --faults they die, restart, change what they announce, and lose packets.
 *
 * Prints one line of figures, by tabs; --head prints what the columns are.
 */
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/codec.h"
#include "core/view.h"
#include "core/wire.h"
#include "sim.h"

#define RTT_US 400U
#define LINK_MTU 1500U

struct puppet {
	struct hello hello;
	struct ip ip;
	session_t session; /* 0: none */
	uint64_t revision;
	bool is_dead; /* answers nothing */
};

struct figures {
	uint64_t n_in, n_out, in_bytes, out_bytes; /* messages of sessions */
	uint64_t n_beats, n_probes, beat_bytes;
	uint64_t n_puts, n_deletes;
	uint64_t n_faults;
};

struct scale {
	struct sim *sim;
	struct engine *engine;
	struct codec *codec;
	struct puppet *puppets;
	uint32_t n, n_containers;
	session_t last_session;
	uint32_t n_flows, max_flows;
	usec_t timer_at;
	bool is_draining;
	struct figures f;
};

static struct scale *scale;

/* What the engine is told a little later. */
struct reply {
	uint32_t puppet;
	struct event ev;
	size_t size;
	uint8_t frame[];
};

static void drain(void);

static void tell(const struct event *ev)
{
	engine_handle(scale->engine, scale->sim->now, ev);
	if (!scale->is_draining)
		drain();
}

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
	tell(&r->ev);
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

static void count_message(const struct message *m, bool is_in)
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

	count_message(m, true);
	ev.message.session = p->session;
	ev.message.message = m;
	tell(&ev);
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
	ev.egress.link_mtu = LINK_MTU;
	ev.egress.route_mtu = LINK_MTU;
	tell(&ev);
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
	tell(&ev);
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
	tell(&ev);
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
	tell(&ev);
}

/* Hosts are "10.1.H.L", for people as for engines. */
static void dial(const struct action *a)
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
static void probe(const struct action *a)
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
	    size + 36 > LINK_MTU)
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

static void beat(const struct action *a)
{
	struct event ev = { .type = EVENT_SLEEVE_REPLY };
	const uint32_t size = a->beat.size ? a->beat.size : 64;

	scale->f.n_probes += a->beat.size != 0;
	scale->f.n_beats += a->beat.size == 0;
	scale->f.beat_bytes += size + 14;
	if (size > LINK_MTU)
		return;
	ev.beat.peer_id = a->beat.place.peer_id;
	ev.beat.cookie = a->beat.cookie;
	ev.beat.seq = a->beat.seq;
	later(puppet_of(ev.beat.peer_id), &ev, NULL, 0);
}

static void apply(const struct action *a)
{
	uint32_t i;

	switch (a->type) {
	case ACTION_DIAL:
		dial(a);
		break;
	case ACTION_SEND:
		count_message(&a->send.message, false);
		break;
	case ACTION_CLOSE:
		for (i = 0; i < scale->n; i++) {
			if (scale->puppets[i].session == a->close.session)
				scale->puppets[i].session = 0;
		}
		break;
	case ACTION_FLOW_PUT:
		scale->f.n_puts++;
		break;
	case ACTION_FLOW_DEL:
		scale->f.n_deletes++;
		break;
	case ACTION_EXECUTE:
		probe(a);
		break;
	case ACTION_SLEEVE_BEAT:
		beat(a);
		break;
	default:
		break;
	}
}

static void tick(struct sim *sim, void *ctx, uint64_t arg)
{
	(void)ctx;
	(void)arg;
	if (sim->now < scale->timer_at)
		return;
	scale->timer_at = USEC_NEVER;
	drain();
}

static void drain(void)
{
	struct action a;
	usec_t at;

	scale->is_draining = true;
	while (engine_poll(scale->engine, scale->sim->now, &a))
		apply(&a);
	scale->is_draining = false;
	at = engine_deadline(scale->engine);
	if (at == USEC_NEVER || at == scale->timer_at)
		return;
	scale->timer_at = at;
	sim_post(scale->sim, at, tick, NULL, 0);
}

static void count_flow(void *ctx, const struct flow_match *match,
		       const struct flow_actions *actions)
{
	(void)match;
	(void)actions;
	++*(uint32_t *)ctx;
}

static uint32_t n_up(void)
{
	struct peer_view v;
	size_t pos = 0;
	uint32_t n = 0;

	while (engine_each_peer(scale->engine, &pos, &v))
		n += v.state == PEER_UP && v.paths[PATH_FASTDP].plpmtu;
	return n;
}

static void make_puppets(void)
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

static void add_ports(void)
{
	struct event ev = { .type = EVENT_PORT_ADDED };
	uint32_t i;

	for (i = 0; i < scale->n_containers; i++) {
		const uint8_t v4[4] = { 10, 31, (uint8_t)(i >> 8), (uint8_t)i };

		memset(&ev.port, 0, sizeof(ev.port));
		ev.port.port_no = PORT_NO_FIRST + i;
		ev.port.vni = 100 + i % 2;
		ev.port.mac = (struct mac){ { 2, 0xff, 0, 0, (uint8_t)(i >> 8),
					      (uint8_t)i } };
		ev.port.n_ips = 1;
		ev.port.ips[0] = ip_from_v4(v4);
		engine_handle(scale->engine, scale->sim->now, &ev);
	}
}

static void start_engine(void)
{
	const struct engine_config config = { .id = 1,
					      .instance = 1,
					      .seed = scale->sim->seed,
					      .vxlan_port = 6784,
					      .control_port = 6783,
					      .has_fastdp = true,
					      .has_sleeve = true,
					      .has_check_len = true,
					      .has_discovery = true,
					      .heartbeat_interval_us =
						      300 * USEC_PER_MS,
					      .hold_us = 60 * USEC_PER_SEC };
	struct event ev = { .type = EVENT_OVERLAY_MTU };

	scale->engine = engine_new(&config, scale->sim->now);
	add_ports();
	ev.mtu = LINK_MTU - 50;
	engine_handle(scale->engine, scale->sim->now, &ev);
	ev = (struct event){ .type = EVENT_TARGET_ADDED };
	ev.target.host = "10.1.0.1";
	ev.target.port = 6783;
	ev.target.is_configured = true;
	engine_handle(scale->engine, scale->sim->now, &ev);
	ev = (struct event){ .type = EVENT_STARTED };
	tell(&ev);
	for (uint32_t i = 0; i < 2; i++) {
		ev = (struct event){ .type = EVENT_TAP };
		ev.tap.vni = 100 + i;
		ev.tap.port_no = PORT_NO_TAP + i;
		tell(&ev);
	}
}

/* One a second: a host dies for a while, restarts, or announces anew. */
static void fault(void)
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

static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double mega(uint64_t bytes)
{
	return (double)bytes / 1e6;
}

struct wish {
	uint32_t n_hosts, n_containers, seconds;
	uint64_t seed;
	bool has_faults;
};

static void run(const struct wish *w)
{
	const struct sim_options so = { .name = "scale", .seed = w->seed };
	struct scale s = { .sim = sim_new(&so),
			   .codec = codec_new(),
			   .n = w->n_hosts - 1,
			   .n_containers = w->n_containers,
			   .timer_at = USEC_NEVER };
	struct figures before;
	usec_t began;
	double cpu, cpu_start;
	size_t memory;
	uint32_t n_flows = 0, i;

	scale = &s;
	make_puppets();
	memory = mallinfo2().uordblks;
	began = s.sim->now;
	cpu = cpu_s();
	start_engine();
	while (n_up() < s.n && s.sim->now < began + 600 * USEC_PER_SEC)
		sim_run(s.sim, 100 * USEC_PER_MS);
	cpu_start = cpu_s() - cpu;
	printf("%u\t%u\t%u\t%.1f\t%.2f", w->n_hosts, w->n_containers, n_up(),
	       (double)(s.sim->now - began) / 1e6, cpu_start);
	engine_all_flows(s.engine, count_flow, &n_flows);
	printf("\t%.1f\t%u\t%llu\t%.2f\t%llu\t%.2f",
	       mega(mallinfo2().uordblks - memory), n_flows,
	       (unsigned long long)s.f.n_in, mega(s.f.in_bytes),
	       (unsigned long long)s.f.n_out, mega(s.f.out_bytes));
	before = s.f;
	cpu = cpu_s();
	for (i = 0; i < w->seconds; i++) {
		if (w->has_faults)
			fault();
		sim_run(s.sim, USEC_PER_SEC);
	}
	printf("\t%.1f\t%.1f\t%.1f\t%.4f\n",
	       (double)(s.f.n_beats - before.n_beats) / w->seconds,
	       (double)(s.f.n_probes - before.n_probes) / w->seconds,
	       (double)(s.f.beat_bytes - before.beat_bytes) * 8e-3 / w->seconds,
	       (cpu_s() - cpu) / w->seconds);
	engine_free(s.engine);
	codec_free(s.codec);
	free(s.puppets);
	sim_free(s.sim);
}

static uint32_t number(const char *text)
{
	char *end;
	const unsigned long n = strtoul(text, &end, 10);

	if (!*text || *end || !n || n > 100000) {
		fprintf(stderr, "scale: %s: 1 to 100000\n", text);
		exit(2);
	}
	return (uint32_t)n;
}

int main(int argc, char **argv)
{
	static const struct option table[] = {
		{ "hosts", 1, NULL, 'h' },
		{ "containers", 1, NULL, 'c' },
		{ "seconds", 1, NULL, 's' },
		{ "seed", 1, NULL, 'r' },
		{ "faults", 0, NULL, 'f' },
		{ "head", 0, NULL, 'H' },
		{ 0 },
	};
	struct wish w = {
		.n_hosts = 100, .n_containers = 100, .seconds = 60, .seed = 1
	};
	int c;

	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (c == 'h')
			w.n_hosts = number(optarg);
		else if (c == 'c')
			w.n_containers = number(optarg);
		else if (c == 's')
			w.seconds = number(optarg);
		else if (c == 'r')
			w.seed = number(optarg);
		else if (c == 'f')
			w.has_faults = true;
		else if (c == 'H')
			printf("hosts\tcontainers\tup\tconverged_s\tcpu_s\t"
			       "memory_mb\tflows\tin\tin_mb\tout\tout_mb\t"
			       "beats_per_s\tprobes_per_s\tkbit_per_s\t"
			       "cpu_of_a_second\n");
		else
			return 2;
	}
	if (w.n_hosts < 2)
		return 2;
	run(&w);
	return 0;
}
