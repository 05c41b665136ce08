/* SPDX-License-Identifier: Apache-2.0 */
#include "matches.h"

#include <string.h>

#include "frame.h"
#include "wire.h"

struct flow_match match_of(uint32_t recirc_id, uint32_t fields)
{
	struct flow_match m;

	memset(&m, 0, sizeof(m));
	m.recirc_id = recirc_id;
	m.fields = fields;
	return m;
}

struct flow_match match_unicast(uint32_t recirc_id, const struct mac *mac)
{
	struct flow_match m = match_of(recirc_id, FLOW_ETH_DST);

	m.eth_dst = *mac;
	return m;
}

struct flow_match match_source(port_no_t port_no, const struct mac *mac)
{
	struct flow_match m = match_of(0, FLOW_IN_PORT | FLOW_ETH_SRC);

	m.in_port = port_no;
	m.eth_src = *mac;
	return m;
}

struct flow_match match_arrival(const struct ip *peer, vni_t vni)
{
	struct flow_match m = match_of(0, FLOW_IN_PORT | FLOW_TUN_SRC |
						  FLOW_TUN_ID);

	m.in_port = PORT_NO_VXLAN;
	m.tun_src = *peer;
	m.tun_id = vni;
	return m;
}

struct flow_match match_probe(const struct ip *peer, const struct mac *dst)
{
	struct flow_match m = match_arrival(peer, VNI_PROBE);

	m.fields |= FLOW_ETH_DST;
	m.eth_dst = *dst;
	return m;
}

struct flow_match match_request(uint32_t recirc_id, const struct ip *ip)
{
	struct flow_match m = match_of(recirc_id,
				       FLOW_ETH_GROUP | FLOW_ETH_TYPE);

	if (ip_is_v4(ip)) {
		m.fields |= FLOW_ARP_OP | FLOW_ARP_TIP;
		m.eth_type = ETH_TYPE_ARP;
		m.arp_op = ARP_REQUEST;
	} else {
		m.fields |= FLOW_IP_PROTO | FLOW_ICMP6_TYPE | FLOW_ND_TARGET;
		m.eth_type = ETH_TYPE_IPV6;
		m.ip_proto = IP_PROTO_ICMP6;
		m.icmp6_type = ND_SOLICITATION;
	}
	m.ip = *ip;
	return m;
}

struct flow_match match_flood(vni_t vni, port_no_t in_port)
{
	struct flow_match m = match_of(RECIRC_FLOOD(vni), FLOW_IN_PORT);

	m.in_port = in_port;
	return m;
}

struct flow_match match_tap(port_no_t port_no)
{
	struct flow_match m = match_of(0, FLOW_IN_PORT);

	m.in_port = port_no;
	return m;
}

struct flow_match match_delivery(const struct ip *peer, vni_t vni,
				 const struct mac *mac)
{
	struct flow_match m = match_arrival(peer, vni);

	if (mac_is_group(mac)) {
		m.fields |= FLOW_ETH_GROUP;
		return m;
	}
	m.fields |= FLOW_ETH_DST;
	m.eth_dst = *mac;
	return m;
}
