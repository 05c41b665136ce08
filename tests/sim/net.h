/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_H
#define NET_H

/*
 * The underlay between hosts: for each direction a latency, loss, duplicates,
 * reordering, an MTU somewhere on the way (whose router says so, or does not)
 * and cuts, apart for VXLAN, for datagrams of sleeve, and for control traffic
 * (TCP). Hosts may be behind a NAT. It knows hosts by their number, no engine.
 */

#include "fake_dp.h"
#include "sim.h"

#define NET_LINK_MTU 1500U
/* Beside the frame, or the datagram of sleeve, in IPv4. */
#define NET_VXLAN_OVERHEAD 36U
#define NET_UDP_OVERHEAD 28U

struct link {
	usec_t latency_us, jitter_us;
	/* Of datagrams, in percent. Late ones are overtaken. */
	unsigned int loss_percent, copy_percent, late_percent;
	usec_t loss_gap_us, lost_at; /* after a loss there is none so long */
	uint32_t mtu;		     /* of the way: what is longer vanishes */
	usec_t mtu_since;
	bool has_icmp; /* its router says so */
	/* Nothing of this size or more but probes: another's bad tunnel. */
	uint32_t hole_size;
	bool is_cut[N_PATHS];	   /* by what carries the packet */
	usec_t cut_since[N_PATHS]; /* or healed */
	bool is_control_cut;
};

struct net {
	uint32_t n_hosts;
	struct link *links; /* from × to */
	uint64_t n_sent, n_lost, n_bytes, n_too_long, n_copies;
	uint64_t n_probes[N_PATHS];
	unsigned int max_hops;
};

/* A datagram of sleeve, as the receiving host's thread gets it. */
struct net_datagram {
	struct endpoint from; /* as it is seen there */
	uint32_t to, sender;
	unsigned int n_hops;
	uint32_t ip_size;
	size_t size;
	uint8_t data[];
};

struct net *net_new(uint32_t n_hosts);
void net_free(struct net *net);

struct link *net_link(const struct sim *sim, uint32_t from, uint32_t to);

/* Both directions, data and control. */
void net_cut(struct sim *sim, uint32_t a, uint32_t b, bool is_cut);
/* One direction, data alone. */
void net_cut_data(struct sim *sim, uint32_t from, uint32_t to, bool is_cut);
void net_cut_way(struct sim *sim, uint32_t from, uint32_t to,
		 enum path_kind path, bool is_cut);
/* One kind of data, both directions. */
void net_cut_path(struct sim *sim, uint32_t a, uint32_t b, enum path_kind path,
		  bool is_cut);
void net_set_mtu(struct sim *sim, uint32_t from, uint32_t to, uint32_t mtu,
		 bool has_icmp);
/* No fault on any link. */
void net_heal(struct sim *sim);

usec_t net_latency(struct sim *sim, uint32_t from, uint32_t to);
/* Both hosts have power and TCP gets through both ways. */
bool net_has_control(const struct sim *sim, uint32_t a, uint32_t b);

/* A VXLAN datagram. */
void net_send(struct sim *sim, uint32_t from, const struct flow_tunnel *tunnel,
	      const struct fake_packet *p);
/*
 * A datagram of sleeve, @size bytes of UDP payload, to an endpoint that may be
 * a NAT's. @is_probe: a heartbeat, of any size.
 */
void net_send_udp(struct sim *sim, uint32_t from, const struct endpoint *to,
		  const uint8_t *data, size_t size, unsigned int n_hops,
		  bool is_probe);

#endif
