/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OVS_MSG_INTERNAL_H
#define OVS_MSG_INTERNAL_H

/* What ovs_msg.c and ovs_msg_flow.c share; for nobody else. */

#include <linux/genetlink.h>
#include <linux/openvswitch.h>

#include "nl.h"
#include "ovs_msg.h"

#define RULE(type, size) [type] = { true, size }

/* Headers of every message: generic netlink's and Open vSwitch's. */
struct ovs_prefix {
	struct genlmsghdr genl;
	struct ovs_header ovs;
};

/* Starts a message; a lack of room shows in @b. */
void ovs_msg_begin(struct nl_builder *b, void *buf, size_t size,
		   struct ovs_address to, uint8_t cmd, uint8_t version);

/* @ret has @max + 1 places, NULL where an attribute is not there: -EPROTO if
 * it is no message, or one attribute breaks its rule. */
int ovs_msg_parse(const void *buf, size_t len, const struct nl_rule *rules,
		  unsigned int max, struct ovs_prefix *ret_prefix,
		  const struct nlattr **ret) WARN_UNUSED;

#endif
