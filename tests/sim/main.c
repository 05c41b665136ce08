/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Without a seed: every scenario with many seeds (those with a script of their
 * own with a quarter of them), --jobs processes at once. The first failure ends
 * it, says its seed, and is status 1; of a random history it says the shortest
 * list of steps that fails as well, which --only plays again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "options.h"
#include "shrink.h"

#define MAX_JOBS 64U

struct options {
	uint64_t seed, n_seeds, n_hosts, n_steps, n_jobs, heartbeats_per_sec;
	const char *scenario, *only_text;
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
		.n_hosts = s->n_hosts ? s->n_hosts : (uint32_t)o->n_hosts,
		.heartbeats_per_sec = (uint32_t)o->heartbeats_per_sec,
		.has_sleeve = s->sleeve == SLEEVE_YES ||
			      (s->sleeve == SLEEVE_EITHER && seed % 2),
		.is_verbose = o->is_verbose,
		.steps = o->only,
		.n_steps = o->n_only,
	};
}

static void take_only(struct options *o)
{
	char *text = strdup(o->only_text), *word, *rest = NULL;

	if (!text)
		abort();
	o->only = sim_alloc((strlen(text) + 1) * sizeof(o->only[0]));
	for (word = strtok_r(text, ",", &rest); word;
	     word = strtok_r(NULL, ",", &rest))
		o->only[o->n_only++] = (uint32_t)sim_options_number("only",
								    word, 0,
								    UINT32_MAX);
	free(text);
}

static void print_scenarios(void)
{
	const struct scenario *s;

	printf("\nscenarios:\n");
	for (s = scenarios; s->name; s++) {
		printf("  %-12s ", s->name);
		if (s->n_hosts)
			printf("%u hosts\n", s->n_hosts);
		else
			printf("as many hosts as asked for%s\n",
			       s->text ? ", steps at random" : "");
	}
}

static struct options parse(int argc, char **argv)
{
	struct options o = {
		.seed = UINT64_MAX, .n_hosts = 4, .n_steps = 150, .n_jobs = 1
	};
	const struct sim_option table[] = {
		{ .name = "scenario",
		  .value = "NAME",
		  .help = "that one alone, of those below",
		  .text = &o.scenario },
		{ .name = "seed",
		  .value = "N",
		  .help = "the first; alone: no other",
		  .number = &o.seed,
		  .max = UINT64_MAX - 1 },
		{ .name = "seeds",
		  .value = "N",
		  .help = "how many; of a scenario with a number of hosts of "
			  "its own a quarter; 200",
		  .number = &o.n_seeds,
		  .min = 1,
		  .max = UINT32_MAX },
		{ .name = "hosts",
		  .value = "N",
		  .help = "4",
		  .number = &o.n_hosts,
		  .min = 2,
		  .max = SIM_MAX_HOSTS },
		{ .name = "steps",
		  .value = "N",
		  .help = "of a random history; 150",
		  .number = &o.n_steps,
		  .max = SHRINK_MAX_STEPS },
		{ .name = "only",
		  .value = "STEP,STEP...",
		  .help = "of a random history these steps alone",
		  .text = &o.only_text },
		{ .name = "jobs",
		  .value = "N",
		  .help = "processes at once; 1",
		  .number = &o.n_jobs,
		  .min = 1,
		  .max = MAX_JOBS },
		{ .name = "heartbeats",
		  .value = "N",
		  .help = "a second and host, at most; 0: as by default",
		  .number = &o.heartbeats_per_sec,
		  .max = 100000 },
		{ .name = "verbose",
		  .help = "or -v: says all that happens",
		  .flag = &o.is_verbose },
		{ .name = NULL },
	};

	sim_options_parse(
		table,
		"Plays scenarios with many hosts in one process. What "
		"fails is said with its seed.",
		print_scenarios, argc, argv);
	if (!o.n_seeds)
		o.n_seeds = o.seed == UINT64_MAX ? 200 : 1;
	if (o.seed == UINT64_MAX)
		o.seed = 1;
	if (o.only_text)
		take_only(&o);
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
			if (!play(s, &so, (uint32_t)o->n_steps))
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
	n = shrink(s, &so, (uint32_t)o->n_steps, steps);
	fprintf(stderr, "%u of %u steps suffice:\n", n, (uint32_t)o->n_steps);
	for (i = 0; i < n; i++) {
		fprintf(stderr, "  %4u %s\n", steps[i],
			s->text(&shape, steps[i], text, sizeof(text)));
	}
	fprintf(stderr,
		"again: sim -v --scenario %s --hosts %u --steps %u --seed "
		"%llu --heartbeats %u --only ",
		s->name, so.n_hosts, (uint32_t)o->n_steps,
		(unsigned long long)p->seed, so.heartbeats_per_sec);
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
