/* SPDX-License-Identifier: Apache-2.0 */
#include "engine.h"

#include <assert.h>

#include "alloc.h"
#include "carry.h"
#include "engine_state.h"
#include "gossip.h"
#include "group.h"
#include "health.h"
#include "learn.h"
#include "member.h"
#include "miss.h"
#include "oversize.h"
#include "sizing.h"
#include "wire.h"

struct engine *engine_new(const struct engine_config *config, usec_t now)
{
	struct engine *e = core_alloc(sizeof(*e));
	const uint64_t seed = config->seed;

	assert(config->id != PEER_ID_NONE && config->heartbeat_interval_us > 0);
	assert(config->hold_us > 0);
	e->config = *config;
	e->settle_at = now + config->hold_us;
	flowset_init(&e->flows, seed, &e->timers, TIMER_FLOW);
	e->directory = directory_new(seed);
	peers_init(&e->peers, seed);
	timer_init(&e->peers.hint_timer, TIMER_HINTS);
	ports_init(&e->ports);
	targets_init(&e->targets, &e->timers, TIMER_TARGET, seed);
	announce_init(&e->announce, seed);
	neighbours_init(&e->neighbours, &e->timers, TIMER_NEIGHBOUR);
	e->pipeline.flows = &e->flows;
	e->pipeline.directory = e->directory;
	e->pipeline.peers = &e->peers;
	e->pipeline.ports = &e->ports;
	e->pipeline.taps = &e->taps;
	e->pipeline.self = config->id;
	copied_init(&e->pipeline.copied, seed);
	regroup_init(&e->pipeline.regroup, seed, &e->timers, TIMER_GROUP);
	e->pipeline.is_bridge = config->is_bridge;
	e->interval_us = config->heartbeat_interval_us;
	return e;
}

static void free_peers(struct engine *e)
{
	while (!list_is_empty(&e->peers.all)) {
		struct peer *p = PEER_OF(e->peers.all.next);

		feed_close(&e->announce, &p->feed);
		timerq_set(&e->timers, &p->timer, USEC_NEVER);
		peers_remove(&e->peers, p);
		peer_free(p);
	}
	peers_free(&e->peers);
}

static void packet_free(struct packet *p)
{
	free(p->frame);
	flow_actions_free(&p->actions);
	memset(p, 0, sizeof(*p));
}

void engine_free(struct engine *e)
{
	uint32_t i;

	if (!e)
		return;
	free_peers(e);
	sizing_forget_found(e);
	flowset_free(&e->flows);
	directory_free(e->directory);
	ports_free(&e->ports);
	targets_free(&e->targets);
	announce_free(&e->announce);
	neighbours_free(&e->neighbours);
	flow_actions_free(&e->pipeline.scratch);
	copied_free(&e->pipeline.copied);
	regroup_free(&e->pipeline.regroup);
	flow_actions_free(&e->actions);
	for (i = 0; i < MAX_PACKETS; i++)
		packet_free(&e->packets[i]);
	packet_free(&e->current);
	free(e->probe);
	free(e->cut);
	timerq_free(&e->timers);
	free(e);
}

static void disown_port(struct engine *e, usec_t now, port_no_t port_no)
{
	const struct claim *c = NULL, *next;

	c = directory_walk_owner(e->directory, e->config.id, NULL);
	for (; c; c = next) {
		struct mac mac = c->mac;
		vni_t vni = c->vni;

		next = directory_walk_owner(e->directory, e->config.id, c);
		if (c->port_no == port_no)
			engine_disown(e, now, vni, &mac);
	}
}

static void port_removed(struct engine *e, usec_t now, port_no_t port_no)
{
	struct local_port *p = ports_find(&e->ports, port_no);
	struct port gone;

	if (!p)
		return;
	gone = p->port;
	ports_remove(&e->ports, p);
	e->networks_changed = true;
	disown_port(e, now, port_no);
	if (e->is_started)
		pipeline_port_gone(&e->pipeline, &gone);
}

static void port_added(struct engine *e, usec_t now, const struct port *port)
{
	port_removed(e, now, port->port_no);
	if (!ports_put(&e->ports, port)) {
		engine_limit(e, "ports");
		return;
	}
	e->networks_changed |= !tap_ports_find(&e->taps, port->vni);
	if (port->revision > e->revision && port->revision < MAX_REVISION)
		e->revision = port->revision;
	learn_declared(e, port);
	engine_own(e, now, port, &port->mac, false);
	if (e->is_started)
		pipeline_port(&e->pipeline, port);
}

/* What the last life left and nobody wants: flows to nowhere at once, flows
 * to peers when they have told what they have, the rest after a while. */
static void started(struct engine *e, usec_t now)
{
	if (e->is_started)
		return;
	e->is_started = true;
	pipeline_start(&e->pipeline);
	engine_refresh(e, now);
	miss_adopt(e, now);
	flowset_release(&e->flows, NULL);
	group_released(&e->pipeline);
	engine_note(e, NOTE_SETTLED)->count = e->flows.n_adopted;
}

static void flow_refused(struct engine *e, usec_t now, const struct event *ev)
{
	const struct mac sized = PROBE_SIZED_MAC;

	flowset_refused(&e->flows, now, &ev->flow.match);
	if (ev->flow.refusal == FLOW_REFUSED_UNKNOWN &&
	    ev->flow.match.tun_id == VNI_PROBE &&
	    mac_equal(&ev->flow.match.eth_dst, &sized))
		pipeline_no_trunc(&e->pipeline);
	miss_refused(e, now, &ev->flow.match);
	if (e->flows.n_refused == 1 || e->flows.n_refused % 1024 == 0) {
		struct note *n = engine_note(e, NOTE_FLOW_REFUSED);

		n->refusal = ev->flow.refusal;
		n->count = e->flows.n_refused;
	}
}

static void target_added(struct engine *e, usec_t now, const struct event *ev)
{
	if (!targets_add(&e->targets, now, ev->target.host, ev->target.port,
			 ev->target.is_configured))
		engine_limit(e, "targets");
	e->targets_changed = true;
}

static void target_removed(struct engine *e, const struct event *ev)
{
	struct target *t = targets_find_host(&e->targets, ev->target.host,
					     ev->target.port);

	if (t)
		targets_remove(&e->targets, t);
	e->targets_changed = true;
}

static void dial_failed(struct engine *e, usec_t now, const struct event *ev)
{
	struct target *t = targets_find(&e->targets, ev->dial.target);
	struct note *n;

	if (!t || !target_failed(&e->targets, now, t, ev->dial.reason))
		return;
	n = engine_note(e, ev->dial.reason == REASON_OURSELVES
				   ? NOTE_OURSELVES
				   : NOTE_DIAL_FAILED);
	n->target = ev->dial.target;
	n->reason = ev->dial.reason;
}

static void session_ready(struct engine *e, const struct event *ev)
{
	struct peer *p = peers_find_session(&e->peers, ev->ready.session);

	if (!p)
		return;
	p->is_ready = ev->ready.is_ready;
	if (p->is_ready)
		peers_owe_to(&e->peers, p);
}

/* What the operator and the peers say. */
static bool of_cluster(struct engine *e, usec_t now, const struct event *ev)
{
	switch (ev->type) {
	case EVENT_STARTED:
		started(e, now);
		break;
	case EVENT_TARGET_ADDED:
		target_added(e, now, ev);
		break;
	case EVENT_TARGET_REMOVED:
		target_removed(e, ev);
		break;
	case EVENT_PEER_REMEMBERED:
		member_remembered(e, now, ev);
		break;
	case EVENT_PEER_REMOVED:
		member_removed(e, now, ev->peer_id);
		break;
	case EVENT_PEER_ALLOWED:
		member_allowed(e, ev->peer_id);
		break;
	case EVENT_DIAL_FAILED:
		dial_failed(e, now, ev);
		break;
	case EVENT_SESSION_UP:
		member_session_up(e, now, ev);
		break;
	case EVENT_SESSION_DOWN:
		member_session_down(e, now, ev);
		break;
	case EVENT_SESSION_READY:
		session_ready(e, ev);
		break;
	case EVENT_MESSAGE:
		gossip_message(e, now, ev);
		break;
	case EVENT_LEAVING:
		member_leave_all(e);
		break;
	default:
		return false;
	}
	return true;
}

/* About the ways to the peers. */
static bool of_ways(struct engine *e, usec_t now, const struct event *ev)
{
	switch (ev->type) {
	case EVENT_EXECUTE_REFUSED:
		health_refused(e, now, ev->execute.peer_id, PATH_FASTDP);
		break;
	case EVENT_SLEEVE_REPLY:
		health_beat(e, now, ev);
		break;
	case EVENT_SLEEVE_MOVED:
		carry_moved(e, ev);
		break;
	case EVENT_SLEEVE_REFUSED:
		health_refused(e, now, ev->peer_id, PATH_SLEEVE);
		break;
	case EVENT_EGRESS:
		health_egress(e, now, ev);
		break;
	case EVENT_OVERLAY_MTU:
		sizing_overlay(e, ev->mtu);
		break;
	case EVENT_HINT_TOO_BIG:
		sizing_hint(e, now, ev);
		break;
	case EVENT_HINT_UNREACHABLE:
		health_unreachable(e, now, ev);
		break;
	default:
		return false;
	}
	return true;
}

/* Of this host: its ports, and what its kernel says. */
static bool of_host(struct engine *e, usec_t now, const struct event *ev)
{
	switch (ev->type) {
	case EVENT_PORT_ADDED:
		port_added(e, now, &ev->port);
		break;
	case EVENT_PORT_REMOVED:
		port_removed(e, now, ev->port_no);
		break;
	case EVENT_FLOW_FOUND:
		if (!e->is_started) {
			flowset_found(&e->flows, &ev->flow.match,
				      ev->flow.actions);
			sizing_found(e, &ev->flow.match, ev->flow.actions);
			copied_found(&e->pipeline.copied, &ev->flow.match,
				     ev->flow.actions);
		}
		break;
	case EVENT_FLOW_REFUSED:
		flow_refused(e, now, ev);
		break;
	case EVENT_FLOW_USED:
		miss_used(e, now, ev);
		break;
	case EVENT_UPCALL:
		miss_upcall(e, now, ev);
		break;
	case EVENT_FLOWS_LOST:
		flowset_lost(&e->flows);
		break;
	case EVENT_TAP:
		carry_tap(e, ev);
		break;
	case EVENT_TOO_BIG:
		oversize_of_sleeve(e, now, ev);
		break;
	case EVENT_MAC_SEEN:
		learn_seen(e, now, ev);
		break;
	case EVENT_MAC_GONE:
		learn_gone(e, now, ev);
		break;
	default:
		return false;
	}
	return true;
}

void engine_handle(struct engine *e, usec_t now, const struct event *ev)
{
	const bool is_known = of_cluster(e, now, ev) || of_ways(e, now, ev) ||
			      of_host(e, now, ev);

	assert(is_known);
	(void)is_known; /* without asserts nobody asks */
}

/*
 * A peer that has not told yet what it has, be it that its daemon is away: its
 * flows stay until it has, or until it is forgotten.
 */
static bool is_awaited(const void *ctx, const struct ip *ip)
{
	const struct engine *e = ctx;
	const struct peer *p = peers_find_ip(&e->peers, ip);

	return p && !p->has_snapshot;
}

static void expire(struct engine *e, usec_t now)
{
	struct timer *t;

	while ((t = timerq_expire(&e->timers, now))) {
		switch ((enum timer_kind)t->kind) {
		case TIMER_PEER:
			member_timer(e, now,
				     CONTAINER_OF(t, struct peer, timer));
			break;
		case TIMER_TARGET:
			target_timer(&e->targets,
				     CONTAINER_OF(t, struct target, timer));
			break;
		case TIMER_FLOW:
			flowset_timer(&e->flows, now,
				      CONTAINER_OF(t, struct flow_slot, timer));
			break;
		case TIMER_NEIGHBOUR:
			neighbour_timer(&e->neighbours,
					CONTAINER_OF(t, struct neighbour,
						     timer));
			break;
		case TIMER_HINTS:
			peers_hints_due(&e->peers, now);
			break;
		case TIMER_GROUP:
			regroup_timer(&e->pipeline.regroup,
				      CONTAINER_OF(t, struct regroup_network,
						   timer));
			break;
		}
	}
	if (now >= e->settle_at) {
		group_run(&e->pipeline, now, true);
		flowset_release_all(&e->flows, is_awaited, e);
		group_released(&e->pipeline);
		copied_release(&e->pipeline.copied, is_awaited, e);
		sizing_forget_found(e);
		e->settle_at = USEC_NEVER;
	}
}

static bool poll_note(struct engine *e, struct action *ret)
{
	if (!e->n_notes)
		return false;
	ret->type = ACTION_NOTE;
	ret->note = e->notes[e->first_note];
	e->first_note = (e->first_note + 1) % MAX_NOTES;
	e->n_notes--;
	return true;
}

static bool poll_books(struct engine *e, struct action *ret)
{
	if (e->targets_changed) {
		e->targets_changed = false;
		ret->type = ACTION_TARGETS_CHANGED;
		return true;
	}
	if (e->peers_changed) {
		e->peers_changed = false;
		ret->type = ACTION_PEERS_CHANGED;
		return true;
	}
	if (!e->n_revisions)
		return false;
	e->n_revisions--;
	ret->type = ACTION_PORT_REVISION;
	ret->port_revision.port_no = e->revisions[e->n_revisions].port_no;
	ret->port_revision.revision = e->revisions[e->n_revisions].revision;
	return true;
}

static bool poll_dial(struct engine *e, struct action *ret)
{
	struct target *t;

	if (e->n_closes) {
		e->n_closes--;
		ret->type = ACTION_CLOSE;
		ret->close.session = e->closes[e->n_closes].session;
		ret->close.reason = e->closes[e->n_closes].reason;
		return true;
	}
	t = targets_poll(&e->targets);
	if (!t)
		return false;
	ret->type = ACTION_DIAL;
	ret->dial.target = t->id;
	ret->dial.host = t->host;
	ret->dial.port = t->port;
	return true;
}

static bool poll_flow(struct engine *e, struct action *ret)
{
	enum flowset_op op;

	if (!flowset_poll(&e->flows, &op, &ret->flow.match, &ret->flow.actions))
		return false;
	switch (op) {
	case FLOWSET_PUT:
		ret->type = ACTION_FLOW_PUT;
		break;
	case FLOWSET_DELETE:
		ret->type = ACTION_FLOW_DEL;
		break;
	case FLOWSET_QUERY:
		ret->type = ACTION_FLOW_QUERY;
		break;
	}
	return true;
}

static void put_packet(const struct packet *p, const uint8_t *frame,
		       size_t size, struct action *ret)
{
	ret->type = ACTION_EXECUTE;
	ret->execute.frame = frame;
	ret->execute.size = size;
	ret->execute.in_port = p->in_port;
	ret->execute.actions = &p->actions;
	ret->execute.vni = p->vni;
	ret->execute.peer_id = PEER_ID_NONE;
}

/* Of the current packet, which is cut as it goes. */
static bool poll_fragment(struct engine *e, struct action *ret)
{
	const size_t size = fragment_next(&e->current.cut, e->cut);

	if (size)
		put_packet(&e->current, e->cut, size, ret);
	else
		e->current.mtu = 0;
	return size > 0;
}

static bool poll_packet(struct engine *e, struct action *ret)
{
	struct packet *p = &e->packets[e->first_packet];

	if (e->current.mtu && poll_fragment(e, ret))
		return true;
	if (!e->n_packets)
		return false;
	packet_free(&e->current);
	e->current = *p;
	memset(p, 0, sizeof(*p));
	e->first_packet = (e->first_packet + 1) % MAX_PACKETS;
	e->n_packets--;
	if (e->current.mtu &&
	    fragment_begin(&e->current.cut, e->current.frame, e->current.size,
			   e->current.mtu,
			   (uint32_t)targets_random(&e->targets, UINT32_MAX)))
		return poll_fragment(e, ret);
	put_packet(&e->current, e->current.frame, e->current.size, ret);
	return true;
}

static bool poll_neighbour(struct engine *e, usec_t now, struct action *ret)
{
	const struct claim *c;
	struct ip ip;
	struct mac mac;
	vni_t vni;

	while (neighbours_poll(&e->neighbours, now, &vni, &ip, &mac)) {
		c = directory_find_ip(e->directory, vni, &ip);
		if (!c || !mac_equal(&c->mac, &mac))
			continue;
		group_flood(&e->pipeline, vni, c->port_no, &e->actions);
		if (!e->actions.n)
			continue;
		ret->type = ACTION_EXECUTE;
		ret->execute.frame = e->frame;
		ret->execute.size = frame_announce(&ip, &mac, e->frame);
		ret->execute.in_port = PORT_NO_NONE;
		ret->execute.actions = &e->actions;
		ret->execute.vni = vni;
		ret->execute.peer_id = PEER_ID_NONE;
		e->counters.n_announcements++;
		return true;
	}
	return false;
}

bool engine_poll(struct engine *e, usec_t now, struct action *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (!e->is_started)
		return false;
	/*
	 * Each may have work for the others. Heartbeats come before flows: a
	 * long list of these must not look like loss.
	 */
	do {
		expire(e, now);
		engine_refresh(e, now);
		if (poll_note(e, ret) || poll_dial(e, ret) ||
		    health_poll(e, now, ret) || poll_flow(e, ret) ||
		    carry_poll(e, ret) || poll_packet(e, ret) ||
		    poll_neighbour(e, now, ret) || gossip_poll(e, ret) ||
		    poll_books(e, ret))
			return true;
	} while (timerq_deadline(&e->timers) <= now);
	return false;
}

usec_t engine_deadline(const struct engine *e)
{
	usec_t at = timerq_deadline(&e->timers);

	if (!e->is_started)
		return USEC_NEVER;
	return at < e->settle_at ? at : e->settle_at;
}
