/* SPDX-License-Identifier: Apache-2.0 */
#include "frame.h"

#include <assert.h>

#include "bytes.h"

#define ARP_SIZE 28U
#define IP6_HEADER_SIZE 40U
#define ND_SIZE 32U /* header, target, link-layer address option */

#define IP6_HOP_BY_HOP 0
#define IP6_ROUTING 43
#define IP6_FRAGMENT 44
#define IP6_AUTHENTICATION 51
#define IP6_NO_NEXT_HEADER 59
#define IP6_DESTINATION 60

static const struct mac broadcast = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
static const struct mac all_nodes_mac = { { 0x33, 0x33, 0, 0, 0, 1 } };
static const struct ip all_nodes = { { 0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
				       0, 0, 1 } };

static void parse_arp(struct reader *r, struct frame *f)
{
	const uint8_t *tip;
	uint64_t head = read_number(r, 6);

	f->arp_op = read_u16(r);
	read_bytes(r, 6 + 4 + 6);
	tip = read_bytes(r, 4);
	/* Ethernet, IPv4, address lengths 6 and 4 (RFC 826). */
	if (!tip || head != UINT64_C(0x000108000604))
		return;
	f->has_arp = true;
	f->arp_tip = ip_from_v4(tip);
}

/*
 * The kernel's flow key names the protocol behind the extension headers, and
 * FRAGMENT for all fragments but the first.
 */
static uint8_t skip_extensions(struct reader *r, uint8_t next)
{
	uint8_t header, size;
	uint16_t offset;

	while (r->is_ok) {
		header = next;
		switch (header) {
		case IP6_HOP_BY_HOP:
		case IP6_ROUTING:
		case IP6_DESTINATION:
			next = read_u8(r);
			size = read_u8(r);
			read_bytes(r, 6U + 8U * size);
			break;
		case IP6_AUTHENTICATION: /* in units of its own (RFC 4302) */
			next = read_u8(r);
			size = read_u8(r);
			read_bytes(r, 6U + 4U * size);
			break;
		case IP6_FRAGMENT:
			next = read_u8(r);
			read_u8(r);
			offset = read_u16(r) >> 3;
			read_bytes(r, 4);
			if (offset)
				return IP6_FRAGMENT;
			break;
		default:
			return next;
		}
	}
	return next;
}

static void parse_icmp6(struct reader *r, struct frame *f)
{
	const uint8_t type = read_u8(r), code = read_u8(r);
	const uint8_t *target;

	read_bytes(r, 6);
	if (!r->is_ok)
		return;
	f->icmp6_type = type;
	if (code || (type != ND_SOLICITATION && type != ND_ADVERTISEMENT))
		return;
	target = read_bytes(r, 16);
	if (!target)
		return;
	f->has_nd = true;
	f->nd_target = ip_from_v6(target);
}

static void parse_ip6(struct reader *r, struct frame *f)
{
	uint8_t next;

	read_bytes(r, 6);
	next = read_u8(r);
	read_bytes(r, 1 + 16 + 16);
	if (!r->is_ok)
		return;
	next = skip_extensions(r, next);
	f->ip_proto = r->is_ok ? next : IP6_NO_NEXT_HEADER;
	if (f->ip_proto == IP_PROTO_ICMP6)
		parse_icmp6(r, f);
}

/*
 * A length where the type would be: LLC, of no type, unless a SNAP header says
 * which (IEEE 802.2); then the rest is as in any other frame.
 */
static uint16_t llc_type(struct reader *r)
{
	struct reader snap = *r;
	const uint64_t head = read_number(&snap, 6);
	const uint16_t type = read_u16(&snap);

	if (!snap.is_ok || head != UINT64_C(0xaaaa03000000) ||
	    type < ETH_TYPE_MIN)
		return 0;
	*r = snap;
	return type;
}

bool frame_parse(const uint8_t *p, size_t size, struct frame *ret)
{
	struct reader r = reader_of(p, size);
	const uint8_t *dst = read_bytes(&r, 6);
	const uint8_t *src = read_bytes(&r, 6);
	struct frame f;

	memset(&f, 0, sizeof(f));
	f.eth_type = read_u16(&r);
	if (!r.is_ok)
		return false;
	memcpy(f.dst.b, dst, 6);
	memcpy(f.src.b, src, 6);
	if (f.eth_type < ETH_TYPE_MIN)
		f.eth_type = llc_type(&r);
	if (f.eth_type == ETH_TYPE_ARP)
		parse_arp(&r, &f);
	else if (f.eth_type == ETH_TYPE_IPV6)
		parse_ip6(&r, &f);
	*ret = f;
	return true;
}

static size_t announce_arp(const struct ip *ip, const struct mac *mac,
			   uint8_t *frame, size_t size)
{
	struct writer w = writer_of(frame, size);

	write_bytes(&w, broadcast.b, 6);
	write_bytes(&w, mac->b, 6);
	write_number(&w, ETH_TYPE_ARP, 2);
	write_number(&w, UINT64_C(0x000108000604), 6);
	write_number(&w, ARP_REPLY, 2);
	write_bytes(&w, mac->b, 6);
	write_bytes(&w, ip->b + 12, 4);
	/* Linux takes a reply for an announcement only if both are the same;
	 * else a cache younger than a second keeps what it has. */
	write_bytes(&w, mac->b, 6);
	write_bytes(&w, ip->b + 12, 4);
	assert(w.is_ok && w.size == ETH_HEADER_SIZE + ARP_SIZE);
	return w.size;
}

static uint32_t sum16(const uint8_t *p, size_t size, uint32_t sum)
{
	size_t i;

	for (i = 0; i + 1 < size; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	return sum;
}

/* RFC 4443 section 2.3: over the pseudo-header and the message. */
static uint16_t icmp6_checksum(const uint8_t *ip6, size_t size)
{
	uint32_t sum = sum16(ip6 + 8, 32, 0);

	sum += (uint32_t)size + IP_PROTO_ICMP6;
	sum = sum16(ip6 + IP6_HEADER_SIZE, size, sum);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static size_t announce_nd(const struct ip *ip, const struct mac *mac,
			  uint8_t *frame, size_t size)
{
	struct writer w = writer_of(frame, size);
	uint16_t checksum;

	write_bytes(&w, all_nodes_mac.b, 6);
	write_bytes(&w, mac->b, 6);
	write_number(&w, ETH_TYPE_IPV6, 2);
	write_number(&w, 0x60000000, 4);
	write_number(&w, ND_SIZE, 2);
	write_number(&w, IP_PROTO_ICMP6, 1);
	write_number(&w, 255, 1);
	write_bytes(&w, ip->b, 16);
	write_bytes(&w, all_nodes.b, 16);
	write_number(&w, ND_ADVERTISEMENT << 8, 2);
	write_zeros(&w, 2);
	write_number(&w, 0x20000000, 4); /* override */
	write_bytes(&w, ip->b, 16);
	write_number(&w, 0x0201, 2); /* target link-layer address, 8 bytes */
	write_bytes(&w, mac->b, 6);
	assert(w.is_ok && w.size == FRAME_ANNOUNCE_SIZE);
	checksum = icmp6_checksum(frame + ETH_HEADER_SIZE, ND_SIZE);
	frame[ETH_HEADER_SIZE + IP6_HEADER_SIZE + 2] = (uint8_t)(checksum >> 8);
	frame[ETH_HEADER_SIZE + IP6_HEADER_SIZE + 3] = (uint8_t)checksum;
	return w.size;
}

size_t frame_announce(const struct ip *ip, const struct mac *mac,
		      uint8_t ret_frame[FRAME_ANNOUNCE_SIZE])
{
	if (ip_is_v4(ip))
		return announce_arp(ip, mac, ret_frame, FRAME_ANNOUNCE_SIZE);
	return announce_nd(ip, mac, ret_frame, FRAME_ANNOUNCE_SIZE);
}
