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

#include "ovs_samples.h"
#include "sys/genl.h"
#include "sys/nl.h"

#define PID 77U
#define START (sizeof(struct nlmsghdr) + 4U + 4U) /* of the attributes */
#define MUTATIONS 300U
/* Room for messages, aligned for their headers. */
#define MESSAGE(name, size) uint8_t name[size] __attribute__((aligned(8)))

static const struct ovs_address to = { .family = 30, .dp_ifindex = 5 };

static uint64_t random_state = UINT64_C(0x9e3779b97f4a7c15);

static uint32_t random_below(uint32_t n)
{
	assert(n > 0);
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32) % n;
}

static void *copy_of(const void *data, size_t size)
{
	void *p = malloc(size ? size : 1);

	assert_non_null(p);
	if (size)
		memcpy(p, data, size);
	return p;
}

/*
 * What a kernel (6.1) writes of five of the samples; the UFID is ours to
 * compute, and at the same place in all.
 */
static const char dump_d[] =
	"480100001e00020036000000ee020000030100000200000014000900ff8cdf5c"
	"aa1422bff6d54d5dad2ef1478800010008001400000000000800130000000000"
	"0800020000000000200010000c000000000000000000100008000100c0000207"
	"0500040000000000080003000100000008000f00000000000800160000000000"
	"0800180000000000140019000000000000000000000000000000000010000400"
	"00000000000000000000000006000600000000008800070008001400ffffffff"
	"08001300000000000800020000000000200010000c000000ffffffffffffffff"
	"08000100ffffffff050004000000000008000300ffffffff08000f0000000000"
	"0800160000000000080018000000000014001900000000000000000000000000"
	"000000001000040000000000000000000000000006000600000000000c000200"
	"0800070000100002";

static const char dump_f_arp[] =
	"4c0100001e00020036000000ee02000003010000020000001400090071b41510"
	"e723e872e78a4abc1cd210e18400010008001400003000010800130000000000"
	"0800020000000000080003000000000008000f00000000000800160000000000"
	"0800180000000000140019000000000000000000000000000000000010000400"
	"00000000000001000000000006000600080600001c000d0000000000c0000207"
	"000100000000000000000000000000009000070008001400ffffffff08001300"
	"0000000008000200000000000c0010000500040000000000080003000000ffff"
	"08000f0000000000080016000000000008001800000000001400190000000000"
	"0000000000000000000000001000040000000000000001000000000006000600"
	"ffff00001c000d0000000000ffffffff00ff0000000000000000000000000000"
	"0c0002000800010010000000";

static const char dump_b_narrow[] =
	"640100001e00020036000000ee0200000301000002000000140009000f637bed"
	"6ac6b68ab7fc1c4eb1045ea46800010008001400052000010800130000000000"
	"0800020000000000080003000000000008000f00000000000800160000000000"
	"0800180000000000140019000000000000000000000000000000000010000400"
	"00000000000002000000123406000600000000007400070008001400ffffffff"
	"080013000000000008000200000000000c001000050004000000000008000300"
	"0000ffff08000f00000000000800160000000000080018000000000014001900"
	"0000000000000000000000000000000010000400000000000000ffffffffffff"
	"06000600000000005c0002005800150006000100860500004000030034000300"
	"3000100004000e000c000000000000000000200308000100c000020908000200"
	"c000020705000400400000000400050008000100010000000c00020008000700"
	"05200010";

static const char dump_h_request[] =
	"9c0100001e00020036000000ee020000030100000200000014000900a43adfc6"
	"5dcb47662a80083660162ca58800010008001400000000000800130000000000"
	"0800020000000000200010000c0000000000000000ffffff08000100c0000207"
	"0500040000000000080003000100000008000f00000000000800160000000000"
	"0800180000000000140019000000000000000000000000000000000010000400"
	"00000000000002fd0000000106000600000000008800070008001400ffffffff"
	"08001300000000000800020000000000200010000c000000ffffffffffffffff"
	"08000100ffffffff050004000000000008000300ffffffff08000f0000000000"
	"0800160000000000080018000000000014001900000000000000000000000000"
	"0000000010000400000000000000ffffffffffff060006000000000060000200"
	"20000b001c00040000000000000002fd00000002000000000000ffffffffffff"
	"340003003000100004000e000c0000000000000000ffffff08000200c0000207"
	"05000400400000000400050006000a001a8000000800010001000000";

static const char dump_f_nd[] =
	"cc0100001e00020036000000ee0200000301000002000000140009002668f51e"
	"07e2589d1189909090bd8953c400010008001400003000020800130000000000"
	"0800020000000000080003000000000008000f00000000000800160000000000"
	"0800180000000000140019000000000000000000000000000000000010000400"
	"0000000000000100000000000600060086dd00002c0008000000000000000000"
	"000000000000000000000000000000000000000000000000000000003a000000"
	"060020000000000006000c008700000020000e0020010db80000000000000000"
	"00000007000000000000000000000000d000070008001400ffffffff08001300"
	"0000000008000200000000000c0010000500040000000000080003000000ffff"
	"08000f0000000000080016000000000008001800000000001400190000000000"
	"0000000000000000000000001000040000000000000001000000000006000600"
	"ffff00002c000800000000000000000000000000000000000000000000000000"
	"000000000000000000000000ff000000060020000000000006000c00ff000000"
	"20000e00ffffffffffffffffffffffffffffffff000000000000000000000000"
	"0c0002000800010010000000";

static const struct {
	const char *hex;
	const char *sample;
} dumps[] = {
	{ dump_d, "D" },
	{ dump_f_arp, "F ARP" },
	{ dump_b_narrow, "B to a narrow peer" },
	{ dump_h_request, "H request" },
	{ dump_f_nd, "F ND" },
};

static size_t from_hex(const char *hex, uint8_t *ret)
{
	size_t i, n = strlen(hex) / 2;
	char byte[3] = "";

	for (i = 0; i < n; i++) {
		memcpy(byte, hex + 2 * i, 2);
		ret[i] = (uint8_t)strtoul(byte, NULL, 16);
	}
	return n;
}

static const struct sample *sample_named(const struct samples *s,
					 const char *name)
{
	size_t i;

	for (i = 0; i < s->n; i++) {
		if (!strcmp(s->list[i].name, name))
			return &s->list[i];
	}
	fail_msg("no sample \"%s\"", name);
	return NULL;
}

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

/* Datapaths and vports. */

static void test_datapath(void **state)
{
	const struct ovs_dp_stats stats = { 1, 2, 3, 4 };
	struct ovs_datapath dp = { 0 };
	MESSAGE(buf, 256);
	struct nlmsghdr *nlh = (void *)buf;
	struct nl_builder b;
	struct ovs_header *h;

	(void)state;
	assert_int_equal(
		ovs_dp_new_encode(buf, sizeof(buf), 30, "fastdp", 1, 0), 0);
	/* A request says no ifindex. */
	assert_int_equal(ovs_dp_decode(buf, nlh->nlmsg_len, &dp), -EPROTO);
	assert_int_equal(dp.ifindex, 0);
	h = (void *)(buf + sizeof(*nlh) + 4);
	h->dp_ifindex = 9;
	b = (struct nl_builder){ .nlh = nlh, .size = sizeof(buf) };
	nl_put(&b, OVS_DP_ATTR_STATS, &stats, sizeof(stats));
	assert_int_equal(ovs_dp_decode(buf, nlh->nlmsg_len, &dp), 0);
	assert_int_equal(dp.ifindex, 9);
	assert_string_equal(dp.name, "fastdp");
	assert_int_equal(dp.user_features, 1);
	assert_int_equal(dp.n_hit, 1);
	assert_int_equal(dp.n_missed, 2);
	assert_int_equal(dp.n_lost, 3);
	assert_int_equal(dp.n_flows, 4);
	assert_int_equal(ovs_dp_new_encode(buf, sizeof(buf), 30, "", 1, 0),
			 -EINVAL);
	assert_int_equal(ovs_dp_new_encode(buf, sizeof(buf), 30,
					   "sixteen-letters-", 1, 0),
			 -EINVAL);
	assert_int_equal(ovs_dp_del_encode(buf, sizeof(buf),
					   (struct ovs_address){ .family = 1 }),
			 -EINVAL);
}

static void test_vport(void **state)
{
	const struct ovs_vport v = { .port_no = 1,
				     .type = OVS_VPORT_TYPE_VXLAN,
				     .name = "fastdp-vx",
				     .upcall_pid = 44,
				     .udp_port = 6784 };
	struct ovs_vport got = { 0 };
	struct nl_builder b;
	MESSAGE(buf, 256);
	struct nlmsghdr *nlh = (void *)buf;
	struct genlmsghdr *genl = (void *)(buf + sizeof(*nlh));

	(void)state;
	assert_int_equal(ovs_vport_new_encode(buf, sizeof(buf), to, &v), 0);
	b = (struct nl_builder){ .nlh = nlh, .size = sizeof(buf) };
	nl_put_u32(&b, OVS_VPORT_ATTR_IFINDEX, 12);
	assert_int_equal(ovs_vport_decode(buf, nlh->nlmsg_len, &got), 0);
	assert_int_equal(got.port_no, 1);
	assert_int_equal(got.type, OVS_VPORT_TYPE_VXLAN);
	assert_string_equal(got.name, "fastdp-vx");
	assert_int_equal(got.upcall_pid, 44);
	assert_int_equal(got.udp_port, 6784);
	assert_int_equal(got.dp_ifindex, to.dp_ifindex);
	assert_int_equal(got.ifindex, 12);
	assert_false(got.is_deleted);
	genl->cmd = OVS_VPORT_CMD_DEL;
	/* The link is in another namespace: its index says nothing here. */
	nl_put_u32(&b, OVS_VPORT_ATTR_NETNSID, 0);
	assert_int_equal(ovs_vport_decode(buf, nlh->nlmsg_len, &got), 0);
	assert_true(got.is_deleted);
	assert_int_equal(got.ifindex, 0);
	assert_int_equal(
		ovs_vport_del_encode(buf, sizeof(buf),
				     (struct ovs_address){ .family = 1 }, 1),
		-EINVAL);
}

/* Names that are no names: not ended, empty, too long. */
static void test_names(void **state)
{
	static const struct {
		const char *name;
		size_t size;
	} bad[] = {
		{ "abc", 3 },
		{ "", 1 },
		{ "sixteen-letters-", 17 },
	};
	struct ovs_datapath dp;
	struct ovs_header *h;
	struct nl_builder b;
	MESSAGE(buf, 128);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_non_null(nl_begin(&b, buf, sizeof(buf), 30, 8));
		h = (void *)(buf + sizeof(struct nlmsghdr) + 4);
		h->dp_ifindex = 1;
		nl_put(&b, OVS_DP_ATTR_NAME, bad[i].name, bad[i].size);
		assert_int_equal(ovs_dp_decode(buf, b.nlh->nlmsg_len, &dp),
				 -EPROTO);
	}
}

/* Packets. */

static size_t make_upcall(uint8_t *buf, size_t size, size_t frame_size)
{
	const uint64_t id = htobe64(0x123456);
	MESSAGE(frame, 256);
	struct nl_builder b;
	size_t key, tunnel;
	struct genlmsghdr *genl;

	memset(frame, 0xab, sizeof(frame));
	genl = nl_begin(&b, buf, size, 30, 8);
	genl->cmd = OVS_PACKET_CMD_MISS;
	nl_nest_start(&b, OVS_PACKET_ATTR_KEY, &key);
	nl_put_u32(&b, OVS_KEY_ATTR_RECIRC_ID, 0x2001000);
	nl_put_u32(&b, OVS_KEY_ATTR_IN_PORT, 1);
	nl_nest_start(&b, OVS_KEY_ATTR_TUNNEL, &tunnel);
	nl_put(&b, OVS_TUNNEL_KEY_ATTR_ID, &id, sizeof(id));
	nl_put(&b, OVS_TUNNEL_KEY_ATTR_IPV4_SRC, sample_v4, 4);
	nl_nest_end(&b, tunnel);
	nl_nest_end(&b, key);
	nl_put(&b, OVS_PACKET_ATTR_PACKET, frame, frame_size);
	/* OVS_DP_F_UNALIGNED: no padding behind the frame. */
	b.nlh->nlmsg_len -= (uint32_t)(NL_ALIGN(frame_size) - frame_size);
	return b.nlh->nlmsg_len;
}

static void test_upcall(void **state)
{
	struct ovs_upcall u = { 0 };
	MESSAGE(buf, 512);
	size_t size, n;
	uint8_t *p;

	(void)state;
	for (size = 14; size < 70; size++) {
		n = make_upcall(buf, sizeof(buf), size);
		p = copy_of(buf, n);
		assert_int_equal(ovs_upcall_decode(p, n, &u), 0);
		assert_int_equal(u.size, size);
		assert_ptr_equal(u.frame, p + n - size);
		assert_false(u.is_action);
		assert_int_equal(u.in_port, 1);
		assert_int_equal(u.recirc_id, 0x2001000);
		assert_int_equal(u.tun_id, 0x123456);
		assert_memory_equal(u.tun_src.b + 12, sample_v4, 4);
		assert_int_equal(u.dp_ifindex, 0);
		free(p);
	}
	n = make_upcall(buf, sizeof(buf), 13);
	assert_int_equal(ovs_upcall_decode(buf, n, &u), -EPROTO);
	n = make_upcall(buf, sizeof(buf), 60);
	((struct genlmsghdr *)(void *)(buf + sizeof(struct nlmsghdr)))->cmd =
		OVS_PACKET_CMD_EXECUTE;
	assert_int_equal(ovs_upcall_decode(buf, n, &u), -EPROTO);
}

static void test_execute(void **state)
{
	uint8_t *buf = malloc(GENL_MAX_SIZE);
	uint8_t *frame = calloc(1, OVS_MAX_FRAME_SIZE + 1);
	const struct flow_actions none = { 0 };
	static const struct nl_rule rules[OVS_PACKET_ATTR_MAX + 1] = {
		[OVS_PACKET_ATTR_PACKET] = { true, 0 },
		[OVS_PACKET_ATTR_KEY] = { true, 0 },
		[OVS_PACKET_ATTR_ACTIONS] = { true, 0 },
	};
	const struct nlattr *tb[OVS_PACKET_ATTR_MAX + 1];
	struct nlmsghdr *nlh = (void *)buf;

	(void)state;
	assert_non_null(buf);
	assert_non_null(frame);
	assert_int_equal(ovs_execute_encode(buf, GENL_MAX_SIZE, to, frame,
					    OVS_MAX_FRAME_SIZE, &none,
					    PORT_NO_NONE, 0),
			 0);
	assert_int_equal(nl_parse(buf + START, nlh->nlmsg_len - START, rules,
				  OVS_PACKET_ATTR_MAX, tb, NULL),
			 0);
	assert_int_equal(nl_size(tb[OVS_PACKET_ATTR_PACKET]),
			 OVS_MAX_FRAME_SIZE);
	assert_int_equal(nl_size(tb[OVS_PACKET_ATTR_KEY]), 0);
	assert_int_equal(nl_size(tb[OVS_PACKET_ATTR_ACTIONS]), 0);
	assert_int_equal(ovs_execute_encode(buf, GENL_MAX_SIZE, to, frame,
					    OVS_MAX_FRAME_SIZE + 1, &none,
					    PORT_NO_NONE, 0),
			 -EMSGSIZE);
	assert_int_equal(ovs_execute_encode(buf, GENL_MAX_SIZE, to, frame, 13,
					    &none, PORT_NO_NONE, 0),
			 -EINVAL);
	assert_int_equal(ovs_execute_encode(buf, GENL_MAX_SIZE, to, frame, 60,
					    &none, 7, 0),
			 0);
	assert_int_equal(nl_parse(buf + START, nlh->nlmsg_len - START, rules,
				  OVS_PACKET_ATTR_MAX, tb, NULL),
			 0);
	assert_int_equal(nl_size(tb[OVS_PACKET_ATTR_KEY]), 8);
	free(frame);
	free(buf);
}

/* Hostile bytes. */

static void decode_all(const uint8_t *data, size_t size, struct ovs_flow *f)
{
	uint8_t *p = copy_of(data, size);
	volatile uint8_t sum = 0;
	struct ovs_datapath dp;
	struct ovs_vport v;
	struct ovs_upcall u;
	size_t i;
	int r;

	r = ovs_dp_decode(p, size, &dp);
	assert_true(r == 0 || r == -EPROTO);
	r = ovs_vport_decode(p, size, &v);
	assert_true(r == 0 || r == -EPROTO);
	r = ovs_flow_decode(p, size, 1000, f);
	assert_true(r == 0 || r == -EPROTO);
	if (r == 0 && !f->is_foreign)
		assert_true(f->actions.n <= FLOW_MAX_ACTIONS);
	r = ovs_flow_stats_decode(p, size, 1000, f);
	assert_true(r == 0 || r == -EPROTO);
	r = ovs_upcall_decode(p, size, &u);
	assert_true(r == 0 || r == -EPROTO);
	for (i = 0; r == 0 && i < u.size; i++)
		sum = (uint8_t)(sum + u.frame[i]);
	free(p);
}

static void torment(const uint8_t *data, size_t size)
{
	const size_t step = size > 2000 ? 211 : 1;
	uint8_t *p = copy_of(data, size);
	struct ovs_flow f = { 0 };
	size_t cut, at;
	uint32_t i, k;

	for (cut = 0; cut < size; cut += step) {
		decode_all(data, cut, &f);
		/* Cut, and saying so. */
		if (cut >= sizeof(struct nlmsghdr)) {
			((struct nlmsghdr *)(void *)p)->nlmsg_len =
				(uint32_t)cut;
			decode_all(p, cut, &f);
		}
	}
	for (i = 0; i < MUTATIONS; i++) {
		memcpy(p, data, size);
		for (k = 0; k <= random_below(4); k++) {
			at = random_below((uint32_t)size);
			if (random_below(2))
				p[at] ^= (uint8_t)(1U << random_below(8));
			else
				p[at] = (uint8_t)random_below(256);
		}
		decode_all(p, size, &f);
	}
	flow_actions_free(&f.actions);
	free(p);
}

static void test_hostile_flows(void **state)
{
	uint8_t *buf = malloc(GENL_MAX_SIZE);
	MESSAGE(dump, 1024);
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
		torment(buf, ((struct nlmsghdr *)(void *)buf)->nlmsg_len);
	}
	for (i = 0; i < sizeof(dumps) / sizeof(dumps[0]); i++) {
		size_t n = from_hex(dumps[i].hex, dump);

		flow_match_ufid(&sample_named(&s, dumps[i].sample)->match,
				dump + START + 4);
		torment(dump, n);
	}
	samples_free(&s);
	free(buf);
}

static void test_hostile_rest(void **state)
{
	const struct ovs_vport v = { .port_no = 1,
				     .type = OVS_VPORT_TYPE_VXLAN,
				     .name = "fastdp-vx",
				     .udp_port = 6784 };
	MESSAGE(buf, 512);
	struct nlmsghdr *nlh = (void *)buf;

	(void)state;
	torment(buf, make_upcall(buf, sizeof(buf), 61));
	assert_int_equal(ovs_vport_new_encode(buf, sizeof(buf), to, &v), 0);
	torment(buf, nlh->nlmsg_len);
	assert_int_equal(
		ovs_dp_new_encode(buf, sizeof(buf), 30, "fastdp", 1, 0), 0);
	torment(buf, nlh->nlmsg_len);
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
		cmocka_unit_test(test_datapath),
		cmocka_unit_test(test_vport),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_upcall),
		cmocka_unit_test(test_execute),
		cmocka_unit_test(test_foreign_actions),
		cmocka_unit_test(test_hostile_flows),
		cmocka_unit_test(test_hostile_rest),
	};

	return cmocka_run_group_tests_name("ovs_msg", tests, NULL, NULL);
}
