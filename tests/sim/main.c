/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim [--seed N] [--seeds N] [--hosts N] [--steps N] [--scenario NAME]
 *     [--jobs N] [--heartbeats N] [--only STEP,STEP...] [-v]
 *
 * Without a seed: every scenario with many seeds (those with a script of their
 * own with a quarter of them), --jobs processes at once. The first failure ends
 * it, says its seed, and is status 1; of a random history it says the shortest
 * list of steps that fails as well, which --only plays again.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shrink.h"

#define MAX_JOBS 64U

struct options {
	uint64_t seed, n_seeds;
	uint32_t n_hosts, n_steps, n_jobs, heartbeats_per_sec;
	const char *scenario;
	bool is_verbose;
	uint32_t *only, n_only;
};

/* What a worker is at, for whoever finds it dead. */
struct progress {
	uint32_t scenario;
	uint64_t seed, n_played;
};

static struct sim_options of(const struct scenario *s, const struct options *o,
			     uint64_t seed)
{
	return (struct sim_options){
		.name = s->name,
		.seed = seed,
		.n_hosts = s->n_hosts ? s->n_hosts : o->n_hosts,
		.heartbeats_per_sec = o->heartbeats_per_sec,
		.has_sleeve = s->sleeve == SLEEVE_YES ||
			      (s->sleeve == SLEEVE_EITHER && seed % 2),
		.is_verbose = o->is_verbose,
		.steps = o->only,
		.n_steps = o->n_only,
	};
}

static uint64_t number(const char *text)
{
	char *end;
	const unsigned long long n = strtoull(text, &end, 0);

	if (!*text || *end) {
		fprintf(stderr, "sim: %s is no number\n", text);
		exit(2);
	}
	return n;
}

static void numbers(char *text, struct options *o)
{
	char *word, *rest = NULL;

	o->only = sim_alloc((strlen(text) + 1) * sizeof(o->only[0]));
	for (word = strtok_r(text, ",", &rest); word;
	     word = strtok_r(NULL, ",", &rest))
		o->only[o->n_only++] = (uint32_t)number(word);
}

static void check(const struct options *o)
{
	if (o->n_hosts < 2 || o->n_hosts > SIM_MAX_HOSTS) {
		fprintf(stderr, "sim: 2 to %u hosts\n", SIM_MAX_HOSTS);
		exit(2);
	}
	if (o->n_steps > SHRINK_MAX_STEPS || !o->n_jobs ||
	    o->n_jobs > MAX_JOBS) {
		fprintf(stderr, "sim: up to %u steps, 1 to %u jobs\n",
			SHRINK_MAX_STEPS, MAX_JOBS);
		exit(2);
	}
}

static void print_help(void)
{
	const struct scenario *s;

	printf("usage: sim [--seed N] [--seeds N] [--hosts N] [--steps N]\n"
	       "           [--scenario NAME] [--jobs N] [--heartbeats N]\n"
	       "           [--only STEP,STEP...] [-v]\n\n"
	       "Plays scenarios with many hosts in one process. scenarios:\n");
	for (s = scenarios; s->name; s++)
		printf("  %s\n", s->name);
}

static void take(struct options *o, int c)
{
	switch (c) {
	case 's':
		o->seed = number(optarg);
		o->n_seeds = 1;
		break;
	case 'n':
		o->n_seeds = number(optarg);
		break;
	case 'h':
		o->n_hosts = (uint32_t)number(optarg);
		break;
	case 't':
		o->n_steps = (uint32_t)number(optarg);
		break;
	case 'c':
		o->scenario = optarg;
		break;
	case 'j':
		o->n_jobs = (uint32_t)number(optarg);
		break;
	case 'b':
		o->heartbeats_per_sec = (uint32_t)number(optarg);
		break;
	case 'o':
		numbers(optarg, o);
		break;
	case 'v':
		o->is_verbose = true;
		break;
	case 'H':
		print_help();
		exit(0);
	default:
		fprintf(stderr, "sim: see sim --help\n");
		exit(2);
	}
}

static struct options parse(int argc, char **argv)
{
	static const struct option table[] = {
		{ "seed", 1, NULL, 's' },
		{ "seeds", 1, NULL, 'n' },
		{ "hosts", 1, NULL, 'h' },
		{ "steps", 1, NULL, 't' },
		{ "scenario", 1, NULL, 'c' },
		{ "jobs", 1, NULL, 'j' },
		{ "heartbeats", 1, NULL, 'b' },
		{ "only", 1, NULL, 'o' },
		{ "verbose", 0, NULL, 'v' },
		{ "help", 0, NULL, 'H' },
		{ 0 },
	};
	struct options o = { .seed = 1,
			     .n_seeds = 200,
			     .n_hosts = 4,
			     .n_steps = 150,
			     .n_jobs = 1 };
	int c;

	while ((c = getopt_long(argc, argv, "v", table, NULL)) != -1)
		take(&o, c);
	check(&o);
	return o;
}

/* Every n_jobs-th run; false: one failed. */
static bool work(const struct options *o, uint32_t job, struct progress *p)
{
	uint64_t i, n, n_done = 0;

	for (p->scenario = 0; scenarios[p->scenario].name; p->scenario++) {
		const struct scenario *s = &scenarios[p->scenario];

		if (o->scenario && strcmp(o->scenario, s->name) != 0)
			continue;
		/* With a number of hosts of its own there is less at random. */
		n = s->n_hosts && !o->scenario ? (o->n_seeds + 3) / 4
					       : o->n_seeds;
		for (i = 0; i < n; i++) {
			struct sim_options so = of(s, o, o->seed + i);

			if (n_done++ % o->n_jobs != job)
				continue;
			p->seed = so.seed;
			if (!play(s, &so, o->n_steps))
				return false;
			p->n_played++;
		}
	}
	return true;
}

/* The run that a worker died of, or said had failed. */
static void tell(const struct options *o, const struct progress *p, int status)
{
	const struct scenario *s = &scenarios[p->scenario];
	struct sim_options so = of(s, o, p->seed);
	struct sim shape = { .seed = so.seed,
			     .n_hosts = so.n_hosts,
			     .has_sleeve = so.has_sleeve };
	uint32_t *steps, n, i;
	char text[160];

	if (WIFSIGNALED(status))
		fprintf(stderr, "FAILED %s, seed %llu, hosts %u: signal %d\n",
			s->name, (unsigned long long)p->seed, so.n_hosts,
			WTERMSIG(status));
	if (!s->text || o->only)
		return;
	steps = sim_alloc((o->n_steps + 1) * sizeof(steps[0]));
	n = shrink(s, &so, o->n_steps, steps);
	fprintf(stderr, "%u of %u steps suffice:\n", n, o->n_steps);
	for (i = 0; i < n; i++) {
		fprintf(stderr, "  %4u %s\n", steps[i],
			s->text(&shape, steps[i], text, sizeof(text)));
	}
	fprintf(stderr,
		"again: sim -v --scenario %s --hosts %u --steps %u --seed "
		"%llu --heartbeats %u --only ",
		s->name, so.n_hosts, o->n_steps, (unsigned long long)p->seed,
		o->heartbeats_per_sec);
	for (i = 0; i < n; i++)
		fprintf(stderr, "%s%u", i ? "," : "", steps[i]);
	fprintf(stderr, n ? "\n" : "99999\n");
	free(steps);
}

static pid_t start(const struct options *o, uint32_t job, struct progress *p)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		const bool is_ok = work(o, job, &p[job]);

		fflush(NULL);
		exit(is_ok ? 0 : 1); /* gcov writes at exit */
	}
	if (pid < 0) {
		perror("sim: fork");
		exit(2);
	}
	return pid;
}

static bool work_all(const struct options *o, struct progress *p)
{
	pid_t pids[MAX_JOBS];
	bool is_ok = true;
	uint32_t i;
	int status;

	for (i = 0; i < o->n_jobs; i++)
		pids[i] = start(o, i, p);
	for (i = 0; i < o->n_jobs; i++) {
		while (waitpid(pids[i], &status, 0) != pids[i])
			;
		if (status && is_ok)
			tell(o, &p[i], status);
		is_ok = is_ok && !status;
	}
	return is_ok;
}

int main(int argc, char **argv)
{
	struct options o = parse(argc, argv);
	struct progress *p = mmap(NULL, MAX_JOBS * sizeof(*p),
				  PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t n = 0;
	bool is_ok;
	uint32_t i;

	if (p == MAP_FAILED) {
		perror("sim: mmap");
		return 2;
	}
	/* One run is for a debugger: in this process. */
	is_ok = o.is_verbose || o.only ? work(&o, 0, p) : work_all(&o, p);
	for (i = 0; i < o.n_jobs; i++)
		n += p[i].n_played;
	free(o.only);
	if (!is_ok)
		return 1;
	if (!n) {
		fprintf(stderr, "sim: no such scenario\n");
		return 2;
	}
	printf("%llu runs, all well\n", (unsigned long long)n);
	return 0;
}
