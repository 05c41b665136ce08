/* SPDX-License-Identifier: Apache-2.0 */
#include "ovs_key.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include <arpa/inet.h>
#include <linux/openvswitch.h>

/* Kernels to come may write more types than our header has, unmatched. */
#define MAX_KEY_TYPE 63U
#define MAX_PAYLOAD 48U

static const struct ip no_ip;

/*
 * Mask bits are taken away as they are understood; a flow of ours
 * has none left in the end.
 */
struct reader {
	const struct nlattr *key[MAX_KEY_TYPE + 1];
	const struct nlattr *mask[MAX_KEY_TYPE + 1];
	uint8_t bits[MAX_KEY_TYPE + 1][MAX_PAYLOAD];
	struct flow_match m;
	bool is_foreign;
};

#define RULE(type, size) [type] = { true, size }

static const struct nl_rule tunnel_rules[OVS_TUNNEL_KEY_ATTR_MAX + 1] = {
	RULE(OVS_TUNNEL_KEY_ATTR_ID, 8),
	RULE(OVS_TUNNEL_KEY_ATTR_IPV4_SRC, 4),
	RULE(OVS_TUNNEL_KEY_ATTR_IPV4_DST, 4),
	RULE(OVS_TUNNEL_KEY_ATTR_TOS, 1),
	RULE(OVS_TUNNEL_KEY_ATTR_TTL, 1),
	RULE(OVS_TUNNEL_KEY_ATTR_DONT_FRAGMENT, 0),
	RULE(OVS_TUNNEL_KEY_ATTR_CSUM, 0),
	RULE(OVS_TUNNEL_KEY_ATTR_OAM, 0),
	RULE(OVS_TUNNEL_KEY_ATTR_TP_SRC, 2),
	RULE(OVS_TUNNEL_KEY_ATTR_TP_DST, 2),
	RULE(OVS_TUNNEL_KEY_ATTR_IPV6_SRC, 16),
	RULE(OVS_TUNNEL_KEY_ATTR_IPV6_DST, 16),
	RULE(OVS_TUNNEL_KEY_ATTR_PAD, 0),
};

static int parse_key(const struct nlattr *nest, const struct nlattr **ret,
		     bool *ret_has_unknown)
{
	struct nl_rule rules[MAX_KEY_TYPE + 1] = {
		RULE(OVS_KEY_ATTR_RECIRC_ID, 4),
		RULE(OVS_KEY_ATTR_IN_PORT, 4),
		RULE(OVS_KEY_ATTR_ETHERNET, sizeof(struct ovs_key_ethernet)),
		RULE(OVS_KEY_ATTR_VLAN, 2),
		RULE(OVS_KEY_ATTR_ETHERTYPE, 2),
		RULE(OVS_KEY_ATTR_IPV6, sizeof(struct ovs_key_ipv6)),
		RULE(OVS_KEY_ATTR_ICMPV6, sizeof(struct ovs_key_icmpv6)),
		RULE(OVS_KEY_ATTR_ARP, sizeof(struct ovs_key_arp)),
		RULE(OVS_KEY_ATTR_ND, sizeof(struct ovs_key_nd)),
	};
	unsigned int i;

	for (i = 0; i <= MAX_KEY_TYPE; i++)
		rules[i].is_known = true;
	return nl_parse(nl_data(nest), nl_size(nest), rules, MAX_KEY_TYPE, ret,
			ret_has_unknown);
}

/* True when the field is matched, all of it; then *ret is its value. */
static bool take(struct reader *r, unsigned int type, size_t offset,
		 size_t size, void *ret)
{
	uint8_t *bits = r->bits[type] + offset;

	if (nl_is_all(bits, size, 0))
		return false;
	if (!nl_is_all(bits, size, 0xff) || !r->key[type]) {
		r->is_foreign = true;
		return false;
	}
	memset(bits, 0, size);
	memcpy(ret, (const uint8_t *)nl_data(r->key[type]) + offset, size);
	return true;
}

static void load_mask(struct reader *r)
{
	const struct nlattr *attr;
	unsigned int i;

	for (i = 0; i <= MAX_KEY_TYPE; i++) {
		attr = r->mask[i];
		if (!attr || i == OVS_KEY_ATTR_TUNNEL ||
		    i == OVS_KEY_ATTR_ENCAP || i == OVS_KEY_ATTR_NSH)
			continue;
		if (nl_size(attr) <= MAX_PAYLOAD)
			memcpy(r->bits[i], nl_data(attr), nl_size(attr));
		else if (!nl_is_all(nl_data(attr), nl_size(attr), 0))
			r->is_foreign = true;
	}
}

/* No attribute of the nest has a bit set. */
static bool nest_is_zero(const struct nlattr *nest)
{
	const struct nlattr *attr;
	size_t offset = 0;
	int n;

	while ((n = nl_next(nl_data(nest), nl_size(nest), &offset, &attr)) >
	       0) {
		if (!nl_is_all(nl_data(attr), nl_size(attr), 0))
			return false;
	}
	return n == 0;
}

static struct ip tunnel_source(const struct nlattr *const *tunnel)
{
	const struct nlattr *v4 = tunnel[OVS_TUNNEL_KEY_ATTR_IPV4_SRC];
	const struct nlattr *v6 = tunnel[OVS_TUNNEL_KEY_ATTR_IPV6_SRC];

	if (v4)
		return ip_from_v4(nl_data(v4));
	if (v6)
		return ip_from_v6(nl_data(v6));
	return no_ip;
}

/* Is there one, and is it exact? Flags count: DF in a mask is matched. */
static bool take_tunnel_mask(struct reader *r, const struct nlattr *const *mask,
			     unsigned int type)
{
	const struct nlattr *attr = mask[type];

	if (!attr ||
	    (nl_size(attr) > 0 && nl_is_all(nl_data(attr), nl_size(attr), 0)))
		return false;
	if (!nl_is_all(nl_data(attr), nl_size(attr), 0xff))
		r->is_foreign = true;
	return true;
}

static int read_tunnel_mask(struct reader *r, bool *ret_id, bool *ret_src)
{
	const struct nlattr *mask[OVS_TUNNEL_KEY_ATTR_MAX + 1];
	const struct nlattr *nest = r->mask[OVS_KEY_ATTR_TUNNEL];
	unsigned int i;
	bool is_set;

	if (!nest)
		return 0;
	if (nl_parse(nl_data(nest), nl_size(nest), tunnel_rules,
		     OVS_TUNNEL_KEY_ATTR_MAX, mask, &r->is_foreign) < 0)
		return -EPROTO;
	for (i = 0; i <= OVS_TUNNEL_KEY_ATTR_MAX; i++) {
		is_set = take_tunnel_mask(r, mask, i);
		if (i == OVS_TUNNEL_KEY_ATTR_ID)
			*ret_id = is_set;
		else if (i == OVS_TUNNEL_KEY_ATTR_IPV4_SRC ||
			 i == OVS_TUNNEL_KEY_ATTR_IPV6_SRC)
			*ret_src |= is_set;
		else if (is_set && i != OVS_TUNNEL_KEY_ATTR_PAD)
			r->is_foreign = true;
	}
	return 0;
}

static int read_tunnel(struct reader *r)
{
	const struct nlattr *key[OVS_TUNNEL_KEY_ATTR_MAX + 1];
	const struct nlattr *nest = r->key[OVS_KEY_ATTR_TUNNEL];
	bool has_id = false;
	bool has_src = false;
	uint64_t id;

	if (read_tunnel_mask(r, &has_id, &has_src) < 0)
		return -EPROTO;
	if (!nest) {
		r->is_foreign |= has_id || has_src;
		return 0;
	}
	if (nl_parse(nl_data(nest), nl_size(nest), tunnel_rules,
		     OVS_TUNNEL_KEY_ATTR_MAX, key, NULL) < 0)
		return -EPROTO;
	r->m.tun_src = tunnel_source(key);
	/* A key that says "some tunnel" matches more than it names. */
	if (!has_src || (has_id && !key[OVS_TUNNEL_KEY_ATTR_ID])) {
		r->is_foreign = true;
		return 0;
	}
	r->m.fields |= FLOW_TUN_SRC;
	if (!has_id)
		return 0;
	id = be64toh(nl_u64(key[OVS_TUNNEL_KEY_ATTR_ID]));
	r->is_foreign |= id > OVS_MAX_TUN_ID;
	r->m.tun_id = (vni_t)id;
	r->m.fields |= FLOW_TUN_ID;
	return 0;
}

static void read_in_port(struct reader *r)
{
	const struct nlattr *key = r->key[OVS_KEY_ATTR_IN_PORT];
	uint32_t bits;

	/* The upper half of the mask is set even where it is not matched. */
	memcpy(&bits, r->bits[OVS_KEY_ATTR_IN_PORT], sizeof(bits));
	memset(r->bits[OVS_KEY_ATTR_IN_PORT], 0, sizeof(bits));
	bits &= UINT16_MAX;
	if (!bits)
		return;
	if (bits != UINT16_MAX || !key) {
		r->is_foreign = true;
		return;
	}
	r->m.in_port = nl_u32(key);
	r->m.fields |= FLOW_IN_PORT;
}

static void read_ethernet(struct reader *r)
{
	static const uint8_t group[6] = { 1 };
	const unsigned int type = OVS_KEY_ATTR_ETHERNET;
	const size_t src = offsetof(struct ovs_key_ethernet, eth_src);
	const size_t dst = offsetof(struct ovs_key_ethernet, eth_dst);
	const uint8_t *key;

	if (!r->key[type]) {
		r->is_foreign = true;
		return;
	}
	if (take(r, type, src, 6, r->m.eth_src.b))
		r->m.fields |= FLOW_ETH_SRC;
	key = nl_data(r->key[type]);
	if (memcmp(r->bits[type] + dst, group, 6) == 0) {
		r->is_foreign |= !(key[dst] & 1);
		r->bits[type][dst] = 0;
		r->m.fields |= FLOW_ETH_GROUP;
	} else if (take(r, type, dst, 6, r->m.eth_dst.b)) {
		r->m.fields |= FLOW_ETH_DST;
	}
}

static void read_tag(struct reader *r)
{
	const uint16_t present = htons(OVS_VLAN_PRESENT);
	const struct nlattr *key = r->key[OVS_KEY_ATTR_VLAN];
	uint8_t *bits = r->bits[OVS_KEY_ATTR_VLAN];

	if (!key || nl_u16(key) != present ||
	    memcmp(bits, &present, sizeof(present)) != 0)
		r->is_foreign = true;
	memset(bits, 0, sizeof(present));
}

static void read_eth_type(struct reader *r)
{
	uint8_t *bits = r->bits[OVS_KEY_ATTR_ETHERTYPE];
	uint16_t eth_type;

	if (!r->key[OVS_KEY_ATTR_ETHERTYPE] && nl_is_all(bits, 2, 0xff)) {
		memset(bits, 0, 2);
		eth_type = htons(OVS_ETH_TYPE_802_2);
	} else if (!take(r, OVS_KEY_ATTR_ETHERTYPE, 0, 2, &eth_type)) {
		return;
	}
	r->m.eth_type = ntohs(eth_type);
	r->m.fields |= FLOW_ETH_TYPE;
	if (ovs_key_is_vlan(r->m.eth_type))
		read_tag(r);
}

static void read_arp(struct reader *r)
{
	const size_t tip = offsetof(struct ovs_key_arp, arp_tip);
	const size_t op = offsetof(struct ovs_key_arp, arp_op);
	uint8_t *bits = r->bits[OVS_KEY_ATTR_ARP] + op;
	uint8_t v4[4];
	uint16_t value;

	if (take(r, OVS_KEY_ATTR_ARP, tip, sizeof(v4), v4)) {
		r->m.ip = ip_from_v4(v4);
		r->m.fields |= FLOW_ARP_TIP;
	}
	/* The kernel has kept 8 of the 16 bits of the mask. */
	if (bits[0] == 0 && bits[1] == 0xff)
		bits[0] = 0xff;
	if (take(r, OVS_KEY_ATTR_ARP, op, sizeof(value), &value)) {
		r->m.arp_op = ntohs(value);
		r->m.fields |= FLOW_ARP_OP;
	}
}

static void read_ipv6(struct reader *r)
{
	if (take(r, OVS_KEY_ATTR_IPV6,
		 offsetof(struct ovs_key_ipv6, ipv6_proto), 1, &r->m.ip_proto))
		r->m.fields |= FLOW_IP_PROTO;
	if (take(r, OVS_KEY_ATTR_ICMPV6,
		 offsetof(struct ovs_key_icmpv6, icmpv6_type), 1,
		 &r->m.icmp6_type))
		r->m.fields |= FLOW_ICMP6_TYPE;
	if (take(r, OVS_KEY_ATTR_ND, offsetof(struct ovs_key_nd, nd_target),
		 sizeof(r->m.ip.b), r->m.ip.b))
		r->m.fields |= FLOW_ND_TARGET;
}

static void read_rest(struct reader *r)
{
	static const unsigned int nests[] = { OVS_KEY_ATTR_ENCAP,
					      OVS_KEY_ATTR_NSH };
	unsigned int i;

	for (i = 0; i < sizeof(nests) / sizeof(nests[0]); i++) {
		if (r->mask[nests[i]] && !nest_is_zero(r->mask[nests[i]]))
			r->is_foreign = true;
	}
	if (!nl_is_all(r->bits, sizeof(r->bits), 0))
		r->is_foreign = true;
	if (!ovs_key_is_valid(&r->m))
		r->is_foreign = true;
}

int ovs_key_parse(const struct nlattr *key, const struct nlattr *mask,
		  struct flow_match *ret, bool *ret_is_ours)
{
	struct reader r = { 0 };

	if (parse_key(key, r.key, NULL) < 0 ||
	    parse_key(mask, r.mask, &r.is_foreign) < 0)
		return -EPROTO;
	load_mask(&r);
	/* A flow for every recirculation id is none of ours. */
	if (!take(&r, OVS_KEY_ATTR_RECIRC_ID, 0, 4, &r.m.recirc_id))
		r.is_foreign = true;
	read_in_port(&r);
	if (read_tunnel(&r) < 0)
		return -EPROTO;
	read_ethernet(&r);
	read_eth_type(&r);
	read_arp(&r);
	read_ipv6(&r);
	read_rest(&r);
	*ret_is_ours = !r.is_foreign;
	if (!r.is_foreign)
		*ret = r.m;
	return 0;
}

int ovs_metadata_parse(const struct nlattr *key, struct ovs_metadata *ret)
{
	const struct nlattr *tb[MAX_KEY_TYPE + 1];
	const struct nlattr *tunnel[OVS_TUNNEL_KEY_ATTR_MAX + 1];
	struct ovs_metadata md = { .in_port = PORT_NO_NONE };
	const struct nlattr *nest;

	if (parse_key(key, tb, NULL) < 0)
		return -EPROTO;
	if (tb[OVS_KEY_ATTR_IN_PORT])
		md.in_port = nl_u32(tb[OVS_KEY_ATTR_IN_PORT]);
	if (tb[OVS_KEY_ATTR_RECIRC_ID])
		md.recirc_id = nl_u32(tb[OVS_KEY_ATTR_RECIRC_ID]);
	nest = tb[OVS_KEY_ATTR_TUNNEL];
	if (nest) {
		if (nl_parse(nl_data(nest), nl_size(nest), tunnel_rules,
			     OVS_TUNNEL_KEY_ATTR_MAX, tunnel, NULL) < 0)
			return -EPROTO;
		md.tun_src = tunnel_source(tunnel);
		if (tunnel[OVS_TUNNEL_KEY_ATTR_ID])
			md.tun_id =
				(vni_t)(be64toh(nl_u64(
						tunnel[OVS_TUNNEL_KEY_ATTR_ID])) &
					OVS_MAX_TUN_ID);
	}
	*ret = md;
	return 0;
}
