/* SPDX-License-Identifier: Apache-2.0 */
#include "way.h"

#include <string.h>

#define TUNNEL_TTL 64

bool way_tunnel(const struct peer *p, vni_t vni, struct flow_tunnel *ret)
{
	if (!p->hello.can_fastdp || ip_is_zero(&p->remote.ip))
		return false;
	memset(ret, 0, sizeof(*ret));
	ret->tun_id = vni;
	ret->dst = p->remote.ip;
	ret->src = p->local.ip;
	ret->dst_port = p->hello.vxlan_port;
	ret->ttl = TUNNEL_TTL;
	return true;
}

static bool is_carried_by(const struct peer *p, enum path_kind kind)
{
	enum path_kind carrier;

	return peer_carrier(p, &carrier) && carrier == kind;
}

/* Sleeve's thread knows by the MAC which peer a frame is for. */
bool way_to_tap(const struct pipeline *pl, vni_t vni, struct flow_actions *ret)
{
	const port_no_t tap = tap_ports_get(pl->taps, vni);

	return tap != PORT_NO_NONE && flow_output(ret, tap);
}

/* Without a TAP there is but the tunnel: better than nowhere. */
bool way_is_by_tap(const struct pipeline *pl, const struct peer *p, vni_t vni)
{
	return is_carried_by(p, PATH_SLEEVE) &&
	       tap_ports_get(pl->taps, vni) != PORT_NO_NONE;
}

bool way_to_peer(const struct pipeline *pl, const struct peer *p, vni_t vni,
		 struct flow_actions *ret)
{
	struct flow_tunnel tunnel;

	if (way_is_by_tap(pl, p, vni))
		return way_to_tap(pl, vni, ret);
	return way_tunnel(p, vni, &tunnel) && flow_set_tunnel(ret, &tunnel) &&
	       flow_output(ret, PORT_NO_VXLAN);
}

uint32_t way_max_frame(const struct pipeline *pl, const struct peer *p,
		       vni_t vni)
{
	return way_is_by_tap(pl, p, vni) ? 0 : p->max_frame;
}

bool way_to_owner(const struct pipeline *pl, const struct claim *c,
		  struct flow_actions *ret)
{
	const struct peer *p;

	flow_actions_clear(ret);
	if (c->owner == pl->self)
		return flow_output(ret, c->port_no);
	p = peers_find(pl->peers, c->owner);
	return p && way_to_peer(pl, p, c->vni, ret);
}
