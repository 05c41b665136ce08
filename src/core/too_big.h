/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOO_BIG_H
#define TOO_BIG_H

/*
 * The answer to a packet that is too long for its way: ICMP "fragmentation
 * needed" (RFC 792, RFC 1191 section 4) or ICMPv6 "packet too big" (RFC 4443
 * section 3.2), as a frame that the sender's stack believes: from the address
 * that it wrote to, quoting what it sent.
 *
 * It does not know who asks, how often, or where the answer goes.
 */

#include "core.h"

/* The longest answer: Ethernet, and IPv6's minimum MTU (RFC 4443 2.4 c). */
#define TOO_BIG_MAX_SIZE (14U + 1280U)

/*
 * @frame: the packet, or as much of its beginning as there is; @mtu: what would
 * fit, in bytes of IP packet. Returns the answer's size, or 0 where none may be
 * given: not IP, without DF, to or from a group, an ICMP error, a later
 * fragment (RFC 1122 section 3.2.2, RFC 4443 section 2.4 e).
 */
size_t too_big_answer(const uint8_t *frame, size_t size, uint32_t mtu,
		      uint8_t ret[TOO_BIG_MAX_SIZE]);

#endif
