/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAKE_DP_H
#define FAKE_DP_H

/*
 * A datapath in memory that behaves as the kernel's does where the engine
 * depends on it: flows without priorities, recirculation, tunnels, upcalls on
 * a miss, refusal of a narrow flow after a wide one. It reads frames by code
 * of its own, so that a mistake in core/frame.c cannot hide.
 *
 * It knows no engine, host or time but what is handed in.
 */

#include "core/flow.h"

/* A frame with all that a flow can match; what the kernel calls a key. */
struct fake_key {
	uint32_t recirc_id;
	port_no_t in_port;
	vni_t tun_id;
	struct ip tun_src;
	struct mac src, dst;
	uint16_t eth_type;
	bool is_tagged; /* only flows that ask for the tag match it */
	uint16_t arp_op;
	uint8_t ip_proto, icmp6_type;
	struct ip arp_tip, nd_target;
};

/* False: shorter than an Ethernet header. Fills what the frame says. */
bool fake_key_of(const uint8_t *frame, size_t size, struct fake_key *ret);
bool fake_key_fits(const struct fake_key *key, const struct flow_match *m);

struct fake_packet {
	port_no_t in_port;
	uint32_t recirc_id;
	vni_t tun_id;
	struct ip tun_src;
	const uint8_t *frame;
	size_t size;
	unsigned int n_hops; /* how often it crossed the underlay */
};

struct fake_flow {
	struct fake_flow *next;
	uint64_t hash;
	struct flow_match match;
	struct flow_actions actions;
	usec_t used_at; /* USEC_NEVER: by no packet yet */
	uint64_t n_packets;
	bool is_old; /* from an earlier life of the daemon, not put since */
};

struct fake_dp_io {
	void *ctx;
	void (*transmit)(void *ctx, const struct flow_tunnel *tunnel,
			 const struct fake_packet *p);
	void (*deliver)(void *ctx, port_no_t port, const struct fake_packet *p);
	void (*upcall)(void *ctx, const struct fake_packet *p);
	/* Something happened that must never happen. */
	void (*fault)(void *ctx, const char *what);
};

enum fake_result { FAKE_OK, FAKE_OVERLAP, FAKE_FULL };

/* Which fields flows match in which stage: few sets, and so few look-ups. */
#define FAKE_MAX_MASKS 128U

struct fake_dp {
	struct fake_dp_io io;
	struct fake_flow **buckets; /* by the match */
	uint32_t n_buckets;
	struct {
		uint32_t stage, fields, n_flows;
	} masks[FAKE_MAX_MASKS];
	uint32_t n_masks; /* up to the last one in use */
	uint32_t n_flows, max_flows;
	/* exchange.h: of answers; is one, or was one ever in this life, lost
	 * that was not made up for? What is put may be there then. */
	unsigned int lost_percent;
	bool is_in_doubt, is_unsure, has_audit;
	uint64_t n_puts, n_deletes, n_idle_puts, n_overlaps, n_lost;
};

void fake_dp_init(struct fake_dp *dp, const struct fake_dp_io *io);
void fake_dp_free(struct fake_dp *dp);
void fake_dp_flush(struct fake_dp *dp);

enum fake_result fake_dp_put(struct fake_dp *dp, const struct flow_match *match,
			     const struct flow_actions *actions);
/* False: there is none. */
bool fake_dp_delete(struct fake_dp *dp, const struct flow_match *match);
struct fake_flow *fake_dp_find(const struct fake_dp *dp,
			       const struct flow_match *match);

/* A packet arrives at a port, or goes on with @actions as EXECUTE does. */
void fake_dp_input(struct fake_dp *dp, usec_t now, const struct fake_packet *p);
void fake_dp_execute(struct fake_dp *dp, usec_t now,
		     const struct fake_packet *p,
		     const struct flow_actions *actions);

#define EACH_FAKE_FLOW(dp, i, f)                    \
	for ((i) = 0; (i) < (dp)->n_buckets; (i)++) \
		for ((f) = (dp)->buckets[i]; (f); (f) = (f)->next)

/* fake_table.c: flows by what they match. */
struct fake_flow *fake_table_find(const struct fake_dp *dp,
				  const struct flow_match *match);
/* The first that fits; *ret_is_double: another one does too. */
struct fake_flow *fake_table_look_up(const struct fake_dp *dp,
				     const struct fake_key *key,
				     bool *ret_is_double);
/*
 * How many flows some packet fits that fits @match as well; *ret_is_masked:
 * one of them has no field that @match has not. In a table of more than
 * FAKE_EXACT flows only such are looked for.
 */
#define FAKE_EXACT 2048U
uint32_t fake_table_overlaps(const struct fake_dp *dp,
			     const struct flow_match *match,
			     bool *ret_is_masked);
struct fake_flow *fake_table_add(struct fake_dp *dp,
				 const struct flow_match *match);
void fake_table_remove(struct fake_dp *dp, struct fake_flow *f);

#endif
