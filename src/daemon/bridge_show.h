/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BRIDGE_SHOW_H
#define BRIDGE_SHOW_H

/* What people see of bridges: functions of the kind (datapath_kind.h). */

#include "bridge_state.h"

void bridge_show_flows(struct datapath *d, json_t *list);
json_t *bridge_show_flow_to(struct datapath *d, vni_t vni,
			    const struct mac *mac);
void bridge_show_missing(const struct datapath *d, json_t *list);
void bridge_show_metrics(struct datapath *d, json_t *metrics);

#endif
