/* SPDX-License-Identifier: Apache-2.0 */
#include "ovs_key.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/openvswitch.h>
#include <netinet/in.h>

#define KNOWN_FIELDS (FLOW_ND_TARGET | (FLOW_ND_TARGET - 1U))
#define ETH_TYPE_NSH 0x894f
/* The kernel's DP_MAX_PORTS: port numbers are below. */
#define MAX_PORT_NO UINT32_C(0xfffe)
#define ND_SOLICIT 135
#define ND_ADVERT 136

static bool has(const struct flow_match *m, uint32_t fields)
{
	return (m->fields & fields) == fields;
}

bool ovs_key_is_vlan(uint16_t eth_type)
{
	return eth_type == ETH_P_8021Q || eth_type == ETH_P_8021AD;
}

static bool is_nd(uint8_t icmp6_type)
{
	return icmp6_type == ND_SOLICIT || icmp6_type == ND_ADVERT;
}

static bool metadata_is_valid(const struct flow_match *m)
{
	if (m->fields & ~KNOWN_FIELDS)
		return false;
	if (has(m, FLOW_IN_PORT) && m->in_port > MAX_PORT_NO)
		return false;
	if (has(m, FLOW_TUN_SRC) && ip_is_zero(&m->tun_src))
		return false;
	/* The kernel must know the tunnel's address family. */
	if (has(m, FLOW_TUN_ID))
		return has(m, FLOW_TUN_SRC) && m->tun_id <= OVS_MAX_TUN_ID;
	return true;
}

static bool packet_is_valid(const struct flow_match *m)
{
	const uint32_t arp = FLOW_ARP_OP | FLOW_ARP_TIP;

	if (has(m, FLOW_ETH_DST | FLOW_ETH_GROUP))
		return false;
	if (has(m, FLOW_ETH_TYPE) && m->eth_type < ETH_P_802_3_MIN &&
	    m->eth_type != OVS_ETH_TYPE_802_2)
		return false;
	if ((m->fields & arp) &&
	    (!has(m, FLOW_ETH_TYPE) || m->eth_type != ETH_P_ARP))
		return false;
	/* The kernel keeps 8 bits of it. */
	if (has(m, FLOW_ARP_OP) && m->arp_op > UINT8_MAX)
		return false;
	if (has(m, FLOW_ARP_TIP) && !ip_is_v4(&m->ip))
		return false;
	if (has(m, FLOW_IP_PROTO) &&
	    (!has(m, FLOW_ETH_TYPE) || m->eth_type != ETH_P_IPV6))
		return false;
	if (has(m, FLOW_ICMP6_TYPE) &&
	    (!has(m, FLOW_IP_PROTO) || m->ip_proto != IPPROTO_ICMPV6))
		return false;
	if (has(m, FLOW_ND_TARGET) &&
	    (!has(m, FLOW_ICMP6_TYPE) || !is_nd(m->icmp6_type)))
		return false;
	return true;
}

bool ovs_key_is_valid(const struct flow_match *m)
{
	return metadata_is_valid(m) && packet_is_valid(m);
}

/*
 * Everything is written twice, as key and as mask; a field that is
 * not matched is zero in both.
 */
struct writer {
	struct nl_builder *b;
	const struct flow_match *m;
	bool is_mask;
};

static void fill(const struct writer *w, uint32_t field, void *dst,
		 const void *value, size_t size)
{
	if (!has(w->m, field))
		return;
	if (w->is_mask)
		memset(dst, 0xff, size);
	else
		memcpy(dst, value, size);
}

static void put_field(const struct writer *w, uint32_t field, unsigned int type,
		      const void *value, size_t size)
{
	void *room;

	if (!has(w->m, field))
		return;
	room = nl_put_room(w->b, type, size);
	if (room)
		fill(w, field, room, value, size);
}

static void put_tunnel(const struct writer *w)
{
	const uint64_t id = htobe64(w->m->tun_id);
	const bool is_v4 = ip_is_v4(&w->m->tun_src);
	const size_t size = is_v4 ? 4 : 16;
	const uint8_t *src = w->m->tun_src.b + 16 - size;
	size_t nest;

	if (!has(w->m, FLOW_TUN_SRC))
		return;
	nl_nest_start(w->b, OVS_KEY_ATTR_TUNNEL, &nest);
	put_field(w, FLOW_TUN_ID, OVS_TUNNEL_KEY_ATTR_ID, &id, sizeof(id));
	put_field(w, FLOW_TUN_SRC,
		  is_v4 ? OVS_TUNNEL_KEY_ATTR_IPV4_SRC
			: OVS_TUNNEL_KEY_ATTR_IPV6_SRC,
		  src, size);
	if (!w->is_mask) {
		/*
		 * Not matched, but a key without a destination (any that is
		 * not zero) and a TTL is refused.
		 */
		nl_put(w->b,
		       is_v4 ? OVS_TUNNEL_KEY_ATTR_IPV4_DST
			     : OVS_TUNNEL_KEY_ATTR_IPV6_DST,
		       src, size);
		nl_put_u8(w->b, OVS_TUNNEL_KEY_ATTR_TTL, 0);
	}
	nl_nest_end(w->b, nest);
}

static void put_ethernet(const struct writer *w)
{
	static const uint8_t group = 1;
	struct ovs_key_ethernet e = { 0 };

	fill(w, FLOW_ETH_SRC, e.eth_src, w->m->eth_src.b, sizeof(e.eth_src));
	fill(w, FLOW_ETH_DST, e.eth_dst, w->m->eth_dst.b, sizeof(e.eth_dst));
	if (has(w->m, FLOW_ETH_GROUP))
		e.eth_dst[0] = group;
	nl_put(w->b, OVS_KEY_ATTR_ETHERNET, &e, sizeof(e));
}

/*
 * A tagged frame: the EtherType is the tag's, that of the payload is inside
 * ENCAP. The kernel overlooks a mask that is all zero, nests included, so
 * ENCAP's holds an attribute that is zero.
 */
static void put_tag(const struct writer *w)
{
	size_t nest;

	nl_put_u16(w->b, OVS_KEY_ATTR_VLAN, htons(OVS_VLAN_PRESENT));
	nl_nest_start(w->b, OVS_KEY_ATTR_ENCAP, &nest);
	if (w->is_mask)
		nl_put_u16(w->b, OVS_KEY_ATTR_ETHERTYPE, 0);
	nl_nest_end(w->b, nest);
}

static void put_eth_type(const struct writer *w)
{
	const uint16_t eth_type = htons(w->m->eth_type);

	/* No EtherType: left out of the key, exact in the mask. */
	if (w->m->eth_type == OVS_ETH_TYPE_802_2 && !w->is_mask)
		return;
	put_field(w, FLOW_ETH_TYPE, OVS_KEY_ATTR_ETHERTYPE, &eth_type,
		  sizeof(eth_type));
	if (has(w->m, FLOW_ETH_TYPE) && ovs_key_is_vlan(w->m->eth_type))
		put_tag(w);
}

static void put_arp(const struct writer *w)
{
	const uint16_t op = htons(w->m->arp_op);
	struct ovs_key_arp arp = { 0 };

	fill(w, FLOW_ARP_OP, &arp.arp_op, &op, sizeof(op));
	fill(w, FLOW_ARP_TIP, &arp.arp_tip, w->m->ip.b + 12, 4);
	nl_put(w->b, OVS_KEY_ATTR_ARP, &arp, sizeof(arp));
}

static void put_icmp6(const struct writer *w)
{
	struct ovs_key_icmpv6 icmp6 = { 0 };
	struct ovs_key_nd nd = { 0 };

	fill(w, FLOW_ICMP6_TYPE, &icmp6.icmpv6_type, &w->m->icmp6_type, 1);
	nl_put(w->b, OVS_KEY_ATTR_ICMPV6, &icmp6, sizeof(icmp6));
	if (!has(w->m, FLOW_ICMP6_TYPE) || !is_nd(w->m->icmp6_type))
		return;
	fill(w, FLOW_ND_TARGET, nd.nd_target, w->m->ip.b, sizeof(nd.nd_target));
	nl_put(w->b, OVS_KEY_ATTR_ND, &nd, sizeof(nd));
}

/* Ports are never matched; the key must have them all the same. */
static void put_transport(const struct writer *w)
{
	static const uint8_t zero[4];

	if (!has(w->m, FLOW_IP_PROTO))
		return;
	if (w->m->ip_proto == IPPROTO_ICMPV6) {
		put_icmp6(w);
		return;
	}
	if (w->is_mask)
		return;
	switch (w->m->ip_proto) {
	case IPPROTO_TCP:
		nl_put(w->b, OVS_KEY_ATTR_TCP, zero, 4);
		nl_put(w->b, OVS_KEY_ATTR_TCP_FLAGS, zero, 2);
		break;
	case IPPROTO_UDP:
		nl_put(w->b, OVS_KEY_ATTR_UDP, zero, 4);
		break;
	case IPPROTO_SCTP:
		nl_put(w->b, OVS_KEY_ATTR_SCTP, zero, 4);
		break;
	default:
		break;
	}
}

static void put_nsh(const struct writer *w)
{
	/* Metadata type 2: the one that needs no further attribute. */
	const struct ovs_nsh_key_base base = { .mdtype = 2 };
	size_t nest;

	nl_nest_start(w->b, OVS_KEY_ATTR_NSH, &nest);
	nl_put(w->b, OVS_NSH_KEY_ATTR_BASE, &base, sizeof(base));
	nl_nest_end(w->b, nest);
}

/* Once the EtherType is in the key, the header behind it must be too. */
static void put_payload(const struct writer *w)
{
	static const struct ovs_key_ipv4 ipv4;
	struct ovs_key_ipv6 ipv6 = { 0 };

	if (!has(w->m, FLOW_ETH_TYPE))
		return;
	if (w->m->eth_type == ETH_P_IPV6) {
		fill(w, FLOW_IP_PROTO, &ipv6.ipv6_proto, &w->m->ip_proto, 1);
		nl_put(w->b, OVS_KEY_ATTR_IPV6, &ipv6, sizeof(ipv6));
		put_transport(w);
		return;
	}
	if (w->m->eth_type == ETH_P_ARP) {
		put_arp(w);
		return;
	}
	if (w->is_mask)
		return;
	switch (w->m->eth_type) {
	case ETH_P_RARP:
		put_arp(w);
		break;
	case ETH_P_IP:
		nl_put(w->b, OVS_KEY_ATTR_IPV4, &ipv4, sizeof(ipv4));
		break;
	case ETH_P_MPLS_UC:
	case ETH_P_MPLS_MC:
		nl_put_u32(w->b, OVS_KEY_ATTR_MPLS, 0);
		break;
	case ETH_TYPE_NSH:
		put_nsh(w);
		break;
	default:
		break;
	}
}

static void put_all(const struct writer *w, unsigned int type)
{
	size_t nest;

	nl_nest_start(w->b, type, &nest);
	/* Always exact: else a flow that recirculates matches its own. */
	nl_put_u32(w->b, OVS_KEY_ATTR_RECIRC_ID,
		   w->is_mask ? UINT32_MAX : w->m->recirc_id);
	put_tunnel(w);
	put_field(w, FLOW_IN_PORT, OVS_KEY_ATTR_IN_PORT, &w->m->in_port,
		  sizeof(w->m->in_port));
	put_ethernet(w);
	put_eth_type(w);
	put_payload(w);
	nl_nest_end(w->b, nest);
}

int ovs_key_put(struct nl_builder *b, const struct flow_match *m)
{
	struct writer w = { .b = b, .m = m };

	if (!ovs_key_is_valid(m))
		return -EINVAL;
	put_all(&w, OVS_FLOW_ATTR_KEY);
	w.is_mask = true;
	put_all(&w, OVS_FLOW_ATTR_MASK);
	return 0;
}
