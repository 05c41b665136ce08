/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OVS_MSG_FLOW_H
#define OVS_MSG_FLOW_H

/*
 * Open vSwitch netlink messages, bytes <-> structs: flows and packets. The
 * contract is that of ovs_msg.h.
 */

#include "ovs_msg.h"

#define OVS_UFID_SIZE 16U

/*
 * What cannot be expressed (-EINVAL): see ovs_key.h and ovs_act.h.
 *
 * NEW creates a flow and is refused (EEXIST) where there is one that it would
 * overlap; SET replaces the actions of the flow with the UFID of @match, and
 * is refused (ENOENT) where there is none. @pid: where FLOW_USERSPACE goes.
 */
int ovs_flow_new_encode(void *buf, size_t size, struct ovs_address to,
			const struct flow_match *match,
			const struct flow_actions *actions, uint32_t pid)
	WARN_UNUSED;
int ovs_flow_set_encode(void *buf, size_t size, struct ovs_address to,
			const struct flow_match *match,
			const struct flow_actions *actions, uint32_t pid)
	WARN_UNUSED;
int ovs_flow_del_encode(void *buf, size_t size, struct ovs_address to,
			const uint8_t ufid[OVS_UFID_SIZE]) WARN_UNUSED;
/* Asks for statistics alone. */
int ovs_flow_get_encode(void *buf, size_t size, struct ovs_address to,
			const uint8_t ufid[OVS_UFID_SIZE]) WARN_UNUSED;
int ovs_flow_dump_encode(void *buf, size_t size, struct ovs_address to)
	WARN_UNUSED;

struct ovs_flow {
	/*
	 * Not one that ovs_flow_new_encode() makes: other fields, masks or
	 * actions than ours, or another UFID than flow_match_ufid() gives.
	 * Then match and actions are not to be looked at.
	 */
	bool is_foreign;
	bool has_ufid; /* of OVS_UFID_SIZE bytes */
	uint8_t ufid[OVS_UFID_SIZE];
	struct flow_match match;
	struct flow_actions actions; /* owned: flow_actions_free() */
	uint32_t pid; /* where FLOW_USERSPACE goes; 0: no such action */
	uint64_t n_packets;
	uint64_t n_bytes;
	usec_t idle_us; /* since the last packet; USEC_NEVER: not one yet */
};

/*
 * @now_ms: CLOCK_MONOTONIC. @flow is zeroed or was filled in before; its
 * action list is used again. On failure its contents are undefined, but it
 * can be freed and used again.
 */
int ovs_flow_decode(const void *buf, size_t len, uint64_t now_ms,
		    struct ovs_flow *flow) WARN_UNUSED;

/* The reply to ovs_flow_get_encode(): UFID and statistics, nothing else. */
int ovs_flow_stats_decode(const void *buf, size_t len, uint64_t now_ms,
			  struct ovs_flow *flow) WARN_UNUSED;

/* Packets. */

#define OVS_MAX_FRAME_SIZE 65000U /* an attribute has 16 bits of length */

struct ovs_upcall {
	bool is_action; /* FLOW_USERSPACE sent it; else no flow matched */
	int dp_ifindex;
	port_no_t in_port; /* PORT_NO_NONE: not said */
	uint32_t recirc_id;
	vni_t tun_id;
	struct ip tun_src;    /* zero: not from a tunnel */
	const uint8_t *frame; /* view */
	size_t size;
};

int ovs_upcall_decode(const void *buf, size_t len, struct ovs_upcall *ret)
	WARN_UNUSED;

/* @in_port PORT_NO_NONE: from nowhere. -EMSGSIZE: frame too long. */
int ovs_execute_encode(void *buf, size_t size, struct ovs_address to,
		       const uint8_t *frame, size_t frame_size,
		       const struct flow_actions *actions, port_no_t in_port,
		       uint32_t pid) WARN_UNUSED;

#endif
