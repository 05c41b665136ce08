/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OVS_MSG_H
#define OVS_MSG_H

/*
 * Open vSwitch netlink messages: bytes <-> structs.
 *
 * It knows no socket and no clock. Encoders write one whole message, netlink
 * header included, into the caller's buffer; its size is then nlmsg_len.
 * Sequence number, NLM_F_REQUEST and the like are the sender's business. Decoders take one
 * whole message (@buf aligned for uint32_t), trust nothing in it and return
 * views into the caller's buffer where said.
 *
 * Encoders: 0, -EINVAL (cannot be expressed), -EMSGSIZE (does not fit).
 * Decoders: 0, or -EPROTO (not such a message, or malformed).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/flow.h"

#define OVS_NAME_SIZE 16U /* of an interface, with the zero */
#define OVS_UFID_SIZE 16U

/* Whom a message is for. */
struct ovs_address {
	uint16_t family; /* nlmsg_type, from genl_resolve() */
	int dp_ifindex;	 /* 0: no particular datapath */
};

/* Datapath. */

struct ovs_datapath {
	int ifindex; /* of its internal port; names the datapath */
	char name[OVS_NAME_SIZE];
	uint32_t user_features; /* OVS_DP_F_* */
	uint64_t n_hit;		/* lookups = n_hit + n_missed; each stage */
	uint64_t n_missed;	/* counts one */
	uint64_t n_lost;	/* misses that reached no socket */
	uint64_t n_flows;
	uint64_t n_masks;
};

/* @pid is for the internal port (0: no upcalls). */
int ovs_dp_new_encode(void *buf, size_t size, uint16_t family, const char *name,
		      uint32_t user_features, uint32_t pid) WARN_UNUSED;
/* @name NULL: by @to.dp_ifindex. */
int ovs_dp_get_encode(void *buf, size_t size, struct ovs_address to,
		      const char *name) WARN_UNUSED;
int ovs_dp_del_encode(void *buf, size_t size, struct ovs_address to)
	WARN_UNUSED;
int ovs_dp_decode(const void *buf, size_t len, struct ovs_datapath *ret)
	WARN_UNUSED;

/* Vports. */

struct ovs_vport {
	port_no_t port_no;
	uint32_t type; /* OVS_VPORT_TYPE_* */
	char name[OVS_NAME_SIZE];
	int dp_ifindex;
	int ifindex;	     /* 0: unknown, or not in this namespace */
	uint32_t upcall_pid; /* 0: none; of several, the first */
	uint16_t udp_port;   /* VXLAN: host order; else 0 */
	bool is_deleted;     /* a notification: it has gone */
};

/* @port_no is wanted, not proposed; @udp_port only for VXLAN, host order. */
int ovs_vport_new_encode(void *buf, size_t size, struct ovs_address to,
			 const struct ovs_vport *vport) WARN_UNUSED;
int ovs_vport_set_pid_encode(void *buf, size_t size, struct ovs_address to,
			     port_no_t port_no, uint32_t pid) WARN_UNUSED;
int ovs_vport_get_encode(void *buf, size_t size, struct ovs_address to,
			 port_no_t port_no) WARN_UNUSED;
int ovs_vport_del_encode(void *buf, size_t size, struct ovs_address to,
			 port_no_t port_no) WARN_UNUSED;
int ovs_vport_dump_encode(void *buf, size_t size, struct ovs_address to)
	WARN_UNUSED;
/* Replies and notifications. */
int ovs_vport_decode(const void *buf, size_t len, struct ovs_vport *ret)
	WARN_UNUSED;

/*
 * Flows.
 *
 * What cannot be expressed (-EINVAL): a field without the one it needs;
 * FLOW_TUN_ID without FLOW_TUN_SRC; FLOW_ETH_DST and FLOW_ETH_GROUP together;
 * ARP_OP above 255; a FLOW_ETH_TYPE below 0x600 other than 4, which stands for
 * every frame without an EtherType (802.2); a tunnel between families;
 * FLOW_USERSPACE with @pid 0; max_size above 65535; more
 * than OVS_MAX_CHECK_LEN length checks in a list.
 *
 * FLOW_ETH_TYPE 0x8100 or 0x88a8 matches any frame with such a tag, and the
 * kernel lets a flow without one of these match untagged frames only.
 */
#define OVS_ETH_TYPE_802_2 UINT16_C(4)
#define OVS_MAX_CHECK_LEN 4U

/*
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
