/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_H
#define WIRE_H

/*
 * Heartbeats and probes of the MTU on the VXLAN path: Ethernet frames <->
 * struct probe.
 *
 * A heartbeat goes to PROBE_REQUEST in VNI_PROBE, a probe of some size to
 * PROBE_SIZED; the kernel of the peer turns either into a reply (flow H: only
 * the destination MAC is changed, and a probe is cut to PROBE_MIN_SIZE), so
 * that it is answered while the peer's daemon is away, and the way back need
 * not carry what the way there does. Layout: docs/protocol.md.
 */

#include "core.h"

/* Locally administered; "FD". */
#define PROBE_REQUEST_MAC ((struct mac){ { 0x02, 0x46, 0x44, 0, 0, 1 } })
#define PROBE_REPLY_MAC ((struct mac){ { 0x02, 0x46, 0x44, 0, 0, 2 } })
#define PROBE_SIZED_MAC ((struct mac){ { 0x02, 0x46, 0x44, 0, 0, 3 } })
#define PROBE_SOURCE_MAC ((struct mac){ { 0x02, 0x46, 0x44, 0, 0, 0 } })

#define PROBE_MIN_SIZE 60U

struct probe {
	bool is_reply;
	bool is_sized; /* a request whose size is what matters */
	peer_id_t from, to;
	uint64_t
		cookie; /* random, of the sender's path: a reply must bear it */
	uint64_t seq;
};

/* Writes a frame of @size bytes, PROBE_MIN_SIZE at least; false: no room. */
bool wire_put_probe(const struct probe *probe, uint8_t *frame, size_t size);

/* False: not a probe of a version that we know. */
bool wire_get_probe(const uint8_t *frame, size_t size, struct probe *ret);

#endif
