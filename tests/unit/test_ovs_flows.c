/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Flows in the kernel's openvswitch: put, replaced, deleted, dumped, and those
 * that are somebody else's. Everything happens in a network namespace of this
 * process's own.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ovs_datapath.h"
#include "ovs_samples.h"
#include "sys/clock.h"
#include "sys/upcall.h"

struct dumped {
	const struct samples *samples;
	bool is_seen[MAX_SAMPLES];
	unsigned int n;
	unsigned int n_foreign;
	uint32_t pid;
};

static int check_flow(void *arg, const struct ovs_flow *f)
{
	struct dumped *d = arg;
	const struct sample *x;
	size_t i;

	if (f->is_foreign) {
		d->n_foreign++;
		return 0;
	}
	for (i = 0; i < d->samples->n; i++) {
		x = &d->samples->list[i];
		if (!flow_match_equal(&x->match, &f->match))
			continue;
		if (!flow_actions_equal(&x->actions, &f->actions))
			fail_msg("\"%s\" has other actions", x->name);
		assert_false(d->is_seen[i]);
		assert_true(f->pid == 0 || f->pid == d->pid);
		assert_int_equal(f->idle_us, USEC_NEVER);
		assert_int_equal(f->n_packets, 0);
		d->is_seen[i] = true;
		d->n++;
		return 0;
	}
	fail_msg("a flow that nobody put");
	return 0;
}

static void put_samples(struct samples *s)
{
	struct ovs_flow_op ops[MAX_SAMPLES] = { 0 };
	size_t i;

	for (i = 0; i < s->n; i++)
		ops[i] = (struct ovs_flow_op){ .type = OVS_FLOW_PUT,
					       .match = &s->list[i].match,
					       .actions = &s->list[i].actions,
					       .error = -1 };
	assert_int_equal(ovs_dp_flows(&dp, ops, s->n), 0);
	for (i = 0; i < s->n; i++) {
		if (ops[i].error)
			fail_msg("put of \"%s\" (%zu): %s", s->list[i].name, i,
				 strerror(-ops[i].error));
	}
}

static void check_samples(const struct samples *s)
{
	struct dumped d = { .samples = s, .pid = UPCALL_PROBE_PORTID };
	size_t i;

	assert_int_equal(ovs_dp_flow_dump(&dp, check_flow, &d), 0);
	for (i = 0; i < s->n; i++) {
		if (!d.is_seen[i])
			fail_msg("\"%s\" (%zu) did not come back",
				 s->list[i].name, i);
	}
	assert_int_equal(d.n, s->n);
	assert_int_equal(d.n_foreign, 0);
}

static void test_every_kind(void **state)
{
	struct ovs_flow_op ops[MAX_SAMPLES] = { 0 };
	struct ovs_datapath read;
	struct samples s;
	size_t i;

	(void)state;
	samples_make(&s);
	ovs_dp_set_pid(&dp, UPCALL_PROBE_PORTID);
	put_samples(&s);
	check_samples(&s);
	/* Again: replaces, and nothing changes. */
	put_samples(&s);
	check_samples(&s);
	for (i = 0; i < s.n; i++)
		ops[i] = (struct ovs_flow_op){ .type = OVS_FLOW_DEL,
					       .match = &s.list[i].match };
	assert_int_equal(ovs_dp_flows(&dp, ops, s.n), 0);
	for (i = 0; i < s.n; i++)
		assert_int_equal(ops[i].error, 0);
	assert_int_equal(ovs_dp_read(&dp, &read), 0);
	assert_int_equal(read.n_flows, 0);
	assert_int_equal(ovs_dp_flows(&dp, ops, s.n), 0);
	for (i = 0; i < s.n; i++)
		assert_int_equal(ops[i].error, -ENOENT);
	samples_free(&s);
}

static void unicast(uint32_t i, struct flow_match *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->fields = FLOW_ETH_DST;
	ret->recirc_id = RECIRC_LOCAL(1);
	ret->eth_dst.b[0] = 2;
	memcpy(ret->eth_dst.b + 2, &i, sizeof(i));
}

/* Each failure is the failing one's own, wherever it stands in a batch. */
static void test_batch_errors(void **state)
{
	struct flow_match matches[200];
	struct ovs_flow_op ops[200] = { 0 };
	struct flow_actions good = { 0 };
	struct flow_actions bad = { 0 };
	const struct flow_match wide = { .recirc_id = RECIRC_LOCAL(2) };
	struct flow_match narrow;
	uint32_t i;

	(void)state;
	assert_true(flow_output(&good, 16));
	assert_true(flow_output(&bad, 0x10000)); /* the kernel says no */
	for (i = 0; i < 200; i++) {
		unicast(i, &matches[i]);
		ops[i] = (struct ovs_flow_op){
			.type = OVS_FLOW_PUT,
			.match = &matches[i],
			.actions = i % 7 == 0 || i == 199 ? &bad : &good,
		};
	}
	matches[50].fields |= FLOW_ETH_GROUP; /* we say no */
	ops[51].type = OVS_FLOW_DEL;	      /* not there yet */
	ops[52].type = OVS_FLOW_GET;
	ops[53] = (struct ovs_flow_op){ .type = OVS_FLOW_PUT };
	assert_int_equal(ovs_dp_flows(&dp, ops, 200), 0);
	for (i = 0; i < 200; i++) {
		int want = i % 7 == 0 || i == 199 || i == 50 || i == 53
				   ? -EINVAL
				   : 0;

		if (i == 51 || i == 52)
			want = -ENOENT;
		if (ops[i].error != want)
			fail_msg("operation %u: %d, not %d", i, ops[i].error,
				 want);
	}
	unicast(5, &narrow);
	narrow.recirc_id = wide.recirc_id;
	ops[0] = (struct ovs_flow_op){ .type = OVS_FLOW_PUT,
				       .match = &wide,
				       .actions = &good };
	ops[1] = (struct ovs_flow_op){ .type = OVS_FLOW_PUT,
				       .match = &narrow,
				       .actions = &good };
	assert_int_equal(ovs_dp_flows(&dp, ops, 2), 0);
	assert_int_equal(ops[0].error, 0);
	assert_int_equal(ops[1].error, -EEXIST);
	flow_actions_free(&good);
	flow_actions_free(&bad);
}

static int count_flow(void *arg, const struct ovs_flow *f)
{
	assert_false(f->is_foreign);
	++*(unsigned int *)arg;
	return 0;
}

static int take_output(void *arg, const struct ovs_flow *f)
{
	assert_int_equal(f->actions.n, 1);
	*(port_no_t *)arg = f->actions.list[0].port;
	return 0;
}

/* Replacing, and the order of operations on one flow in one call. */
static void test_order(void **state)
{
	struct flow_actions to_16 = { 0 };
	struct flow_actions to_17 = { 0 };
	struct flow_match m;
	struct ovs_flow_op ops[6] = {
		{ .type = OVS_FLOW_PUT, .match = &m, .actions = &to_16 },
		{ .type = OVS_FLOW_PUT, .match = &m, .actions = &to_17 },
		{ .type = OVS_FLOW_DEL, .match = &m },
		{ .type = OVS_FLOW_PUT, .match = &m, .actions = &to_16 },
		{ .type = OVS_FLOW_GET, .match = &m },
		{ .type = OVS_FLOW_PUT, .match = &m, .actions = &to_17 },
	};
	port_no_t port = PORT_NO_NONE;
	int i;

	(void)state;
	unicast(1, &m);
	assert_true(flow_output(&to_16, 16));
	assert_true(flow_output(&to_17, 17));
	assert_int_equal(ovs_dp_flows(&dp, ops, 6), 0);
	for (i = 0; i < 6; i++)
		assert_int_equal(ops[i].error, 0);
	assert_int_equal(ovs_dp_flow_dump(&dp, take_output, &port), 0);
	assert_int_equal(port, 17);
	assert_int_equal(ovs_dp_flows(&dp, ops, 3), 0);
	for (i = 0; i < 3; i++)
		assert_int_equal(ops[i].error, 0);
	port = PORT_NO_NONE;
	assert_int_equal(ovs_dp_flow_dump(&dp, take_output, &port), 0);
	assert_int_equal(port, PORT_NO_NONE);
	flow_actions_free(&to_16);
	flow_actions_free(&to_17);
}

static void test_many(void **state)
{
	const uint32_t n = 10000;
	struct flow_match *matches = calloc(n, sizeof(*matches));
	struct ovs_flow_op *ops = calloc(n, sizeof(*ops));
	const struct flow_tunnel t = sample_tunnel(true, 0x1000);
	struct flow_actions actions = { 0 };
	unsigned int n_dumped = 0;
	usec_t start, put, dumped;
	uint32_t i;

	(void)state;
	assert_non_null(matches);
	assert_non_null(ops);
	assert_true(flow_set_tunnel(&actions, &t));
	assert_true(flow_output(&actions, PORT_NO_VXLAN));
	for (i = 0; i < n; i++) {
		unicast(i, &matches[i]);
		ops[i] = (struct ovs_flow_op){ .type = OVS_FLOW_PUT,
					       .match = &matches[i],
					       .actions = &actions };
	}
	start = clock_monotonic_us();
	assert_int_equal(ovs_dp_flows(&dp, ops, n), 0);
	put = clock_monotonic_us() - start;
	for (i = 0; i < n; i++)
		assert_int_equal(ops[i].error, 0);
	start = clock_monotonic_us();
	assert_int_equal(ovs_dp_flow_dump(&dp, count_flow, &n_dumped), 0);
	dumped = clock_monotonic_us() - start;
	assert_int_equal(n_dumped, n);
	print_message("%u flows: put in %.3f s (%.0f a second), dumped in "
		      "%.3f s\n",
		      n, (double)put / 1e6, (double)n * 1e6 / (double)put,
		      (double)dumped / 1e6);
	flow_actions_free(&actions);
	free(matches);
	free(ops);
}

/* A failing callback, with most of a long dump still to come. */
static int refuse_flow(void *arg, const struct ovs_flow *f)
{
	(void)f;
	++*(unsigned int *)arg;
	return -ECANCELED;
}

static void test_dump_cut_short(void **state)
{
	struct flow_match matches[1000];
	struct ovs_flow_op ops[1000] = { 0 };
	struct flow_actions none = { 0 };
	unsigned int n = 0;
	uint32_t i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		unicast(i, &matches[i]);
		ops[i] = (struct ovs_flow_op){ .type = OVS_FLOW_PUT,
					       .match = &matches[i],
					       .actions = &none };
	}
	assert_int_equal(ovs_dp_flows(&dp, ops, 1000), 0);
	assert_int_equal(ovs_dp_flow_dump(&dp, refuse_flow, &n), -ECANCELED);
	assert_int_equal(n, 1);
	n = 0;
	assert_int_equal(ovs_dp_flow_dump(&dp, count_flow, &n), 0);
	assert_int_equal(n, 1000);
}

/* Flows that others left: told apart, named, and deleted by that name. */
struct foreign {
	uint8_t ufid[OVS_UFID_SIZE];
	unsigned int n;
};

static int take_foreign(void *arg, const struct ovs_flow *f)
{
	struct foreign *x = arg;

	assert_true(f->is_foreign);
	assert_true(f->has_ufid);
	memcpy(x->ufid, f->ufid, sizeof(x->ufid));
	x->n++;
	return 0;
}

static void test_foreign(void **state)
{
	const struct ovs_address to = { .family =
						dp.genl.families.id[GENL_FLOW],
					.dp_ifindex = dp.ifindex };
	struct flow_match m;
	struct flow_actions none = { 0 };
	struct foreign x = { 0 };
	struct ovs_flow_op op = { .type = OVS_FLOW_DEL };
	union {
		struct nlmsghdr nlh;
		uint8_t bytes[1024];
	} msg;

	(void)state;
	unicast(1, &m);
	assert_int_equal(
		ovs_flow_new_encode(&msg, sizeof(msg), to, &m, &none, 0), 0);
	/* The UFID is the first attribute behind the headers. */
	msg.bytes[sizeof(struct nlmsghdr) + 4 + 4 + 4] ^= 1;
	assert_int_equal(genl_transact(&dp.genl, &msg.nlh, NULL, NULL), 0);
	assert_int_equal(ovs_dp_flow_dump(&dp, take_foreign, &x), 0);
	assert_int_equal(x.n, 1);
	memcpy(op.ufid, x.ufid, sizeof(op.ufid));
	assert_int_equal(ovs_dp_flows(&dp, &op, 1), 0);
	assert_int_equal(op.error, 0);
	x.n = 0;
	assert_int_equal(ovs_dp_flow_dump(&dp, take_foreign, &x), 0);
	assert_int_equal(x.n, 0);
}

static int count_both(void *arg, const struct ovs_flow *f)
{
	unsigned int *n = arg;

	assert_true(f->has_ufid);
	n[f->is_foreign]++;
	return 0;
}

/* A list that the kernel takes, but does not dump, hides no other flow. */
static void test_long_list(void **state)
{
	struct flow_tunnel t = sample_tunnel(false, 1);
	struct flow_actions endless = { 0 };
	struct flow_actions none = { 0 };
	struct flow_match matches[100];
	struct ovs_flow_op ops[100];
	unsigned int n[2] = { 0 };
	uint32_t i;

	(void)state;
	t.src = t.dst;
	for (i = 0; i < 400; i++) {
		assert_true(flow_set_tunnel(&endless, &t));
		assert_true(flow_output(&endless, PORT_NO_VXLAN));
	}
	for (i = 0; i < 100; i++) {
		unicast(i, &matches[i]);
		ops[i] = (struct ovs_flow_op){ .type = OVS_FLOW_PUT,
					       .match = &matches[i],
					       .actions = i == 50 ? &endless
								  : &none };
	}
	assert_int_equal(ovs_dp_flows(&dp, ops, 100), 0);
	for (i = 0; i < 100; i++)
		assert_int_equal(ops[i].error, 0);
	assert_int_equal(ovs_dp_flow_dump(&dp, count_both, n), 0);
	assert_int_equal(n[false], 99);
	assert_int_equal(n[true], 1);
	flow_actions_clear(&endless);
	while (flow_set_tunnel(&endless, &t))
		;
	assert_int_equal(ovs_dp_flows(&dp, &ops[50], 1), 0);
	assert_int_equal(ops[50].error, -EMSGSIZE);
	flow_actions_free(&endless);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_DATAPATH(test_every_kind),
		WITH_DATAPATH(test_batch_errors),
		WITH_DATAPATH(test_order),
		WITH_DATAPATH(test_many),
		WITH_DATAPATH(test_dump_cut_short),
		WITH_DATAPATH(test_foreign),
		WITH_DATAPATH(test_long_list),
	};
	int r;

	r = enter_namespace();
	if (r)
		return r;
	return cmocka_run_group_tests_name("ovs_flows", tests, NULL, NULL);
}
