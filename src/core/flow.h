/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FLOW_H
#define FLOW_H

/*
 * One flow of the datapath as a value: what it matches and what it does.
 *
 * Kernel flows have no priorities: all flows of one recirculation id must be
 * pairwise disjoint (flow_match_overlap). `fields` says what is matched; a
 * member whose bit is absent is zero, so that equal matches are equal bytes.
 * The module knows no netlink: sys/ovs_msg turns this into attributes and
 * back.
 *
 * The stages (docs/architecture.md has the picture):
 *
 *   recirc 0 ── container port ──> RECIRC_LOCAL(vni)    A
 *            ── vxlan vport ─────> RECIRC_REMOTE(vni)   D
 *   RECIRC_LOCAL:  unicast B, C; ARP and ND F; other group frames G
 *   RECIRC_REMOTE: unicast E; ARP and ND; other group frames
 *   RECIRC_FLOOD: a group frame to the network's ports but its own, and
 *   RECIRC_PEERS(vni, chunk): copies of it to peers
 *   RECIRC_LONG: what is too long for its peer; there is never a flow
 */

#include "core.h"

#define RECIRC_LOCAL(vni) (UINT32_C(0x01000000) | (vni))
#define RECIRC_REMOTE(vni) (UINT32_C(0x02000000) | (vni))
#define RECIRC_FLOOD(vni) (UINT32_C(0x03000000) | (vni))
#define RECIRC_PEERS(vni, chunk) \
	((UINT32_C(0x04000000) + ((uint32_t)(chunk) << 24)) | (vni))
#define RECIRC_LONG(vni) (UINT32_C(0x10000000) | (vni))
#define RECIRC_VNI(id) ((id)&UINT32_C(0xffffff))
#define RECIRC_STAGE(id) ((id) >> 24)

enum { STAGE_FIRST, STAGE_LOCAL, STAGE_REMOTE, STAGE_FLOOD, STAGE_PEERS };
#define STAGE_LONG 0x10

/*
 * Values of FLOW_ETH_TYPE with a meaning of their own (IEEE 802.1Q): any frame
 * with such a tag, and a match without one of them is for untagged frames
 * alone; any frame without an EtherType (LLC).
 */
#define FLOW_ETH_TYPE_VLAN 0x8100
#define FLOW_ETH_TYPE_QINQ 0x88a8
#define FLOW_ETH_TYPE_LLC 4

/* The recirculation id itself is always matched. */
enum flow_field {
	FLOW_IN_PORT = 1 << 0,
	FLOW_TUN_SRC = 1 << 1,
	FLOW_TUN_ID = 1 << 2,
	FLOW_ETH_SRC = 1 << 3,
	FLOW_ETH_DST = 1 << 4,	 /* all 48 bits */
	FLOW_ETH_GROUP = 1 << 5, /* only the group bit, and it is set */
	FLOW_ETH_TYPE = 1 << 6,
	FLOW_ARP_OP = 1 << 7,	   /* needs ETH_TYPE 0x0806 */
	FLOW_ARP_TIP = 1 << 8,	   /* needs ETH_TYPE 0x0806; in `ip`, IPv4 */
	FLOW_IP_PROTO = 1 << 9,	   /* needs ETH_TYPE 0x86dd */
	FLOW_ICMP6_TYPE = 1 << 10, /* needs IP_PROTO 58 */
	FLOW_ND_TARGET = 1 << 11,  /* needs ICMP6_TYPE 135 or 136; in `ip` */
};

struct flow_match {
	uint32_t fields; /* of enum flow_field */
	uint32_t recirc_id;
	port_no_t in_port;
	vni_t tun_id;
	struct ip tun_src; /* its family decides the tunnel key's */
	struct ip ip;
	struct mac eth_src;
	struct mac eth_dst;
	uint16_t eth_type; /* host byte order */
	uint16_t arp_op;
	uint8_t ip_proto;
	uint8_t icmp6_type;
	uint8_t reserved[6]; /* zero */
};

enum flow_action_type {
	FLOW_OUTPUT,	  /* port */
	FLOW_SET_TUNNEL,  /* tunnel */
	FLOW_RECIRC,	  /* recirc_id */
	FLOW_SET_ETH_DST, /* eth_dst, all 48 bits */
	FLOW_USERSPACE,	  /* to the probe socket of the daemon */
	FLOW_TRUNC, /* max_size bytes at most to the next port or user space */
	FLOW_CHECK_LEN, /* more than max_size bytes of frame (of one segment of
			 * a super-frame): go to `longer`, where no flow is, so
			 * that its own port's upcall comes; else on */
};

/* set_tunnel: DF always, checksum never, TTL 64 unless said. */
struct flow_tunnel {
	vni_t tun_id;
	struct ip dst;
	struct ip src;	   /* zero: the kernel chooses */
	uint16_t dst_port; /* UDP port of the peer's VXLAN, host order */
	uint8_t ttl;
};

struct flow_action {
	enum flow_action_type type;
	union {
		port_no_t port;
		uint32_t recirc_id;
		struct {
			uint32_t max_size; /* Ethernet header included */
			uint32_t longer;   /* recirculation id */
		};
		struct mac eth_dst;
		struct flow_tunnel tunnel;
	};
};

/* No action: drop. */
struct flow_actions {
	struct flow_action *list;
	uint32_t n;
	uint32_t capacity;
};

/* Peers served by one chunk of a group frame: keeps lists below 32 KB. */
#define FLOW_PEERS_PER_CHUNK 256U
/* Longest list that is ever built: every port of a host and one more. */
#define FLOW_MAX_ACTIONS (MAX_PORTS + 8U)

uint64_t flow_match_hash(const struct flow_match *m, uint64_t seed);
bool flow_match_equal(const struct flow_match *a, const struct flow_match *b);

/* True when some packet fits both and they are not equal. */
bool flow_match_overlap(const struct flow_match *a, const struct flow_match *b);

/*
 * 128 bits that name the flow in the kernel (OVS_FLOW_ATTR_UFID). A function
 * of the match alone, the same in every process, so that a restarted daemon
 * finds its flows again.
 */
void flow_match_ufid(const struct flow_match *m, uint8_t ret_ufid[16]);

void flow_actions_free(struct flow_actions *a); /* NULL and zeroed are fine */
void flow_actions_clear(struct flow_actions *a);
void flow_actions_copy(struct flow_actions *dst,
		       const struct flow_actions *src);
bool flow_actions_equal(const struct flow_actions *a,
			const struct flow_actions *b);

/* Appenders; beyond FLOW_MAX_ACTIONS they refuse and return false. */
bool flow_output(struct flow_actions *a, port_no_t port);
bool flow_set_tunnel(struct flow_actions *a, const struct flow_tunnel *t);
bool flow_recirc(struct flow_actions *a, uint32_t recirc_id);
bool flow_set_eth_dst(struct flow_actions *a, const struct mac *dst);
bool flow_userspace(struct flow_actions *a);
bool flow_trunc(struct flow_actions *a, uint32_t max_size);
bool flow_check_len(struct flow_actions *a, uint32_t max_size, uint32_t longer);

#endif
