/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FRAME_H
#define FRAME_H

/*
 * Ethernet frames of containers: what the pipeline needs to know of one, and
 * the few that we make ourselves. It knows no peer and no directory.
 */

#include "core.h"

#define ETH_HEADER_SIZE 14U
#define ETH_TYPE_MIN 0x0600 /* below it is a length */
#define ETH_TYPE_IPV4 0x0800
#define ETH_TYPE_ARP 0x0806
#define ETH_TYPE_IPV6 0x86dd
#define ETH_TYPE_PROBE 0x88b5 /* IEEE 802 local experimental 1 */

#define ARP_REQUEST 1
#define ARP_REPLY 2
#define IP_PROTO_UDP 17
#define IP_PROTO_ICMP6 58
#define ND_SOLICITATION 135
#define ND_ADVERTISEMENT 136

struct frame {
	struct mac dst, src;
	uint16_t eth_type; /* 0: it has none (LLC) */
	bool has_arp;	   /* a whole IPv4-over-Ethernet ARP packet */
	uint16_t arp_op;
	struct ip arp_tip;
	/* As in the kernel's key: behind extensions; 0 and NONE: cut short. */
	uint8_t ip_proto;
	uint8_t icmp6_type; /* 0: none, or cut short */
	bool has_nd;	    /* solicitation or advertisement with its target */
	struct ip nd_target;
};

/*
 * Fields that a truncated or odd frame does not have stay absent. False: not
 * even an Ethernet header.
 */
bool frame_parse(const uint8_t *p, size_t size, struct frame *ret);

/* Longest frame that frame_announce() makes. */
#define FRAME_ANNOUNCE_SIZE 86U

/*
 * "@ip is at @mac", to everybody: for IPv4 a gratuitous ARP reply (RFC 5227
 * section 3), for IPv6 an unsolicited neighbour advertisement with the
 * override flag (RFC 4861 section 7.2.6). Returns the frame's size.
 */
size_t frame_announce(const struct ip *ip, const struct mac *mac,
		      uint8_t ret_frame[FRAME_ANNOUNCE_SIZE]);

#endif
