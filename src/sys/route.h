/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ROUTE_H
#define ROUTE_H

/*
 * Routes of a namespace: adding one, listing all, with all that a route can
 * have. How a packet would go, and the rest of rtnetlink, is in rtnl.h. Functions return 0 or -errno.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/core.h"

struct rtnl;

struct route {
	struct ip dst; /* no bits beyond prefix_len */
	uint8_t prefix_len;
	bool has_gateway;
	struct ip gateway;
	uint32_t ifindex; /* of lists: 0 when it has several next hops */
	/* 0: not said, the kernel's choice */
	uint32_t mtu, advmss, priority, table;
	bool has_scope;
	uint8_t scope; /* RT_SCOPE_* */
};

/* -EEXIST: there is one to the same destination already. */
int route_add(struct rtnl *r, uint32_t ifindex, const struct route *route)
	WARN_UNUSED;

/* Unicast routes of all tables; the caller frees *ret_list. */
int route_list(struct rtnl *r, struct route **ret_list, size_t *ret_n)
	WARN_UNUSED;

/* Clears the bits beyond the prefix. */
void route_mask(struct ip *ip, uint8_t prefix_len);

#endif
