/* SPDX-License-Identifier: Apache-2.0 */
#include "port.h"

#include "alloc.h"

void ports_init(struct ports *ps)
{
	memset(ps, 0, sizeof(*ps));
	list_init(&ps->all);
}

void ports_free(struct ports *ps)
{
	while (!list_is_empty(&ps->all))
		ports_remove(ps, PORT_OF(ps->all.next));
	table_free(&ps->by_number);
}

static uint64_t hash_of(port_no_t port_no)
{
	return core_hash(&port_no, sizeof(port_no), 0);
}

/*
 * In the order of their numbers: after a restart they come in any order, and
 * flows that list them must say the same. The next one's place is at the end
 * as a rule.
 */
static struct list *place_of(struct ports *ps, port_no_t port_no)
{
	struct list *place = &ps->all;

	while (place->prev != &ps->all &&
	       PORT_OF(place->prev)->port.port_no > port_no)
		place = place->prev;
	return place;
}

struct local_port *ports_put(struct ports *ps, const struct port *port)
{
	struct local_port *p = ports_find(ps, port->port_no);

	if (!p) {
		if (ps->n >= MAX_PORTS)
			return NULL;
		p = core_alloc(sizeof(*p));
		list_init(&p->all);
		list_append(place_of(ps, port->port_no), &p->all);
		table_add(&ps->by_number, &p->node, hash_of(port->port_no));
		ps->n++;
	}
	p->port = *port;
	return p;
}

void ports_remove(struct ports *ps, struct local_port *p)
{
	list_remove(&p->all);
	table_remove(&ps->by_number, &p->node);
	ps->n--;
	free(p);
}

struct local_port *ports_find(const struct ports *ps, port_no_t port_no)
{
	struct table_node *node = table_first(&ps->by_number, hash_of(port_no));
	struct local_port *p;

	for (; node; node = table_next(node)) {
		p = CONTAINER_OF(node, struct local_port, node);
		if (p->port.port_no == port_no)
			return p;
	}
	return NULL;
}

bool ports_has_network(const struct ports *ps, vni_t vni)
{
	EACH_PORT(ps, node) {
		if (PORT_OF(node)->port.vni == vni)
			return true;
	}
	return false;
}

bool ports_has_trusted(const struct ports *ps, vni_t vni)
{
	EACH_PORT(ps, node) {
		if (PORT_OF(node)->port.vni == vni &&
		    PORT_OF(node)->port.is_trusted)
			return true;
	}
	return false;
}

vni_t ports_next_network(const struct ports *ps, vni_t after)
{
	vni_t best = VNI_NONE;

	EACH_PORT(ps, node) {
		const vni_t vni = PORT_OF(node)->port.vni;

		if (vni > after && (best == VNI_NONE || vni < best))
			best = vni;
	}
	return best;
}
