/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STATE_H
#define STATE_H

/*
 * The daemon's parts and how they hang together.
 *
 *   loop ──> datapath (upcalls)  ─┐
 *        ──> control (sessions)   ├─> daemon_event() ──> engine
 *        ──> api (local clients)  ─┘        │
 *                                    daemon_turn()
 *                                           │ engine_poll()
 *                          datapath, control <── apply ──> log, books
 */

#include "control/control.h"
#include "core/engine.h"
#include "core/view.h"
#include "datapath.h"
#include "loop.h"
#include "portbook.h"
#include "settings/settings.h"
#include "sys/rtnl.h"
#include "underlay.h"

struct api;
struct apply;
struct audit;
struct carrier;
struct egress;
struct hearsay;
struct ipam;
struct link_end;
struct masq_ports;
struct mtu;
struct visitor;

struct daemon {
	int argc; /* as started, for a reload */
	char **argv;
	struct settings settings;
	char name[MAX_NAME];
	peer_id_t id;
	uint64_t instance;
	usec_t started_at;
	int exit_code;
	bool is_stopping;
	int lock_fd; /* of the state directory; -1: not taken */
	struct loop *loop;
	struct loop_timer *timer;
	struct engine *engine;
	struct control *control;
	struct loop_io **control_io; /* by descriptor */
	size_t n_control_io;
	struct datapath_choice choice;
	struct datapath *datapath;
	struct apply *apply;
	struct audit *audit;
	struct egress *egress;
	struct hearsay *hearsay;
	struct mtu *mtu;
	struct visitor *visitor; /* NULL: namespaces are not entered */
	struct carrier *carrier; /* NULL: no TAPs on this host */
	bool has_sleeve;
	struct portbook ports;
	struct underlay underlay;
	usec_t underlay_until;
	struct error capped; /* set: no probe is longer than the base; why */
	bool doubts_flows;   /* has the kernel those that it should? */
	bool has_check_len;  /* flows can tell long packets */
	uint32_t mtu_limit;  /* without: what the narrowest peer takes; or 0 */
	struct rtnl *rtnl;
	struct link_end *link_end;
	struct ipam *ipam;
	struct masq_ports *masq;
	struct api *api;
	port_no_t next_port_no;
};

/* To the engine; a turn (turn.h) must follow before control goes back to the
 * loop. */
void daemon_event(struct daemon *d, const struct event *ev);

/* Likewise: @type is EVENT_PORT_ADDED or EVENT_PORT_REMOVED. */
void daemon_port_event(struct daemon *d, enum event_type type,
		       const struct port_record *r);

/* Stops the loop; @code is the exit code. */
void daemon_stop(struct daemon *d, int code);

/*
 * What containers may send in one packet, as of now: the egress link is looked
 * at again. A peer on IPv6 costs 20 octets more.
 */
uint32_t daemon_mtu(struct daemon *d);

/* The link that is the host's port, or would be. */
const char *daemon_host_ifname(const struct daemon *d);

/* The name of @vni as people know it here, into @ret. */
const char *daemon_network_name(const struct daemon *d, vni_t vni,
				char ret[MAX_NAME]);

#endif
