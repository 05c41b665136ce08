/* SPDX-License-Identifier: Apache-2.0 */
/* Open vSwitch messages that are no flows: datapaths, vports and packets. */
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
#include "sys/ovs_act.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_datapath), cmocka_unit_test(test_vport),
		cmocka_unit_test(test_names),	 cmocka_unit_test(test_upcall),
		cmocka_unit_test(test_execute),
	};

	return cmocka_run_group_tests_name("ovs_msg_dp", tests, NULL, NULL);
}
