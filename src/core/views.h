/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VIEWS_H
#define VIEWS_H

/*
 * What others see of paths, peers, targets and entries: plain values, taken by
 * view.h. Pointers in them are borrowed.
 */

#include "core.h"
#include "event.h"
#include "pmtu.h"

enum path_state { PATH_DOWN, PATH_PROBING, PATH_UP };

struct path_view {
	enum path_state state;
	usec_t since;
	enum reason reason;
	enum reason last_error; /* REASON_NONE: never one */
	usec_t last_error_at;
	usec_t rtt_us;	 /* smoothed; 0: not known */
	uint32_t plpmtu; /* size of the outer IP packet; 0: not known */
	uint64_t n_sent, n_acked, n_lost;
	/* How its PLPMTU came about: pmtu.h. */
	enum pmtu_state pmtu_state;
	usec_t pmtu_since;
	enum reason pmtu_reason; /* of the last change of plpmtu */
	usec_t pmtu_changed_at;
	uint32_t link_mtu;  /* of our egress link; 0: not known */
	uint32_t route_mtu; /* the kernel's idea of the path; 0: not known */
	uint64_t n_mtu_probes, n_mtu_probes_acked;
	uint8_t n_rungs; /* of the last search, in order of first use */
	struct pmtu_rung rungs[PMTU_RUNGS];
};

enum peer_state { PEER_DOWN, PEER_CONNECTING, PEER_UP };

struct peer_view {
	peer_id_t id;
	const char *name, *nickname, *software;
	struct endpoint local, remote; /* underlay; remote.port: VXLAN UDP */
	uint16_t control_port;
	enum peer_state state; /* up: traffic can reach it */
	bool has_session;
	usec_t session_since;
	enum reason session_reason; /* why there is none */
	bool has_path;		    /* false: "none" */
	enum path_kind path;	    /* that carries traffic */
	usec_t since;		    /* of the path's choice */
	enum reason reason;
	uint32_t n_entries;
	uint32_t mtu; /* what fits in one packet of a container; 0: unknown */
	/* Packets of containers that were too long: answered, cut; broadcasts
	 * and multicasts that could not be cut. */
	uint64_t n_too_big, n_fragmented, n_fragments, n_groups_lost;
	struct path_view paths[N_PATHS];
};

struct target_view {
	target_t id;
	const char *host;
	uint16_t port;
	bool is_configured; /* by file or option; else at run time or discovered */
	bool is_discovered;
	peer_id_t peer_id; /* who answered there last; NONE: nobody yet */
	bool has_session;
	usec_t next_dial; /* USEC_NEVER: none planned */
	uint32_t n_failures;
	enum reason reason; /* of the last failure */
};

struct entry_view {
	struct entry entry;
	peer_id_t owner;   /* our own id: a port of this host */
	port_no_t port_no; /* of a port of this host, else PORT_NO_NONE */
	bool is_winner;	   /* false: another owner's claim has won */
	usec_t since;
};

struct engine_counters {
	uint64_t n_flow_puts, n_flow_dels, n_flow_refused, n_flows_adopted;
	uint64_t n_upcalls, n_upcalls_dropped, n_foreign_macs, n_unknown_macs;
	uint64_t n_mac_moves, n_ip_moves, n_announcements;
	uint64_t n_probes_sent, n_probes_acked, n_bad_probes;
	uint64_t n_mtu_probes_sent, n_mtu_probes_acked;
	uint64_t n_messages_in, n_messages_out, n_entries_refused;
	uint64_t n_limit_hits;
	uint64_t n_too_big_answered, n_too_big_unanswered, n_groups_lost;
	uint32_t n_flows, n_lazy_flows, n_entries, n_bindings;
	uint32_t n_flows_there; /* the kernel took them, as far as known */
	uint32_t n_peers, n_targets, n_sessions, n_ports;
};

#endif
