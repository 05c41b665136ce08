/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PORT_H
#define PORT_H

/*
 * The ports of this host: containers, and the host itself when exposed. A
 * table of values; what follows from a port is the pipeline's business.
 */

#include "event.h"
#include "list.h"
#include "rate.h"
#include "table.h"

struct local_port {
	struct list all;	/* in the order of their numbers */
	struct table_node node; /* by number */
	struct port port;
	uint32_t n_learnt;   /* claims of ours on MACs behind it */
	struct rate slow;    /* packets that get no flow */
	struct rate answers; /* to packets that are too long */
};

struct ports {
	struct list all;
	struct table by_number;
	uint32_t n;
};

void ports_init(struct ports *ps);
void ports_free(struct ports *ps);

/* One with the same number is replaced. NULL: the table is full. */
struct local_port *ports_put(struct ports *ps, const struct port *port);
void ports_remove(struct ports *ps, struct local_port *p);
struct local_port *ports_find(const struct ports *ps, port_no_t port_no);

/* Has @vni a port here (a trusted one)? */
bool ports_has_network(const struct ports *ps, vni_t vni);
bool ports_has_trusted(const struct ports *ps, vni_t vni);
/* The lowest VNI above @after that has a port here; VNI_NONE: no more. */
vni_t ports_next_network(const struct ports *ps, vni_t after);

#define EACH_NETWORK(ps, vni)                                                 \
	for (vni_t vni = ports_next_network((ps), VNI_NONE); vni != VNI_NONE; \
	     vni = ports_next_network((ps), vni))

#define EACH_PORT(ps, node)                                          \
	for (struct list *node = (ps)->all.next; node != &(ps)->all; \
	     node = node->next)
#define PORT_OF(node) CONTAINER_OF(node, struct local_port, all)

#endif
