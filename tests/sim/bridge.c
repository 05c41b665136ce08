/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge.h"

#include "carrier.h"
#include "host.h"

static bool is_in(const struct sim_port *p, vni_t vni)
{
	return p->is_known && p->is_alive && p->port.vni == vni;
}

/* Is the address that a group frame asks for one of this port's? */
static bool is_asked(const struct fake_key *key, const struct sim_port *p,
		     bool *ret_is_request)
{
	const struct ip *ip = key->arp_op == 1 ? &key->arp_tip
					       : &key->nd_target;
	uint32_t i;

	*ret_is_request = key->arp_op == 1 || key->icmp6_type == 135;
	for (i = 0; *ret_is_request && i < p->port.n_ips; i++) {
		if (ip_equal(&p->port.ips[i], ip))
			return true;
	}
	return false;
}

/* The directory knows who has it: nobody else is asked. */
static bool is_elsewhere(const struct host *h, vni_t vni,
			 const struct fake_key *key)
{
	const struct ip *ip = key->arp_op == 1 ? &key->arp_tip
					       : &key->nd_target;
	struct entry_view v;

	return h->engine && engine_find_ip(h->engine, vni, ip, &v) &&
	       v.owner != h->hello.id;
}

/* True: somebody here is the only one that it is for. */
static bool deliver(struct host *h, vni_t vni, port_no_t except,
		    const struct fake_key *key, const struct fake_packet *p)
{
	const bool is_group = mac_is_group(&key->dst);
	struct sim_port *asked = NULL;
	bool is_request = false;
	uint32_t i;

	for (i = 0; i < HOST_MAX_PORTS && is_group && !asked; i++) {
		if (is_in(&h->ports[i], vni) &&
		    is_asked(key, &h->ports[i], &is_request))
			asked = &h->ports[i];
	}
	if (is_request && !asked && is_elsewhere(h, vni, key))
		return false;
	for (i = 0; i < HOST_MAX_PORTS; i++) {
		struct sim_port *to = &h->ports[i];

		if (!is_in(to, vni) || to->port.port_no == except ||
		    (asked && to != asked))
			continue;
		if (is_group || mac_equal(&to->port.mac, &key->dst))
			host_deliver(h, to->port.port_no, p);
		if (!is_group && mac_equal(&to->port.mac, &key->dst))
			return true;
	}
	return asked != NULL;
}

void bridge_from_port(struct host *h, port_no_t port_no,
		      const struct fake_packet *p)
{
	const struct sim_port *from = host_port(h, port_no);
	struct fake_key key;
	port_no_t tap;

	if (!from || !fake_key_of(p->frame, p->size, &key) || key.is_tagged)
		return;
	if (!from->port.is_trusted && !mac_equal(&key.src, &from->port.mac))
		return;
	if (deliver(h, from->port.vni, port_no, &key, p))
		return;
	tap = carrier_tap(h, from->port.vni);
	if (tap != PORT_NO_NONE)
		carrier_frame(h, tap, p);
}

void bridge_from_tap(struct host *h, vni_t vni, const struct fake_packet *p)
{
	struct fake_key key;

	if (fake_key_of(p->frame, p->size, &key))
		deliver(h, vni, PORT_NO_NONE, &key, p);
}
