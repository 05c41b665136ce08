/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPATH_H
#define DATAPATH_H

/*
 * This daemon's Open vSwitch datapath: which one is ours, its ports, and the
 * sockets through which packets come up. Every port has a socket and a budget
 * of its own: one that floods delays no other, and costs no more than that.
 *
 * It knows no flow and no container; sys/ovs_dp is what it works with.
 */

#include "loop.h"
#include "settings.h"
#include "sys/ovs_dp.h"

struct datapath;

struct datapath_events {
	void *ctx;
	void (*upcall)(void *ctx, const struct ovs_upcall *upcall);
	void (*turn)(void *ctx); /* after a batch of upcalls */
	/* The kernel took away a port of ours. */
	void (*port_gone)(void *ctx, port_no_t port_no);
	/* It, or a port it cannot do without, was taken away. */
	void (*gone)(void *ctx, const char *what);
};

struct datapath_counters {
	uint64_t n_overruns, n_malformed, n_paused;
};

/*
 * Adopts the datapath of the last life, or makes one. A datapath, link or UDP
 * port that is somebody else's is refused. NULL: @e says why and what to do.
 */
struct datapath *datapath_open(const struct settings *s, struct loop *loop,
			       const struct datapath_events *events,
			       struct error *e);
/* The kernel goes on forwarding. */
void datapath_close(struct datapath *d);
/* Takes everything away. */
int datapath_delete(struct datapath *d, struct error *e);

struct ovs_dp *datapath_ovs(struct datapath *d);
bool datapath_is_adopted(const struct datapath *d);
const char *datapath_name(const struct datapath *d);

/* The link becomes port @port_no, or is that already (adopted). */
int datapath_add_port(struct datapath *d, const char *ifname, port_no_t port_no,
		      struct error *e);
void datapath_remove_port(struct datapath *d, port_no_t port_no);
/* Calls @fn for the ports of containers that the kernel has. */
int datapath_each_port(struct datapath *d, ovs_vport_fn *fn, void *ctx);

void datapath_counters(const struct datapath *d, struct datapath_counters *ret);

#endif
