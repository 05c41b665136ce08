/* SPDX-License-Identifier: Apache-2.0 */
#include "net.h"

#include <stdlib.h>
#include <string.h>

#include "carrier.h"
#include "check.h"
#include "host.h"
#include "nat.h"
#include "traffic.h"

struct datagram {
	uint32_t to;
	vni_t tun_id;
	struct ip src;
	unsigned int n_hops;
	size_t size;
	uint8_t frame[];
};

static const struct link sound = { .latency_us = 200,
				   .jitter_us = 100,
				   .mtu = NET_LINK_MTU };

struct net *net_new(uint32_t n_hosts)
{
	struct net *net = sim_alloc(sizeof(*net));
	size_t i;

	net->n_hosts = n_hosts;
	net->links = sim_alloc((size_t)n_hosts * n_hosts * sizeof(*net->links));
	for (i = 0; i < (size_t)n_hosts * n_hosts; i++)
		net->links[i] = sound;
	return net;
}

void net_free(struct net *net)
{
	free(net->links);
	free(net);
}

struct link *net_link(const struct sim *sim, uint32_t from, uint32_t to)
{
	return &sim->net->links[(size_t)from * sim->net->n_hosts + to];
}

static void set_cut(struct sim *sim, uint32_t from, uint32_t to,
		    enum path_kind kind, bool is_cut)
{
	struct link *l = net_link(sim, from, to);

	if (l->is_cut[kind] != is_cut)
		l->cut_since[kind] = sim->now;
	l->is_cut[kind] = is_cut;
}

void net_cut_data(struct sim *sim, uint32_t from, uint32_t to, bool is_cut)
{
	set_cut(sim, from, to, PATH_FASTDP, is_cut);
	set_cut(sim, from, to, PATH_SLEEVE, is_cut);
}

void net_cut_way(struct sim *sim, uint32_t from, uint32_t to,
		 enum path_kind path, bool is_cut)
{
	set_cut(sim, from, to, path, is_cut);
}

void net_cut_path(struct sim *sim, uint32_t a, uint32_t b, enum path_kind path,
		  bool is_cut)
{
	set_cut(sim, a, b, path, is_cut);
	set_cut(sim, b, a, path, is_cut);
	sim_log(sim, "path %d between %u and %u: %s", path, a, b,
		is_cut ? "cut" : "free");
}

void net_cut(struct sim *sim, uint32_t a, uint32_t b, bool is_cut)
{
	net_cut_data(sim, a, b, is_cut);
	net_cut_data(sim, b, a, is_cut);
	net_link(sim, a, b)->is_control_cut = is_cut;
	net_link(sim, b, a)->is_control_cut = is_cut;
}

void net_set_mtu(struct sim *sim, uint32_t from, uint32_t to, uint32_t mtu,
		 bool has_icmp)
{
	struct link *l = net_link(sim, from, to);

	if (l->mtu != mtu)
		l->mtu_since = sim->now;
	l->mtu = mtu;
	l->has_icmp = has_icmp;
	sim_log(sim, "link %u to %u: MTU %u", from, to, mtu);
}

void net_heal(struct sim *sim)
{
	uint32_t i, k;

	for (i = 0; i < sim->n_hosts; i++) {
		for (k = 0; k < sim->n_hosts; k++) {
			struct link *l = net_link(sim, i, k);
			struct link healed = sound;

			net_cut_data(sim, i, k, false);
			memcpy(healed.cut_since, l->cut_since,
			       sizeof(healed.cut_since));
			healed.mtu_since = l->mtu == sound.mtu ? l->mtu_since
							       : sim->now;
			*l = healed;
		}
	}
}

usec_t net_latency(struct sim *sim, uint32_t from, uint32_t to)
{
	const struct link *l = net_link(sim, from, to);

	return l->latency_us + sim_random(sim, l->jitter_us + 1);
}

bool net_has_control(const struct sim *sim, uint32_t a, uint32_t b)
{
	return sim->hosts[a]->has_power && sim->hosts[b]->has_power &&
	       !net_link(sim, a, b)->is_control_cut &&
	       !net_link(sim, b, a)->is_control_cut;
}

static bool is_lost(struct sim *sim, struct link *l)
{
	if (!sim_chance(sim, l->loss_percent) ||
	    (l->loss_gap_us && sim->now - l->lost_at < l->loss_gap_us))
		return false;
	l->lost_at = sim->now;
	return true;
}

/*
 * What the link does to one packet: how many copies arrive, and when. @vni: of
 * a container's frame, as far as known, or VNI_PROBE.
 */
static uint32_t travel(struct sim *sim, uint32_t from, uint32_t to,
		       enum path_kind kind, vni_t vni, usec_t ret_at[2])
{
	struct link *l = net_link(sim, from, to);
	uint32_t i, n = 1;

	if (l->is_cut[kind] && vni != VNI_PROBE)
		check_cut(sim, from, to, kind, vni);
	if (l->is_cut[kind] || is_lost(sim, l)) {
		sim->net->n_lost++;
		return 0;
	}
	if (l->copy_percent && sim_chance(sim, l->copy_percent)) {
		sim->net->n_copies++;
		n = 2;
	}
	for (i = 0; i < n; i++) {
		ret_at[i] = sim->now + net_latency(sim, from, to);
		if (l->late_percent && sim_chance(sim, l->late_percent))
			ret_at[i] += sim_random(sim, 5 * USEC_PER_MS);
	}
	return n;
}

/* False: too long for the way. Somebody may say so. */
static bool fits(struct sim *sim, uint32_t from, uint32_t to,
		 enum path_kind kind, uint32_t ip_size, bool is_probe)
{
	const struct link *l = net_link(sim, from, to);
	const bool is_swallowed = l->hole_size && ip_size >= l->hole_size &&
				  !is_probe;

	if (ip_size <= l->mtu && !is_swallowed)
		return true;
	sim->net->n_too_long++;
	if (!is_probe)
		check_too_long(sim, from, to, kind, ip_size);
	if (l->has_icmp && ip_size > l->mtu)
		host_hint(sim->hosts[from], sim->hosts[to], kind, l->mtu);
	return false;
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

/* Before the network: what a kernel does with a frame that has a tunnel. */
static bool leaves(struct sim *sim, uint32_t from,
		   const struct flow_tunnel *tunnel,
		   const struct fake_packet *p, uint32_t ip_size)
{
	struct host *h = sim->hosts[from];

	sim->net->n_sent++;
	sim->net->n_bytes += p->size;
	if (p->n_hops + 1 > sim->net->max_hops)
		sim->net->max_hops = p->n_hops + 1;
	/* A heartbeat comes back; nothing else crosses twice. */
	if (p->n_hops + 1 > (tunnel->tun_id == VNI_PROBE ? 2U : 1U))
		sim_fail(sim, "a frame crosses the underlay again");
	if (tunnel->dst_port != HOST_VXLAN_PORT || !tunnel->ttl)
		sim_fail(sim, "a tunnel header without port or TTL");
	if (ip_size <= h->link_mtu)
		return true;
	if (tunnel->tun_id == VNI_PROBE && p->n_hops == 0)
		sim_fail(sim, "host %u: a probe of %u bytes on a link of %u",
			 from, ip_size, h->link_mtu);
	h->n_over_link++;
	return false;
}

void net_send(struct sim *sim, uint32_t from, const struct flow_tunnel *tunnel,
	      const struct fake_packet *p)
{
	struct host *to = host_of_ip(sim, &tunnel->dst);
	const bool is_probe = tunnel->tun_id == VNI_PROBE;
	const uint32_t ip_size = (uint32_t)p->size + NET_VXLAN_OVERHEAD;
	struct datagram *d;
	usec_t at[2];
	uint32_t i, n;

	if (!leaves(sim, from, tunnel, p, ip_size))
		return;
	if (!to || to->index == from || nat_is_behind(to)) {
		sim->net->n_lost++;
		return;
	}
	sim->net->n_probes[PATH_FASTDP] += is_probe;
	if (!fits(sim, from, to->index, PATH_FASTDP, ip_size, is_probe))
		return;
	n = travel(sim, from, to->index, PATH_FASTDP, tunnel->tun_id, at);
	for (i = 0; i < n; i++) {
		d = sim_alloc(sizeof(*d) + p->size);
		d->to = to->index;
		d->tun_id = tunnel->tun_id;
		d->src = *nat_seen_ip(sim->hosts[from]);
		d->n_hops = p->n_hops + 1;
		d->size = p->size;
		memcpy(d->frame, p->frame, p->size);
		if (i)
			traffic_copied(sim, p->frame, p->size);
		sim_post(sim, at[i], arrive, d, 0);
	}
}

static void arrive_udp(struct sim *sim, void *ctx, uint64_t arg)
{
	const struct net_datagram *d = ctx;

	(void)arg;
	carrier_datagram(sim->hosts[d->to], d);
}

void net_send_udp(struct sim *sim, uint32_t from, const struct endpoint *to,
		  const uint8_t *data, size_t size, unsigned int n_hops,
		  bool is_probe)
{
	struct host *h = sim->hosts[from];
	const uint32_t ip_size = (uint32_t)size + NET_UDP_OVERHEAD;
	struct net_datagram *d;
	struct host *dst;
	usec_t at[2];
	uint32_t i, n;

	sim->net->n_sent++;
	sim->net->n_bytes += size;
	if (n_hops + 1 > sim->net->max_hops)
		sim->net->max_hops = n_hops + 1;
	if (n_hops > 0)
		sim_fail(sim, "a frame crosses the underlay again");
	if (ip_size > h->link_mtu)
		sim_fail(sim, "host %u: a datagram of %u bytes on a link of %u",
			 from, ip_size, h->link_mtu);
	dst = nat_route(h, to);
	if (!dst || dst == h) {
		sim->net->n_lost++;
		return;
	}
	sim->net->n_probes[PATH_SLEEVE] += is_probe;
	if (!fits(sim, from, dst->index, PATH_SLEEVE, ip_size, is_probe))
		return;
	n = travel(sim, from, dst->index, PATH_SLEEVE,
		   is_probe ? VNI_PROBE : VNI_NONE, at);
	for (i = 0; i < n; i++) {
		d = sim_alloc(sizeof(*d) + size);
		d->from = nat_source(h);
		d->to = dst->index;
		d->sender = from;
		d->n_hops = n_hops + 1;
		d->ip_size = ip_size;
		d->size = size;
		memcpy(d->data, data, size);
		sim_post(sim, at[i], arrive_udp, d, 0);
	}
}
