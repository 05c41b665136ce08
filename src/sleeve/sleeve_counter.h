/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLEEVE_COUNTER_H
#define SLEEVE_COUNTER_H

/* What the thread of the user-space path counts. */

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
	SLEEVE_SHIELDS, /* floods that the kernel was told to keep out */
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

#endif
