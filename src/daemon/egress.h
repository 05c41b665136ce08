/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGRESS_H
#define EGRESS_H

/*
 * How packets leave for each peer: its route and link, asked from the kernel
 * and never provoked. The engine hears of it (EVENT_EGRESS) when a peer comes,
 * when links, addresses or routes change, and from time to time, for what the
 * kernel learns of a path is told to nobody.
 *
 * The kernel keeps a router's "too big" for ten minutes and drops what is
 * longer, probes in the tunnel too; anybody can forge one. So before a probe
 * that is longer the kernel is made to forget: what the path carries is found
 * by what arrives.
 */

#include "core/core.h"

struct daemon;
struct egress;

/*
 * Never NULL; the others take NULL, before there is one. @moved: called when links, addresses or routes have changed. @turn: the
 * daemon's, after events.
 */
struct egress *egress_new(struct daemon *d, void (*moved)(struct daemon *d),
			  void (*turn)(struct daemon *d));
void egress_free(struct egress *e);

/* Peers came or went: they are looked at with the loop's next round. */
void egress_peers_changed(struct egress *e);

/* All peers now; a turn must follow. */
void egress_look(struct egress *e);

/*
 * Before a probe through the tunnel whose outer IP packet has @size bytes.
 * False: it is longer than the link to that peer, and must not be sent.
 */
bool egress_may_probe(struct egress *e, peer_id_t id, size_t size);

/* How often the kernel had learnt less than was to be sent. */
uint64_t egress_n_forgotten(const struct egress *e);

/* Of the outer packet of a frame to that peer: VXLAN, UDP and IP. */
#define EGRESS_OVERHEAD_V4 36U
#define EGRESS_OVERHEAD_V6 56U
bool egress_may_probe_frame(struct egress *e, peer_id_t id, size_t frame_size);

#endif
