/* SPDX-License-Identifier: Apache-2.0 */
#include "inner.h"

#define ETH_SIZE 14U
#define VLAN_SIZE 4U
#define TYPE_V4 0x0800
#define TYPE_V6 0x86dd
#define TYPE_VLAN 0x8100  /* IEEE 802.1Q */
#define TYPE_SVLAN 0x88a8 /* IEEE 802.1ad */
#define V6_SIZE 40U
#define MAX_EXTENSIONS 8
#define MAX_L4 255U /* what the wire format can say */

#define PROTO_HOP_BY_HOP 0
#define PROTO_TCP 6
#define PROTO_UDP 17
#define PROTO_ROUTING 43
#define PROTO_DESTINATION 60

#define V4_FRAGMENT_BITS 0x3fff /* more fragments, and the offset */

/* False: not IP. */
static bool find_l3(const uint8_t *f, size_t size, struct inner *in)
{
	size_t at = ETH_SIZE;
	int n_tags;

	for (n_tags = 0; at <= size; n_tags++, at += VLAN_SIZE) {
		const uint16_t type = inner_get16(f + at - 2);

		in->l3 = (uint16_t)at;
		in->is_v6 = type == TYPE_V6;
		if (type == TYPE_V4 || type == TYPE_V6)
			return true;
		if ((type != TYPE_VLAN && type != TYPE_SVLAN) || n_tags == 2)
			return false;
	}
	return false;
}

static bool find_v4(const uint8_t *f, size_t size, struct inner *in,
		    uint8_t *ret_proto)
{
	const uint8_t *ip = f + in->l3;
	const size_t left = size - in->l3;
	size_t header;

	if (left < 20 || ip[0] >> 4 != 4)
		return false;
	header = (ip[0] & 0xfU) * 4U;
	if (header < 20 || header > left || inner_get16(ip + 2) != left ||
	    inner_get16(ip + INNER_IP_FRAGMENT) & V4_FRAGMENT_BITS)
		return false;
	in->l4 = (uint16_t)(in->l3 + header);
	*ret_proto = ip[9];
	return true;
}

static bool find_v6(const uint8_t *f, size_t size, struct inner *in,
		    uint8_t *ret_proto)
{
	const uint8_t *ip = f + in->l3;
	const size_t left = size - in->l3;
	size_t at = V6_SIZE;
	uint8_t next;
	int n;

	if (left < V6_SIZE || ip[0] >> 4 != 6 ||
	    inner_get16(ip + 4) != left - V6_SIZE)
		return false;
	next = ip[6];
	for (n = 0; n < MAX_EXTENSIONS; n++) {
		if (next != PROTO_HOP_BY_HOP && next != PROTO_ROUTING &&
		    next != PROTO_DESTINATION)
			break;
		if (left < at + 8)
			return false;
		next = ip[at];
		at += 8U + 8U * ip[at + 1];
	}
	if (at > left)
		return false;
	in->l4 = (uint16_t)(in->l3 + at);
	*ret_proto = next;
	return true;
}

static bool find_payload(const uint8_t *f, size_t size, struct inner *in,
			 uint8_t proto)
{
	const uint8_t *l4 = f + in->l4;
	const size_t left = size - in->l4;
	size_t header = 8;

	in->is_tcp = proto == PROTO_TCP;
	if (in->is_tcp) {
		if (left < 20)
			return false;
		header = (l4[12] >> 4) * 4U;
		if (header < 20 || header > left)
			return false;
	} else if (proto != PROTO_UDP || left < 8 ||
		   inner_get16(l4 + INNER_UDP_LEN) != left) {
		return false;
	}
	in->payload = (uint16_t)(in->l4 + header);
	return true;
}

bool inner_parse(const uint8_t *frame, size_t size, struct inner *ret)
{
	struct inner in;
	uint8_t proto = 0;

	if (size > MAX_FRAME_SIZE || !find_l3(frame, size, &in))
		return false;
	if (in.is_v6 ? !find_v6(frame, size, &in, &proto)
		     : !find_v4(frame, size, &in, &proto))
		return false;
	if (in.l4 > MAX_L4 || !find_payload(frame, size, &in, proto))
		return false;
	*ret = in;
	return true;
}

uint16_t inner_sum(const uint8_t *p, size_t size)
{
	uint64_t sum = 0;

	for (; size >= 2; p += 2, size -= 2)
		sum += inner_get16(p);
	if (size)
		sum += (uint64_t)p[0] << 8;
	return inner_fold(sum);
}

void inner_set_v4_length(uint8_t *ip, uint16_t length)
{
	inner_put16(ip + 2, length);
	inner_put16(ip + INNER_IP_SUM, 0);
	inner_put16(ip + INNER_IP_SUM,
		    (uint16_t)~inner_sum(ip, (ip[0] & 0xfU) * 4U));
}
