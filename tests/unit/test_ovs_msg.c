/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Open vSwitch messages without a kernel: what is written is read back, what
 * a kernel wrote is understood, and nothing that is not a message does harm.
 * Messages lie in memory of exactly their size, for the address sanitizer.
 */

#include "sys/ovs_act.h"
#include "sys/ovs_msg_flow.h"

#include <assert.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <endian.h>
#include <linux/genetlink.h>
#include <linux/openvswitch.h>

#include "ovs_words.h"
#include "sys/genl.h"

static void expect_sample(const struct sample *x, const struct ovs_flow *f)
{
	if (f->is_foreign)
		fail_msg("\"%s\" is foreign", x->name);
	if (!flow_match_equal(&x->match, &f->match))
		fail_msg("\"%s\" has another match", x->name);
	if (!flow_actions_equal(&x->actions, &f->actions))
		fail_msg("\"%s\" has other actions", x->name);
}

static void test_flow_round_trip(void **state)
{
	uint8_t *buf = malloc(GENL_MAX_SIZE);
	struct nlmsghdr *nlh = (void *)buf;
	struct ovs_flow f = { 0 };
	struct samples s;
	size_t i;

	(void)state;
	assert_non_null(buf);
	samples_make(&s);
	for (i = 0; i < s.n; i++) {
		assert_int_equal(ovs_flow_new_encode(buf, GENL_MAX_SIZE, to,
						     &s.list[i].match,
						     &s.list[i].actions, PID),
				 0);
		assert_int_equal(nlh->nlmsg_type, to.family);
		assert_int_equal(ovs_flow_decode(buf, nlh->nlmsg_len, 0, &f),
				 0);
		expect_sample(&s.list[i], &f);
		assert_true(f.has_ufid);
		assert_true(f.pid == 0 || f.pid == PID);
		assert_true(f.idle_us == USEC_NEVER);
	}
	flow_actions_free(&f.actions);
	samples_free(&s);
	free(buf);
}

static void test_flow_of_kernel(void **state)
{
	MESSAGE(buf, 1024);
	struct ovs_flow f = { 0 };
	const struct sample *x;
	struct samples s;
	size_t i, n;

	(void)state;
	samples_make(&s);
	for (i = 0; i < sizeof(dumps) / sizeof(dumps[0]); i++) {
		x = sample_named(&s, dumps[i].sample);
		n = from_hex(dumps[i].hex, buf);
		assert_int_equal(ovs_flow_decode(buf, n, 0, &f), 0);
		flow_match_ufid(&x->match, buf + START + 4);
		assert_int_equal(ovs_flow_decode(buf, n, 0, &f), 0);
		expect_sample(x, &f);
		assert_true(f.pid == 0 || f.pid == 0x46440001);
	}
	flow_actions_free(&f.actions);
	samples_free(&s);
}

static void expect_foreign(const uint8_t *buf, size_t n, unsigned int type)
{
	struct ovs_flow f = { 0 };

	assert_int_equal(ovs_flow_decode(buf, n, 0, &f), 0);
	if (!f.is_foreign)
		fail_msg("a change of mask attribute %u is not seen", type);
	flow_actions_free(&f.actions);
}

/*
 * Changes the mask attributes in @nest bit by bit, and each as a whole: no
 * such flow is ours. The exception is the upper half of IN_PORT's, which says
 * nothing.
 */
static void change_all(uint8_t *buf, size_t n, const struct nlattr *nest,
		       bool is_tunnel)
{
	const struct nlattr *attr;
	size_t bit, size, offset = 0;
	unsigned int type;
	uint8_t *p;

	while (nl_next(nl_data(nest), nl_size(nest), &offset, &attr) > 0) {
		type = mnl_attr_get_type(attr);
		if (!is_tunnel && type == OVS_KEY_ATTR_TUNNEL) {
			change_all(buf, n, attr, true);
			continue;
		}
		p = buf + ((const uint8_t *)nl_data(attr) - buf);
		size = nl_size(attr);
		if (!is_tunnel && type == OVS_KEY_ATTR_IN_PORT)
			size = 2;
		for (bit = 0; bit < size * 8; bit++) {
			p[bit / 8] ^= (uint8_t)(1U << bit % 8);
			expect_foreign(buf, n, type);
			p[bit / 8] ^= (uint8_t)(1U << bit % 8);
		}
		for (bit = 0; bit < size * 8; bit++)
			p[bit / 8] ^= (uint8_t)(1U << bit % 8);
		if (size)
			expect_foreign(buf, n, type);
		for (bit = 0; bit < size * 8; bit++)
			p[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
}

/* Each bit of a mask counts: with one more or less it is another flow. */
static void test_every_mask_bit(void **state)
{
	static const struct nl_rule rules[OVS_FLOW_ATTR_MAX + 1] = {
		[OVS_FLOW_ATTR_MASK] = { true, 0 },
	};
	const struct nlattr *tb[OVS_FLOW_ATTR_MAX + 1];
	struct samples s;
	size_t i, n;
	MESSAGE(buf, 1024);

	(void)state;
	samples_make(&s);
	for (i = 0; i < sizeof(dumps) / sizeof(dumps[0]); i++) {
		n = from_hex(dumps[i].hex, buf);
		flow_match_ufid(&sample_named(&s, dumps[i].sample)->match,
				buf + START + 4);
		assert_int_equal(nl_parse(buf + START, n - START, rules,
					  OVS_FLOW_ATTR_MASK, tb, NULL),
				 0);
		change_all(buf, n, tb[OVS_FLOW_ATTR_MASK], false);
	}
	samples_free(&s);
}

static void refuse(const struct flow_match *m)
{
	const struct flow_actions none = { 0 };
	MESSAGE(buf, 1024);

	assert_int_equal(ovs_flow_new_encode(buf, sizeof(buf), to, m, &none,
					     PID),
			 -EINVAL);
}

static void test_match_refusals(void **state)
{
	const struct flow_match bad[] = {
		{ .fields = 1U << 12 },
		{ .fields = FLOW_IN_PORT, .in_port = 0xffff },
		{ .fields = FLOW_IN_PORT, .in_port = PORT_NO_NONE },
		{ .fields = FLOW_TUN_ID, .tun_id = 1 },
		{ .fields = FLOW_TUN_SRC },
		{ .fields = FLOW_TUN_SRC | FLOW_TUN_ID,
		  .tun_id = 0x1000000,
		  .tun_src = { { [15] = 1 } } },
		{ .fields = FLOW_ETH_DST | FLOW_ETH_GROUP },
		{ .fields = FLOW_ETH_TYPE, .eth_type = 0x05ff },
		{ .fields = FLOW_ETH_TYPE, .eth_type = 0 },
		{ .fields = FLOW_ARP_OP, .arp_op = 1 },
		{ .fields = FLOW_ETH_TYPE | FLOW_ARP_OP,
		  .eth_type = 0x0806,
		  .arp_op = 256 },
		{ .fields = FLOW_ETH_TYPE | FLOW_ARP_TIP,
		  .eth_type = 0x0806,
		  .ip = { { 0x20, 1 } } },
		{ .fields = FLOW_ETH_TYPE | FLOW_IP_PROTO,
		  .eth_type = 0x0800,
		  .ip_proto = 17 },
		{ .fields = FLOW_ETH_TYPE | FLOW_IP_PROTO | FLOW_ICMP6_TYPE,
		  .eth_type = 0x86dd,
		  .ip_proto = 17 },
		{ .fields = FLOW_ETH_TYPE | FLOW_IP_PROTO | FLOW_ICMP6_TYPE |
			    FLOW_ND_TARGET,
		  .eth_type = 0x86dd,
		  .ip_proto = 58,
		  .icmp6_type = 134 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refuse(&bad[i]);
}

static int encode_actions(const struct flow_actions *a, uint32_t pid)
{
	const struct flow_match m = { .recirc_id = 1 };
	uint8_t *buf = malloc(GENL_MAX_SIZE);
	int r;

	assert_non_null(buf);
	r = ovs_flow_new_encode(buf, GENL_MAX_SIZE, to, &m, a, pid);
	free(buf);
	return r;
}

static void test_action_refusals(void **state)
{
	struct flow_tunnel t = sample_tunnel(true, 1);
	struct flow_actions a = { 0 };
	unsigned int i;

	(void)state;
	assert_true(flow_recirc(&a, 0));
	assert_int_equal(encode_actions(&a, PID), -EINVAL);
	flow_actions_clear(&a);
	assert_true(flow_userspace(&a));
	assert_int_equal(encode_actions(&a, 0), -EINVAL);
	assert_int_equal(encode_actions(&a, PID), 0);
	flow_actions_clear(&a);
	assert_true(flow_check_len(&a, 0x10000, 1));
	assert_int_equal(encode_actions(&a, PID), -EINVAL);
	flow_actions_clear(&a);
	assert_true(flow_check_len(&a, 1400, 0));
	assert_int_equal(encode_actions(&a, PID), -EINVAL);
	flow_actions_clear(&a);
	assert_true(flow_trunc(&a, 13));
	assert_int_equal(encode_actions(&a, PID), -EINVAL);
	flow_actions_clear(&a);
	for (i = 0; i < OVS_MAX_CHECK_LEN; i++)
		assert_true(flow_check_len(&a, 1400, 1));
	assert_int_equal(encode_actions(&a, 0), 0);
	assert_true(flow_check_len(&a, 1400, 1));
	assert_int_equal(encode_actions(&a, PID), -EINVAL);
	flow_actions_clear(&a);
	t.src = ip_from_v6(sample_v6);
	assert_true(flow_set_tunnel(&a, &t));
	assert_int_equal(encode_actions(&a, PID), -EINVAL);
	flow_actions_clear(&a);
	t = (struct flow_tunnel){ .tun_id = 1 };
	assert_true(flow_set_tunnel(&a, &t));
	assert_int_equal(encode_actions(&a, PID), -EINVAL);
	flow_actions_free(&a);
}

/* Too small a buffer of any size is said, and not written over. */
static void test_no_room(void **state)
{
	uint8_t *whole = malloc(GENL_MAX_SIZE);
	struct samples s;
	size_t i, size, full;
	uint8_t *buf;

	(void)state;
	assert_non_null(whole);
	samples_make(&s);
	for (i = 0; i < s.n; i++) {
		const struct sample *x = &s.list[i];

		assert_int_equal(ovs_flow_new_encode(whole, GENL_MAX_SIZE, to,
						     &x->match, &x->actions,
						     PID),
				 0);
		full = ((struct nlmsghdr *)(void *)whole)->nlmsg_len;
		for (size = 0; size<full; size += full> 2000 ? 997 : 1) {
			buf = malloc(size ? size : 1);
			assert_non_null(buf);
			assert_int_equal(ovs_flow_new_encode(buf, size, to,
							     &x->match,
							     &x->actions, PID),
					 -EMSGSIZE);
			free(buf);
		}
	}
	samples_free(&s);
	free(whole);
}

/* The last that 16 bits of length can say, and one more. */
static void test_longest_list(void **state)
{
	struct flow_tunnel t = sample_tunnel(false, 1);
	struct flow_actions a = { 0 };

	(void)state;
	t.src = t.dst;
	while (flow_set_tunnel(&a, &t))
		;
	assert_int_equal(a.n, FLOW_MAX_ACTIONS);
	/* 80 bytes each, behind 4 of the list. */
	a.n = (65535 - 4) / 80;
	assert_int_equal(encode_actions(&a, PID), 0);
	a.n++;
	assert_int_equal(encode_actions(&a, PID), -EMSGSIZE);
	flow_actions_free(&a);
}

/* Statistics. */

static void test_stats(void **state)
{
	const struct ovs_flow_stats stats = { .n_packets = 3, .n_bytes = 300 };
	const uint8_t ufid[OVS_UFID_SIZE] = { 1, 2, 3 };
	const uint64_t used_ms = 5000;
	MESSAGE(buf, 256);
	struct nlmsghdr *nlh = (void *)buf;
	struct nl_builder b;
	struct ovs_flow f = { 0 };

	(void)state;
	assert_non_null(nl_begin(&b, buf, sizeof(buf), 30, 8));
	nl_put(&b, OVS_FLOW_ATTR_STATS, &stats, sizeof(stats));
	nl_put(&b, OVS_FLOW_ATTR_USED, &used_ms, sizeof(used_ms));
	nl_put(&b, OVS_FLOW_ATTR_UFID, ufid, sizeof(ufid));
	assert_int_equal(ovs_flow_stats_decode(buf, nlh->nlmsg_len, 7500, &f),
			 0);
	assert_int_equal(f.n_packets, 3);
	assert_int_equal(f.n_bytes, 300);
	assert_int_equal(f.idle_us, 2500 * USEC_PER_MS);
	assert_true(f.has_ufid);
	assert_memory_equal(f.ufid, ufid, sizeof(ufid));
	/* Used after now: the kernel rounds. */
	assert_int_equal(ovs_flow_stats_decode(buf, nlh->nlmsg_len, 4999, &f),
			 0);
	assert_int_equal(f.idle_us, 0);
	/* Without key, mask and actions it is nobody's flow. */
	assert_int_equal(ovs_flow_decode(buf, nlh->nlmsg_len, 7500, &f), 0);
	assert_true(f.is_foreign);
}

/* Actions that are well-formed and not ours: foreign, not misread. */
static void test_foreign_actions(void **state)
{
	const struct flow_match m = { .recirc_id = 1 };
	const struct flow_actions none = { 0 };
	MESSAGE(buf, 1024);
	struct nlmsghdr *nlh = (void *)buf;
	struct ovs_flow f = { 0 };
	struct nlattr *actions;
	struct nl_builder b;
	unsigned int kind;
	size_t nest, inner;

	(void)state;
	for (kind = 0; kind < 6; kind++) {
		assert_int_equal(ovs_flow_new_encode(buf, sizeof(buf), to, &m,
						     &none, PID),
				 0);
		b = (struct nl_builder){ .nlh = nlh, .size = sizeof(buf) };
		actions = (void *)(buf + nlh->nlmsg_len - 4);
		switch (kind) {
		case 0:
			nl_put_flag(&b, OVS_ACTION_ATTR_POP_VLAN);
			break;
		case 1: /* recirculates to where it came from */
			nl_put_u32(&b, OVS_ACTION_ATTR_RECIRC, 0);
			break;
		case 2: /* two sockets */
			for (inner = 1; inner < 3; inner++) {
				nl_nest_start(&b, OVS_ACTION_ATTR_USERSPACE,
					      &nest);
				nl_put_u32(&b, OVS_USERSPACE_ATTR_PID,
					   (uint32_t)inner);
				nl_nest_end(&b, nest);
			}
			break;
		case 3: /* more than a socket */
			nl_nest_start(&b, OVS_ACTION_ATTR_USERSPACE, &nest);
			nl_put_u32(&b, OVS_USERSPACE_ATTR_PID, 1);
			nl_put_u32(&b, OVS_USERSPACE_ATTR_USERDATA, 1);
			nl_nest_end(&b, nest);
			break;
		case 4: /* a tunnel that may be fragmented */
			nl_nest_start(&b, OVS_ACTION_ATTR_SET, &nest);
			nl_nest_start(&b, OVS_KEY_ATTR_TUNNEL, &inner);
			nl_put(&b, OVS_TUNNEL_KEY_ATTR_ID,
			       &(uint64_t){ htobe64(1) }, 8);
			nl_put(&b, OVS_TUNNEL_KEY_ATTR_IPV4_DST, sample_v4, 4);
			nl_put_u8(&b, OVS_TUNNEL_KEY_ATTR_TTL, 64);
			nl_nest_end(&b, inner);
			nl_nest_end(&b, nest);
			break;
		default:
			nl_put_u32(&b, OVS_ACTION_ATTR_OUTPUT, 1);
			nl_put_u32(&b, 4000, 1); /* of a kernel to come */
			break;
		}
		actions->nla_len =
			(uint16_t)(buf + nlh->nlmsg_len - (uint8_t *)actions);
		assert_int_equal(ovs_flow_decode(buf, nlh->nlmsg_len, 0, &f),
				 0);
		if (!f.is_foreign)
			fail_msg("kind %u is taken for ours", kind);
		assert_true(f.has_ufid);
	}
	flow_actions_free(&f.actions);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flow_round_trip),
		cmocka_unit_test(test_flow_of_kernel),
		cmocka_unit_test(test_every_mask_bit),
		cmocka_unit_test(test_match_refusals),
		cmocka_unit_test(test_action_refusals),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_longest_list),
		cmocka_unit_test(test_stats),
		cmocka_unit_test(test_foreign_actions),
	};

	return cmocka_run_group_tests_name("ovs_msg", tests, NULL, NULL);
}
