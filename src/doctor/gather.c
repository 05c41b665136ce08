/* SPDX-License-Identifier: Apache-2.0 */
#include "gather.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "gatherers.h"
#include "judges.h"
#include "sys/clock.h"
#include "sys/error.h"

#define PATIENCE_US (2 * USEC_PER_SEC)

/* What fails here is no fault of the host, so it is only left out. */
static json_t *ask(const struct gather *g, const char *verb)
{
	struct error e = { .code = "" };

	return g->ask ? g->ask(g->arg, verb, &e) : NULL;
}

static void take_refusal(const struct error *e, struct facts *ret)
{
	const bool is_down = strcmp(e->code, "no-daemon") == 0;

	FACTS_SET(ret->daemon.state, is_down ? "down" : "odd");
	FACTS_SET(ret->daemon.message, e->message);
	FACTS_SET(ret->daemon.hint, e->hint);
}

static void ask_daemon(const struct gather *g, struct facts *ret)
{
	struct error e = { .code = "" };
	json_t *reply = g->ask(g->arg, "status", &e);

	if (!reply) {
		take_refusal(&e, ret);
		return;
	}
	gather_status(reply, ret);
	json_decref(reply);
	reply = ask(g, "doctor");
	gather_details(reply, ret);
	json_decref(reply);
	reply = ask(g, "ipam");
	gather_blocks(reply, ret);
	json_decref(reply);
	reply = ask(g, "metrics");
	gather_metrics(reply, ret);
	json_decref(reply);
}

static void ask_daemon_again(const struct gather *g, struct facts *ret)
{
	json_t *reply = ask(g, "status");

	gather_status_again(reply, ret);
	json_decref(reply);
	reply = ask(g, "metrics");
	gather_metrics(reply, ret);
	json_decref(reply);
}

static void wait_ms(uint32_t ms)
{
	struct timespec t = { .tv_sec = ms / 1000,
			      .tv_nsec = (long)(ms % 1000) * 1000000 };

	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

static bool seems_wedged(const struct facts *f)
{
	size_t i;

	for (i = 0; i < f->n_egress; i++) {
		if (rules_is_wedged(f, f->egress[i].ifname))
			return true;
	}
	return false;
}

static void look_again(const struct gather *g, struct facts *ret)
{
	ask_daemon_again(g, ret);
	gather_links_again(ret);
	gather_counters(g->root, ret);
}

/* Who waits for longer than that is told for what. */
static void tell(const struct gather *g, usec_t started, const char *what)
{
	if (g->say && clock_monotonic_us() - started > PATIENCE_US)
		g->say(g->arg, what);
}

static void look_first(const struct gather *g, struct facts *ret)
{
	const usec_t started = clock_monotonic_us();

	gather_kernel(g->root, ret);
	gather_config(g->config, ret);
	if (g->ask)
		ask_daemon(g, ret);
	tell(g, started, "looking at links");
	gather_links(ret);
	gather_counters(g->root, ret);
	tell(g, started, "looking at the ways to peers");
	gather_ways(ret);
	gather_nics(ret);
	gather_sysctls(g->root, ret);
	tell(g, started, "looking for who has which port");
	gather_sockets(g->root, ret);
}

void gather_facts(const struct gather *g, struct facts *ret)
{
	look_first(g, ret);
	/* Without the daemon nothing of ours is sent that could be missed. */
	if (!facts_is_up(ret) || !g->interval_ms)
		return;
	wait_ms(g->interval_ms);
	ret->interval_ms = g->interval_ms;
	look_again(g, ret);
	if (!seems_wedged(ret))
		return;
	if (g->say)
		g->say(g->arg, "a card seems to stand still: looking again");
	wait_ms(3 * g->interval_ms);
	ret->interval_ms = 4 * g->interval_ms;
	look_again(g, ret);
}
