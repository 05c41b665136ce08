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
#include "sleeve_counter.h"
#include "sleeve_event.h"
#include "sleeve_table.h"

struct sleeve;
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

/* Readable while sleeve_next_event() has something. */
int sleeve_fd(const struct sleeve *s);
/* False: none now. */
bool sleeve_next_event(struct sleeve *s, struct sleeve_event *ret);

/* Counters */

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
