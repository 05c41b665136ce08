/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OVS_SAMPLES_H
#define OVS_SAMPLES_H

/*
 * One flow of every kind that the datapath is given (the letters are those of
 * docs/architecture.md), pairwise disjoint. For the tests of src/sys/ovs_*.
 */

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "core/flow.h"

#define MAX_SAMPLES 64U
#define SAMPLE_VXLAN_PORT 6784

struct sample {
	const char *name;
	struct flow_match match;
	struct flow_actions actions;
};

struct samples {
	struct sample list[MAX_SAMPLES];
	size_t n;
};

static const struct mac sample_mac = { { 0x02, 0, 0, 0, 0x12, 0x34 } };
static const uint8_t sample_v4[4] = { 192, 0, 2, 7 };
static const uint8_t sample_v6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 7 };

static inline struct flow_tunnel sample_tunnel(bool is_v4, vni_t vni)
{
	return (struct flow_tunnel){
		.tun_id = vni,
		.dst = is_v4 ? ip_from_v4(sample_v4) : ip_from_v6(sample_v6),
		.dst_port = SAMPLE_VXLAN_PORT,
		.ttl = 64,
	};
}

static inline struct sample *sample_add(struct samples *s, const char *name,
					uint32_t recirc_id, uint32_t fields)
{
	struct sample *x = &s->list[s->n++];

	assert(s->n <= MAX_SAMPLES);
	memset(x, 0, sizeof(*x));
	x->name = name;
	x->match.recirc_id = recirc_id;
	x->match.fields = fields;
	return x;
}

static inline void sample_first_stage(struct samples *s)
{
	const struct mac request = { { 0x02, 0xfd, 0, 0, 0, 1 } };
	const struct mac reply = { { 0x02, 0xfd, 0, 0, 0, 2 } };
	struct flow_tunnel t;
	struct sample *x;
	int v4;

	x = sample_add(s, "A", 0, FLOW_IN_PORT | FLOW_ETH_SRC);
	x->match.in_port = 16;
	x->match.eth_src = sample_mac;
	flow_recirc(&x->actions, RECIRC_LOCAL(0x1000));
	x = sample_add(s, "A of the host", 0, FLOW_IN_PORT | FLOW_ETH_SRC);
	x->match.in_port = PORT_NO_HOST;
	x->match.eth_src = sample_mac;
	flow_recirc(&x->actions, RECIRC_LOCAL(0x1000));
	for (v4 = 0; v4 < 2; v4++) {
		t = sample_tunnel(v4, VNI_PROBE);
		x = sample_add(s, v4 ? "D" : "D over IPv6", 0,
			       FLOW_IN_PORT | FLOW_TUN_SRC | FLOW_TUN_ID);
		x->match.in_port = PORT_NO_VXLAN;
		x->match.tun_src = t.dst;
		x->match.tun_id = 0x1000;
		flow_recirc(&x->actions, RECIRC_REMOTE(0x1000));
		x = sample_add(s, v4 ? "H request" : "H request over IPv6", 0,
			       FLOW_IN_PORT | FLOW_TUN_SRC | FLOW_TUN_ID |
				       FLOW_ETH_DST);
		x->match.in_port = PORT_NO_VXLAN;
		x->match.tun_src = t.dst;
		x->match.tun_id = VNI_PROBE;
		x->match.eth_dst = request;
		flow_set_eth_dst(&x->actions, &reply);
		flow_set_tunnel(&x->actions, &t);
		flow_output(&x->actions, PORT_NO_VXLAN);
		x = sample_add(s, v4 ? "H reply" : "H reply over IPv6", 0,
			       FLOW_IN_PORT | FLOW_TUN_SRC | FLOW_TUN_ID |
				       FLOW_ETH_DST);
		x->match.in_port = PORT_NO_VXLAN;
		x->match.tun_src = t.dst;
		x->match.tun_id = VNI_PROBE;
		x->match.eth_dst = reply;
		flow_userspace(&x->actions);
	}
}

static inline void sample_unicast(struct samples *s)
{
	struct flow_tunnel t;
	struct sample *x;
	vni_t vni = 0x2000;
	int v4;

	for (v4 = 0; v4 < 2; v4++) {
		t = sample_tunnel(v4, ++vni);
		x = sample_add(s, v4 ? "B" : "B over IPv6", RECIRC_LOCAL(vni),
			       FLOW_ETH_DST);
		x->match.eth_dst = sample_mac;
		flow_set_tunnel(&x->actions, &t);
		flow_output(&x->actions, PORT_NO_VXLAN);
		x = sample_add(s, "B from an address", RECIRC_LOCAL(++vni),
			       FLOW_ETH_DST);
		x->match.eth_dst = sample_mac;
		t.src = t.dst;
		t.src.b[15] = 9;
		t.dst_port = 0;
		flow_set_tunnel(&x->actions, &t);
		flow_output(&x->actions, PORT_NO_VXLAN);
	}
	x = sample_add(s, "B to a narrow peer", RECIRC_LOCAL(++vni),
		       FLOW_ETH_DST);
	x->match.eth_dst = sample_mac;
	flow_check_len(&x->actions, 1414, RECIRC_LONG(vni));
	flow_set_tunnel(&x->actions, &t);
	flow_output(&x->actions, PORT_NO_VXLAN);
	x = sample_add(s, "two length checks", RECIRC_LOCAL(++vni),
		       FLOW_ETH_DST);
	x->match.eth_dst = sample_mac;
	flow_check_len(&x->actions, 1414, RECIRC_LONG(vni));
	flow_output(&x->actions, 17);
	flow_check_len(&x->actions, 0xffff, RECIRC_LONG(vni));
	x = sample_add(s, "H of a size", RECIRC_LOCAL(++vni), FLOW_ETH_DST);
	x->match.eth_dst = sample_mac;
	flow_set_tunnel(&x->actions, &t);
	flow_trunc(&x->actions, 60);
	flow_output(&x->actions, PORT_NO_VXLAN);
	x = sample_add(s, "C", RECIRC_LOCAL(++vni), FLOW_ETH_DST);
	x->match.eth_dst = sample_mac;
	flow_output(&x->actions, 16);
	x = sample_add(s, "E", RECIRC_REMOTE(++vni), FLOW_ETH_DST);
	x->match.eth_dst = sample_mac;
	flow_output(&x->actions, 16);
	sample_add(s, "drop a recirculation id", RECIRC_LOCAL(++vni), 0);
	x = sample_add(s, "drop a source", RECIRC_LOCAL(++vni),
		       FLOW_IN_PORT | FLOW_ETH_SRC | FLOW_ETH_DST);
	x->match.in_port = 65000;
	x->match.eth_src = sample_mac;
	x->match.eth_dst = sample_mac;
	x = sample_add(s, "only a tunnel", RECIRC_REMOTE(++vni), FLOW_TUN_SRC);
	x->match.tun_src = t.dst;
	flow_output(&x->actions, 16);
}

static inline void sample_owner(struct samples *s)
{
	struct sample *x;

	x = sample_add(s, "F ARP", RECIRC_LOCAL(0x3000),
		       FLOW_ETH_GROUP | FLOW_ETH_TYPE | FLOW_ARP_OP |
			       FLOW_ARP_TIP);
	x->match.eth_type = 0x0806;
	x->match.arp_op = 1;
	x->match.ip = ip_from_v4(sample_v4);
	flow_output(&x->actions, 16);
	x = sample_add(s, "F ND", RECIRC_REMOTE(0x3000),
		       FLOW_ETH_GROUP | FLOW_ETH_TYPE | FLOW_IP_PROTO |
			       FLOW_ICMP6_TYPE | FLOW_ND_TARGET);
	x->match.eth_type = 0x86dd;
	x->match.ip_proto = 58;
	x->match.icmp6_type = 135;
	x->match.ip = ip_from_v6(sample_v6);
	flow_output(&x->actions, 16);
}

static inline struct sample *sample_group(struct samples *s, const char *name,
					  vni_t vni, uint16_t eth_type)
{
	struct sample *x;

	x = sample_add(s, name, RECIRC_LOCAL(vni),
		       FLOW_IN_PORT | FLOW_ETH_GROUP | FLOW_ETH_TYPE);
	x->match.in_port = 16;
	x->match.eth_type = eth_type;
	flow_output(&x->actions, 17);
	flow_output(&x->actions, 18);
	flow_recirc(&x->actions, RECIRC_PEERS(vni, 0));
	return x;
}

static inline void sample_classes(struct samples *s)
{
	static const uint16_t eth_types[] = {
		0x0004, 0x0800, 0x0806, 0x8035, 0x8100, 0x86dd,
		0x8847, 0x8848, 0x8863, 0x88a8, 0x88cc, 0x894f,
	};
	static const uint8_t protos[] = { 0, 2, 6, 17, 44, 132 };
	static const uint8_t icmp6_types[] = {
		0, 130, 133, 134, 135, 136, 143
	};
	struct sample *x;
	vni_t vni = 0x4000;
	size_t i;

	for (i = 0; i < sizeof(eth_types) / sizeof(eth_types[0]); i++)
		sample_group(s, "G by EtherType", ++vni, eth_types[i]);
	x = sample_group(s, "G ARP answer", ++vni, 0x0806);
	x->match.fields |= FLOW_ARP_OP;
	x->match.arp_op = 2;
	for (i = 0; i < sizeof(protos); i++) {
		x = sample_group(s, "G by protocol", ++vni, 0x86dd);
		x->match.fields |= FLOW_IP_PROTO;
		x->match.ip_proto = protos[i];
	}
	x = sample_group(s, "G ICMPv6", ++vni, 0x86dd);
	x->match.fields |= FLOW_IP_PROTO;
	x->match.ip_proto = 58;
	for (i = 0; i < sizeof(icmp6_types); i++) {
		x = sample_group(s, "G by ICMPv6 type", ++vni, 0x86dd);
		x->match.fields |= FLOW_IP_PROTO | FLOW_ICMP6_TYPE;
		x->match.ip_proto = 58;
		x->match.icmp6_type = icmp6_types[i];
	}
}

/* As long as they become: copies to peers, and every port of a host. */
static inline void sample_long(struct samples *s)
{
	struct flow_tunnel t = sample_tunnel(false, 0x5000);
	struct sample *x;
	uint32_t i;

	x = sample_add(s, "copies to peers", RECIRC_PEERS(0x5000, 3), 0);
	t.src = t.dst;
	for (i = 0; i < FLOW_PEERS_PER_CHUNK; i++) {
		t.dst.b[14] = (uint8_t)i;
		flow_set_tunnel(&x->actions, &t);
		flow_output(&x->actions, PORT_NO_VXLAN);
	}
	flow_recirc(&x->actions, RECIRC_PEERS(0x5000, 4));
	x = sample_add(s, "all ports", RECIRC_REMOTE(0x5001),
		       FLOW_ETH_GROUP | FLOW_ETH_TYPE);
	x->match.eth_type = 0x0800;
	for (i = 0; i < MAX_PORTS; i++)
		flow_output(&x->actions, PORT_NO_FIRST + i);
}

static inline void samples_make(struct samples *s)
{
	s->n = 0;
	sample_first_stage(s);
	sample_unicast(s);
	sample_owner(s);
	sample_classes(s);
	sample_long(s);
}

static inline void samples_free(struct samples *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		flow_actions_free(&s->list[i].actions);
	s->n = 0;
}

#endif
