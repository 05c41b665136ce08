/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OVS_KEY_H
#define OVS_KEY_H

/*
 * struct flow_match <-> OVS_FLOW_ATTR_KEY and OVS_FLOW_ATTR_MASK.
 *
 * It knows which attributes the kernel wants beside those that are matched,
 * and how it writes a flow down again in a dump. For ovs_msg_flow alone.
 *
 * What cannot be expressed: a field without the one it needs; FLOW_TUN_ID
 * without FLOW_TUN_SRC; FLOW_ETH_DST and FLOW_ETH_GROUP together; ARP_OP above
 * 255; a FLOW_ETH_TYPE below 0x600 other than OVS_ETH_TYPE_802_2; a tunnel
 * between families.
 *
 * FLOW_ETH_TYPE 0x8100 or 0x88a8 matches any frame with such a tag, and the
 * kernel lets a flow without one of these match untagged frames only.
 */

#include "core/flow.h"
#include "nl.h"

/* Every frame without an EtherType. */
#define OVS_ETH_TYPE_802_2 UINT16_C(4)
#define OVS_MAX_TUN_ID UINT32_C(0xffffff)
/* "There is a tag", in OVS_KEY_ATTR_VLAN. */
#define OVS_VLAN_PRESENT UINT16_C(0x1000)

/* An EtherType that is a tag's. */
bool ovs_key_is_vlan(uint16_t eth_type);
/* Can it be expressed? */
bool ovs_key_is_valid(const struct flow_match *m);

/* Adds KEY and MASK. -EINVAL: cannot be expressed; what does not fit is in
 * @b->error. */
int ovs_key_put(struct nl_builder *b, const struct flow_match *m) WARN_UNUSED;

/*
 * *ret_is_ours: whether ovs_key_put() makes such a flow; only then *ret is
 * set. -EPROTO: malformed.
 */
int ovs_key_parse(const struct nlattr *key, const struct nlattr *mask,
		  struct flow_match *ret, bool *ret_is_ours) WARN_UNUSED;

/* What a packet that comes up says of itself. */
struct ovs_metadata {
	port_no_t in_port; /* PORT_NO_NONE: not said */
	uint32_t recirc_id;
	vni_t tun_id;
	struct ip tun_src; /* zero: not from a tunnel */
};

int ovs_metadata_parse(const struct nlattr *key, struct ovs_metadata *ret)
	WARN_UNUSED;

#endif
