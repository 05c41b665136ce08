/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel's key_extract() finds in a frame, as far as our flows look:
 * ARP and ND fields only of whole packets, the protocol behind extension
 * headers, later fragments as protocol 44.
 */
#include <string.h>

#include "fake_dp.h"

static unsigned int u16(const uint8_t *p)
{
	return (unsigned int)p[0] << 8 | p[1];
}

static void arp_key(const uint8_t *p, size_t size, struct fake_key *key)
{
	static const uint8_t head[6] = { 0, 1, 8, 0, 6, 4 };

	if (size < 28 || memcmp(p, head, sizeof(head)) != 0)
		return;
	if (u16(p + 6) > 255)
		return;
	key->arp_op = (uint16_t)u16(p + 6);
	if (key->arp_op == 1 || key->arp_op == 2)
		key->arp_tip = ip_from_v4(p + 24);
}

static void icmp6_key(const uint8_t *p, size_t size, struct fake_key *key)
{
	if (size < 8)
		return;
	key->icmp6_type = p[0];
	if (p[1] == 0 && (p[0] == 135 || p[0] == 136) && size >= 24)
		key->nd_target = ip_from_v6(p + 8);
}

static void ip6_key(const uint8_t *p, size_t size, struct fake_key *key)
{
	size_t at = 40, length;
	uint8_t next;

	if (size < 40)
		return;
	next = p[6];
	key->ip_proto = 59;
	while (next == 0 || next == 43 || next == 44 || next == 51 ||
	       next == 60) {
		if (at + 8 > size)
			return;
		length = next == 44   ? 8
			 : next == 51 ? ((size_t)p[at + 1] + 2) * 4
				      : ((size_t)p[at + 1] + 1) * 8;
		if (next == 44 && (u16(p + at + 2) & 0xfff8) != 0) {
			key->ip_proto = 44;
			return;
		}
		next = p[at];
		at += length;
	}
	if (at > size)
		return;
	key->ip_proto = next;
	if (next == 58)
		icmp6_key(p + at, size - at, key);
}

/* A length instead of a type: LLC, unless SNAP says which (IEEE 802.2). */
static uint16_t llc_type(const uint8_t *p, size_t size)
{
	static const uint8_t snap[6] = { 0xaa, 0xaa, 3, 0, 0, 0 };
	const unsigned int type = size < 8 ? 0 : u16(p + 6);

	if (size < 8 || memcmp(p, snap, sizeof(snap)) != 0 || type < 0x600)
		return FLOW_ETH_TYPE_LLC;
	return (uint16_t)type;
}

bool fake_key_of(const uint8_t *frame, size_t size, struct fake_key *ret)
{
	size_t at = 14;

	memset(ret, 0, sizeof(*ret));
	if (size < 14)
		return false;
	memcpy(ret->dst.b, frame, 6);
	memcpy(ret->src.b, frame + 6, 6);
	ret->eth_type = (uint16_t)u16(frame + 12);
	ret->is_tagged = ret->eth_type == 0x8100 || ret->eth_type == 0x88a8;
	if (ret->eth_type < 0x600) {
		ret->eth_type = llc_type(frame + 14, size - 14);
		at = ret->eth_type == FLOW_ETH_TYPE_LLC ? 14 : 22;
	}
	if (ret->eth_type == 0x0806)
		arp_key(frame + at, size - at, ret);
	else if (ret->eth_type == 0x86dd)
		ip6_key(frame + at, size - at, ret);
	return true;
}

static bool upper_fits(const struct fake_key *k, const struct flow_match *m)
{
	if ((m->fields & FLOW_ARP_OP) && k->arp_op != m->arp_op)
		return false;
	if ((m->fields & FLOW_ARP_TIP) && !ip_equal(&k->arp_tip, &m->ip))
		return false;
	if ((m->fields & FLOW_IP_PROTO) && k->ip_proto != m->ip_proto)
		return false;
	if ((m->fields & FLOW_ICMP6_TYPE) && k->icmp6_type != m->icmp6_type)
		return false;
	return !(m->fields & FLOW_ND_TARGET) || ip_equal(&k->nd_target, &m->ip);
}

bool fake_key_fits(const struct fake_key *k, const struct flow_match *m)
{
	const bool asks_tag = (m->fields & FLOW_ETH_TYPE) &&
			      (m->eth_type == FLOW_ETH_TYPE_VLAN ||
			       m->eth_type == FLOW_ETH_TYPE_QINQ);

	if (k->is_tagged != asks_tag || k->recirc_id != m->recirc_id)
		return false;
	if ((m->fields & FLOW_IN_PORT) && k->in_port != m->in_port)
		return false;
	if ((m->fields & FLOW_TUN_SRC) && !ip_equal(&k->tun_src, &m->tun_src))
		return false;
	if ((m->fields & FLOW_TUN_ID) && k->tun_id != m->tun_id)
		return false;
	if ((m->fields & FLOW_ETH_SRC) && !mac_equal(&k->src, &m->eth_src))
		return false;
	if ((m->fields & FLOW_ETH_DST) && !mac_equal(&k->dst, &m->eth_dst))
		return false;
	if ((m->fields & FLOW_ETH_GROUP) && !mac_is_group(&k->dst))
		return false;
	if ((m->fields & FLOW_ETH_TYPE) && k->eth_type != m->eth_type)
		return false;
	return upper_fits(k, m);
}
