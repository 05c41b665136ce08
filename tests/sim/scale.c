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

#include "core/view.h"
#include "puppet.h"

struct scale *scale;

static void drain(void);

void scale_tell(const struct event *ev)
{
	engine_handle(scale->engine, scale->sim->now, ev);
	if (!scale->is_draining)
		drain();
}

static void apply(const struct action *a)
{
	switch (a->type) {
	case ACTION_DIAL:
		puppet_dial(a);
		break;
	case ACTION_SEND:
		puppet_count(&a->send.message, false);
		break;
	case ACTION_CLOSE:
		puppet_closed(a->close.session);
		break;
	case ACTION_FLOW_PUT:
		scale->f.n_puts++;
		break;
	case ACTION_FLOW_DEL:
		scale->f.n_deletes++;
		break;
	case ACTION_EXECUTE:
		puppet_probe(a);
		break;
	case ACTION_SLEEVE_BEAT:
		puppet_beat(a);
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
	ev.mtu = SCALE_LINK_MTU - 50;
	engine_handle(scale->engine, scale->sim->now, &ev);
	ev = (struct event){ .type = EVENT_TARGET_ADDED };
	ev.target.host = "10.1.0.1";
	ev.target.port = 6783;
	ev.target.is_configured = true;
	engine_handle(scale->engine, scale->sim->now, &ev);
	ev = (struct event){ .type = EVENT_STARTED };
	scale_tell(&ev);
	for (uint32_t i = 0; i < 2; i++) {
		ev = (struct event){ .type = EVENT_TAP };
		ev.tap.vni = 100 + i;
		ev.tap.port_no = PORT_NO_TAP + i;
		scale_tell(&ev);
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
	puppets_make();
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
			puppets_fault();
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
