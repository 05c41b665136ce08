/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SOCKETS_H
#define SOCKETS_H

/*
 * The UDP sockets of sleeve, on one port, of one family or both. Who made them
 * closes them; the thread borrows them. It knows no datagram but for where the
 * type is.
 */

#include "core/core.h"

struct sock_filter;
struct udp_abilities;

enum { SOCKET_V4, SOCKET_V6, N_FAMILIES };

/*
 * All on one port: data and control come in by two, so that a flood of the one
 * does not drown the other. What is sent goes by a third that nobody polls:
 * the kernel would wake the poller for each packet that has left. On a kernel
 * that cannot share a port all three are one. -1: no such family.
 */
struct sockets {
	int data, control, send;
};

#define NO_SOCKETS ((struct sockets){ -1, -1, -1 })

static inline bool sockets_are_divided(const struct sockets *k)
{
	return k->control != k->data;
}

/*
 * Opens those of both families, or of that of @local where it is an address,
 * into @k of N_FAMILIES, which are none before. *port: 0, or the one wanted;
 * then the one that it is. 0 or -errno, with some open maybe.
 */
int sockets_open(struct sockets *k, const struct ip *local, uint16_t *port,
		 struct udp_abilities *ret) WARN_UNUSED;
void sockets_close(struct sockets *k); /* all N_FAMILIES */

/*
 * The kernel drops what the program (of udp_filter()) does not let pass, and
 * looks at each datagram by itself: in a train that begins with somebody
 * else's the valid ones would be lost too. 0 or -errno; then some may have it.
 */
int sockets_shield(const struct sockets *k, struct sock_filter *code,
		   uint16_t n) WARN_UNUSED;
/* As they were opened. */
void sockets_unshield(const struct sockets *k);

/* Datagrams that the kernel dropped before anybody saw them, so far. */
uint64_t sockets_n_dropped(const struct sockets *k);

#endif
