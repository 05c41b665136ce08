/* SPDX-License-Identifier: Apache-2.0 */
#include "learn.h"

#include "matches.h"

bool learn_may(const struct engine *e, const struct local_port *p,
	       const struct mac *mac)
{
	const struct claim *c = directory_find_mac(e->directory, p->port.vni,
						   mac);

	if (!p->port.is_trusted || mac_is_group(mac) || mac_is_zero(mac))
		return false;
	return !c || (c->flags & ENTRY_LEARNT) != 0;
}

void learn_declared(struct engine *e, const struct port *port)
{
	const struct claim *c = directory_find_claim(e->directory, port->vni,
						     &port->mac, e->config.id);
	struct flow_match source;

	if (!c || !(c->flags & ENTRY_LEARNT))
		return;
	source = match_source(c->port_no, &port->mac);
	flowset_unwant(&e->flows, &source);
}

void learn_seen(struct engine *e, usec_t now, const struct event *ev)
{
	struct local_port *p = ports_find(&e->ports, ev->seen.port_no);
	const struct claim *c;
	port_no_t old;

	if (!e->config.is_bridge || !p || !learn_may(e, p, &ev->seen.mac))
		return;
	c = directory_find_claim(e->directory, p->port.vni, &ev->seen.mac,
				 e->config.id);
	old = c ? c->port_no : PORT_NO_NONE;
	/* One that is known and wins is no news; the bridge says it often. */
	if (old == p->port.port_no &&
	    directory_find_mac(e->directory, p->port.vni, &ev->seen.mac) == c)
		return;
	if (old != p->port.port_no && p->n_learnt >= MAX_LEARNT_PER_PORT) {
		engine_limit(e, "MACs of a port");
		return;
	}
	engine_own(e, now, &p->port, &ev->seen.mac, true);
}

void learn_gone(struct engine *e, usec_t now, const struct event *ev)
{
	const struct local_port *p = ports_find(&e->ports, ev->seen.port_no);
	const struct claim *c;

	if (!e->config.is_bridge || !p)
		return;
	c = directory_find_claim(e->directory, p->port.vni, &ev->seen.mac,
				 e->config.id);
	if (!c || c->port_no != p->port.port_no || !(c->flags & ENTRY_LEARNT))
		return;
	engine_disown(e, now, p->port.vni, &ev->seen.mac);
}
