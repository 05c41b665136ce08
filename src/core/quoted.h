/* SPDX-License-Identifier: Apache-2.0 */
#ifndef QUOTED_H
#define QUOTED_H

/*
 * What an ICMP "fragmentation needed" or ICMPv6 "packet too big" says: of
 * which packet, and how long it might have been. Anybody can have written it.
 */

#include "core.h"

struct quoted {
	struct ip to; /* of the packet that was too long */
	uint8_t ip_proto;
	uint16_t source_port, target_port; /* of UDP and TCP; else 0 */
	uint32_t mtu;			   /* 0: not said */
};

/*
 * @packet: the beginning of the ICMP packet, from its IP header on. False: it
 * is another one, or too short. A quoted packet with options or extension
 * headers, which none of ours has, has no ports.
 */
bool quoted_parse(const uint8_t *packet, size_t size, struct quoted *ret);

#endif
