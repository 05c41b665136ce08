/* SPDX-License-Identifier: Apache-2.0 */
#include "quoted.h"

#include "bytes.h"

#define IP4_PLAIN 0x45 /* version 4, no options */
#define IP4_HEADER_SIZE 20U
#define IP4_TOO_BIG 0x0304 /* type and code */
#define IP6_TOO_BIG 0x0200
#define PROTO_ICMP 1
#define PROTO_TCP 6
#define PROTO_UDP 17
#define PROTO_ICMP6 58

static void read_ports(struct reader *r, struct quoted *q)
{
	if (q->ip_proto != PROTO_UDP && q->ip_proto != PROTO_TCP)
		return;
	q->source_port = read_u16(r);
	q->target_port = read_u16(r);
}

static bool parse_v4(struct reader *r, struct quoted *q)
{
	const size_t header = (read_u8(r) & 15U) * 4U;
	const uint8_t *to;
	uint8_t proto, first;

	read_bytes(r, 8);
	proto = read_u8(r);
	if (header < IP4_HEADER_SIZE || proto != PROTO_ICMP)
		return false;
	read_bytes(r, header - 10);
	if (read_u16(r) != IP4_TOO_BIG)
		return false;
	read_bytes(r, 4);
	q->mtu = read_u16(r);
	first = read_u8(r);
	read_bytes(r, 8);
	q->ip_proto = read_u8(r);
	read_bytes(r, 6);
	to = read_bytes(r, 4);
	if (!to)
		return false;
	q->to = ip_from_v4(to);
	if (first == IP4_PLAIN)
		read_ports(r, q);
	return r->is_ok;
}

static bool parse_v6(struct reader *r, struct quoted *q)
{
	const uint8_t *to;

	read_bytes(r, 6);
	if (read_u8(r) != PROTO_ICMP6)
		return false;
	read_bytes(r, 33);
	if (read_u16(r) != IP6_TOO_BIG)
		return false;
	read_bytes(r, 2);
	q->mtu = read_u32(r);
	read_bytes(r, 6);
	q->ip_proto = read_u8(r);
	read_bytes(r, 17);
	to = read_bytes(r, 16);
	if (!to)
		return false;
	q->to = ip_from_v6(to);
	read_ports(r, q);
	return r->is_ok;
}

bool quoted_parse(const uint8_t *packet, size_t size, struct quoted *ret)
{
	struct reader r = reader_of(packet, size);
	struct quoted q = { .mtu = 0 };

	if (!size ||
	    (packet[0] >> 4 == 4 ? !parse_v4(&r, &q) : !parse_v6(&r, &q)))
		return false;
	*ret = q;
	return true;
}
