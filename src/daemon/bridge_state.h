/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BRIDGE_STATE_H
#define BRIDGE_STATE_H

/*
 * What the parts of the bridge datapath share. None uses one above it:
 *
 *   bridge.c        the kind (datapath_kind.h): ports come and go
 *   bridge_watch.c  what the kernel says of itself
 *   bridge_sync.c   directory and ports -> facts; what differs is told
 *   bridge_show.c   what people see
 *   bridge_port.c   a port in the table, and its settings in the kernel
 *   bridge_net.c    the bridge of a network: made, adopted, taken away
 */

#include "bridge_facts.h"
#include "bridge_guard.h"
#include "core/alloc.h"
#include "datapath_kind.h"
#include "log.h"
#include "pace.h"
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
	struct loop_timer *reopen; /* the watch, after a failure */
	struct guard *guard;
	bool has_lock; /* the kernel can lock ports to known sources */
	bool is_leaving;

	struct bridge_net nets[MAX_NETWORKS];
	struct bridge_port ports[BRIDGE_MAX_PORTS];
	uint32_t n_ports;

	struct loop_timer *timer; /* of the next comparison, */
	usec_t due_at;		  /* which is then; USEC_NEVER: none */
	struct pace pace;	  /* of comparisons */
	struct facts is, wanted;  /* sorted */
	bool must_read;		  /* what is, is not known for sure */
	usec_t kept_until;	  /* inherited facts that nobody wants yet */
	uint32_t n_kept;	  /* of those */
	uint64_t n_errors, n_news_lost;
	struct log_limit limit;
};

static inline struct bridges *bridges_of(struct datapath *d)
{
	return CONTAINER_OF(d, struct bridges, base);
}

#endif
