/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_H
#define ENGINE_H

/*
 * The only door of the core: events and time in, actions out.
 *
 * engine_handle() only changes state; engine_poll() derives what is owed from
 * that state, until it returns false; then engine_deadline() is in the future.
 * Refusals of the world (a full table in the kernel, a name that does not
 * resolve) come back in as events. The engine knows no socket, netlink, JSON
 * or log; the caller owns all I/O. One engine is one daemon; any number run
 * in one process.
 *
 *   start:  engine_new
 *           EVENT_FLOW_FOUND for each flow in the kernel, EVENT_PORT_ADDED for
 *           each port, EVENT_PEER_REMEMBERED for each peer of the last life,
 *           EVENT_TARGET_ADDED for each address to dial
 *           EVENT_STARTED              from here on actions are owed
 */

#include "action.h"
#include "core.h"
#include "event.h"

struct engine_config {
	peer_id_t id;
	uint64_t instance;
	uint64_t seed; /* jitter, sequence numbers, hash tables */
	uint16_t vxlan_port;
	uint16_t control_port;
	bool is_bridge;	 /* a Linux bridge forwards: there are no flows */
	bool has_fastdp; /* the datapath can carry VXLAN */
	bool has_sleeve; /* packets can be carried in user space */
	bool has_discovery;
	bool has_check_len;	      /* flows can tell long packets */
	bool is_capped;		      /* no probe is longer than the base */
	usec_t heartbeat_interval_us; /* three missed: down */
	uint32_t heartbeats_per_sec;  /* of all peers; 0: no limit */
	usec_t pmtu_raise_us; /* larger sizes are tried again; 0: RFC 8899 */
	usec_t hold_us;	      /* entries of a lost peer live on for this */
};

struct engine *engine_new(const struct engine_config *config, usec_t now);
void engine_free(struct engine *e);

void engine_handle(struct engine *e, usec_t now, const struct event *ev);
bool engine_poll(struct engine *e, usec_t now, struct action *ret);
usec_t engine_deadline(const struct engine *e);

#endif
