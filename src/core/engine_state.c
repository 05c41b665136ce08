/* SPDX-License-Identifier: Apache-2.0 */
#include "engine_state.h"

#include <assert.h>
#include <string.h>

#include "alloc.h"
#include "group.h"
#include "matches.h"

/* Beyond the limit a note is lost, never an action: notes are for people. */
struct note *engine_note(struct engine *e, enum note_type type)
{
	struct note *n = &e->lost_note;

	if (e->n_notes < MAX_NOTES) {
		n = &e->notes[(e->first_note + e->n_notes) % MAX_NOTES];
		e->n_notes++;
	}
	memset(n, 0, sizeof(*n));
	n->type = type;
	return n;
}

void engine_limit(struct engine *e, const char *what)
{
	if (e->counters.n_limit_hits++ == 0 ||
	    (e->counters.n_limit_hits & (e->counters.n_limit_hits - 1)) == 0)
		engine_note(e, NOTE_LIMIT)->what = what;
}

void engine_close(struct engine *e, session_t session, enum reason reason)
{
	if (e->n_closes == MAX_CLOSES)
		return; /* control ends idle sessions by itself */
	e->closes[e->n_closes].session = session;
	e->closes[e->n_closes++].reason = reason;
}

/* NULL: nothing to do, or no room. */
static struct packet *add_packet(struct engine *e, vni_t vni,
				 const uint8_t *frame, size_t size,
				 port_no_t in_port,
				 const struct flow_actions *actions)
{
	struct packet *p;

	if (!actions->n)
		return NULL;
	if (e->n_packets == MAX_PACKETS) {
		e->counters.n_upcalls_dropped++;
		return NULL;
	}
	p = &e->packets[(e->first_packet + e->n_packets++) % MAX_PACKETS];
	memset(p, 0, sizeof(*p));
	p->frame = core_alloc(size ? size : 1);
	memcpy(p->frame, frame, size);
	p->size = size;
	p->vni = vni;
	p->in_port = in_port;
	flow_actions_copy(&p->actions, actions);
	return p;
}

void engine_packet(struct engine *e, vni_t vni, const uint8_t *frame,
		   size_t size, port_no_t in_port,
		   const struct flow_actions *actions)
{
	add_packet(e, vni, frame, size, in_port, actions);
}

bool engine_packet_cut(struct engine *e, vni_t vni, const uint8_t *frame,
		       size_t size, port_no_t in_port,
		       const struct flow_actions *actions, uint32_t mtu)
{
	struct packet *p = add_packet(e, vni, frame, size, in_port, actions);

	if (!p)
		return false;
	p->mtu = mtu;
	if (!e->cut)
		e->cut = core_alloc(MAX_FRAME_SIZE);
	return true;
}

/* A Lamport clock: later than anything seen (DESIGN 4: time is not used). */
static uint64_t next_revision(struct engine *e)
{
	const uint64_t seen = directory_clock(e->directory);

	if (e->revision < seen)
		e->revision = seen;
	if (e->revision < MAX_REVISION)
		e->revision++;
	return e->revision;
}

static void keep_revision(struct engine *e, port_no_t port_no,
			  uint64_t revision)
{
	if (e->n_revisions == MAX_PORTS)
		return;
	e->revisions[e->n_revisions].port_no = port_no;
	e->revisions[e->n_revisions++].revision = revision;
}

/* The port where we learnt @mac; NULL: we did not, or it has gone. */
static struct local_port *learnt_at(const struct engine *e, vni_t vni,
				    const struct mac *mac)
{
	const struct claim *c = directory_find_claim(e->directory, vni, mac,
						     e->config.id);

	return c && (c->flags & ENTRY_LEARNT)
		       ? ports_find(&e->ports, c->port_no)
		       : NULL;
}

/* It leaves its place to another MAC. */
static void leave(struct local_port *p)
{
	if (!p)
		return;
	assert(p->n_learnt > 0);
	p->n_learnt--;
}

void engine_own(struct engine *e, usec_t now, const struct port *port,
		const struct mac *mac, bool is_learnt)
{
	struct local_port *before = learnt_at(e, port->vni, mac), *after;
	struct entry entry;
	size_t i;

	memset(&entry, 0, sizeof(entry));
	entry.vni = port->vni;
	entry.mac = *mac;
	entry.revision = is_learnt ? 0 : port->revision;
	if (!entry.revision) {
		entry.revision = next_revision(e);
		if (!is_learnt)
			keep_revision(e, port->port_no, entry.revision);
	}
	entry.flags = is_learnt ? ENTRY_LEARNT : 0;
	if (port->is_trusted)
		entry.flags |= ENTRY_TRUSTED;
	for (i = 0; !is_learnt && i < port->n_ips; i++)
		entry.ips[entry.n_ips++] = port->ips[i];
	if (directory_put(e->directory, now, e->config.id, &entry,
			  port->port_no) >= DIRECTORY_FULL) {
		engine_limit(e, "directory");
		return;
	}
	leave(before);
	after = learnt_at(e, port->vni, mac);
	if (after)
		after->n_learnt++;
	announce_changed(&e->announce, port->vni, mac, false);
	peers_owe(&e->peers);
}

void engine_disown(struct engine *e, usec_t now, vni_t vni,
		   const struct mac *mac)
{
	struct local_port *before = learnt_at(e, vni, mac);

	if (!directory_withdraw(e->directory, now, e->config.id, vni, mac))
		return;
	leave(before);
	announce_changed(&e->announce, vni, mac, true);
	peers_owe(&e->peers);
}

/* What we learnt is another's now: the flow goes too, so that its return is
 * noticed. */
static void unlearn(struct engine *e, usec_t now, const struct claim *ours)
{
	const struct mac mac = ours->mac;
	const struct flow_match source = match_source(ours->port_no, &mac);

	flowset_unwant(&e->flows, &source);
	engine_disown(e, now, ours->vni, &mac);
}

static void mac_moved(struct engine *e, usec_t now, const struct change *c)
{
	struct note *n;
	const struct claim *best = directory_find_mac(e->directory, c->vni,
						      &c->mac);
	const struct claim *ours = directory_find_claim(e->directory, c->vni,
							&c->mac, e->config.id);
	const bool is_lost = ours && ours != best;
	const bool is_conflict = is_lost && !(ours->flags & ENTRY_LEARNT);

	if (is_lost && !is_conflict)
		unlearn(e, now, ours);
	e->counters.n_mac_moves++;
	n = engine_note(e, is_conflict ? NOTE_MAC_CONFLICT : NOTE_MAC_MOVED);
	n->vni = c->vni;
	n->mac = c->mac;
	n->peer_id = c->owner == e->config.id ? PEER_ID_NONE : c->owner;
}

static void ip_moved(struct engine *e, usec_t now, const struct change *c)
{
	struct note *n;

	e->counters.n_ip_moves++;
	neighbours_moved(&e->neighbours, now, c->vni, &c->ip, &c->mac);
	n = engine_note(e, NOTE_IP_MOVED);
	n->vni = c->vni;
	n->ip = c->ip;
	n->mac = c->mac;
	n->peer_id = c->owner == e->config.id ? PEER_ID_NONE : c->owner;
}

void engine_refresh(struct engine *e, usec_t now)
{
	struct change c;

	while (directory_next_change(e->directory, &c)) {
		e->sleeve_changed = true;
		switch (c.type) {
		case CHANGE_MAC:
			pipeline_mac(&e->pipeline, c.vni, &c.mac);
			break;
		case CHANGE_IP:
			pipeline_ip(&e->pipeline, c.vni, &c.ip);
			break;
		case CHANGE_MEMBERS:
			group_changed(&e->pipeline, c.vni);
			break;
		case CHANGE_MAC_MOVED:
			mac_moved(e, now, &c);
			break;
		case CHANGE_IP_MOVED:
			ip_moved(e, now, &c);
			break;
		}
	}
	pipeline_again(&e->pipeline);
	group_run(&e->pipeline, now, false);
}
