/* SPDX-License-Identifier: Apache-2.0 */
#include "flow_audit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "apply.h"
#include "core/alloc.h"
#include "log.h"
#include "state.h"
#include "sys/ovs_dp.h"

/* At once: sessions and upcalls wait meanwhile. */
#define MAX_OPS 4096U

struct comparison {
	struct daemon *daemon;
	uint32_t n_wanted, n_puts, n_dels;
	bool may_delete, is_unfinished;
	/* That the kernel has as they should be. */
	uint8_t (*right)[OVS_UFID_SIZE];
	size_t n_right, right_capacity;
	struct ovs_flow_op *ops;
	size_t n_ops, ops_capacity;
};

static struct ovs_flow_op *add_op(struct comparison *c,
				  enum ovs_flow_op_type type)
{
	struct ovs_flow_op *op;

	if (c->n_ops == MAX_OPS) {
		c->is_unfinished = true;
		return NULL;
	}
	if (c->n_ops == c->ops_capacity) {
		c->ops_capacity = c->ops_capacity * 2 + 16;
		c->ops = core_realloc(c->ops, c->ops_capacity, sizeof(*c->ops));
	}
	op = &c->ops[c->n_ops++];
	memset(op, 0, sizeof(*op));
	op->type = type;
	return op;
}

static void is_right(struct comparison *c, const uint8_t ufid[OVS_UFID_SIZE])
{
	if (c->n_right == c->right_capacity) {
		c->right_capacity = c->right_capacity * 2 + 64;
		c->right = core_realloc(c->right, c->right_capacity,
					sizeof(*c->right));
	}
	memcpy(c->right[c->n_right++], ufid, OVS_UFID_SIZE);
}

static int take_flow(void *ctx, const struct ovs_flow *flow)
{
	/* To a socket of an earlier life: to nobody. */
	static const struct flow_actions nothing;
	struct comparison *c = ctx;
	const uint32_t pid = datapath_ovs(c->daemon->datapath)->pid;
	const struct flow_actions *wanted, *actions;
	struct ovs_flow_op *op;

	if (flow->is_foreign)
		return 0;
	wanted = engine_find_flow(c->daemon->engine, &flow->match);
	actions = flow->pid && flow->pid != pid ? &nothing : &flow->actions;
	if (wanted && flow_actions_equal(wanted, actions)) {
		is_right(c, flow->ufid);
	} else if (!wanted && c->may_delete) {
		op = add_op(c, OVS_FLOW_DEL);
		if (op)
			memcpy(op->ufid, flow->ufid, sizeof(op->ufid));
		c->n_dels += op != NULL;
	}
	return 0;
}

static void count(void *ctx, const struct flow_match *match,
		  const struct flow_actions *actions)
{
	struct comparison *c = ctx;

	(void)match;
	(void)actions;
	c->n_wanted++;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, OVS_UFID_SIZE);
}

static void put_missing(void *ctx, const struct flow_match *match,
			const struct flow_actions *actions)
{
	uint8_t ufid[OVS_UFID_SIZE];
	struct comparison *c = ctx;
	struct ovs_flow_op *op;

	flow_match_ufid(match, ufid);
	if (c->n_right &&
	    bsearch(ufid, c->right, c->n_right, sizeof(*c->right), compare))
		return;
	op = add_op(c, OVS_FLOW_PUT);
	if (!op)
		return;
	op->match = match;
	op->actions = actions;
	c->n_puts++;
}

/* The engine hears of refusals last: what the operations borrow is its. */
static void take_errors(struct comparison *c)
{
	struct flow_match *refused =
		core_alloc((c->n_ops + 1) * sizeof(*refused));
	int *errors = core_alloc((c->n_ops + 1) * sizeof(*errors));
	size_t i, n = 0;

	for (i = 0; i < c->n_ops; i++) {
		const struct ovs_flow_op *op = &c->ops[i];

		if (op->type == OVS_FLOW_PUT && op->error) {
			errors[n] = op->error;
			refused[n++] = *op->match;
		} else if (op->error && op->error != -ENOENT) {
			c->is_unfinished = true;
		}
	}
	for (i = 0; i < n; i++)
		apply_refused(c->daemon, &refused[i], errors[i]);
	free(refused);
	free(errors);
}

static int compare_all(struct comparison *c)
{
	struct daemon *d = c->daemon;
	struct ovs_dp *ovs = datapath_ovs(d->datapath);
	struct engine_counters counters;
	int error;

	engine_all_flows(d->engine, count, c);
	engine_counters(d->engine, &counters);
	c->may_delete = counters.n_flows == c->n_wanted;
	error = ovs_dp_flow_dump(ovs, take_flow, c);
	if (error)
		return error;
	if (c->n_right)
		qsort(c->right, c->n_right, sizeof(*c->right), compare);
	engine_all_flows(d->engine, put_missing, c);
	if (c->n_ops)
		error = ovs_dp_flows(ovs, c->ops, c->n_ops);
	if (c->n_ops)
		log_info("flows of the datapath %s were not as they should be: "
			 "%u put, %u deleted",
			 datapath_name(d->datapath), c->n_puts, c->n_dels);
	return error;
}

bool flow_audit(struct daemon *d)
{
	struct comparison c = { .daemon = d };
	const int error = compare_all(&c);

	if (error)
		log_warn("the kernel did not answer for flows: %s",
			 strerror(-error));
	else
		take_errors(&c);
	free(c.right);
	free(c.ops);
	return !error && c.may_delete && !c.is_unfinished;
}
