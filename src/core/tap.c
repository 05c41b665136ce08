/* SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

struct tap *taps_find(struct taps *ts, vni_t vni)
{
	uint32_t i;

	for (i = 0; i < ts->n; i++) {
		if (ts->list[i].vni == vni)
			return &ts->list[i];
	}
	return NULL;
}

bool taps_add(struct taps *ts, vni_t vni)
{
	if (ts->n == MAX_NETWORKS)
		return false;
	ts->list[ts->n].vni = vni;
	ts->list[ts->n++].port_no = PORT_NO_NONE;
	return true;
}

void taps_remove(struct taps *ts, struct tap *t)
{
	*t = ts->list[--ts->n];
}

port_no_t taps_port(const struct taps *ts, vni_t vni)
{
	uint32_t i;

	for (i = 0; i < ts->n; i++) {
		if (ts->list[i].vni == vni)
			return ts->list[i].port_no;
	}
	return PORT_NO_NONE;
}

bool taps_is_port(const struct taps *ts, port_no_t port_no)
{
	uint32_t i;

	for (i = 0; i < ts->n; i++) {
		if (ts->list[i].port_no == port_no && port_no != PORT_NO_NONE)
			return true;
	}
	return false;
}
