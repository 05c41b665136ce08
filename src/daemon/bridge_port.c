/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge_port.h"

#include <errno.h>

#include "log.h"

struct bridge_port *bridge_port_find(struct bridges *b, port_no_t port_no)
{
	uint32_t i;

	for (i = 0; i < b->n_ports; i++) {
		if (b->ports[i].port_no == port_no)
			return &b->ports[i];
	}
	return NULL;
}

struct bridge_port *bridge_port_by_index(struct bridges *b, uint32_t ifindex)
{
	uint32_t i;

	for (i = 0; i < b->n_ports; i++) {
		if (b->ports[i].ifindex == ifindex)
			return &b->ports[i];
	}
	return NULL;
}

void bridge_port_forget(struct bridges *b, struct bridge_port *p)
{
	*p = b->ports[--b->n_ports];
}

int bridge_port_set_up(struct bridges *b, struct bridge_port *p)
{
	const struct rtnl_bridge_port config = {
		.is_learning = p->is_trusted && p->is_learning,
		.is_flooded = p->is_tap ? p->net->is_flooded : p->is_trusted,
		.is_locked = !p->is_tap && !p->is_trusted,
	};
	const int error = rtnl_bridge_port_set(b->rtnl, p->ifindex, &config);

	if (error == -EOPNOTSUPP && config.is_locked) {
		b->has_lock = false;
		return 0;
	}
	return error;
}

/*
 * One port must not fill the bridge's table: beyond as many MACs as the
 * engine takes of it, it learns no more until some have aged.
 */
void bridge_port_limit(struct bridges *b, struct bridge_port *p)
{
	if (p->is_learning != (p->n_learnt > MAX_LEARNT_PER_PORT))
		return;
	p->is_learning = !p->is_learning;
	if (!p->is_learning)
		log_warn("trusted port %s has more than %u MACs: no more are "
			 "learnt",
			 p->ifname, MAX_LEARNT_PER_PORT);
	if (bridge_port_set_up(b, p))
		log_debug("%s had gone", p->ifname);
}
