/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OVS_ACT_H
#define OVS_ACT_H

/*
 * struct flow_actions <-> a nest of OVS_ACTION_ATTR_*.
 *
 * FLOW_CHECK_LEN takes the rest of the list into the nest of its own
 * "not longer" branch; what is longer is recirculated. For
 * ovs_msg_flow alone.
 *
 * What cannot be expressed: FLOW_USERSPACE with @pid 0; max_size above 65535;
 * more than OVS_MAX_CHECK_LEN length checks in a list.
 */

#include "core/flow.h"
#include "nl.h"

#define OVS_MAX_CHECK_LEN 4U

/* Adds nest @type. -EINVAL: cannot be expressed; what does not fit is in
 * @b->error. */
int ovs_act_put(struct nl_builder *b, unsigned int type,
		const struct flow_actions *actions, uint32_t pid) WARN_UNUSED;

/*
 * *ret_is_ours: whether ovs_act_put() makes such a list; only then
 * *ret_actions (cleared first, its memory used again) and *ret_pid (0: nothing
 * goes to user space) say what it is. -EPROTO: malformed.
 */
int ovs_act_parse(const struct nlattr *nest, struct flow_actions *ret_actions,
		  uint32_t *ret_pid, bool *ret_is_ours) WARN_UNUSED;

#endif
