/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ceiling that openvswitch.ko sets: one end of a tunnel in one stage, put
 * by hand, with nobody to look after it.
 *
 *   in_port = the container, eth_src, eth_dst                  -> set_tunnel,
 *                                                                 output
 *   in_port = the tunnel, tun_src, tun_id, eth_src, eth_dst    -> output
 *
 * The tunnel's key is matched because without it there is no network apart
 * from others and anybody may send into it; it costs 500 instructions a packet.
 *
 * usage: static_flows DATAPATH LINK LOCAL-MAC REMOTE-MAC LOCAL-IP REMOTE-IP
 *                     [MAX-FRAME]
 *
 * With MAX-FRAME the first asks whether the frame is longer (check_pkt_len);
 * nobody is there to hear of those.
 *
 * Makes the datapath and its VXLAN vport in the namespace that it runs in and
 * takes LINK into it. ARP finds no flow: containers need permanent neighbours.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/flow.h"
#include "sys/addr.h"
#include "sys/ovs_dp.h"

#define VXLAN_LINK "static-vx"
#define VXLAN_UDP_PORT 6784
#define VNI 4096
#define TTL 64

static int failed(const char *what, int error)
{
	fprintf(stderr, "static_flows: %s: %s\n", what, strerror(-error));
	return 1;
}

static struct flow_match match_of(port_no_t in_port, const struct mac *src,
				  const struct mac *dst)
{
	struct flow_match m;

	memset(&m, 0, sizeof(m));
	m.fields = FLOW_IN_PORT | FLOW_ETH_SRC | FLOW_ETH_DST;
	m.in_port = in_port;
	m.eth_src = *src;
	m.eth_dst = *dst;
	return m;
}

/* @max_frame 0: of any length. */
static int put_flows(struct ovs_dp *dp, const struct mac *local,
		     const struct mac *remote, const struct flow_tunnel *tunnel,
		     uint32_t max_frame)
{
	const struct flow_match out = match_of(PORT_NO_FIRST, local, remote);
	struct flow_match in = match_of(PORT_NO_VXLAN, remote, local);
	struct flow_actions to_tunnel = { 0 }, to_port = { 0 };
	struct ovs_flow_op ops[2] = {
		{ .type = OVS_FLOW_PUT, .match = &out, .actions = &to_tunnel },
		{ .type = OVS_FLOW_PUT, .match = &in, .actions = &to_port },
	};
	int error = -ENOMEM;

	in.fields |= FLOW_TUN_SRC | FLOW_TUN_ID;
	in.tun_src = tunnel->dst;
	in.tun_id = tunnel->tun_id;
	if ((!max_frame ||
	     flow_check_len(&to_tunnel, max_frame, RECIRC_LONG(VNI))) &&
	    flow_set_tunnel(&to_tunnel, tunnel) &&
	    flow_output(&to_tunnel, PORT_NO_VXLAN) &&
	    flow_output(&to_port, PORT_NO_FIRST))
		error = ovs_dp_flows(dp, ops, 2);
	if (!error)
		error = ops[0].error ? ops[0].error : ops[1].error;
	flow_actions_free(&to_tunnel);
	flow_actions_free(&to_port);
	return error;
}

int main(int argc, char **argv)
{
	struct flow_tunnel tunnel = {
		.tun_id = VNI,
		.dst_port = VXLAN_UDP_PORT,
		.ttl = TTL,
	};
	const bool is_checked = argc == 8;
	struct mac local, remote;
	struct ovs_dp dp;
	int error;

	if ((argc != 7 && !is_checked) || !addr_parse_mac(argv[3], &local) ||
	    !addr_parse_mac(argv[4], &remote) ||
	    !addr_parse_ip(argv[5], &tunnel.src) ||
	    !addr_parse_ip(argv[6], &tunnel.dst)) {
		fprintf(stderr, "usage: static_flows DATAPATH LINK LOCAL-MAC "
				"REMOTE-MAC LOCAL-IP REMOTE-IP "
				"[MAX-FRAME]\n");
		return 2;
	}
	error = ovs_dp_open(&dp, argv[1], true, NULL);
	if (error)
		return failed(argv[1], error);
	error = ovs_dp_vport_add_vxlan(&dp, VXLAN_LINK, PORT_NO_VXLAN,
				       VXLAN_UDP_PORT, 0);
	if (error)
		return failed(VXLAN_LINK, error);
	error = ovs_dp_vport_add(&dp, argv[2], PORT_NO_FIRST, 0);
	if (error)
		return failed(argv[2], error);
	error = put_flows(&dp, &local, &remote, &tunnel,
			  is_checked ? (uint32_t)strtoul(argv[7], NULL, 10)
				     : 0);
	if (error)
		return failed("flows", error);
	ovs_dp_close(&dp);
	return 0;
}
