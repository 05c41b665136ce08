/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim [--seed N] [--seeds N] [--hosts N] [--steps N] [--scenario NAME] [-v]
 * Without a seed: every scenario with many seeds (those with a script of their
 * own with a quarter of them). The first failure ends it, says its seed, and is
 * status 1.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenario.h"

struct options {
	uint64_t seed, n_seeds;
	uint32_t n_hosts, n_steps;
	const char *scenario;
	bool is_verbose;
};

static bool play(const struct scenario *s, const struct options *o,
		 uint64_t seed)
{
	const uint32_t n_hosts = s->n_hosts ? s->n_hosts : o->n_hosts;
	const struct sim_options so = {
		.name = s->name,
		.seed = seed,
		.n_hosts = n_hosts,
		.has_sleeve = s->sleeve == SLEEVE_YES ||
			      (s->sleeve == SLEEVE_EITHER && seed % 2),
		.is_verbose = o->is_verbose
	};
	struct sim *sim = sim_new(&so);
	bool is_ok;

	s->play(sim, o->n_steps);
	is_ok = !sim->is_failed;
	if (is_ok && o->is_verbose)
		printf("%s: seed %llu, %llu events, %llu frames\n", s->name,
		       (unsigned long long)seed,
		       (unsigned long long)sim->n_done,
		       (unsigned long long)traffic_n_sent(sim));
	sim_free(sim);
	return is_ok;
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

static struct options parse(int argc, char **argv)
{
	static const struct option table[] = {
		{ "seed", 1, NULL, 's' },
		{ "seeds", 1, NULL, 'n' },
		{ "hosts", 1, NULL, 'h' },
		{ "steps", 1, NULL, 't' },
		{ "scenario", 1, NULL, 'c' },
		{ "verbose", 0, NULL, 'v' },
		{ 0 },
	};
	struct options o = {
		.seed = 1, .n_seeds = 200, .n_hosts = 4, .n_steps = 150
	};
	int c;

	while ((c = getopt_long(argc, argv, "v", table, NULL)) != -1) {
		switch (c) {
		case 's':
			o.seed = number(optarg);
			o.n_seeds = 1;
			break;
		case 'n':
			o.n_seeds = number(optarg);
			break;
		case 'h':
			o.n_hosts = (uint32_t)number(optarg);
			break;
		case 't':
			o.n_steps = (uint32_t)number(optarg);
			break;
		case 'c':
			o.scenario = optarg;
			break;
		case 'v':
			o.is_verbose = true;
			break;
		default:
			exit(2);
		}
	}
	if (o.n_hosts < 2 || o.n_hosts > SIM_MAX_HOSTS) {
		fprintf(stderr, "sim: 2 to %u hosts\n", SIM_MAX_HOSTS);
		exit(2);
	}
	return o;
}

int main(int argc, char **argv)
{
	const struct options o = parse(argc, argv);
	const struct scenario *s;
	uint64_t i, n_played = 0;

	for (s = scenarios; s->name; s++) {
		if (o.scenario && strcmp(o.scenario, s->name) != 0)
			continue;
		/* With a number of hosts of its own there is less at random. */
		const uint64_t n = s->n_hosts && !o.scenario
					   ? (o.n_seeds + 3) / 4
					   : o.n_seeds;

		for (i = 0; i < n; i++, n_played++) {
			if (!play(s, &o, o.seed + i))
				return 1;
		}
	}
	if (!n_played) {
		fprintf(stderr, "sim: no such scenario\n");
		return 2;
	}
	printf("%llu runs, all well\n", (unsigned long long)n_played);
	return 0;
}
