/* SPDX-License-Identifier: Apache-2.0 */
#include "sound.h"

#include "core/matches.h"
#include "core/view.h"

/* D straight to a port: it has the MAC. */
static const char *to_port(const struct engine *e, const struct flow_match *m,
			   port_no_t port_no)
{
	struct entry_view v;

	if (engine_find_mac(e, m->tun_id, &m->eth_dst, &v) &&
	    v.port_no == port_no)
		return NULL;
	return "a peer's packets for a MAC go to a port that lacks it";
}

/* A: the MAC may be a peer's too, which is a conflict, but no other port's. */
static const char *from_port(const struct engine *e, const struct flow_match *m,
			     vni_t vni)
{
	struct entry_view v;

	if (!engine_find_mac(e, vni, &m->eth_src, &v) ||
	    v.port_no == PORT_NO_NONE || v.port_no == m->in_port)
		return NULL;
	return "a port may use the MAC of another one";
}

const char *sound_flow(const struct engine *e, const struct flow_match *m,
		       const struct flow_actions *a)
{
	if (m->recirc_id || !a->n)
		return NULL;
	if ((m->fields & FLOW_TUN_SRC) && (m->fields & FLOW_ETH_DST) &&
	    a->list[0].type == FLOW_OUTPUT)
		return to_port(e, m, a->list[0].port);
	if ((m->fields & FLOW_ETH_SRC) && a->list[0].type == FLOW_RECIRC)
		return from_port(e, m, RECIRC_VNI(a->list[0].recirc_id));
	return NULL;
}

struct learnt {
	const struct engine *e;
	peer_id_t self;
	const char *fault;
};

static void look(void *ctx, const struct entry_view *v)
{
	struct learnt *l = ctx;
	const struct flow_match m = match_source(v->port_no, &v->entry.mac);
	const struct flow_actions *a;

	if (v->owner != l->self || !(v->entry.flags & ENTRY_LEARNT))
		return;
	a = engine_find_flow(l->e, &m);
	if (!a || !a->n)
		l->fault = "a learnt MAC has no flow";
}

const char *sound_learnt(const struct engine *e, peer_id_t self)
{
	struct learnt l = { e, self, NULL };

	engine_all_entries(e, look, &l);
	return l.fault;
}
