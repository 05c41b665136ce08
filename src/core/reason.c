/* SPDX-License-Identifier: Apache-2.0 */
#include "reason.h"

static const struct {
	const char *code, *text;
} reasons[N_REASONS] = {
	[REASON_NONE] = { "none", "" },
	[REASON_STARTING] = { "starting", "nothing was tried yet" },
	[REASON_ACKNOWLEDGED] = { "acknowledged", "the peer answers" },
	[REASON_SETTLING] = { "settling",
			      "fastdp is up again, but not yet for long" },
	[REASON_NO_ANSWER] = { "no-answer", "heartbeats are not answered" },
	[REASON_NO_FASTDP_HERE] = { "no-fastdp-here",
				    "this host has no kernel datapath" },
	[REASON_NO_FASTDP_THERE] = { "no-fastdp-there",
				     "the peer has no kernel datapath" },
	[REASON_NO_SLEEVE_HERE] = { "no-sleeve-here",
				    "this host has no user-space path" },
	[REASON_NO_SLEEVE_THERE] = { "no-sleeve-there",
				     "the peer has no user-space path" },
	[REASON_NO_SESSION] = { "no-session",
				"there is no control session yet" },
	[REASON_SEND_REFUSED] = { "send-refused",
				  "the kernel refused to send" },
	[REASON_REFUSED] = { "refused", "nobody listens on the control port" },
	[REASON_UNREACHABLE] = { "unreachable", "there is no route to it" },
	[REASON_TIMED_OUT] = { "timed-out", "no answer in time" },
	[REASON_NAME_UNKNOWN] = { "name-unknown",
				  "the host name does not resolve" },
	[REASON_CLOSED] = { "closed", "the other side closed the session" },
	[REASON_PROTOCOL] = { "protocol", "the other side broke the protocol" },
	[REASON_VERSION] = { "version", "no common protocol version" },
	[REASON_OURSELVES] = { "ourselves",
			       "the address is this daemon's own" },
	[REASON_CLONED] = { "cloned", "two hosts have the same identity" },
	[REASON_DUPLICATE] = { "duplicate",
			       "the pair's other session was kept" },
	[REASON_REMOVED] = { "removed", "removed by the operator" },
	[REASON_LEFT] = { "left", "the peer has left the cluster" },
	[REASON_LIMIT] = { "limit", "a table is full" },
	[REASON_MTU_FOUND] = { "mtu-found",
			       "the largest packet that was acknowledged" },
	[REASON_MTU_RAISED] = { "mtu-raised",
				"larger packets have come to pass" },
	[REASON_MTU_HOLE] = { "mtu-black-hole",
			      "packets of the size in use were lost" },
	[REASON_MTU_LINK] = { "mtu-link", "our own link carries no more" },
};

const char *reason_text(enum reason r)
{
	return r < N_REASONS ? reasons[r].text : "";
}

const char *reason_code(enum reason r)
{
	return r < N_REASONS ? reasons[r].code : "";
}
