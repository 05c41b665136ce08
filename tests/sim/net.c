/* SPDX-License-Identifier: Apache-2.0 */
#include "net.h"

#include <stdlib.h>
#include <string.h>

#include "host.h"

struct datagram {
	uint32_t to;
	vni_t tun_id;
	struct ip src;
	unsigned int n_hops;
	size_t size;
	uint8_t frame[];
};

struct net *net_new(void)
{
	struct net *net = sim_alloc(sizeof(*net));
	uint32_t i, k;

	for (i = 0; i < SIM_MAX_HOSTS; i++) {
		for (k = 0; k < SIM_MAX_HOSTS; k++) {
			net->links[i][k].latency_us = 200;
			net->links[i][k].jitter_us = 100;
		}
	}
	return net;
}

void net_free(struct net *net)
{
	free(net);
}

void net_cut(struct sim *sim, uint32_t a, uint32_t b, bool is_cut)
{
	struct link *there = &sim->net->links[a][b];
	struct link *back = &sim->net->links[b][a];

	there->is_data_cut = there->is_control_cut = is_cut;
	back->is_data_cut = back->is_control_cut = is_cut;
}

usec_t net_latency(struct sim *sim, uint32_t from, uint32_t to)
{
	const struct link *l = &sim->net->links[from][to];

	return l->latency_us + sim_random(sim, l->jitter_us + 1);
}

bool net_has_control(const struct sim *sim, uint32_t a, uint32_t b)
{
	return sim->hosts[a]->has_power && sim->hosts[b]->has_power &&
	       !sim->net->links[a][b].is_control_cut &&
	       !sim->net->links[b][a].is_control_cut;
}

static void arrive(struct sim *sim, void *ctx, uint64_t arg)
{
	const struct datagram *d = ctx;
	const struct fake_packet p = { .in_port = PORT_NO_VXLAN,
				       .tun_id = d->tun_id,
				       .tun_src = d->src,
				       .frame = d->frame,
				       .size = d->size,
				       .n_hops = d->n_hops };

	(void)arg;
	if (sim->hosts[d->to]->has_power)
		fake_dp_input(&sim->hosts[d->to]->dp, sim->now, &p);
}

void net_send(struct sim *sim, uint32_t from, const struct flow_tunnel *tunnel,
	      const struct fake_packet *p)
{
	struct host *to = host_of_ip(sim, &tunnel->dst);
	const struct link *l;
	struct datagram *d;

	sim->net->n_sent++;
	sim->net->n_bytes += p->size;
	if (p->n_hops + 1 > sim->net->max_hops)
		sim->net->max_hops = p->n_hops + 1;
	/* A heartbeat comes back; nothing else crosses twice. */
	if (p->n_hops + 1 > (tunnel->tun_id == VNI_PROBE ? 2U : 1U))
		sim_fail(sim, "a frame crosses the underlay again");
	if (tunnel->dst_port != HOST_VXLAN_PORT || !tunnel->ttl)
		sim_fail(sim, "a tunnel header without port or TTL");
	if (!to || to->index == from) {
		sim->net->n_lost++;
		return;
	}
	l = &sim->net->links[from][to->index];
	if (l->is_data_cut || sim_chance(sim, l->loss_percent)) {
		sim->net->n_lost++;
		return;
	}
	d = sim_alloc(sizeof(*d) + p->size);
	d->to = to->index;
	d->tun_id = tunnel->tun_id;
	d->src = sim->hosts[from]->ip;
	d->n_hops = p->n_hops + 1;
	d->size = p->size;
	memcpy(d->frame, p->frame, p->size);
	sim_post(sim, sim->now + net_latency(sim, from, to->index), arrive, d,
		 0);
}
