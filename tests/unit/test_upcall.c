/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Packets into and out of the kernel's openvswitch: src/sys/upcall, execution,
 * and flows that really forward.
 */

#include "sys/ovs_key.h"
#include "sys/upcall.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>

#include "ovs_datapath.h"

#define FRAME_SIZE 64U

static int open_link(const char *name)
{
	struct timeval timeout = { .tv_sec = 2 };
	struct sockaddr_ll local = { .sll_family = AF_PACKET,
				     .sll_protocol = htons(ETH_P_ALL),
				     .sll_ifindex = (int)if_nametoindex(name) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&local, sizeof(local)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout,
				    sizeof(timeout)),
			 0);
	return fd;
}

static void make_frame(uint8_t *frame, const struct mac *dst,
		       const struct mac *src, uint8_t mark)
{
	memset(frame, mark, FRAME_SIZE);
	memcpy(frame, dst->b, 6);
	memcpy(frame + 6, src->b, 6);
	frame[12] = 0x88;
	frame[13] = 0xb5;
}

/* Waits for our frame; anything else that the link says is passed over. */
static void expect_frame(int fd, const uint8_t *frame)
{
	uint8_t got[2048];
	ssize_t n;
	int i;

	for (i = 0; i < 50; i++) {
		n = recv(fd, got, sizeof(got), 0);
		if (n < 0)
			break;
		if ((size_t)n == FRAME_SIZE && !memcmp(got, frame, FRAME_SIZE))
			return;
	}
	fail_msg("the frame did not come");
}

static struct ovs_upcall expect_upcall(struct upcall_socket *s,
				       struct upcall_buffer *b,
				       const uint8_t *frame)
{
	const struct ovs_upcall *upcalls;
	bool is_drained;
	unsigned int i, n;
	int turn;

	for (turn = 0; turn < 50; turn++) {
		if (poll(&(struct pollfd){ .fd = s->fd, .events = POLLIN }, 1,
			 2000) != 1)
			break;
		assert_int_equal(
			upcall_read(s, b, 32, &upcalls, &n, &is_drained), 0);
		for (i = 0; i < n; i++) {
			if (upcalls[i].size == FRAME_SIZE &&
			    !memcmp(upcalls[i].frame, frame, FRAME_SIZE))
				return upcalls[i];
		}
	}
	fail_msg("no upcall");
	return (struct ovs_upcall){ 0 };
}

static void put_flow(const struct flow_match *m, const struct flow_actions *a)
{
	struct ovs_flow_op op = { .type = OVS_FLOW_PUT,
				  .match = m,
				  .actions = a };

	assert_int_equal(ovs_dp_flows(&dp, &op, 1), 0);
	assert_int_equal(op.error, 0);
}

static void expect_used(const struct flow_match *m, uint64_t n_packets)
{
	struct ovs_flow_op op = { .type = OVS_FLOW_GET, .match = m };

	assert_int_equal(ovs_dp_flows(&dp, &op, 1), 0);
	assert_int_equal(op.error, 0);
	assert_int_equal(op.n_packets, n_packets);
	assert_int_equal(op.n_bytes, n_packets * FRAME_SIZE);
	if (n_packets)
		assert_true(op.idle_us < 5 * USEC_PER_SEC);
	else
		assert_true(op.idle_us == USEC_NEVER);
}

static void send_frame(int fd, const uint8_t *frame)
{
	assert_int_equal(send(fd, frame, FRAME_SIZE, 0), FRAME_SIZE);
}

/* A port with a network behind it, and a MAC that is at another port. */
static const struct mac mac_a = { { 2, 0, 0, 0, 0, 0xa } };
static const struct mac mac_b = { { 2, 0, 0, 0, 0, 0xb } };
static const struct mac mac_x = { { 2, 0, 0, 0, 0, 0xc } };
static const struct flow_match first = { .fields = FLOW_IN_PORT | FLOW_ETH_SRC,
					 .in_port = 16,
					 .eth_src = {
						 { 2, 0, 0, 0, 0, 0xa } } };
static const struct flow_match second = { .fields = FLOW_ETH_DST,
					  .recirc_id = RECIRC_LOCAL(0x1000),
					  .eth_dst = {
						  { 2, 0, 0, 0, 0, 0xb } } };

static void test_two_stages(void **state)
{
	struct flow_actions recirc = { 0 };
	struct flow_actions output = { 0 };
	struct upcall_buffer *b = upcall_buffer_new();
	uint8_t frame[FRAME_SIZE];
	struct upcall_socket s;
	struct ovs_upcall u;
	int a0, b0;

	(void)state;
	assert_int_equal(upcall_open(&s, dp.genl.families.id[GENL_PACKET], 0),
			 0);
	assert_int_equal(ovs_dp_vport_add(&dp, "fda1", 16, s.portid), 0);
	assert_int_equal(ovs_dp_vport_add(&dp, "fdb1", 17, s.portid), 0);
	a0 = open_link("fda0");
	b0 = open_link("fdb0");

	make_frame(frame, &mac_b, &mac_a, 1);
	send_frame(a0, frame);
	u = expect_upcall(&s, b, frame);
	assert_int_equal(u.in_port, 16);
	assert_int_equal(u.recirc_id, 0);
	assert_int_equal(u.dp_ifindex, dp.ifindex);
	assert_false(u.is_action);
	assert_true(ip_is_zero(&u.tun_src));

	assert_true(flow_recirc(&recirc, RECIRC_LOCAL(0x1000)));
	put_flow(&first, &recirc);
	make_frame(frame, &mac_b, &mac_a, 2);
	send_frame(a0, frame);
	u = expect_upcall(&s, b, frame);
	assert_int_equal(u.in_port, 16);
	assert_int_equal(u.recirc_id, RECIRC_LOCAL(0x1000));

	assert_true(flow_output(&output, 17));
	put_flow(&second, &output);
	expect_used(&second, 0);
	make_frame(frame, &mac_b, &mac_a, 3);
	send_frame(a0, frame);
	expect_frame(b0, frame);
	expect_used(&second, 1);

	assert_int_equal(s.n_malformed, 0);
	assert_int_equal(s.n_overruns, 0);
	close(a0);
	close(b0);
	upcall_close(&s);
	upcall_buffer_free(b);
	flow_actions_free(&recirc);
	flow_actions_free(&output);
}

/* Injected: to a port at once, and through the second stage. */
static void test_execute(void **state)
{
	struct flow_actions recirc = { 0 };
	struct flow_actions output = { 0 };
	struct ovs_execute_op exec[3];
	uint8_t frame[FRAME_SIZE];
	int b0;

	(void)state;
	assert_int_equal(ovs_dp_vport_add(&dp, "fda1", 16, 0), 0);
	assert_int_equal(ovs_dp_vport_add(&dp, "fdb1", 17, 0), 0);
	b0 = open_link("fdb0");
	assert_true(flow_recirc(&recirc, RECIRC_LOCAL(0x1000)));
	assert_true(flow_output(&output, 17));
	put_flow(&second, &output);
	make_frame(frame, &mac_x, &mac_a, 4);
	exec[0] = (struct ovs_execute_op){ .frame = frame,
					   .size = sizeof(frame),
					   .actions = &output,
					   .in_port = PORT_NO_NONE };
	exec[1] = exec[0];
	exec[1].size = 13;
	exec[2] = exec[0];
	exec[2].in_port = 16;
	assert_int_equal(ovs_dp_execute(&dp, exec, 3), 0);
	assert_int_equal(exec[0].error, 0);
	assert_int_equal(exec[1].error, -EINVAL);
	assert_int_equal(exec[2].error, 0);
	expect_frame(b0, frame);
	expect_frame(b0, frame);
	make_frame(frame, &mac_b, &mac_x, 5);
	exec[2].actions = &recirc;
	assert_int_equal(ovs_dp_execute(&dp, &exec[2], 1), 0);
	assert_int_equal(exec[2].error, 0);
	expect_frame(b0, frame);
	expect_used(&second, 1);
	close(b0);
	flow_actions_free(&recirc);
	flow_actions_free(&output);
}

/*
 * What the kernel takes for the EtherType. A frame with a tag is matched by
 * no flow that does not ask for the tag; one without an EtherType has type 4.
 */
static void test_eth_types(void **state)
{
	const struct mac mac = { { 2, 0, 0, 0, 0, 0xa } };
	struct flow_match any = { .fields = FLOW_IN_PORT | FLOW_ETH_SRC,
				  .in_port = 16,
				  .eth_src = mac };
	struct flow_match tagged = { .fields = FLOW_IN_PORT | FLOW_ETH_TYPE,
				     .in_port = 16,
				     .eth_type = 0x8100 };
	struct flow_match llc = { .fields = FLOW_IN_PORT | FLOW_ETH_TYPE,
				  .in_port = 17,
				  .eth_type = OVS_ETH_TYPE_802_2 };
	const struct flow_actions drop = { 0 };
	struct upcall_buffer *b = upcall_buffer_new();
	uint8_t frame[FRAME_SIZE];
	struct upcall_socket s;
	struct ovs_upcall u;
	int a0, b0;

	(void)state;
	assert_int_equal(upcall_open(&s, dp.genl.families.id[GENL_PACKET], 0),
			 0);
	assert_int_equal(ovs_dp_vport_add(&dp, "fda1", 16, s.portid), 0);
	assert_int_equal(ovs_dp_vport_add(&dp, "fdb1", 17, s.portid), 0);
	a0 = open_link("fda0");
	b0 = open_link("fdb0");
	put_flow(&any, &drop);
	make_frame(frame, &mac, &mac, 1);
	send_frame(a0, frame);
	expect_used(&any, 1);
	memcpy(frame + 12, "\x81\x00\x00\x05\x88\xb5", 6);
	send_frame(a0, frame);
	u = expect_upcall(&s, b, frame);
	assert_int_equal(u.recirc_id, 0);
	expect_used(&any, 1);
	put_flow(&tagged, &drop);
	send_frame(a0, frame);
	expect_used(&tagged, 1);
	expect_used(&any, 1);

	memcpy(frame + 12, "\x00\x32\x42\x42\x03", 5);
	send_frame(b0, frame);
	u = expect_upcall(&s, b, frame);
	assert_int_equal(u.in_port, 17);
	put_flow(&llc, &drop);
	send_frame(b0, frame);
	expect_used(&llc, 1);
	close(a0);
	close(b0);
	upcall_close(&s);
	upcall_buffer_free(b);
}

/*
 * A heartbeat, as between two hosts: out through the VXLAN vport, echoed by
 * the kernel's flow, and up to the probe socket. The peer is this datapath
 * itself, over the loopback.
 */
static void test_heartbeat(void **state)
{
	static const uint8_t self_v4[4] = { 127, 0, 0, 1 };
	static const struct ip self_v6 = { { [15] = 1 } };
	const struct mac request = { { 0x02, 0xfd, 0, 0, 0, 1 } };
	const struct mac reply = { { 0x02, 0xfd, 0, 0, 0, 2 } };
	struct upcall_buffer *b = upcall_buffer_new();
	struct upcall_socket s, taken;
	int v4;

	(void)state;
	assert_int_equal(upcall_open(&s, dp.genl.families.id[GENL_PACKET],
				     UPCALL_PROBE_PORTID),
			 0);
	assert_int_equal(s.portid, UPCALL_PROBE_PORTID);
	assert_int_equal(upcall_open(&taken, s.family, UPCALL_PROBE_PORTID),
			 -EADDRINUSE);
	ovs_dp_set_pid(&dp, s.portid);
	assert_int_equal(ovs_dp_vport_add_vxlan(&dp, VXLAN_NAME, PORT_NO_VXLAN,
						6784, 0),
			 0);
	for (v4 = 0; v4 < 2; v4++) {
		const struct ip self = v4 ? ip_from_v4(self_v4) : self_v6;
		const struct flow_tunnel t = { .tun_id = VNI_PROBE,
					       .dst = self,
					       .dst_port = 6784,
					       .ttl = 64 };
		struct flow_match m = { .fields = FLOW_IN_PORT | FLOW_TUN_SRC |
						  FLOW_TUN_ID | FLOW_ETH_DST,
					.in_port = PORT_NO_VXLAN,
					.tun_src = self,
					.tun_id = VNI_PROBE };
		struct flow_actions echo = { 0 };
		struct flow_actions up = { 0 };
		struct flow_actions out = { 0 };
		struct ovs_execute_op exec = { .size = FRAME_SIZE,
					       .actions = &out,
					       .in_port = PORT_NO_NONE };
		uint8_t frame[FRAME_SIZE];
		struct ovs_upcall u;

		assert_true(flow_set_eth_dst(&echo, &reply));
		assert_true(flow_set_tunnel(&echo, &t));
		assert_true(flow_output(&echo, PORT_NO_VXLAN));
		m.eth_dst = request;
		put_flow(&m, &echo);
		assert_true(flow_userspace(&up));
		m.eth_dst = reply;
		put_flow(&m, &up);
		assert_true(flow_set_tunnel(&out, &t));
		assert_true(flow_output(&out, PORT_NO_VXLAN));
		make_frame(frame, &request, &request, (uint8_t)(6 + v4));
		exec.frame = frame;
		assert_int_equal(ovs_dp_execute(&dp, &exec, 1), 0);
		assert_int_equal(exec.error, 0);
		memcpy(frame, reply.b, 6);
		u = expect_upcall(&s, b, frame);
		assert_true(u.is_action);
		assert_int_equal(u.in_port, PORT_NO_VXLAN);
		assert_int_equal(u.tun_id, VNI_PROBE);
		assert_true(ip_equal(&u.tun_src, &self));
		flow_actions_free(&echo);
		flow_actions_free(&up);
		flow_actions_free(&out);
	}
	upcall_close(&s);
	upcall_buffer_free(b);
}

/* More than the socket holds: counted, and what came in time is read. */
static void test_overrun(void **state)
{
	const struct mac mac = { { 2, 0, 0, 0, 0, 0xa } };
	struct upcall_buffer *b = upcall_buffer_new();
	const struct ovs_upcall *upcalls;
	uint8_t frame[FRAME_SIZE];
	struct upcall_socket s;
	const int small = 1;
	unsigned int n, n_read = 0;
	bool is_drained = false;
	int a0, i;

	(void)state;
	assert_int_equal(upcall_open(&s, dp.genl.families.id[GENL_PACKET], 0),
			 0);
	assert_int_equal(setsockopt(s.fd, SOL_SOCKET, SO_RCVBUF, &small,
				    sizeof(small)),
			 0);
	assert_int_equal(ovs_dp_vport_add(&dp, "fda1", 16, s.portid), 0);
	a0 = open_link("fda0");
	make_frame(frame, &mac, &mac, 9);
	for (i = 0; i < 100; i++)
		assert_int_equal(send(a0, frame, sizeof(frame), 0), FRAME_SIZE);
	for (i = 0; i < 100 && !is_drained; i++) {
		assert_int_equal(
			upcall_read(&s, b, 4, &upcalls, &n, &is_drained), 0);
		n_read += n;
	}
	assert_true(is_drained);
	assert_true(n_read > 0 && n_read < 100);
	assert_true(s.n_overruns > 0);
	close(a0);
	upcall_close(&s);
	upcall_buffer_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_LINKS(test_two_stages), WITH_LINKS(test_execute),
		WITH_LINKS(test_eth_types),  WITH_DATAPATH(test_heartbeat),
		WITH_LINKS(test_overrun),
	};
	int r;

	r = enter_namespace();
	if (r)
		return r;
	return cmocka_run_group_tests_name("upcall", tests, NULL, NULL);
}
