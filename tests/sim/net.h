/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_H
#define NET_H

/*
 * The underlay between hosts: for each direction a latency, a loss and a cut,
 * apart for datagrams (VXLAN) and for control traffic (TCP). It knows hosts by
 * their number, no engine.
 */

#include "fake_dp.h"
#include "sim.h"

struct link {
	usec_t latency_us, jitter_us;
	unsigned int loss_percent; /* of datagrams */
	bool is_data_cut, is_control_cut;
};

struct net {
	struct link links[SIM_MAX_HOSTS][SIM_MAX_HOSTS];
	uint64_t n_sent, n_lost, n_bytes;
	unsigned int max_hops;
};

struct net *net_new(void);
void net_free(struct net *net);

/* Both directions, data and control. */
void net_cut(struct sim *sim, uint32_t a, uint32_t b, bool is_cut);
usec_t net_latency(struct sim *sim, uint32_t from, uint32_t to);
/* Both hosts have power and TCP gets through both ways. */
bool net_has_control(const struct sim *sim, uint32_t a, uint32_t b);

/* A VXLAN datagram. */
void net_send(struct sim *sim, uint32_t from, const struct flow_tunnel *tunnel,
	      const struct fake_packet *p);

#endif
