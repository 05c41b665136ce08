/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLEEVE_EVENT_H
#define SLEEVE_EVENT_H

/* What the thread of the user-space path tells its owner. */

#include "core/core.h"
#include "core/sleeve_wire.h"

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

#endif
