/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPATH_H
#define DATAPATH_H

/*
 * What forwards the packets of this host: an Open vSwitch datapath
 * (datapath_ovs.c) or Linux bridges, one for each network (bridge.c). Which of
 * them, whose, its ports, and what comes up from it.
 *
 * Open vSwitch is told flows, which the engine makes (datapath_ovs()); bridges
 * follow the directory by themselves: datapath_follow(), datapath_changed().
 */

#include <jansson.h>

#include "core/event.h"
#include "loop.h"
#include "settings/settings.h"
#include "sys/rtnl.h"
#include "upcall_port.h"

struct datapath;
struct engine;
struct ovs_dp;

enum datapath_type { DATAPATH_TYPE_OVS, DATAPATH_TYPE_BRIDGE };

struct datapath_choice {
	enum datapath_type type;
	char reason[128];
};

/*
 * As asked for; "auto": what this host has been on, else Open vSwitch where
 * the kernel has it, else bridges.
 */
void datapath_choose(const struct settings *s, struct rtnl *r,
		     struct datapath_choice *ret);

struct datapath_events {
	void *ctx;
	void (*upcall)(void *ctx, const struct ovs_upcall *upcall);
	void (*turn)(void *ctx); /* after a batch of the others */
	/* The kernel took away a port of ours. */
	void (*port_gone)(void *ctx, port_no_t port_no);
	/* It, or a port it cannot do without, was taken away. */
	void (*gone)(void *ctx, const char *what);
	/* A bridge learnt, or forgot, a MAC behind a trusted port. */
	void (*mac)(void *ctx, port_no_t port_no, const struct mac *mac,
		    bool is_there);
};

struct datapath_config {
	const struct settings *settings;
	const struct datapath_choice *choice;
	peer_id_t id; /* whose bridges are ours */
	struct loop *loop;
	struct rtnl *rtnl;
	struct datapath_events events;
};

/*
 * Adopts the datapath of the last life, or makes one. A datapath, link or UDP
 * port that is somebody else's is refused. NULL: @e says why and what to do.
 */
struct datapath *datapath_open(const struct datapath_config *config,
			       struct error *e);
/* The kernel goes on forwarding. NULL is fine. */
void datapath_close(struct datapath *d);
/* Takes everything away. */
int datapath_delete(struct datapath *d, struct error *e);

bool datapath_is_bridge(const struct datapath *d);
/* NULL: bridges. */
struct ovs_dp *datapath_ovs(struct datapath *d);
bool datapath_is_adopted(const struct datapath *d);
const char *datapath_type(const struct datapath *d); /* "ovs", "bridge" */
/* Why this one, as a sentence's end. */
const char *datapath_reason(const struct datapath *d);
const char *datapath_name(const struct datapath *d);
/* {"type", "name", "reason", "missing": [sentence]} */
json_t *datapath_json(const struct datapath *d);

/* @port->ifname becomes a port, or is that already (adopted). */
int datapath_add_port(struct datapath *d, const struct port *port,
		      struct error *e);
/* Likewise sleeve's TAP of network @vni. */
int datapath_add_tap(struct datapath *d, const char *ifname, vni_t vni,
		     port_no_t port_no, struct error *e);
void datapath_remove_port(struct datapath *d, port_no_t port_no);

/* Takes out ports that @is_known does not know. 0 or -errno. */
typedef bool datapath_known_fn(void *ctx, port_no_t port_no,
			       const char *ifname);
int datapath_prune(struct datapath *d, datapath_known_fn *is_known, void *ctx);

/* Once, when the engine has all ports: from here on bridges follow it. */
void datapath_follow(struct datapath *d, const struct engine *engine);
/* Owners of addresses have changed. */
void datapath_changed(struct datapath *d);
/* The settings have changed: the default network may be another one. */
int datapath_reload(struct datapath *d, struct error *e);
/* The link that is the host's port in @vni, which may be made for it. */
int datapath_host_link(struct datapath *d, vni_t vni, char ret[MAX_IFNAME],
		       struct error *e);
/* At times: has somebody taken away what bridges need? */
void datapath_look(struct datapath *d);

/* What a bridge does, as flows of the command line; @list grows. */
void datapath_flows(struct datapath *d, json_t *list);
/* Its one about frames to @mac: as an element of the above, or null. */
json_t *datapath_flow_to(struct datapath *d, vni_t vni, const struct mac *mac);

/* "upcall_overruns", … */
void datapath_metrics(struct datapath *d, json_t *metrics);

#endif
