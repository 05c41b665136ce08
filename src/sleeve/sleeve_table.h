/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLEEVE_TABLE_H
#define SLEEVE_TABLE_H

/*
 * The forwarding table as its owner fills it: peers, whose MACs and addresses
 * are whose, and who gets what has no single receiver. It is published with
 * sleeve_publish() and immutable from then on; the thread reads it by fib.h.
 */

#include "core/core.h"

struct sleeve_table;

struct sleeve_peer {
	peer_id_t id;
	struct endpoint endpoint; /* where datagrams go */
	uint64_t tx_token;	  /* what the peer wants to see */
	/*
	 * What it must send us, not 0: our choice, random, and another one for
	 * each peer and each life (`instance`) of the peer.
	 */
	uint64_t rx_token;
	/* Of UDP payload, in bytes: PLPMTU less IP and UDP headers. */
	uint32_t max_datagram;
	uint32_t link_mtu; /* of the egress link: nothing longer is ever sent */
	bool may_send;	   /* false: frames to it are dropped and counted */
	bool wants_requests; /* SLEEVE_EVENT_REQUEST for its heartbeats */
};

/*
 * NULL: out of memory. Borrows nothing from what it is filled with. @seed is
 * that of its hash tables: not guessable.
 */
struct sleeve_table *sleeve_table_new(uint64_t seed);
void sleeve_table_free(struct sleeve_table *t); /* NULL is fine */

/*
 * These return false at a limit (MAX_PEERS, MAX_NETWORKS, MAX_ENTRIES), for an
 * unknown peer, for a second one of the same id, rx token, MAC or IP, and out
 * of memory; the table is as before.
 */
bool sleeve_table_add_peer(struct sleeve_table *t,
			   const struct sleeve_peer *peer) WARN_UNUSED;
bool sleeve_table_add_mac(struct sleeve_table *t, vni_t vni,
			  const struct mac *mac, peer_id_t peer) WARN_UNUSED;
/* @peer gets what has a group address or, with @unknown, a MAC not added. */
bool sleeve_table_add_flood(struct sleeve_table *t, vni_t vni, bool unknown,
			    peer_id_t peer) WARN_UNUSED;
/*
 * An ARP request or a neighbour solicitation to a group, for @ip, goes to
 * @peer alone; PEER_ID_NONE: it is ours, and no peer is asked.
 */
bool sleeve_table_add_ip(struct sleeve_table *t, vni_t vni, const struct ip *ip,
			 peer_id_t peer) WARN_UNUSED;

/* False: for want of memory something is not in it. */
bool sleeve_table_is_whole(const struct sleeve_table *t);

#endif
