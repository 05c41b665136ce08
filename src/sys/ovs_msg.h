/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OVS_MSG_H
#define OVS_MSG_H

/*
 * Open vSwitch netlink messages, bytes <-> structs: datapaths and vports
 * (ovs_msg_flow.h: flows and packets).
 *
 * It knows no socket and no clock. Encoders write one whole message, netlink
 * header included, into the caller's buffer; its size is then nlmsg_len.
 * Sequence number, NLM_F_REQUEST and the like are the sender's business.
 * Decoders take one whole message (@buf aligned for uint32_t), trust nothing
 * in it and return views into the caller's buffer where said.
 *
 * Encoders: 0, -EINVAL (cannot be expressed), -EMSGSIZE (does not fit).
 * Decoders: 0, or -EPROTO (not such a message, or malformed).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/flow.h"

#define OVS_NAME_SIZE 16U /* of an interface, with the zero */

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
	bool is_deleted;	/* of an event */
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

#endif
