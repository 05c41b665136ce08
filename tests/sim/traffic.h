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
#define TRAFFIC_MAX_FRAME 128U

struct traffic *traffic_new(void);
void traffic_free(struct traffic *t);

enum traffic_kind {
	TRAFFIC_UNICAST,
	TRAFFIC_ARP,	    /* who has the target's IPv4 address */
	TRAFFIC_ND,	    /* the same in IPv6 */
	TRAFFIC_BROADCAST,  /* IPv4 to everybody */
	TRAFFIC_GRATUITOUS, /* an ARP reply to everybody */
};

/* Which of what was sent is looked at. */
enum traffic_rule {
	TRAFFIC_ANY,	/* arrives or not: only never wrongly */
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
void traffic_arrived(struct sim *sim, struct host *h, struct sim_port *port,
		     const struct fake_packet *p);

/* All that was sent more than 100 ms ago is as its rule says; forgets it. */
void traffic_check(struct sim *sim);

/* One of each kind between all live ports of a network; all must arrive. */
void traffic_all_pairs(struct sim *sim, bool with_requests);

/* All pairs again and again, for a while; none may be lost. */
void traffic_stream(struct sim *sim, usec_t interval_us, usec_t for_us);

uint64_t traffic_n_sent(const struct sim *sim);

#endif
