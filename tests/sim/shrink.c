/* SPDX-License-Identifier: Apache-2.0 */
#include "shrink.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRIAL_SEC 60U

bool play(const struct scenario *s, const struct sim_options *options,
	  uint32_t n_steps)
{
	struct sim *sim = sim_new(options);
	bool is_ok;

	s->play(sim, n_steps);
	is_ok = !sim->is_failed;
	if (is_ok && options->is_verbose)
		printf("%s: seed %llu, %llu events, %llu frames\n", s->name,
		       (unsigned long long)sim->seed,
		       (unsigned long long)sim->n_done,
		       (unsigned long long)traffic_n_sent(sim));
	sim_free(sim);
	return is_ok;
}

static void silence(void)
{
	const int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
	}
}

/* One that takes too long is taken for well: it shows something else. */
static bool fails(const struct scenario *s, const struct sim_options *options,
		  uint32_t n_steps, const uint32_t *steps, uint32_t n)
{
	struct sim_options o = *options;
	int status;
	pid_t pid;

	o.steps = steps;
	o.n_steps = n;
	o.is_verbose = false;
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return false;
	if (pid == 0) {
		silence();
		alarm(TRIAL_SEC);
		_exit(play(s, &o, n_steps) ? 0 : 1);
	}
	while (waitpid(pid, &status, 0) != pid)
		;
	return WIFSIGNALED(status) ? WTERMSIG(status) != SIGALRM
				   : WEXITSTATUS(status) != 0;
}

/* @ret without @n of it from @at on; true: it still fails, and is that. */
static bool leave_out(const struct scenario *s, const struct sim_options *o,
		      uint32_t n_steps, uint32_t *ret, uint32_t *ret_n,
		      uint32_t at, uint32_t n)
{
	uint32_t *rest = sim_alloc((*ret_n + 1) * sizeof(rest[0]));
	const uint32_t end = at + n < *ret_n ? at + n : *ret_n;
	const uint32_t n_rest = *ret_n - (end - at);
	bool is_shorter;

	memcpy(rest, ret, at * sizeof(rest[0]));
	memcpy(rest + at, ret + end, (*ret_n - end) * sizeof(rest[0]));
	is_shorter = fails(s, o, n_steps, rest, n_rest);
	if (is_shorter) {
		memcpy(ret, rest, n_rest * sizeof(rest[0]));
		*ret_n = n_rest;
	}
	free(rest);
	return is_shorter;
}

uint32_t shrink(const struct scenario *s, const struct sim_options *options,
		uint32_t n_steps, uint32_t *ret)
{
	uint32_t n = n_steps, size, at, n_trials = 0, i;

	for (i = 0; i < n_steps; i++)
		ret[i] = i;
	for (size = (n + 1) / 2; size > 0 && n;
	     size = size > 1 ? size / 2 : 0) {
		for (at = 0; at < n && n_trials < SHRINK_MAX_TRIALS;
		     n_trials++) {
			if (!leave_out(s, options, n_steps, ret, &n, at, size))
				at += size;
		}
	}
	return n;
}
