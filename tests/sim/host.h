/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOST_H
#define HOST_H

/*
 * One host: a kernel that lives on (datapath, containers), a daemon that can
 * be killed and started (engine), and what the daemon keeps on disk (ports,
 * peers, targets). It does what src/daemon does: actions to the world, the
 * world's answers back as events.
 */

#include "core/view.h"
#include "fake_dp.h"
#include "nat.h"
#include "sim.h"

#define HOST_VXLAN_PORT 6784
#define HOST_CONTROL_PORT 6783
#define HOST_SLEEVE_PORT 6783
#define HOST_MAX_PORTS 24U
#define HOST_MAX_TARGETS 16U
#define HEARTBEAT_US (300 * USEC_PER_MS)
#define HOLD_US (20 * USEC_PER_SEC)
#define RAISE_US (10 * USEC_PER_SEC)

/* A container, and what the run directory says of it. */
struct sim_port {
	bool is_alive; /* the container exists */
	bool is_known; /* the daemon was told: in the run directory */
	struct port port;
	/* What a daemon announced to it last (a moved address). */
	struct ip told_ip;
	struct mac told_mac;
	uint32_t n_told;
	/* Answers that a packet was too long, and the MTU of the last. */
	uint32_t n_too_big, too_big_mtu;
};

struct memory {
	bool is_kept;
	struct hello hello;
	struct endpoint local, remote;
};

struct host {
	struct sim *sim;
	uint32_t index;
	struct ip ip;
	char ip_text[20], alias[20]; /* two names of one address */
	bool has_power, has_discovery;
	bool has_sleeve;
	bool is_clone;	    /* it has another's identity */
	bool has_check_len; /* its kernel has check_pkt_len */
	bool is_bridge;	    /* no openvswitch.ko: sleeve alone */
	unsigned int
		tap_fault_percent; /* its making fails, and is tried again */
	uint32_t link_mtu;
	usec_t link_since;
	uint32_t told_mtu; /* that containers may send, as the engine knows */
	struct nat nat;
	struct carrier *carrier; /* of this life of the daemon */
	struct fake_dp dp;
	struct hello hello;
	struct engine *engine; /* NULL: no daemon runs */
	uint64_t life;
	usec_t started_at;
	usec_t timer_at;
	bool is_draining;
	session_t last_session;
	struct sim_port ports[HOST_MAX_PORTS];
	uint32_t n_ports;
	port_no_t last_port_no;
	struct memory *memory; /* by host: the peer seen last */
	char targets[HOST_MAX_TARGETS][20];
	uint32_t n_targets;
	uint64_t n_puts_at_start; /* of the datapath */
	uint64_t n_checked_ops, n_over_link, n_hints;
	bool is_short; /* its kernel refuses flows, or is not heard: they may differ */
	uint64_t notes[64]; /* how often each was given */
	struct note last_note[64];
};

/* What a daemon has beside its engine. */
struct host_side {
	void (*start)(struct host *h); /* the engine is there, and silent */
	void (*stop)(struct host *h);
	/* Of control sessions, before the engine has it. */
	void (*event)(struct host *h, const struct event *ev);
};

struct host *host_new(struct sim *sim, uint32_t index);
void host_free(struct host *h);

struct host *host_of_ip(const struct sim *sim, const struct ip *ip);
/* The one that others see at @ip. */
struct host *host_seen_as(const struct sim *sim, const struct ip *ip);
struct host *host_of_text(const struct sim *sim, const char *text);

/* An address to dial at each start, and at once when the daemon runs. */
void host_add_target(struct host *h, const struct host *to);
void host_add_alias(struct host *h, const struct host *to);
void host_start(struct host *h);
void host_kill(struct host *h); /* SIGKILL: the kernel goes on */
void host_power_off(struct host *h);
/* Its daemon is yet to be started. Without its disk it knows nobody. */
void host_power_on(struct host *h, bool has_disk);

/* Another identity (name), as a new installation has; NULL: its own. */
void host_rename(struct host *h, const char *name);
/* The daemon that starts next speaks these versions of the protocol. */
void host_speaks(struct host *h, uint32_t min, uint32_t max);

/* A container with one IPv4 and one IPv6 address; in the daemon's books. */
struct sim_port *host_attach(struct host *h, vni_t vni, const struct mac *mac,
			     const struct ip *ips, uint8_t n_ips,
			     bool is_trusted);
/* The container goes; a daemon that runs notices. */
void host_detach(struct host *h, struct sim_port *p);
/* An attachment that fails halfway: the engine is not asked in between. */
void host_attach_in_vain(struct host *h, vni_t vni, const struct mac *mac);
struct sim_port *host_port(struct host *h, port_no_t port_no);

/* The link to the underlay, from now on. */
void host_set_link(struct host *h, uint32_t mtu);
/* A router says that what went to @to is too long (anybody may say so). */
void host_hint(struct host *h, const struct host *to, enum path_kind path,
	       uint32_t mtu);
/* A frame of a container, at its end of the wire. */
void host_input(struct host *h, const struct fake_packet *p);
/* To a container, or to sleeve. */
void host_deliver(struct host *h, port_no_t port_no,
		  const struct fake_packet *p);

/* The daemon knows what its kernel has, which refuses and loses nothing now. */
void host_is_sound(struct host *h);

/* To the engine, with all that follows. */
void host_event(struct host *h, const struct event *ev);
void host_session_up(struct host *h, const struct event *ev);

#endif
