/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OVS_DP_INTERNAL_H
#define OVS_DP_INTERNAL_H

/* What ovs_dp.c and ovs_dp_flow.c share; for nobody else. */

#include "ovs_dp.h"

/* Of ovs_dp.batch. */
#define OVS_BATCH_SIZE (2U * GENL_MAX_SIZE)
#define OVS_DUMP_TRIES 4

/* Room for a small request, aligned for its header. */
union ovs_small {
	struct nlmsghdr nlh;
	uint8_t bytes[512];
};

static inline struct ovs_address ovs_dp_address(const struct ovs_dp *dp,
						enum genl_ovs_family family)
{
	return (struct ovs_address){ .family = dp->genl.families.id[family],
				     .dp_ifindex = dp->ifindex };
}

#endif
