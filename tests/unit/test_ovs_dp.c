/* SPDX-License-Identifier: Apache-2.0 */

/*
 * src/sys/ovs_dp against the kernel's openvswitch. Everything happens in a
 * network namespace of this process's own.
 */

#include "sys/ovs_dp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <linux/openvswitch.h>
#include <net/if.h>
#include <poll.h>

#include "ovs_datapath.h"
#include "ovs_samples.h"
#include "sys/clock.h"
#include "sys/upcall.h"

/* Datapath. */

static void test_open(void **state)
{
	struct ovs_datapath read;
	struct ovs_dp second;
	bool is_created = true;

	(void)state;
	assert_int_equal(ovs_dp_open(&dp, NAME, false, NULL), -ENODEV);
	make_datapath(NULL);
	assert_int_equal(dp.user_features, OVS_DP_F_UNALIGNED);
	assert_int_equal(dp.ifindex, if_nametoindex(NAME));
	assert_int_equal(ovs_dp_open(&second, NAME, true, &is_created), 0);
	assert_false(is_created);
	assert_int_equal(second.ifindex, dp.ifindex);
	assert_int_equal(second.user_features, dp.user_features);
	ovs_dp_close(&second);
	assert_int_equal(ovs_dp_read(&dp, &read), 0);
	assert_string_equal(read.name, NAME);
	assert_int_equal(read.n_flows, 0);
	assert_int_equal(ovs_dp_delete(&dp), 0);
	assert_int_equal(ovs_dp_read(&dp, &read), -ENODEV);
	assert_int_equal(ovs_dp_delete(&dp), -ENODEV);
	ovs_dp_close(&dp);
	ovs_dp_close(&dp);
}

static void test_name_taken(void **state)
{
	(void)state;
	run("ip link add " NAME " type dummy");
	assert_int_equal(ovs_dp_open(&dp, NAME, true, NULL), -EEXIST);
	run("ip link del " NAME);
	assert_int_equal(ovs_dp_open(&dp, "", true, NULL), -EINVAL);
	assert_int_equal(ovs_dp_open(&dp, "sixteen-letters-", true, NULL),
			 -EINVAL);
}

static void test_check_len(void **state)
{
	struct ovs_datapath read;
	bool has = false;

	(void)state;
	assert_int_equal(ovs_dp_has_check_len(&dp, &has), 0);
	assert_true(has);
	assert_int_equal(ovs_dp_read(&dp, &read), 0);
	assert_int_equal(read.n_flows, 0);
}

/* Vports. */

struct seen {
	struct ovs_vport list[16];
	unsigned int n;
	int error;
};

static int see(void *arg, const struct ovs_vport *v)
{
	struct seen *s = arg;

	assert_true(s->n < 16);
	s->list[s->n++] = *v;
	return s->error;
}

static const struct ovs_vport *find(const struct seen *s, port_no_t port_no)
{
	unsigned int i;

	for (i = 0; i < s->n; i++) {
		if (s->list[i].port_no == port_no)
			return &s->list[i];
	}
	return NULL;
}

static void test_vports(void **state)
{
	const struct ovs_vport *v;
	struct ovs_vport got;
	struct seen s = { 0 };

	(void)state;
	assert_int_equal(ovs_dp_vport_add(&dp, "fda1", 16, 77), 0);
	assert_int_equal(ovs_dp_vport_add(&dp, "fdb1", 65000, 0), 0);
	assert_int_equal(ovs_dp_vport_add_vxlan(&dp, VXLAN_NAME, PORT_NO_VXLAN,
						6784, 78),
			 0);
	assert_int_equal(ovs_dp_vports(&dp, see, &s), 0);
	assert_int_equal(s.n, 4);
	v = find(&s, PORT_NO_HOST);
	assert_non_null(v);
	assert_int_equal(v->type, OVS_VPORT_TYPE_INTERNAL);
	assert_string_equal(v->name, NAME);
	assert_int_equal(v->upcall_pid, 0);
	v = find(&s, 16);
	assert_non_null(v);
	assert_int_equal(v->type, OVS_VPORT_TYPE_NETDEV);
	assert_string_equal(v->name, "fda1");
	assert_int_equal(v->upcall_pid, 77);
	assert_int_equal(v->ifindex, if_nametoindex("fda1"));
	assert_int_equal(v->dp_ifindex, dp.ifindex);
	v = find(&s, PORT_NO_VXLAN);
	assert_non_null(v);
	assert_int_equal(v->type, OVS_VPORT_TYPE_VXLAN);
	assert_int_equal(v->udp_port, 6784);
	assert_int_equal(v->ifindex, if_nametoindex(VXLAN_NAME));
	assert_int_equal(ovs_dp_vport_set_pid(&dp, PORT_NO_HOST, 79), 0);
	assert_int_equal(ovs_dp_vport_set_pid(&dp, 16, 80), 0);
	assert_int_equal(ovs_dp_vport_get(&dp, 16, &got), 0);
	assert_int_equal(got.upcall_pid, 80);
	assert_int_equal(ovs_dp_vport_get(&dp, 0, &got), 0);
	assert_int_equal(got.upcall_pid, 79);
	/* A failing callback ends the dump, and the next one is not hurt. */
	s = (struct seen){ .error = -ECANCELED };
	assert_int_equal(ovs_dp_vports(&dp, see, &s), -ECANCELED);
	assert_int_equal(s.n, 1);
	s = (struct seen){ 0 };
	assert_int_equal(ovs_dp_vports(&dp, see, &s), 0);
	assert_int_equal(s.n, 4);
	assert_int_equal(ovs_dp_vport_del(&dp, 65000), 0);
	assert_int_equal(ovs_dp_vport_get(&dp, 65000, &got), -ENODEV);
}

static void test_vport_refusals(void **state)
{
	struct ovs_vport got;
	struct ovs_dp other;

	(void)state;
	assert_int_equal(ovs_dp_vport_add(&dp, "fda1", 16, 0), 0);
	assert_int_equal(ovs_dp_vport_add(&dp, "fda1", 17, 0), -EEXIST);
	assert_int_equal(ovs_dp_vport_add(&dp, "fdb1", 16, 0), -EBUSY);
	assert_int_equal(ovs_dp_vport_add(&dp, "absent", 17, 0), -ENODEV);
	assert_int_equal(ovs_dp_vport_del(&dp, 18), -ENODEV);
	assert_int_equal(ovs_dp_vport_del(&dp, PORT_NO_HOST), -EINVAL);
	assert_int_equal(ovs_dp_vport_set_pid(&dp, 18, 1), -ENODEV);
	assert_int_equal(ovs_dp_vport_get(&dp, 18, &got), -ENODEV);
	run("ip link add fdbr type bridge && ip link set fdb1 master fdbr");
	assert_int_equal(ovs_dp_vport_add(&dp, "fdb1", 17, 0), -EBUSY);
	run("ip link del fdbr");
	assert_int_equal(ovs_dp_open(&other, "fdother", true, NULL), 0);
	assert_int_equal(ovs_dp_vport_add(&other, "fda1", 17, 0), -EBUSY);
	assert_int_equal(ovs_dp_delete(&other), 0);
	ovs_dp_close(&other);
}

static void test_vxlan_refusals(void **state)
{
	struct sockaddr_in busy = { .sin_family = AF_INET,
				    .sin_port = htons(6784) };
	int fd;

	(void)state;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&busy, sizeof(busy)), 0);
	assert_int_equal(ovs_dp_vport_add_vxlan(&dp, VXLAN_NAME, 1, 6784, 0),
			 -EADDRINUSE);
	assert_int_equal(if_nametoindex(VXLAN_NAME), 0);
	close(fd);
	run("ip link add fdvx type vxlan external dstport 6784 && "
	    "ip link set fdvx up");
	assert_int_equal(ovs_dp_vport_add_vxlan(&dp, VXLAN_NAME, 1, 6784, 0),
			 -EADDRINUSE);
	assert_int_equal(ovs_dp_vport_add_vxlan(&dp, "fdvx", 1, 6785, 0),
			 -EEXIST);
	run("ip link del fdvx");
	assert_int_equal(ovs_dp_vport_add_vxlan(&dp, VXLAN_NAME, 1, 6784, 0),
			 0);
	assert_int_equal(ovs_dp_vport_add_vxlan(&dp, "fdvx", 2, 6784, 0),
			 -EADDRINUSE);
}

static void test_events(void **state)
{
	struct ovs_vport_events ev;
	struct seen s = { 0 };
	struct ovs_dp other;

	(void)state;
	assert_int_equal(ovs_vport_events_open(&ev), 0);
	assert_int_equal(ovs_vport_events_read(&ev, see, &s), 0);
	assert_int_equal(s.n, 0);
	assert_int_equal(ovs_dp_vport_add(&dp, "fda1", 16, 0), 0);
	assert_int_equal(ovs_vport_events_read(&ev, see, &s), 0);
	assert_int_equal(s.n, 1);
	assert_false(s.list[0].is_deleted);
	assert_string_equal(s.list[0].name, "fda1");
	assert_int_equal(s.list[0].port_no, 16);
	assert_int_equal(s.list[0].dp_ifindex, dp.ifindex);
	/* The container goes: nobody asked for the vport's end. */
	run("ip link del fda0");
	assert_int_equal(poll(&(struct pollfd){ .fd = ev.fd, .events = POLLIN },
			      1, 3000),
			 1);
	s.n = 0;
	assert_int_equal(ovs_vport_events_read(&ev, see, &s), 0);
	assert_int_equal(s.n, 1);
	assert_true(s.list[0].is_deleted);
	assert_int_equal(s.list[0].port_no, 16);
	/* A datapath, with all that is in it. */
	assert_int_equal(ovs_dp_open(&other, "fdother", true, NULL), 0);
	s.n = 0;
	assert_int_equal(ovs_vport_events_read(&ev, see, &s), 0);
	assert_true(s.n > 0);
	while (s.n)
		assert_false(s.list[--s.n].is_deleted);
	assert_int_equal(ovs_dp_delete(&other), 0);
	assert_int_equal(ovs_vport_events_read(&ev, see, &s), 0);
	assert_int_equal(s.n, 1);
	assert_true(s.list[0].is_deleted);
	assert_int_equal(s.list[0].port_no, 0);
	assert_int_equal(s.list[0].dp_ifindex, other.ifindex);
	assert_string_equal(s.list[0].name, "fdother");
	ovs_dp_close(&other);
	assert_int_equal(ev.n_malformed, 0);
	ovs_vport_events_close(&ev);
	ovs_vport_events_close(&ev);
	run("ip link add fda0 type veth peer name fda1");
}

/* Flows. */

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

static void test_no_privilege(void **state)
{
	int status = 0;
	pid_t child;

	(void)state;
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		if (setresuid(65534, 65534, 65534) < 0)
			_exit(1);
		_exit(ovs_dp_open(&dp, NAME, true, NULL) == -EPERM ? 0 : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_name_taken),
		WITH_DATAPATH(test_check_len),
		WITH_LINKS(test_vports),
		WITH_LINKS(test_vport_refusals),
		WITH_DATAPATH(test_vxlan_refusals),
		WITH_LINKS(test_events),
		WITH_DATAPATH(test_every_kind),
		WITH_DATAPATH(test_batch_errors),
		WITH_DATAPATH(test_order),
		WITH_DATAPATH(test_many),
		WITH_DATAPATH(test_dump_cut_short),
		WITH_DATAPATH(test_foreign),
		WITH_DATAPATH(test_long_list),
		cmocka_unit_test(test_no_privilege),
	};
	int r;

	r = enter_namespace();
	if (r)
		return r;
	return cmocka_run_group_tests_name("ovs_dp", tests, NULL, NULL);
}
