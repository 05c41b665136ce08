/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEARSAY_H
#define HEARSAY_H

/*
 * What routers say of paths to peers: ICMP "too big". Anybody can forge it, and
 * the kernel believes it for ten minutes: it then tells containers of less, or
 * cuts the packets of the tunnel. So it is kept from the kernel by a table of
 * our own in nf_tables (hook input), and told to the engine, as a candidate
 * that is probed at once.
 *
 * That is of packets to peers' addresses: UDP of our ports, and what a forger
 * could quote in their place because the kernel does not look for a socket:
 * an echo reply; over IPv6 all of ICMPv6, and extension headers. Of TCP and of
 * others' UDP the kernel hears as before; what comes of that is taken back
 * (egress.h).
 *
 * The kernel removes the table when the daemon ends, however it ends: then
 * "too big" is the kernel's again, as on one that cannot (Linux before 5.12, no
 * nf_tables).
 */

#include "core/core.h"

struct daemon;
struct hearsay;

/* Never NULL; where the kernel cannot, it says so, and the rest does nothing.
 * @turn: the daemon's, after events. */
struct hearsay *hearsay_new(struct daemon *d, void (*turn)(struct daemon *d));
void hearsay_free(struct hearsay *h); /* NULL is fine */

/* Peers may be elsewhere: the table follows them. NULL is fine. */
void hearsay_follow(struct hearsay *h);

/* How many were heard of; NULL is fine. */
uint64_t hearsay_n_heard(const struct hearsay *h);
/* NULL: on guard; else why not. */
const char *hearsay_missing(const struct hearsay *h);

#endif
