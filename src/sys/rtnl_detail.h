/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RTNL_DETAIL_H
#define RTNL_DETAIL_H

/*
 * Links with what rtnl.h leaves out: what lies below them, counters, the port
 * of a VXLAN device, hairpin of a bridge's port. For those who look at a
 * host, not for the daemon's work. Functions return 0 or -errno.
 */

#include "rtnl.h"

struct rtnl_detail {
	struct rtnl_link link;
	char slave_kind[RTNL_KIND_SIZE]; /* "bond", "bridge"; "": no slave */
	uint32_t lower_ifindex;		 /* of a VLAN or macvlan; or 0 */
	bool is_lower_elsewhere;	 /* that is in another namespace */
	bool is_hairpin;		 /* port of a bridge */
	bool has_carrier;
	uint16_t vxlan_port; /* UDP, of a VXLAN device; or 0 */
	uint64_t tx_packets, tx_errors, tx_dropped, rx_packets;
};

/* All links; the caller frees *ret_list. */
int rtnl_detail_list(struct rtnl *r, struct rtnl_detail **ret_list,
		     size_t *ret_n) WARN_UNUSED;

/* -EBADMSG, -ENOMSG as rtnl_link_decode(). For tests too. */
struct nlmsghdr;
int rtnl_detail_decode(const struct nlmsghdr *nlh, struct rtnl_detail *ret)
	WARN_UNUSED;

/* Unicast routes of the main table, but for the default ones. */
struct rtnl_prefix {
	struct ip ip;
	uint8_t len; /* in its own family */
	uint32_t ifindex;
};

/* -E2BIG: more than RTNL_MAX_LIST. The caller frees *ret_list. */
int rtnl_prefix_list(struct rtnl *r, struct rtnl_prefix **ret_list,
		     size_t *ret_n) WARN_UNUSED;

#endif
