/* SPDX-License-Identifier: Apache-2.0 */
#include "carry.h"

#include "alloc.h"
#include "group.h"

void carry_session(struct engine *e, struct peer *p, bool is_new_instance)
{
	struct sleeve_place *place = &p->sleeve;

	if (!e->config.has_sleeve)
		return;
	/* Another life of the peer begins its sequence numbers anew. */
	if (is_new_instance || !place->rx_token) {
		do {
			place->rx_token = targets_random(&e->targets,
							 UINT64_MAX);
		} while (!place->rx_token);
		place->tx_token = 0;
	}
	/* Where its datagrams come from is known better than what it says. */
	if (is_new_instance || !ip_equal(&place->endpoint.ip, &p->remote.ip)) {
		place->endpoint.ip = p->remote.ip;
		place->endpoint.port = p->hello.sleeve_port;
	}
	p->owes_token = true;
	peers_owe_to(&e->peers, p);
	e->sleeve_changed = true;
}

bool carry_token(struct engine *e, struct peer *p, uint64_t token)
{
	if (!e->config.has_sleeve || p->sleeve.tx_token == token)
		return false;
	p->sleeve.tx_token = token;
	e->sleeve_changed = true;
	return true;
}

void carry_moved(struct engine *e, const struct event *ev)
{
	struct peer *p = peers_find(&e->peers, ev->moved.peer_id);

	if (!p || ip_is_zero(&ev->moved.endpoint.ip) ||
	    !ev->moved.endpoint.port)
		return;
	p->sleeve.endpoint = ev->moved.endpoint;
	e->sleeve_changed = true;
}

static void again_on_sleeve(struct engine *e)
{
	enum path_kind carrier;

	EACH_PEER(&e->peers, node) {
		struct peer *p = PEER_OF(node);

		if (peer_carrier(p, &carrier) && carrier == PATH_SLEEVE)
			pipeline_peer(&e->pipeline, p);
	}
}

void carry_tap(struct engine *e, const struct event *ev)
{
	struct tap_port *t = tap_ports_find(&e->taps, ev->tap.vni);
	port_no_t old;

	if (!t || t->port_no == ev->tap.port_no)
		return;
	old = t->port_no;
	t->port_no = ev->tap.port_no;
	if (old != PORT_NO_NONE)
		group_tap_gone(&e->pipeline, ev->tap.vni, old);
	group_network(&e->pipeline, ev->tap.vni);
	again_on_sleeve(e);
	e->sleeve_changed = true;
}

static bool poll_new_network(struct engine *e, struct action *ret)
{
	EACH_PORT(&e->ports, node) {
		const vni_t vni = PORT_OF(node)->port.vni;

		if (tap_ports_find(&e->taps, vni))
			continue;
		if (!tap_ports_add(&e->taps, vni)) {
			engine_limit(e, "networks");
			continue;
		}
		ret->type = ACTION_NETWORK;
		ret->network.vni = vni;
		ret->network.is_wanted = true;
		return true;
	}
	return false;
}

static bool poll_old_network(struct engine *e, struct action *ret)
{
	uint32_t i;

	for (i = 0; i < e->taps.n; i++) {
		struct tap_port *t = &e->taps.list[i];
		const struct tap_port gone = *t;

		if (ports_has_network(&e->ports, gone.vni))
			continue;
		tap_ports_remove(&e->taps, t);
		/* Its number may soon be another network's. */
		if (gone.port_no != PORT_NO_NONE) {
			group_tap_gone(&e->pipeline, gone.vni, gone.port_no);
			group_network(&e->pipeline, gone.vni);
			again_on_sleeve(e);
		}
		ret->type = ACTION_NETWORK;
		ret->network.vni = gone.vni;
		ret->network.is_wanted = false;
		return true;
	}
	return false;
}

bool carry_poll(struct engine *e, struct action *ret)
{
	/* A bridge follows the directory, whoever carries. */
	if (!e->config.has_sleeve && !e->config.is_bridge)
		return false;
	if (e->config.has_sleeve && e->networks_changed) {
		if (poll_new_network(e, ret) || poll_old_network(e, ret))
			return true;
		e->networks_changed = false;
	}
	if (!e->sleeve_changed)
		return false;
	e->sleeve_changed = false;
	ret->type = ACTION_SLEEVE_TABLE;
	return true;
}
