/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UPCALL_PORT_H
#define UPCALL_PORT_H

/*
 * The sockets through which packets come up, one a port, each with a budget
 * of its own: one that floods delays no other, and costs no more than that.
 * It knows no datapath, only who is told.
 */

#include "core/list.h"
#include "loop.h"
#include "sys/upcall.h"

struct upcall_ports {
	struct loop *loop;
	uint16_t family; /* of generic netlink */
	void *ctx;
	void (*upcall)(void *ctx, const struct ovs_upcall *upcall);
	void (*turn)(void *ctx); /* after a batch */
	struct list all;
	struct upcall_buffer *buffer;
	struct loop_timer *resume;
	uint64_t n_paused, n_overruns, n_malformed; /* of closed ones too */
};

/* loop, family and whom to tell are set before. */
void upcall_ports_init(struct upcall_ports *u);
void upcall_ports_free(struct upcall_ports *u); /* zeroed ones are fine */

/*
 * @fixed_portid 0: the kernel's choice, with a budget. The socket's netlink
 * port, or 0: errno says why.
 */
uint32_t upcall_ports_add(struct upcall_ports *u, port_no_t port_no,
			  uint32_t fixed_portid);
void upcall_ports_remove(struct upcall_ports *u, port_no_t port_no);
bool upcall_ports_has(const struct upcall_ports *u, port_no_t port_no);
/* Calls @fn for each; it may remove that one. */
void upcall_ports_each(struct upcall_ports *u,
		       void (*fn)(void *ctx, port_no_t port_no), void *ctx);

struct upcall_port_counters {
	uint64_t n_overruns, n_malformed, n_paused;
};

void upcall_ports_counters(const struct upcall_ports *u,
			   struct upcall_port_counters *ret);

#endif
