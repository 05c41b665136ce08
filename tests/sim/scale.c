/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a daemon's engine takes in a cluster of a given size, and whether large
 * clusters come to rest: see scale.h. Prints one line of figures, by tabs;
 * memory, flows, messages and heartbeats are those of one real host.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/view.h"
#include "options.h"
#include "scale.h"

struct scale *scale;

struct wish {
	uint64_t n_hosts, n_containers, n_reals, seconds, seed, heartbeats;
	bool has_faults, has_head, has_kernel;
};

static void count_flow(void *ctx, const struct flow_match *match,
		       const struct flow_actions *actions)
{
	(void)match;
	(void)actions;
	++*(uint32_t *)ctx;
}

/* Of all real hosts, the one that knows fewest. */
static uint32_t n_up(void)
{
	uint32_t least = scale->n, i;

	for (i = 0; i < scale->n_reals; i++) {
		struct peer_view v;
		size_t pos = 0;
		uint32_t n = 0;

		while (engine_each_peer(scale->reals[i].engine, &pos, &v))
			n += v.state == PEER_UP && v.paths[PATH_FASTDP].plpmtu;
		least = n < least ? n : least;
	}
	return least;
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

static void converge(void)
{
	const size_t memory = mallinfo2().uordblks;
	const usec_t began = scale->sim->now;
	const double cpu = cpu_s();
	uint32_t n_flows = 0, i;

	for (i = 0; i < scale->n_reals; i++)
		real_start(&scale->reals[i], false);
	while (n_up() < scale->n - 1 && !scale->sim->is_failed &&
	       scale->sim->now < began + 600 * USEC_PER_SEC)
		sim_run(scale->sim, 100 * USEC_PER_MS);
	engine_all_flows(scale->reals[0].engine, count_flow, &n_flows);
	printf("%u\t%u\t%u\t%u\t%.1f\t%.2f\t%.1f\t%u\t%llu\t%.2f\t%llu\t%.2f",
	       scale->n, scale->n_containers, scale->n_reals, n_up(),
	       (double)(scale->sim->now - began) / 1e6,
	       (cpu_s() - cpu) / scale->n_reals,
	       mega(mallinfo2().uordblks - memory) / scale->n_reals, n_flows,
	       (unsigned long long)scale->f.n_in, mega(scale->f.in_bytes),
	       (unsigned long long)scale->f.n_out, mega(scale->f.out_bytes));
}

static void last(const struct wish *w)
{
	const struct figures before = scale->f;
	const double cpu = cpu_s(), seconds = (double)w->seconds;
	uint64_t i;

	for (i = 0; i < w->seconds && !scale->sim->is_failed; i++) {
		if (w->has_faults)
			scale_fault();
		sim_run(scale->sim, USEC_PER_SEC);
	}
	printf("\t%.1f\t%.1f\t%.1f\t%.4f",
	       (double)(scale->f.n_beats - before.n_beats) / seconds,
	       (double)(scale->f.n_probes - before.n_probes) / seconds,
	       (double)(scale->f.beat_bytes - before.beat_bytes) * 8e-3 /
		       seconds,
	       (cpu_s() - cpu) / seconds / scale->n_reals);
}

/* Dials are up to 37 s apart, and what has gone is held for a minute. */
static bool settle(const struct wish *w)
{
	if (w->has_faults)
		scale_heal();
	sim_run(scale->sim, (w->has_faults ? 150 : 5) * USEC_PER_SEC);
	return !scale->sim->is_failed && scale_check();
}

static bool run(const struct wish *w)
{
	const struct sim_options so = { .name = "scale", .seed = w->seed };
	struct scale s = { .sim = sim_new(&so),
			   .codec = codec_new(),
			   .n = (uint32_t)w->n_hosts,
			   .n_reals = (uint32_t)w->n_reals,
			   .n_containers = (uint32_t)w->n_containers,
			   .has_kernel = w->has_kernel,
			   .heartbeats_per_sec = (uint32_t)w->heartbeats };
	uint32_t i;
	bool is_ok;

	scale = &s;
	s.sim->max_events = UINT64_MAX;
	puppets_make();
	reals_make();
	converge();
	last(w);
	is_ok = settle(w);
	printf("\t%.1f\t%s\n", cpu_s(), is_ok ? "well" : "FAILED");
	reals_free();
	for (i = 0; i < s.n; i++)
		free(s.places[i].sessions);
	free(s.places);
	free(s.owners);
	free(s.moved);
	codec_free(s.codec);
	sim_free(s.sim);
	return is_ok;
}

int main(int argc, char **argv)
{
	struct wish w = { .n_hosts = 100,
			  .n_containers = 100,
			  .n_reals = 1,
			  .seconds = 60,
			  .seed = 1 };
	const struct sim_option table[] = {
		{ .name = "hosts",
		  .value = "N",
		  .help = "in all; 100",
		  .number = &w.n_hosts,
		  .min = 2,
		  .max = 20000 },
		{ .name = "real",
		  .value = "N",
		  .help = "with an engine, the others are spoken for; 1",
		  .number = &w.n_reals,
		  .min = 1,
		  .max = 20000 },
		{ .name = "containers",
		  .value = "N",
		  .help = "each; 100",
		  .number = &w.n_containers,
		  .min = 1,
		  .max = 1000 },
		{ .name = "seconds",
		  .value = "N",
		  .help = "of virtual time once all are known; 60",
		  .number = &w.seconds,
		  .min = 1,
		  .max = 1000000 },
		{ .name = "seed",
		  .value = "N",
		  .help = "1",
		  .number = &w.seed,
		  .max = UINT32_MAX },
		{ .name = "heartbeats",
		  .value = "N",
		  .help = "a second and host, at most; 0: as by default",
		  .number = &w.heartbeats,
		  .max = 100000 },
		{ .name = "faults",
		  .help = "one a second",
		  .flag = &w.has_faults },
		{ .name = "kernel",
		  .help = "flows of real hosts are kept and looked into",
		  .flag = &w.has_kernel },
		{ .name = "head",
		  .help = "prints what the columns are",
		  .flag = &w.has_head },
		{ .name = NULL },
	};

	sim_options_parse(table, "One daemon, or some, in a large cluster.",
			  NULL, argc, argv);
	if (w.n_reals > w.n_hosts)
		w.n_reals = w.n_hosts;
	if (w.has_head)
		printf("hosts\tcontainers\treal\tup\tconverged_s\tcpu_s\t"
		       "memory_mb\tflows\tin\tin_mb\tout\tout_mb\t"
		       "beats_per_s\tprobes_per_s\tkbit_per_s\t"
		       "cpu_of_a_second\tcpu_of_all_s\tresult\n");
	return run(&w) ? 0 : 1;
}
