/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_CONFIG_H
#define ENGINE_CONFIG_H

/* What an engine is told once: who it is, and what its host can do. */

#include "core.h"

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

#endif
