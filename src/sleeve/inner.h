/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INNER_H
#define INNER_H

/*
 * The headers of a container's frame, as far as cutting super-frames and
 * putting them together needs them: Ethernet with up to two VLAN tags, IPv4 or
 * IPv6 with extension headers, TCP or UDP. Pure; the Internet checksum is here
 * too.
 */

#include "core/core.h"

struct inner {
	uint16_t l3, l4, payload; /* offsets */
	bool is_v6, is_tcp;	  /* else IPv4, UDP */
};

#define INNER_TCP_FIN 0x01U
#define INNER_TCP_SYN 0x02U
#define INNER_TCP_RST 0x04U
#define INNER_TCP_PSH 0x08U
#define INNER_TCP_URG 0x20U
#define INNER_TCP_CWR 0x80U

#define INNER_IP_ID 4 /* offsets in an IPv4 header */
#define INNER_IP_FRAGMENT 6
#define INNER_IP_SUM 10
#define INNER_TCP_SEQ 4 /* in a TCP header */
#define INNER_TCP_FLAGS 13
#define INNER_TCP_SUM 16
#define INNER_UDP_LEN 4
#define INNER_UDP_SUM 6

/*
 * False: something else, a fragment, or a frame whose IP packet does not fill
 * it to the last byte.
 */
bool inner_parse(const uint8_t *frame, size_t size, struct inner *ret);

static inline uint16_t inner_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t inner_get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

static inline void inner_put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void inner_put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

/* Of one's complement sums: RFC 1071. Not 0 unless @sum is. */
static inline uint16_t inner_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/* @sum without @what, which was added to it before. */
static inline uint16_t inner_less(uint16_t sum, uint16_t what)
{
	return inner_fold((uint64_t)sum + (uint16_t)~what);
}

/* Folded, not complemented; @size may be odd. */
uint16_t inner_sum(const uint8_t *p, size_t size);

/* The IPv4 header's length field, and the sum that goes with it. */
void inner_set_v4_length(uint8_t *ip, uint16_t length);

#endif
