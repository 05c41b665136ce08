/* SPDX-License-Identifier: Apache-2.0 */
#include "sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "net.h"
#include "session.h"
#include "traffic.h"

/* Far more than any scenario needs: an endless chain of events ends here. */
#define MAX_EVENTS UINT64_C(50000000)

void *sim_alloc(size_t size)
{
	void *p = calloc(1, size);

	if (!p)
		abort();
	return p;
}

struct sim *sim_new(const struct sim_options *o)
{
	struct sim *sim = sim_alloc(sizeof(*sim));
	uint32_t i;

	sim->name = o->name;
	sim->seed = o->seed;
	sim->random = o->seed * 2 + 1;
	sim->is_verbose = o->is_verbose;
	sim->has_sleeve = o->has_sleeve;
	sim->heartbeats_per_sec = o->heartbeats_per_sec;
	sim->steps = o->steps;
	sim->n_steps = o->n_steps;
	sim->max_events = MAX_EVENTS;
	sim->now = USEC_PER_SEC;
	sim->n_hosts = o->n_hosts < SIM_MAX_HOSTS ? o->n_hosts : SIM_MAX_HOSTS;
	sim->net = net_new(sim->n_hosts);
	sim->traffic = traffic_new();
	for (i = 0; i < sim->n_hosts; i++)
		sim->hosts[i] = host_new(sim, i);
	sim->sessions = sessions_new(sim);
	return sim;
}

void sim_free(struct sim *sim)
{
	uint32_t i;

	for (i = 0; i < sim->n_hosts; i++)
		host_free(sim->hosts[i]);
	while (sim->n_events > 0)
		free(sim->heap[--sim->n_events].ctx);
	free(sim->heap);
	sessions_free(sim->sessions);
	traffic_free(sim->traffic);
	net_free(sim->net);
	free(sim);
}

static bool is_before(const struct sim_event *a, const struct sim_event *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

void sim_post(struct sim *sim, usec_t at, sim_fn *f, void *ctx, uint64_t arg)
{
	const struct sim_event ev = { .at = at > sim->now ? at : sim->now,
				      .order = sim->order++,
				      .f = f,
				      .ctx = ctx,
				      .arg = arg };
	size_t i = sim->n_events++;

	if (sim->n_events > sim->capacity) {
		sim->capacity = sim->capacity ? sim->capacity * 2 : 256;
		sim->heap = realloc(sim->heap,
				    sim->capacity * sizeof(*sim->heap));
		if (!sim->heap)
			abort();
	}
	while (i > 0 && is_before(&ev, &sim->heap[(i - 1) / 2])) {
		sim->heap[i] = sim->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	sim->heap[i] = ev;
}

static struct sim_event take(struct sim *sim)
{
	const struct sim_event first = sim->heap[0];
	const struct sim_event last = sim->heap[--sim->n_events];
	size_t i = 0, child;

	while ((child = 2 * i + 1) < sim->n_events) {
		if (child + 1 < sim->n_events &&
		    is_before(&sim->heap[child + 1], &sim->heap[child]))
			child++;
		if (!is_before(&sim->heap[child], &last))
			break;
		sim->heap[i] = sim->heap[child];
		i = child;
	}
	sim->heap[i] = last;
	return first;
}

void sim_run(struct sim *sim, usec_t for_us)
{
	const usec_t end = sim->now + for_us;

	while (!sim->is_failed && sim->n_events && sim->heap[0].at <= end) {
		struct sim_event ev = take(sim);

		sim->now = ev.at;
		ev.f(sim, ev.ctx, ev.arg);
		free(ev.ctx);
		if (++sim->n_done > sim->max_events)
			sim_fail(sim, "it does not come to rest");
	}
	if (!sim->is_failed)
		sim->now = end;
}

/* xorshift64*: the simulator's own, so that the core's cannot bend it. */
uint64_t sim_random(struct sim *sim, uint64_t range)
{
	sim->random ^= sim->random >> 12;
	sim->random ^= sim->random << 25;
	sim->random ^= sim->random >> 27;
	return (sim->random * UINT64_C(0x2545f4914f6cdd1d) >> 16) % range;
}

bool sim_chance(struct sim *sim, unsigned int percent)
{
	return sim_random(sim, 100) < percent;
}

bool sim_has_step(const struct sim *sim, uint32_t number)
{
	uint32_t i;

	for (i = 0; sim->steps && i < sim->n_steps; i++) {
		if (sim->steps[i] == number)
			return true;
	}
	return !sim->steps;
}

void sim_fail(struct sim *sim, const char *format, ...)
{
	va_list args;

	if (sim->is_failed)
		return;
	sim->is_failed = true;
	fflush(stdout);
	fprintf(stderr,
		"FAILED %s, seed %llu, hosts %u, at %.6f s: ", sim->name,
		(unsigned long long)sim->seed, sim->n_hosts,
		(double)sim->now / 1e6);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
}

void sim_log(const struct sim *sim, const char *format, ...)
{
	va_list args;

	if (!sim->is_verbose)
		return;
	printf("%12.6f ", (double)sim->now / 1e6);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}
