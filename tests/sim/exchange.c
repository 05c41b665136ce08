/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange.h"

#include <stdlib.h>

#include "core/view.h"

static bool is_lost(struct sim *sim, const struct fake_dp *dp)
{
	return dp->lost_percent && sim_chance(sim, dp->lost_percent);
}

/* Whether it is done all the same. */
static bool doubt(struct sim *sim, struct fake_dp *dp)
{
	dp->is_in_doubt = dp->is_unsure = true;
	return sim_chance(sim, 50);
}

static enum flow_refusal put(struct fake_dp *dp, const struct flow_match *match,
			     const struct flow_actions *actions, bool *ret_ok)
{
	const enum fake_result r = fake_dp_put(dp, match, actions);

	*ret_ok = r == FAKE_OK;
	return r == FAKE_FULL ? FLOW_REFUSED_FULL : FLOW_REFUSED_OVERLAP;
}

bool exchange_put(struct sim *sim, struct fake_dp *dp, const struct action *a,
		  struct event *ret)
{
	bool is_put = false;

	*ret = (struct event){ .type = EVENT_FLOW_REFUSED };
	ret->flow.match = a->flow.match;
	if (!is_lost(sim, dp)) {
		ret->flow.refusal = put(dp, &a->flow.match, a->flow.actions,
					&is_put);
		return is_put;
	}
	if (doubt(sim, dp))
		put(dp, &a->flow.match, a->flow.actions, &is_put);
	ret->flow.refusal = FLOW_REFUSED_OTHER;
	return false;
}

void exchange_delete(struct sim *sim, struct fake_dp *dp,
		     const struct action *a)
{
	if (!is_lost(sim, dp) || doubt(sim, dp))
		fake_dp_delete(dp, &a->flow.match);
}

void exchange_query(struct sim *sim, struct fake_dp *dp, const struct action *a,
		    struct event *ret)
{
	const struct fake_flow *f = fake_dp_find(dp, &a->flow.match);

	if (is_lost(sim, dp)) {
		dp->is_in_doubt = dp->is_unsure = true;
		f = NULL;
	}
	*ret = (struct event){ .type = EVENT_FLOW_USED };
	ret->used.match = a->flow.match;
	ret->used.is_known = f != NULL;
	ret->used.idle_us = USEC_NEVER;
	if (f && f->used_at != USEC_NEVER)
		ret->used.idle_us = sim->now - f->used_at;
}

void exchange_later(struct sim *sim, struct fake_dp *dp, sim_fn *audit,
		    uint64_t arg)
{
	if (!dp->is_in_doubt || dp->has_audit)
		return;
	dp->has_audit = true;
	sim_post(sim,
		 sim->now - sim->now % EXCHANGE_AUDIT_US + EXCHANGE_AUDIT_US,
		 audit, NULL, arg);
}

struct audit {
	struct sim *sim;
	struct fake_dp *dp;
	bool is_heard;
	uint32_t n_wanted;
	struct event *refused;
	uint32_t n_refused;
};

/* Of what is asked for unheard some is done. */
static bool is_done(const struct audit *t)
{
	return t->is_heard || sim_chance(t->sim, 50);
}

static void count(void *ctx, const struct flow_match *match,
		  const struct flow_actions *actions)
{
	struct audit *t = ctx;

	(void)match;
	(void)actions;
	t->n_wanted++;
}

static void put_missing(void *ctx, const struct flow_match *match,
			const struct flow_actions *actions)
{
	struct audit *t = ctx;
	const struct fake_flow *f = fake_dp_find(t->dp, match);
	struct event ev = { .type = EVENT_FLOW_REFUSED };
	bool is_put;

	if ((f && flow_actions_equal(&f->actions, actions)) || !is_done(t))
		return;
	ev.flow.match = *match;
	ev.flow.refusal = put(t->dp, match, actions, &is_put);
	if (!is_put && t->is_heard)
		t->refused[t->n_refused++] = ev;
}

static void delete_rest(const struct audit *t, const struct engine *e)
{
	struct flow_match *rest =
		sim_alloc((t->dp->n_flows + 1) * sizeof(*rest));
	struct fake_flow *f;
	uint32_t i, n = 0;

	EACH_FAKE_FLOW(t->dp, i, f)
	{
		if (!engine_find_flow(e, &f->match) && is_done(t))
			rest[n++] = f->match;
	}
	while (n)
		fake_dp_delete(t->dp, &rest[--n]);
	free(rest);
}

bool exchange_audit(struct sim *sim, struct fake_dp *dp, struct engine *e,
		    void (*refused)(void *ctx, const struct event *ev),
		    void *ctx)
{
	struct audit t = { .sim = sim,
			   .dp = dp,
			   .is_heard = !is_lost(sim, dp) };
	struct engine_counters counters;
	bool may_delete;
	uint32_t i;

	engine_all_flows(e, count, &t);
	engine_counters(e, &counters);
	may_delete = counters.n_flows == t.n_wanted;
	if (may_delete)
		delete_rest(&t, e);
	t.refused = sim_alloc((t.n_wanted + 1) * sizeof(*t.refused));
	engine_all_flows(e, put_missing, &t);
	dp->is_in_doubt = !may_delete || !t.is_heard;
	for (i = 0; i < t.n_refused; i++)
		refused(ctx, &t.refused[i]);
	free(t.refused);
	return may_delete && t.is_heard;
}
