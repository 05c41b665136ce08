/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BRIDGE_STATE_H
#define BRIDGE_STATE_H

/*
 * The parts of the bridge datapath, and what they share:
 *
 *   bridge.c        the kind (datapath_kind.h): ports come and go
 *   bridge_net.c    the bridge of a network: made, adopted, taken away
 *   bridge_sync.c   directory and ports -> facts; what differs is told
 *   bridge_watch.c  what the kernel says of itself
 *   bridge_show.c   what people see
 */

#include "bridge_facts.h"
#include "bridge_guard.h"
#include "datapath_kind.h"
#include "sys/rtnl_bridge.h"

#define BRIDGE_MAX_PORTS (MAX_PORTS + MAX_NETWORKS)

struct bridge_net {
	vni_t vni; /* VNI_NONE: free */
	uint32_t ifindex;
	uint32_t old_tap; /* of the last life; 0: none */
	uint32_t tap;	  /* of this one, as of the last comparison */
	char ifname[MAX_IFNAME];
	bool is_exposed; /* the host has a port: the bridge itself */
	bool is_flooded; /* its TAP gets unicast frames to nobody */
	bool wants_flood;
};

struct bridge_port {
	port_no_t port_no;
	uint32_t ifindex;
	char ifname[MAX_IFNAME];
	struct bridge_net *net;
	struct mac mac;
	bool is_tap, is_trusted;
	bool is_joined; /* it is in its bridge */
	bool is_learning;
	uint32_t n_learnt;
};

struct bridges {
	struct datapath base;
	struct datapath_events events;
	const struct settings *settings;
	const struct engine *engine; /* NULL: not followed yet */
	peer_id_t id;
	struct rtnl *rtnl;
	struct loop *loop;
	struct rtnl_bridge_watch *watch;
	struct loop_io *io;
	struct guard *guard;
	bool has_lock; /* the kernel can lock ports to known sources */
	bool is_leaving;

	struct bridge_net nets[MAX_NETWORKS];
	struct bridge_port ports[BRIDGE_MAX_PORTS];
	uint32_t n_ports;

	struct loop_timer *timer; /* of the next comparison */
	usec_t sync_at;		  /* not before */
	struct facts is, wanted;  /* sorted */
	bool must_read;		  /* what is, is not known for sure */
	usec_t kept_until;	  /* inherited facts that nobody wants yet */
	uint32_t n_kept;	  /* of those */
	uint64_t n_errors;
	struct log_limit limit;
};

struct bridges *bridges_of(struct datapath *d);

/* Networks */

#define EACH_NET(b, net)                            \
	for (struct bridge_net *net = (b)->nets;    \
	     net < (b)->nets + MAX_NETWORKS; net++) \
		if (net->vni != VNI_NONE)

/* Those of the last life. 0 or -errno. */
int bridge_nets_adopt(struct bridges *b) WARN_UNUSED;
/* Is there one, of whomsoever among us? */
bool bridge_nets_are_there(struct rtnl *r);
struct bridge_net *bridge_net_find(struct bridges *b, vni_t vni);
struct bridge_net *bridge_net_by_index(struct bridges *b, uint32_t ifindex);
/* That of @vni, made if need be. NULL: @e says why. */
struct bridge_net *bridge_net_get(struct bridges *b, vni_t vni,
				  struct error *e);
bool bridge_net_is_default(const struct bridges *b,
			   const struct bridge_net *net);
void bridge_net_delete(struct bridges *b, struct bridge_net *net);
/* Links in @net that are of kind "tun": TAPs, maybe of the last life. */
void bridge_net_find_tap(struct bridges *b, struct bridge_net *net);
void bridge_net_delete_taps(struct bridges *b, const struct bridge_net *net);

/* Ports */

struct bridge_port *bridge_port_find(struct bridges *b, port_no_t port_no);
struct bridge_port *bridge_port_by_index(struct bridges *b, uint32_t ifindex);
struct bridge_port *bridge_net_tap(struct bridges *b,
				   const struct bridge_net *net);
bool bridge_net_has_port(struct bridges *b, const struct bridge_net *net);
/* From the table alone. */
void bridge_port_forget(struct bridges *b, struct bridge_port *p);
/* Learning, flooding and lock, as they should be. 0 or -errno. */
int bridge_port_set_up(struct bridges *b, struct bridge_port *p) WARN_UNUSED;

/* Facts */

/* Reads what is, and compares. */
void bridge_sync_start(struct bridges *b);
void bridge_sync_now(struct bridges *b);
/* Soon, not more often than it is cheap. */
void bridge_sync_later(struct bridges *b);
void bridge_sync_read_again(struct bridges *b);

/* The kernel's word */

int bridge_watch_open(struct bridges *b) WARN_UNUSED;
void bridge_watch_close(struct bridges *b);
/* MACs that trusted ports have learnt before we listened. */
void bridge_watch_tell_learnt(struct bridges *b);
/* As many MACs as the engine takes of a port, and not more. */
void bridge_watch_limit(struct bridges *b, struct bridge_port *p);

/* For people */

void bridge_show_flows(struct datapath *d, json_t *list);
json_t *bridge_show_flow_to(struct datapath *d, vni_t vni,
			    const struct mac *mac);
void bridge_show_missing(const struct datapath *d, json_t *list);
void bridge_show_metrics(struct datapath *d, json_t *metrics);

#endif
