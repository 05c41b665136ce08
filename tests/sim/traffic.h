/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRAFFIC_H
#define TRAFFIC_H

/*
 * Frames of containers: each carries a number, and where it may arrive is
 * known when it is sent. Whatever arrives in another network, twice, or at
 * its sender fails at once; whether it arrived where it must is asked later.
 */

#include "host.h"

/* Every frame of ours ends in a magic number and its own. */
#define TRAFFIC_MAX_FRAME 9216U

struct traffic *traffic_new(void);
void traffic_free(struct traffic *t);

enum traffic_kind {
	TRAFFIC_UNICAST,
	TRAFFIC_ARP,	    /* who has the target's IPv4 address */
	TRAFFIC_ND,	    /* the same in IPv6 */
	TRAFFIC_BROADCAST,  /* IPv4 to everybody */
	TRAFFIC_GRATUITOUS, /* an ARP reply to everybody */
	TRAFFIC_SIZED,	    /* IPv4 UDP of any size */
};

/* Which of what was sent is looked at. */
enum traffic_rule {
	TRAFFIC_ANY,	/* arrives or not: only never wrongly */
	TRAFFIC_WELL,	/* the same at its target, or nowhere */
	TRAFFIC_MUST,	/* must arrive at the target and nowhere else */
	TRAFFIC_ALL,	/* at every port of the network but the sender's */
	TRAFFIC_NOBODY, /* must not arrive at all */
};

/*
 * From a port (with @src instead of its MAC unless NULL) to another, which
 * may be gone. Returns the frame's number.
 */
uint64_t traffic_send(struct sim *sim, struct host *h, struct sim_port *from,
		      struct sim_port *to, enum traffic_kind kind,
		      enum traffic_rule rule, const struct mac *src);
/* The same to an address of nobody's. */
uint64_t traffic_send_to(struct sim *sim, struct host *h, struct sim_port *from,
			 const struct mac *dst, enum traffic_rule rule);
/* An IPv4 packet of @ip_size bytes with or without DF. */
uint64_t traffic_send_sized(struct sim *sim, struct host *h,
			    struct sim_port *from, struct sim_port *to,
			    uint32_t ip_size, bool is_df,
			    enum traffic_rule rule);
/* The underlay made two of a datagram: it may come twice. */
void traffic_copied(struct sim *sim, const uint8_t *frame, size_t size);
void traffic_arrived(struct sim *sim, struct host *h, struct sim_port *port,
		     const struct fake_packet *p);

/* All that was sent more than 100 ms ago is as its rule says; forgets it. */
void traffic_check(struct sim *sim);

/*
 * What is sent between all pairs from now on: TRAFFIC_MUST, or for a while in
 * which losses are allowed TRAFFIC_WELL.
 */
void traffic_expect(struct sim *sim, enum traffic_rule rule);
/*
 * One of each kind between all live ports of a network; all must arrive unless
 * traffic_expect() has said otherwise.
 */
void traffic_all_pairs(struct sim *sim, bool with_requests);

/* All pairs again and again, for a while; none may be lost. */
void traffic_stream(struct sim *sim, usec_t interval_us, usec_t for_us);

uint64_t traffic_n_sent(const struct sim *sim);

#endif
