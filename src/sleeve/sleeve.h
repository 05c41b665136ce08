/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLEEVE_H
#define SLEEVE_H

/*
 * The user-space data path: a thread of its own between one TAP device for
 * each network and the UDP sockets on the underlay.
 *
 * It forwards by an immutable table that its owner publishes and learns
 * nothing by itself. It knows no directory, no session and no liveness: it
 * answers heartbeats and hands up what came, and the owner decides. No lock
 * and no allocation per packet; everything is bounded, and what is dropped is
 * counted. The wire format is core/sleeve_wire's.
 *
 *   owner (one thread)                        sleeve's thread
 *     sleeve_publish(table)   ── mailbox ──>    frames and datagrams
 *     sleeve_send_beat()      ── socket ───>
 *     sleeve_next_event()     <── ring ─────    events, counters
 *
 * All functions belong to the owner's thread. Functions return 0 or -errno
 * where nothing else is said; outputs are untouched on failure.
 */

#include "core/core.h"
#include "core/sleeve_wire.h"

struct sleeve;
struct sleeve_table;
struct error;

#define SLEEVE_DEFAULT_PORT 6783

struct sleeve_config {
	struct ip local; /* zero or 0.0.0.0: any, of both families */
	uint16_t port;	 /* 0: the kernel chooses, see sleeve_port() */
	/*
	 * TAPs stay when the process ends, so that a bridge keeps its port, and
	 * one that stayed is taken over with its state and addresses.
	 */
	bool has_lasting_taps;
};

/*
 * Binds the sockets, in the caller's network namespace, and starts the
 * thread. On failure *e says it in words too.
 */
int sleeve_new(const struct sleeve_config *config, struct sleeve **ret,
	       struct error *e) WARN_UNUSED;
/* Ends the thread; TAPs and sockets go. NULL is fine. */
void sleeve_free(struct sleeve *s);

uint16_t sleeve_port(const struct sleeve *s);

/* Networks */

/*
 * Creates TAP @ifname, down, in the caller's network namespace. Bringing it up
 * and putting it into a bridge or datapath is the owner's work. It is gone
 * when it is removed, and when the process dies unless it is a lasting one.
 * -EEXIST: the network is there, or a device of that name that is not ours to
 * take over, or in use; -ENOSPC: MAX_NETWORKS.
 */
int sleeve_add_network(struct sleeve *s, vni_t vni, const char *ifname,
		       uint32_t mtu) WARN_UNUSED;
/* False: there is no such network. The TAP is gone on return. */
bool sleeve_remove_network(struct sleeve *s, vni_t vni);

/*
 * Writes one frame into the network's TAP, as if it had come from a peer.
 * -ENOENT: no such network; -EINVAL: not the size of a frame; -EIO: the TAP is
 * down.
 */
int sleeve_inject(struct sleeve *s, vni_t vni, const uint8_t *frame,
		  size_t size) WARN_UNUSED;

/* The forwarding table */

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

/* The thread forwards by @t from its next turn on; @t belongs to it. */
void sleeve_publish(struct sleeve *s, struct sleeve_table *t);

/* Heartbeats and probes of the path MTU */

/*
 * Sends a request of @size bytes of UDP payload (SLEEVE_BEAT_SIZE at least) to
 * @peer, from the data port, with DF set. It waits behind no data. -EMSGSIZE:
 * longer than peer->link_mtu allows (nothing was sent), or the kernel's
 * answer; -EAGAIN: the socket is full; -EHOSTUNREACH and others: no route.
 */
int sleeve_send_beat(struct sleeve *s, const struct sleeve_peer *peer,
		     const struct sleeve_beat *beat, uint32_t size) WARN_UNUSED;

/* Events */

enum sleeve_event_type {
	SLEEVE_EVENT_REPLY,   /* to a beat: peer, beat, endpoint */
	SLEEVE_EVENT_REQUEST, /* answered already: peer, beat, endpoint */
	/*
	 * The newest datagram of a peer, proved by its rx token, came from
	 * @endpoint and not from the table's. At most once a second while the
	 * table stays as it is.
	 */
	SLEEVE_EVENT_MOVED,
	/*
	 * A router or the kernel said that datagrams to @endpoint are too long
	 * (@mtu: the largest IP packet, 0: not said). A hint: anybody can
	 * forge one.
	 */
	SLEEVE_EVENT_HINT_TOO_BIG,
	SLEEVE_EVENT_HINT_UNREACHABLE, /* likewise: endpoint, error */
	/* The kernel refused to send to @peer: endpoint, error. */
	SLEEVE_EVENT_SEND_REFUSED,
	/*
	 * A frame of a container is too long for @peer and was dropped: vni,
	 * size (of the frame; of one segment of a super-frame), max_size (the
	 * largest frame that fits), and the frame's beginning.
	 */
	SLEEVE_EVENT_TOO_BIG,
};

#define SLEEVE_EVENT_DATA 1294U /* Ethernet, and what ICMPv6 may quote */

struct sleeve_event {
	enum sleeve_event_type type;
	peer_id_t peer; /* PEER_ID_NONE: of a hint */
	struct endpoint endpoint;
	struct sleeve_beat beat;
	int error; /* errno, positive */
	uint32_t mtu;
	vni_t vni;
	uint32_t size, max_size;
	uint16_t n_data;
	uint8_t data[SLEEVE_EVENT_DATA];
};

/* Readable while sleeve_next_event() has something. */
int sleeve_fd(const struct sleeve *s);
/* False: none now. */
bool sleeve_next_event(struct sleeve *s, struct sleeve_event *ret);

/* Counters */

enum sleeve_counter {
	SLEEVE_TX_FRAMES, /* as read from TAPs: a super-frame is one */
	SLEEVE_TX_BYTES,
	SLEEVE_TX_SEGMENTS,  /* frames put into datagrams */
	SLEEVE_TX_DATAGRAMS, /* handed to the kernel */
	SLEEVE_TX_CALLS,     /* of sendmmsg */
	SLEEVE_RX_DATAGRAMS,
	SLEEVE_RX_SEGMENTS, /* frames taken out of datagrams */
	SLEEVE_RX_FRAMES,   /* as written to TAPs */
	SLEEVE_RX_BYTES,
	SLEEVE_RX_CALLS, /* of recvmmsg */
	SLEEVE_REQUESTS,
	SLEEVE_REPLIES,
	/* dropped on the way out */
	SLEEVE_DROP_UNKNOWN_MAC,
	SLEEVE_DROP_NO_PATH, /* peer with may_send false, or no table */
	SLEEVE_DROP_TOO_BIG,
	SLEEVE_DROP_BAD_FRAME, /* a TAP gave what cannot be forwarded */
	SLEEVE_DROP_FULL, /* the socket took no more for too long, or a queue */
	SLEEVE_DROP_REFUSED, /* the kernel would not send: datagrams */
	/* dropped on the way in */
	SLEEVE_DROP_MALFORMED,
	SLEEVE_DROP_VERSION,
	SLEEVE_DROP_TOKEN,  /* strangers, and peers of another life */
	SLEEVE_DROP_REPLAY, /* seen before, or too old */
	SLEEVE_DROP_VNI,
	SLEEVE_DROP_SPOOFED, /* a group address as source */
	SLEEVE_DROP_TAP,     /* the TAP did not take it: down */
	SLEEVE_DROP_KERNEL,  /* garbage, and what found buffers full */
	SLEEVE_DROP_EVENTS,  /* events lost: the owner does not read */
	SLEEVE_N_COUNTERS
};

/* As of a turn of the thread a moment ago; for each index an enumerator. */
void sleeve_counters(const struct sleeve *s, uint64_t ret[SLEEVE_N_COUNTERS]);
/* A stable name for programs: "tx-frames". Static. */
const char *sleeve_counter_name(enum sleeve_counter c);

/* What the kernel gave: for status and doctor. */
struct sleeve_abilities {
	bool has_tso, has_ecn, has_uso; /* of the newest TAP */
	bool has_udp_segment, has_udp_gro, has_control_socket;
	uint32_t max_segments; /* in one send; lower after a refusal */
};

void sleeve_abilities(const struct sleeve *s, struct sleeve_abilities *ret);

#endif
