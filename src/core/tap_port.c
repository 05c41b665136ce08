/* SPDX-License-Identifier: Apache-2.0 */
#include "tap_port.h"

struct tap_port *tap_ports_find(struct tap_ports *ts, vni_t vni)
{
	uint32_t i;

	for (i = 0; i < ts->n; i++) {
		if (ts->list[i].vni == vni)
			return &ts->list[i];
	}
	return NULL;
}

bool tap_ports_add(struct tap_ports *ts, vni_t vni)
{
	if (ts->n == MAX_NETWORKS)
		return false;
	ts->list[ts->n].vni = vni;
	ts->list[ts->n++].port_no = PORT_NO_NONE;
	return true;
}

void tap_ports_remove(struct tap_ports *ts, struct tap_port *t)
{
	*t = ts->list[--ts->n];
}

port_no_t tap_ports_get(const struct tap_ports *ts, vni_t vni)
{
	uint32_t i;

	for (i = 0; i < ts->n; i++) {
		if (ts->list[i].vni == vni)
			return ts->list[i].port_no;
	}
	return PORT_NO_NONE;
}

bool tap_ports_have(const struct tap_ports *ts, port_no_t port_no)
{
	uint32_t i;

	for (i = 0; i < ts->n; i++) {
		if (ts->list[i].port_no == port_no && port_no != PORT_NO_NONE)
			return true;
	}
	return false;
}
