/* SPDX-License-Identifier: Apache-2.0 */
#include "apply.h"

#include <errno.h>
#include <string.h>

#include "books.h"
#include "carrier.h"
#include "core/alloc.h"
#include "egress.h"
#include "log.h"
#include "mtu.h"
#include "notes.h"
#include "state.h"
#include "sys/clock.h"
#include "sys/ovs_dp.h"

#define BATCH 64U

struct apply {
	struct daemon *daemon;
	size_t n;
	struct ovs_flow_op ops[BATCH];
	struct flow_match matches[BATCH];
	struct flow_actions actions[BATCH];
	struct log_limit execute_limit;
};

struct apply *apply_new(struct daemon *d)
{
	struct apply *a = core_alloc(sizeof(*a));

	a->daemon = d;
	return a;
}

void apply_free(struct apply *a)
{
	size_t i;

	if (!a)
		return;
	for (i = 0; i < BATCH; i++)
		flow_actions_free(&a->actions[i]);
	free(a);
}

static enum flow_refusal refusal_of(int error)
{
	switch (-error) {
	case ENOSPC:
	case ENOMEM:
	case EFBIG:
		return FLOW_REFUSED_FULL;
	case ENOENT:
	case EEXIST:
		return FLOW_REFUSED_OVERLAP;
	case EINVAL:
	case ERANGE:
	case EOPNOTSUPP:
		return FLOW_REFUSED_UNKNOWN;
	default:
		return FLOW_REFUSED_OTHER;
	}
}

void apply_refused(struct daemon *d, const struct flow_match *match, int error)
{
	struct event ev;

	memset(&ev, 0, sizeof(ev));
	ev.type = EVENT_FLOW_REFUSED;
	ev.flow.match = *match;
	ev.flow.refusal = refusal_of(error);
	daemon_event(d, &ev);
}

static void report(struct apply *a, size_t i)
{
	const struct ovs_flow_op *op = &a->ops[i];
	struct event ev;

	memset(&ev, 0, sizeof(ev));
	if (op->type == OVS_FLOW_PUT && op->error) {
		apply_refused(a->daemon, &a->matches[i], op->error);
	} else if (op->type == OVS_FLOW_DEL) {
		/* The engine has forgotten it. */
		if (op->error && op->error != -ENOENT)
			a->daemon->doubts_flows = true;
	} else if (op->type == OVS_FLOW_GET) {
		ev.type = EVENT_FLOW_USED;
		ev.used.match = a->matches[i];
		ev.used.is_known = !op->error;
		ev.used.idle_us = op->idle_us;
		daemon_event(a->daemon, &ev);
	}
}

static size_t send_flows(struct apply *a)
{
	const size_t n = a->n;
	int error;

	a->n = 0;
	if (!n)
		return 0;
	error = ovs_dp_flows(datapath_ovs(a->daemon->datapath), a->ops, n);
	if (error) {
		log_warn("the kernel did not answer for flows: %s",
			 strerror(-error));
		a->daemon->doubts_flows = true;
	}
	return n;
}

static void report_flows(struct apply *a, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		report(a, i);
}

bool apply_flush(struct apply *a)
{
	const size_t n = send_flows(a);

	report_flows(a, n);
	return n > 0;
}

static void flow(struct apply *a, const struct action *action,
		 enum ovs_flow_op_type type)
{
	const size_t i = a->n++;
	a->matches[i] = action->flow.match;
	flow_actions_clear(&a->actions[i]);
	if (action->flow.actions)
		flow_actions_copy(&a->actions[i], action->flow.actions);
	memset(&a->ops[i], 0, sizeof(a->ops[i]));
	a->ops[i].type = type;
	a->ops[i].match = &a->matches[i];
	a->ops[i].actions = &a->actions[i];
	if (a->n == BATCH)
		apply_flush(a);
}

/* To the containers of a network whose bridge finds the right one. */
static void inject(struct apply *a, const struct action *action)
{
	int error;

	if (action->execute.vni == VNI_NONE)
		return;
	error = carrier_inject(a->daemon->carrier, action->execute.vni,
			       action->execute.frame, action->execute.size);
	if (error && log_allows(LOG_DEBUG, &a->execute_limit))
		log_debug("a TAP refused a packet: %s", strerror(-error));
}

static void execute(struct apply *a, const struct action *action)
{
	struct ovs_execute_op op = {
		.frame = action->execute.frame,
		.size = action->execute.size,
		.actions = action->execute.actions,
		.in_port = action->execute.in_port,
	};
	/*
	 * Flows that the packet may need come first; their results are told
	 * last, since the action's pointers die when the engine hears.
	 */
	const size_t n = send_flows(a);
	struct event ev;
	int error;

	if (action->execute.peer_id != PEER_ID_NONE &&
	    !egress_may_probe_frame(a->daemon->egress, action->execute.peer_id,
				    action->execute.size))
		error = -EMSGSIZE;
	else
		error = ovs_dp_execute(datapath_ovs(a->daemon->datapath), &op,
				       1);
	if (!error)
		error = op.error;
	memset(&ev, 0, sizeof(ev));
	ev.type = EVENT_EXECUTE_REFUSED;
	ev.execute.peer_id = action->execute.peer_id;
	report_flows(a, n);
	/* A probe longer than the link says nothing of the path. */
	if (!error || error == -EMSGSIZE)
		return;
	if (log_allows(LOG_DEBUG, &a->execute_limit))
		log_debug("the kernel refused a packet: %s", strerror(-error));
	if (ev.execute.peer_id != PEER_ID_NONE)
		daemon_event(a->daemon, &ev);
}

static void send_message(struct apply *a, const struct action *action)
{
	struct event ev;

	if (control_send(a->daemon->control, action->send.session,
			 &action->send.message, clock_monotonic_us()))
		return;
	memset(&ev, 0, sizeof(ev));
	ev.type = EVENT_SESSION_READY;
	ev.ready.session = action->send.session;
	ev.ready.is_ready = false;
	daemon_event(a->daemon, &ev);
}

static void keep_revision(struct daemon *d, port_no_t port_no,
			  uint64_t revision)
{
	struct port_record *r = portbook_find(&d->ports, port_no);
	struct error e = { .code = "" };
	struct port_record now;

	if (!r || r->revision == revision)
		return;
	now = *r;
	now.revision = revision;
	if (portbook_save(&d->ports, r, &now, &e))
		log_warn("%s", e.message);
}

void apply_action(struct apply *a, const struct action *action)
{
	struct daemon *d = a->daemon;

	switch (action->type) {
	case ACTION_DIAL:
		control_dial(d->control, action->dial.target, action->dial.host,
			     action->dial.port, clock_monotonic_us());
		break;
	case ACTION_CLOSE:
		control_close(d->control, action->close.session,
			      action->close.reason, clock_monotonic_us());
		break;
	case ACTION_SEND:
		send_message(a, action);
		break;
	case ACTION_FLOW_PUT:
		flow(a, action, OVS_FLOW_PUT);
		break;
	case ACTION_FLOW_DEL:
		flow(a, action, OVS_FLOW_DEL);
		break;
	case ACTION_FLOW_QUERY:
		flow(a, action, OVS_FLOW_GET);
		break;
	case ACTION_EXECUTE:
		if (datapath_is_bridge(d->datapath))
			inject(a, action);
		else
			execute(a, action);
		break;
	case ACTION_NOTE:
		notes_log(d, &action->note);
		mtu_noted(d->mtu, &action->note);
		break;
	case ACTION_PORT_REVISION:
		keep_revision(d, action->port_revision.port_no,
			      action->port_revision.revision);
		break;
	case ACTION_NETWORK:
		carrier_network(d->carrier, action->network.vni,
				action->network.is_wanted);
		break;
	case ACTION_SLEEVE_BEAT:
		carrier_beat(d->carrier, action);
		break;
	case ACTION_SLEEVE_TABLE:
		if (d->carrier)
			carrier_publish(d->carrier);
		datapath_changed(d->datapath);
		break;
	case ACTION_TARGETS_CHANGED:
		books_save_targets(d);
		break;
	case ACTION_PEERS_CHANGED:
		egress_peers_changed(d->egress);
		books_save_peers(d);
		break;
	}
}
