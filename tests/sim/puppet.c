/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scale.h"

vni_t container_vni(uint32_t c)
{
	return 100 + c % scale->n_containers % 2;
}

struct mac container_mac(uint32_t c)
{
	const uint32_t host = c / scale->n_containers;
	const uint32_t i = c % scale->n_containers;

	return (struct mac){ { 2, (uint8_t)(host >> 16), (uint8_t)(host >> 8),
			       (uint8_t)host, (uint8_t)(i >> 8), (uint8_t)i } };
}

void container_ips(uint32_t c, struct ip ret[2])
{
	const uint32_t host = c / scale->n_containers;
	const uint32_t i = c % scale->n_containers;
	const uint8_t v4[4] = { 10, (uint8_t)(32 + (host >> 8)), (uint8_t)host,
				(uint8_t)i };

	ret[0] = ip_from_v4(v4);
	memset(&ret[1], 0, sizeof(ret[1]));
	memcpy(ret[1].b, "\xfd\x32", 2);
	memcpy(ret[1].b + 8, v4, 4);
	ret[1].b[15] = (uint8_t)(i >> 8);
}

static void fill(uint32_t c, struct entry *e)
{
	memset(e, 0, sizeof(*e));
	e->vni = container_vni(c);
	e->mac = container_mac(c);
	e->revision = ++scale->revision;
	e->n_ips = 2;
	container_ips(c, e->ips);
}

/* The @k-th that may be its own: those of its slots, then what ever moved. */
static bool may_have(uint32_t p, uint32_t k, uint32_t *ret)
{
	if (k < scale->n_containers) {
		*ret = p * scale->n_containers + k;
		return true;
	}
	k -= scale->n_containers;
	if (k >= scale->n_moved)
		return false;
	*ret = scale->moved[k];
	return true;
}

static void say_entries(uint32_t p, struct real *r, session_t session)
{
	static struct entry list[MESSAGE_MAX_ENTRIES];
	struct message m = { .type = MESSAGE_ENTRIES };
	uint32_t c, k;

	m.entries.list = list;
	m.entries.is_first = true;
	for (k = 0; may_have(p, k, &c); k++) {
		if (scale->owners[c] != p ||
		    (k >= scale->n_containers && c / scale->n_containers == p))
			continue;
		fill(c, &list[m.entries.n++]);
		if (m.entries.n < MESSAGE_MAX_ENTRIES)
			continue;
		wire_say(r, session, &m);
		m.entries.n = 0;
		m.entries.is_first = false;
	}
	m.entries.is_last = true;
	wire_say(r, session, &m);
}

static void say_peers(uint32_t p, struct real *r, session_t session)
{
	struct peer_hint list[MESSAGE_MAX_PEERS];
	struct message m = { .type = MESSAGE_PEERS };
	uint32_t i;

	(void)p;
	m.peers.list = list;
	for (i = 0; i < scale->n; i++) {
		list[m.peers.n].id = i + 1;
		list[m.peers.n].control.ip = scale->places[i].ip;
		list[m.peers.n++].control.port = 6783;
		if (m.peers.n < MESSAGE_MAX_PEERS && i + 1 < scale->n)
			continue;
		wire_say(r, session, &m);
		m.peers.n = 0;
	}
}

void puppet_greet(uint32_t p, struct real *r, target_t target)
{
	const struct message token = { .type = MESSAGE_SLEEVE,
				       .sleeve.token = p + 1 };
	const session_t session = wire_up(r, p, target);

	if (!session)
		return;
	wire_say(r, session, &token);
	say_entries(p, r, session);
	say_peers(p, r, session);
}

void puppet_greet_all(uint32_t p)
{
	uint32_t i;

	for (i = 0; i < scale->n_reals; i++)
		puppet_greet(p, &scale->reals[i], 0);
}

void puppet_announce(uint32_t p, uint32_t container, bool is_withdrawn)
{
	struct message m = { .type = MESSAGE_ENTRIES };
	struct entry e;
	uint32_t i;

	fill(container, &e);
	if (is_withdrawn) {
		e.flags = ENTRY_WITHDRAWN;
		e.n_ips = 0;
	}
	m.entries.n = 1;
	m.entries.list = &e;
	for (i = 0; i < scale->n_reals; i++) {
		if (scale->places[p].sessions[i])
			wire_say(&scale->reals[i], scale->places[p].sessions[i],
				 &m);
	}
}

void puppets_make(void)
{
	uint32_t i;

	scale->places = sim_alloc(scale->n * sizeof(struct place));
	for (i = 0; i < scale->n; i++) {
		struct place *p = &scale->places[i];
		const uint8_t v4[4] = { 10, 1, (uint8_t)((i + 1) >> 8),
					(uint8_t)(i + 1) };

		p->ip = ip_from_v4(v4);
		p->nat_ip = p->ip;
		p->nat_ip.b[13] = 2;
		p->mtu = SCALE_LINK_MTU;
		p->victim = SCALE_NONE;
		p->hello = (struct hello){ .version_min = 1,
					   .version_max = 1,
					   .id = i + 1,
					   .instance = 1,
					   .control_port = 6783,
					   .sleeve_port = 6783,
					   .vxlan_port = 6784,
					   .can_fastdp = true,
					   .can_sleeve = true,
					   .has_discovery = true };
		snprintf(p->hello.name, sizeof(p->hello.name), "host%u", i + 1);
		p->sessions =
			sim_alloc(scale->n_reals * sizeof(p->sessions[0]));
	}
	scale->owners = sim_alloc((size_t)scale->n * scale->n_containers *
				  sizeof(scale->owners[0]));
	for (i = 0; i < scale->n * scale->n_containers; i++)
		scale->owners[i] = i / scale->n_containers;
}
