/* SPDX-License-Identifier: Apache-2.0 */
#include "ovs_dp.h"

#include <errno.h>
#include <string.h>

#include "clock.h"
#include "nl.h"
#include "ovs_dp_internal.h"

/* The kernel wants a batch in one socket buffer. */
#define BATCH_MAX 64U

static uint64_t now_ms(void)
{
	return clock_monotonic_us() / USEC_PER_MS;
}

/*
 * Batches. What differs between flows and packets is behind `kind`; `index`
 * maps messages of the batch under way to operations.
 */
struct batch_kind {
	/* As the encoders of ovs_msg; or SKIP: not this one, let it be. */
	int (*encode)(struct ovs_dp *dp, void *ops, size_t i, void *buf,
		      size_t room);
	int *(*error)(void *ops, size_t i);
	genl_reply_fn *reply; /* gets the struct batch */
	/* What it means that the kernel said nothing of this one. */
	int (*silence)(const void *ops, size_t i);
};

#define SKIP 1
/* In `error` while the answer is awaited; no errno is positive there. */
#define PENDING 1

struct batch {
	const struct batch_kind *kind;
	void *ops;
	size_t index[BATCH_MAX];
	uint32_t n;
	size_t size;
};

static void take_result(void *arg, uint32_t index, int error)
{
	struct batch *b = arg;

	*b->kind->error(b->ops, b->index[index]) = error;
}

/* Fills the batch from operation @i on; returns the first that is not in. */
static size_t fill_batch(struct ovs_dp *dp, struct batch *b, size_t i, size_t n)
{
	struct nlmsghdr *nlh;
	int r;

	b->n = 0;
	b->size = 0;
	for (; i < n && b->n < BATCH_MAX; i++) {
		nlh = (void *)(dp->batch + b->size);
		r = b->kind->encode(dp, b->ops, i, nlh,
				    OVS_BATCH_SIZE - b->size);
		if (r == SKIP)
			continue;
		if (r == -EMSGSIZE && b->n > 0)
			break; /* perhaps in the next */
		*b->kind->error(b->ops, i) = r ? r : PENDING;
		if (r)
			continue;
		b->index[b->n++] = i;
		b->size += NL_ALIGN(nlh->nlmsg_len);
	}
	return i;
}

/* @r: 0 when the kernel has done the batch, or why that is unknown. */
static void finish_batch(struct batch *b, int r)
{
	uint32_t k;
	int *error;

	for (k = 0; k < b->n; k++) {
		error = b->kind->error(b->ops, b->index[k]);
		if (*error == PENDING)
			*error = r ? r : b->kind->silence(b->ops, b->index[k]);
	}
}

static int run_batches(struct ovs_dp *dp, const struct batch_kind *kind,
		       void *ops, size_t n)
{
	struct batch b = { .kind = kind, .ops = ops };
	size_t i = 0;
	int r = 0;

	while (i < n) {
		i = fill_batch(dp, &b, i, n);
		if (b.n && !r)
			r = genl_batch(&dp->genl, dp->batch, b.size, b.n,
				       kind->reply, take_result, &b);
		finish_batch(&b, r);
	}
	return r;
}

/* Flows. */

static int encode_flow_op(struct ovs_dp *dp, void *ops, size_t i, void *buf,
			  size_t room)
{
	const struct ovs_address to = ovs_dp_address(dp, GENL_FLOW);
	struct ovs_flow_op *op = (struct ovs_flow_op *)ops + i;

	if (op->match)
		flow_match_ufid(op->match, op->ufid);
	switch (op->type) {
	case OVS_FLOW_PUT:
		if (!op->match || !op->actions)
			return -EINVAL;
		return ovs_flow_new_encode(buf, room, to, op->match,
					   op->actions, dp->pid);
	case OVS_FLOW_DEL:
		return ovs_flow_del_encode(buf, room, to, op->ufid);
	case OVS_FLOW_GET:
		return ovs_flow_get_encode(buf, room, to, op->ufid);
	}
	return -EINVAL;
}

static int encode_replacement(struct ovs_dp *dp, void *ops, size_t i, void *buf,
			      size_t room)
{
	const struct ovs_flow_op *op = (struct ovs_flow_op *)ops + i;

	if (op->type != OVS_FLOW_PUT || op->error != -EEXIST)
		return SKIP;
	return ovs_flow_set_encode(buf, room, ovs_dp_address(dp, GENL_FLOW),
				   op->match, op->actions, dp->pid);
}

static int *flow_op_error(void *ops, size_t i)
{
	return &((struct ovs_flow_op *)ops)[i].error;
}

static int flow_op_silence(const void *ops, size_t i)
{
	const struct ovs_flow_op *op = (const struct ovs_flow_op *)ops + i;

	return op->type == OVS_FLOW_GET ? -EPROTO : 0;
}

static int take_flow_stats(void *arg, uint32_t index,
			   const struct nlmsghdr *nlh)
{
	struct batch *b = arg;
	struct ovs_flow_op *op = (struct ovs_flow_op *)b->ops + b->index[index];
	struct ovs_flow flow = { 0 };

	if (op->type != OVS_FLOW_GET)
		return 0;
	if (ovs_flow_stats_decode(nlh, nlh->nlmsg_len, now_ms(), &flow) ||
	    !flow.has_ufid || memcmp(flow.ufid, op->ufid, sizeof(op->ufid))) {
		op->error = -EPROTO;
		return 0;
	}
	op->error = 0;
	op->n_packets = flow.n_packets;
	op->n_bytes = flow.n_bytes;
	op->idle_us = flow.idle_us;
	return 0;
}

/*
 * OVS_FLOW_CMD_NEW does not replace every flow that has a UFID and wildcards
 * (6.1 and 6.12 compare its masked key with the unmasked one of the request,
 * and say ENOENT), so what exists is SET in a second turn. A deletion or a
 * query must not overtake that: a segment ends before the first of these that
 * follows a PUT.
 */
static size_t flow_segment(const struct ovs_flow_op *ops, size_t n)
{
	bool has_put = false;
	size_t i;

	for (i = 0; i < n && i < BATCH_MAX; i++) {
		if (ops[i].type == OVS_FLOW_PUT)
			has_put = true;
		else if (has_put)
			break;
	}
	return i;
}

static int run_segment(struct ovs_dp *dp, struct ovs_flow_op *ops, size_t n)
{
	static const struct batch_kind create = {
		.encode = encode_flow_op,
		.error = flow_op_error,
		.reply = take_flow_stats,
		.silence = flow_op_silence,
	};
	static const struct batch_kind replace = {
		.encode = encode_replacement,
		.error = flow_op_error,
		.silence = flow_op_silence,
	};
	size_t i;
	int r;

	r = run_batches(dp, &create, ops, n);
	if (!r)
		r = run_batches(dp, &replace, ops, n);
	for (i = 0; i < n; i++) {
		if (ops[i].type != OVS_FLOW_PUT)
			continue;
		/* Something exists that is not this flow: they overlap. */
		if (ops[i].error == -ENOENT)
			ops[i].error = -EEXIST;
		else if (ops[i].error == -EEXIST && r)
			ops[i].error = r;
	}
	return r;
}

int ovs_dp_flows(struct ovs_dp *dp, struct ovs_flow_op *ops, size_t n)
{
	size_t i = 0;
	size_t end;
	int r = 0;

	while (i < n && !r) {
		end = i + flow_segment(ops + i, n - i);
		r = run_segment(dp, ops + i, end - i);
		i = end;
	}
	for (; i < n; i++)
		ops[i].error = r;
	return r;
}

struct flow_dump {
	ovs_flow_fn *fn;
	void *arg;
	uint64_t now_ms;
	struct ovs_flow flow;
};

static int take_flow(void *arg, uint32_t index, const struct nlmsghdr *nlh)
{
	struct flow_dump *d = arg;
	int r;

	(void)index;
	r = ovs_flow_decode(nlh, nlh->nlmsg_len, d->now_ms, &d->flow);
	return r ? r : d->fn(d->arg, &d->flow);
}

int ovs_dp_flow_dump(struct ovs_dp *dp, ovs_flow_fn *fn, void *arg)
{
	struct flow_dump d = { .fn = fn, .arg = arg };
	int tries, r = -EINTR;
	union ovs_small m;

	for (tries = 0; tries < OVS_DUMP_TRIES && r == -EINTR; tries++) {
		d.now_ms = now_ms();
		r = ovs_flow_dump_encode(&m, sizeof(m),
					 ovs_dp_address(dp, GENL_FLOW));
		if (!r)
			r = genl_dump(&dp->genl, &m.nlh, take_flow, &d);
	}
	flow_actions_free(&d.flow.actions);
	return r;
}

/* Packets. */

static int encode_execute_op(struct ovs_dp *dp, void *ops, size_t i, void *buf,
			     size_t room)
{
	const struct ovs_execute_op *op = (struct ovs_execute_op *)ops + i;

	return ovs_execute_encode(buf, room, ovs_dp_address(dp, GENL_PACKET),
				  op->frame, op->size, op->actions, op->in_port,
				  dp->pid);
}

static int *execute_op_error(void *ops, size_t i)
{
	return &((struct ovs_execute_op *)ops)[i].error;
}

static int execute_op_silence(const void *ops, size_t i)
{
	(void)ops;
	(void)i;
	return 0;
}

int ovs_dp_execute(struct ovs_dp *dp, struct ovs_execute_op *ops, size_t n)
{
	static const struct batch_kind kind = {
		.encode = encode_execute_op,
		.error = execute_op_error,
		.silence = execute_op_silence,
	};

	return run_batches(dp, &kind, ops, n);
}
