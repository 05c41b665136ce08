/* SPDX-License-Identifier: Apache-2.0 */
#include "ovs_msg_flow.h"

#include <errno.h>
#include <string.h>

#include <linux/if_ether.h>
#include <linux/openvswitch.h>

#include "ovs_act.h"
#include "ovs_key.h"
#include "ovs_msg_internal.h"

/* Flows. */

static int encode_flow(void *buf, size_t size, struct ovs_address to,
		       uint8_t cmd, const struct flow_match *match,
		       const struct flow_actions *actions, uint32_t pid)
{
	uint8_t ufid[OVS_UFID_SIZE];
	struct nl_builder b;
	int r;

	ovs_msg_begin(&b, buf, size, to, cmd, OVS_FLOW_VERSION);
	flow_match_ufid(match, ufid);
	nl_put(&b, OVS_FLOW_ATTR_UFID, ufid, sizeof(ufid));
	r = ovs_key_put(&b, match);
	if (!r)
		r = ovs_act_put(&b, OVS_FLOW_ATTR_ACTIONS, actions, pid);
	return r ? r : b.error;
}

int ovs_flow_new_encode(void *buf, size_t size, struct ovs_address to,
			const struct flow_match *match,
			const struct flow_actions *actions, uint32_t pid)
{
	struct nlmsghdr *nlh = buf;
	int r;

	r = encode_flow(buf, size, to, OVS_FLOW_CMD_NEW, match, actions, pid);
	if (!r)
		nlh->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	return r;
}

int ovs_flow_set_encode(void *buf, size_t size, struct ovs_address to,
			const struct flow_match *match,
			const struct flow_actions *actions, uint32_t pid)
{
	return encode_flow(buf, size, to, OVS_FLOW_CMD_SET, match, actions,
			   pid);
}

/*
 * Always with a UFID: a deletion that names no flow would delete them all.
 */
static int encode_for_flow(void *buf, size_t size, struct ovs_address to,
			   uint8_t cmd, const uint8_t ufid[OVS_UFID_SIZE])
{
	struct nl_builder b;

	ovs_msg_begin(&b, buf, size, to, cmd, OVS_FLOW_VERSION);
	nl_put(&b, OVS_FLOW_ATTR_UFID, ufid, OVS_UFID_SIZE);
	nl_put_u32(&b, OVS_FLOW_ATTR_UFID_FLAGS,
		   OVS_UFID_F_OMIT_KEY | OVS_UFID_F_OMIT_MASK |
			   OVS_UFID_F_OMIT_ACTIONS);
	return b.error;
}

int ovs_flow_del_encode(void *buf, size_t size, struct ovs_address to,
			const uint8_t ufid[OVS_UFID_SIZE])
{
	return encode_for_flow(buf, size, to, OVS_FLOW_CMD_DEL, ufid);
}

int ovs_flow_get_encode(void *buf, size_t size, struct ovs_address to,
			const uint8_t ufid[OVS_UFID_SIZE])
{
	return encode_for_flow(buf, size, to, OVS_FLOW_CMD_GET, ufid);
}

int ovs_flow_dump_encode(void *buf, size_t size, struct ovs_address to)
{
	struct nl_builder b;

	ovs_msg_begin(&b, buf, size, to, OVS_FLOW_CMD_GET, OVS_FLOW_VERSION);
	return b.error;
}

static int parse_flow(const void *buf, size_t len, const struct nlattr **tb)
{
	static const struct nl_rule rules[OVS_FLOW_ATTR_MAX + 1] = {
		RULE(OVS_FLOW_ATTR_KEY, 0),
		RULE(OVS_FLOW_ATTR_MASK, 0),
		RULE(OVS_FLOW_ATTR_ACTIONS, 0),
		RULE(OVS_FLOW_ATTR_STATS, sizeof(struct ovs_flow_stats)),
		RULE(OVS_FLOW_ATTR_USED, 8),
		RULE(OVS_FLOW_ATTR_UFID, 1),
	};
	struct ovs_prefix p;

	return ovs_msg_parse(buf, len, rules, OVS_FLOW_ATTR_MAX, &p, tb);
}

static void read_stats(const struct nlattr *const *tb, uint64_t now_ms,
		       struct ovs_flow *flow)
{
	const struct nlattr *ufid = tb[OVS_FLOW_ATTR_UFID];
	struct ovs_flow_stats stats = { 0 };
	uint64_t used_ms;

	if (tb[OVS_FLOW_ATTR_STATS])
		memcpy(&stats, nl_data(tb[OVS_FLOW_ATTR_STATS]), sizeof(stats));
	flow->n_packets = stats.n_packets;
	flow->n_bytes = stats.n_bytes;
	flow->idle_us = USEC_NEVER;
	if (tb[OVS_FLOW_ATTR_USED]) {
		used_ms = nl_u64(tb[OVS_FLOW_ATTR_USED]);
		flow->idle_us = used_ms < now_ms
					? (now_ms - used_ms) * USEC_PER_MS
					: 0;
	}
	flow->has_ufid = ufid && nl_size(ufid) == OVS_UFID_SIZE;
	if (flow->has_ufid)
		memcpy(flow->ufid, nl_data(ufid), OVS_UFID_SIZE);
}

int ovs_flow_stats_decode(const void *buf, size_t len, uint64_t now_ms,
			  struct ovs_flow *flow)
{
	const struct nlattr *tb[OVS_FLOW_ATTR_MAX + 1];
	int r;

	r = parse_flow(buf, len, tb);
	if (!r)
		read_stats(tb, now_ms, flow);
	return r;
}

static bool is_named_as_ours(const struct ovs_flow *flow)
{
	uint8_t ufid[OVS_UFID_SIZE];

	if (!flow->has_ufid)
		return false;
	flow_match_ufid(&flow->match, ufid);
	return memcmp(ufid, flow->ufid, sizeof(ufid)) == 0;
}

int ovs_flow_decode(const void *buf, size_t len, uint64_t now_ms,
		    struct ovs_flow *flow)
{
	const struct nlattr *tb[OVS_FLOW_ATTR_MAX + 1];
	bool is_ours;
	int r;

	r = parse_flow(buf, len, tb);
	if (r)
		return r;
	read_stats(tb, now_ms, flow);
	flow->pid = 0;
	flow->is_foreign = true;
	if (!tb[OVS_FLOW_ATTR_KEY] || !tb[OVS_FLOW_ATTR_MASK] ||
	    !tb[OVS_FLOW_ATTR_ACTIONS])
		return 0;
	r = ovs_key_parse(tb[OVS_FLOW_ATTR_KEY], tb[OVS_FLOW_ATTR_MASK],
			  &flow->match, &is_ours);
	if (r || !is_ours || !is_named_as_ours(flow))
		return r;
	r = ovs_act_parse(tb[OVS_FLOW_ATTR_ACTIONS], &flow->actions, &flow->pid,
			  &is_ours);
	if (!r)
		flow->is_foreign = !is_ours;
	return r;
}

/* Packets. */

int ovs_upcall_decode(const void *buf, size_t len, struct ovs_upcall *ret)
{
	static const struct nl_rule rules[OVS_PACKET_ATTR_MAX + 1] = {
		RULE(OVS_PACKET_ATTR_PACKET, ETH_HLEN),
		RULE(OVS_PACKET_ATTR_KEY, 0),
	};
	const struct nlattr *tb[OVS_PACKET_ATTR_MAX + 1];
	struct ovs_metadata md;
	struct ovs_prefix p;
	int r;

	r = ovs_msg_parse(buf, len, rules, OVS_PACKET_ATTR_MAX, &p, tb);
	if (r)
		return r;
	if ((p.genl.cmd != OVS_PACKET_CMD_MISS &&
	     p.genl.cmd != OVS_PACKET_CMD_ACTION) ||
	    !tb[OVS_PACKET_ATTR_PACKET] || !tb[OVS_PACKET_ATTR_KEY])
		return -EPROTO;
	r = ovs_metadata_parse(tb[OVS_PACKET_ATTR_KEY], &md);
	if (r)
		return r;
	*ret = (struct ovs_upcall){
		.is_action = p.genl.cmd == OVS_PACKET_CMD_ACTION,
		.dp_ifindex = p.ovs.dp_ifindex,
		.in_port = md.in_port,
		.recirc_id = md.recirc_id,
		.tun_id = md.tun_id,
		.tun_src = md.tun_src,
		.frame = nl_data(tb[OVS_PACKET_ATTR_PACKET]),
		.size = nl_size(tb[OVS_PACKET_ATTR_PACKET]),
	};
	return 0;
}

int ovs_execute_encode(void *buf, size_t size, struct ovs_address to,
		       const uint8_t *frame, size_t frame_size,
		       const struct flow_actions *actions, port_no_t in_port,
		       uint32_t pid)
{
	struct nl_builder b;
	size_t nest;
	int r;

	if (frame_size < ETH_HLEN)
		return -EINVAL;
	if (frame_size > OVS_MAX_FRAME_SIZE)
		return -EMSGSIZE;
	ovs_msg_begin(&b, buf, size, to, OVS_PACKET_CMD_EXECUTE,
		      OVS_PACKET_VERSION);
	nl_put(&b, OVS_PACKET_ATTR_PACKET, frame, frame_size);
	nl_nest_start(&b, OVS_PACKET_ATTR_KEY, &nest);
	if (in_port != PORT_NO_NONE)
		nl_put_u32(&b, OVS_KEY_ATTR_IN_PORT, in_port);
	nl_nest_end(&b, nest);
	r = ovs_act_put(&b, OVS_PACKET_ATTR_ACTIONS, actions, pid);
	return r ? r : b.error;
}
