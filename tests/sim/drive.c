/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First the world: it takes the engine's actions, answers, and looks after
 * every drain whether all is as it must be. Then the steps that bytes make.
 */
#include "drive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/view.h"
#include "drive_bytes.h"
#include "fake_dp.h"

#define MAX_ACTIONS 100000U
#define N_SESSIONS 12U
#define N_DIALS 16U
#define N_PORTS 8U
#define N_UPCALLS 16U
#define MAX_UPCALL 160U
#define N_VNIS 3U
#define N_BEATS 8U

struct waiting {
	struct fake_packet p;
	uint8_t frame[MAX_UPCALL];
};

struct drive {
	struct engine *engine;
	struct fake_dp dp;
	struct engine_config config;
	usec_t now;
	session_t sessions[N_SESSIONS], last_session;
	target_t dials[N_DIALS];
	struct port ports[N_PORTS]; /* port_no 0: none */
	/* TAPs of the networks of drive_bytes.h, and heartbeats of sleeve */
	struct {
		bool is_wanted, is_owed;
	} taps[N_VNIS];
	struct {
		peer_id_t peer_id;
		uint64_t cookie, seq;
	} beats[N_BEATS];
	uint32_t n_beats;
	struct waiting upcalls[N_UPCALLS];
	uint32_t n_upcalls;
	struct drive_figures figures;
};

static void fault(void *ctx, const char *what)
{
	const struct drive *d = ctx;

	fprintf(stderr, "drive: step %llu: %s\n",
		(unsigned long long)d->figures.n_steps, what);
	abort();
}

static void transmit(void *ctx, const struct flow_tunnel *tunnel,
		     const struct fake_packet *p)
{
	(void)p;
	if (!tunnel->dst_port || !tunnel->ttl || ip_is_zero(&tunnel->dst))
		fault(ctx, "a tunnel header that the kernel refuses");
}

static void deliver(void *ctx, port_no_t port, const struct fake_packet *p)
{
	(void)ctx;
	(void)port;
	(void)p;
}

static void upcall(void *ctx, const struct fake_packet *p)
{
	struct drive *d = ctx;
	struct waiting *w = &d->upcalls[d->n_upcalls];

	if (d->n_upcalls == N_UPCALLS || p->size > MAX_UPCALL)
		return; /* as the kernel when the socket is full */
	d->n_upcalls++;
	w->p = *p;
	memcpy(w->frame, p->frame, p->size);
}

static void handle(struct drive *d, const struct event *ev)
{
	engine_handle(d->engine, d->now, ev);
}

static void apply_put(struct drive *d, const struct action *a)
{
	struct event ev = { .type = EVENT_FLOW_REFUSED };
	enum fake_result r;

	r = fake_dp_put(&d->dp, &a->flow.match, a->flow.actions);
	if (r == FAKE_OK)
		return;
	ev.flow.match = a->flow.match;
	ev.flow.refusal = FLOW_REFUSED_FULL;
	handle(d, &ev);
}

static void apply_query(struct drive *d, const struct action *a)
{
	const struct fake_flow *f = fake_dp_find(&d->dp, &a->flow.match);
	struct event ev = { .type = EVENT_FLOW_USED };

	ev.used.match = a->flow.match;
	ev.used.is_known = f != NULL;
	ev.used.idle_us = f && f->used_at != USEC_NEVER ? d->now - f->used_at
							: USEC_NEVER;
	handle(d, &ev);
}

static void apply_execute(struct drive *d, const struct action *a)
{
	const struct fake_packet p = { .in_port = a->execute.in_port,
				       .frame = a->execute.frame,
				       .size = a->execute.size };

	d->figures.n_executed++;
	if (!a->execute.actions->n)
		fault(d, "a packet with nowhere to go");
	fake_dp_execute(&d->dp, d->now, &p, a->execute.actions);
}

static void remember_dial(struct drive *d, target_t target)
{
	uint32_t i;

	for (i = 0; i < N_DIALS; i++) {
		if (!d->dials[i]) {
			d->dials[i] = target;
			return;
		}
	}
}

static void apply_close(struct drive *d, const struct action *a)
{
	struct event ev = { .type = EVENT_SESSION_DOWN };
	uint32_t i;

	for (i = 0; i < N_SESSIONS; i++) {
		if (d->sessions[i] != a->close.session)
			continue;
		ev.down.session = a->close.session;
		ev.down.reason = a->close.reason;
		d->sessions[i] = 0;
		handle(d, &ev);
		return;
	}
	/* It went down by itself in the meantime. */
	if (a->close.session > d->last_session)
		fault(d, "closes a session that never was");
}

static void check_send(struct drive *d, const struct action *a)
{
	const struct message *m = &a->send.message;
	uint32_t i;

	for (i = 0; i < N_SESSIONS; i++) {
		if (d->sessions[i] == a->send.session)
			break;
	}
	if (i == N_SESSIONS)
		fault(d, "sends to a session that is not there");
	if (m->type == MESSAGE_ENTRIES && m->entries.n > MESSAGE_MAX_ENTRIES)
		fault(d, "too many entries in a message");
	if (m->type == MESSAGE_PEERS && m->peers.n > MESSAGE_MAX_PEERS)
		fault(d, "too many peers in a message");
}

static void apply_beat(struct drive *d, const struct action *a)
{
	const uint32_t i = d->n_beats++ % N_BEATS;

	if (!a->beat.place.tx_token || !a->beat.place.endpoint.port)
		fault(d, "a heartbeat that cannot be sent");
	d->beats[i].peer_id = a->beat.place.peer_id;
	d->beats[i].cookie = a->beat.cookie;
	d->beats[i].seq = a->beat.seq;
}

static void apply(struct drive *d, const struct action *a)
{
	uint32_t i;

	switch (a->type) {
	case ACTION_DIAL:
		remember_dial(d, a->dial.target);
		break;
	case ACTION_CLOSE:
		apply_close(d, a);
		break;
	case ACTION_SEND:
		check_send(d, a);
		break;
	case ACTION_FLOW_PUT:
		apply_put(d, a);
		break;
	case ACTION_FLOW_DEL:
		fake_dp_delete(&d->dp, &a->flow.match);
		break;
	case ACTION_FLOW_QUERY:
		apply_query(d, a);
		break;
	case ACTION_EXECUTE:
		apply_execute(d, a);
		break;
	case ACTION_NETWORK:
		i = bytes_vni_index(a->network.vni);
		d->taps[i].is_wanted = a->network.is_wanted;
		d->taps[i].is_owed = true;
		break;
	case ACTION_SLEEVE_BEAT:
		apply_beat(d, a);
		break;
	case ACTION_SLEEVE_TABLE:
	case ACTION_NOTE:
	case ACTION_PORT_REVISION:
	case ACTION_TARGETS_CHANGED:
	case ACTION_PEERS_CHANGED:
		break;
	}
}

static void check_wanted(void *ctx, const struct flow_match *match,
			 const struct flow_actions *actions)
{
	struct drive *d = ctx;
	const struct fake_flow *f = fake_dp_find(&d->dp, match);

	if (!f && d->dp.n_flows < d->dp.max_flows)
		fault(d, "a wanted flow is not there");
	if (f && !flow_actions_equal(&f->actions, actions))
		fault(d, "a flow has other actions");
}

static void check(struct drive *d)
{
	struct fake_flow *f;
	uint32_t i;

	if (d->dp.n_overlaps)
		fault(d, "overlapping flows");
	if (d->dp.n_idle_puts)
		fault(d, "a flow was put again as it was");
	if (engine_deadline(d->engine) <= d->now)
		fault(d, "the deadline is not in the future");
	engine_all_flows(d->engine, check_wanted, d);
	EACH_FAKE_FLOW(&d->dp, i, f)
	{
		if (!f->is_old && !engine_find_flow(d->engine, &f->match))
			fault(d, "a flow that nobody wants");
	}
	if (d->dp.n_flows > d->figures.max_flows)
		d->figures.max_flows = d->dp.n_flows;
}

static void drain(struct drive *d)
{
	struct action a;
	uint32_t n = 0;

	while (engine_poll(d->engine, d->now, &a)) {
		apply(d, &a);
		if (++n > MAX_ACTIONS)
			fault(d, "actions without end");
	}
	check(d);
}

static void start(struct drive *d)
{
	const struct event started = { .type = EVENT_STARTED };
	struct fake_flow *f;
	uint32_t i;

	d->config.instance++;
	d->config.seed++;
	d->config.has_sleeve = d->figures.n_restarts % 3 != 2;
	d->config.has_check_len = d->figures.n_restarts % 4 != 3;
	d->engine = engine_new(&d->config, d->now);
	EACH_FAKE_FLOW(&d->dp, i, f)
	{
		struct event ev = { .type = EVENT_FLOW_FOUND };

		f->is_old = true;
		ev.flow.match = f->match;
		ev.flow.actions = &f->actions;
		handle(d, &ev);
	}
	for (i = 0; i < N_PORTS; i++) {
		struct event ev = { .type = EVENT_PORT_ADDED };

		ev.port = d->ports[i];
		if (ev.port.port_no)
			handle(d, &ev);
	}
	handle(d, &started);
	drain(d);
}

struct drive *drive_new(void)
{
	struct drive *d = calloc(1, sizeof(*d));
	const struct fake_dp_io io = { .ctx = d,
				       .transmit = transmit,
				       .deliver = deliver,
				       .upcall = upcall,
				       .fault = fault };

	if (!d)
		abort();
	fake_dp_init(&d->dp, &io);
	d->now = USEC_PER_SEC;
	d->config = (struct engine_config){ .id = bytes_peer_id(0),
					    .vxlan_port = 6784,
					    .control_port = 6783,
					    .has_fastdp = true,
					    .has_discovery = true,
					    .heartbeat_interval_us =
						    300 * USEC_PER_MS,
					    .hold_us = 20 * USEC_PER_SEC };
	start(d);
	return d;
}

void drive_free(struct drive *d)
{
	engine_free(d->engine);
	fake_dp_free(&d->dp);
	free(d);
}

static void do_port(struct drive *d, struct reader *r)
{
	struct event ev = { .type = EVENT_PORT_ADDED };
	const uint32_t i = read_u8(r) % N_PORTS;
	uint32_t k;

	bytes_port(r, PORT_NO_FIRST + i, &ev.port);
	for (k = 0; k < N_PORTS; k++) {
		/* A host refuses two ports with one MAC. */
		if (k != i && d->ports[k].port_no &&
		    mac_equal(&d->ports[k].mac, &ev.port.mac))
			return;
	}
	d->ports[i] = ev.port;
	handle(d, &ev);
}

static void do_port_gone(struct drive *d, struct reader *r)
{
	struct event ev = { .type = EVENT_PORT_REMOVED };
	const uint32_t i = read_u8(r) % (N_PORTS + 1);

	ev.port_no = PORT_NO_FIRST + i;
	if (i < N_PORTS)
		d->ports[i].port_no = 0;
	handle(d, &ev);
}

static void do_session(struct drive *d, struct reader *r)
{
	struct event ev = { .type = EVENT_SESSION_UP };
	const uint32_t at = read_u8(r) % N_SESSIONS;
	const uint32_t dial = read_u8(r) % (2 * N_DIALS);
	struct hello hello;

	bytes_session(r, &hello, &ev);
	if (d->sessions[at]) {
		ev.type = EVENT_SESSION_DOWN;
		ev.down.session = d->sessions[at];
		ev.down.reason = REASON_CLOSED;
		d->sessions[at] = 0;
		handle(d, &ev);
		return;
	}
	if (dial < N_DIALS && d->dials[dial]) {
		ev.session.target = d->dials[dial];
		d->dials[dial] = 0;
	}
	d->sessions[at] = ++d->last_session;
	ev.session.session = d->last_session;
	handle(d, &ev);
}

static void do_message(struct drive *d, struct reader *r)
{
	struct entry entries[8];
	struct peer_hint hints[8];
	struct event ev = { .type = EVENT_MESSAGE };
	struct message m;

	ev.message.session = d->sessions[read_u8(r) % N_SESSIONS];
	ev.message.message = &m;
	bytes_message(r, &m, entries, hints, 8);
	if (ev.message.session)
		handle(d, &ev);
}

static void do_dial_failed(struct drive *d, struct reader *r)
{
	struct event ev = { .type = EVENT_DIAL_FAILED };
	const uint32_t i = read_u8(r) % N_DIALS;

	ev.dial.target = d->dials[i];
	ev.dial.reason = (enum reason)(read_u8(r) % N_REASONS);
	d->dials[i] = 0;
	if (ev.dial.target)
		handle(d, &ev);
}

/* A packet at a port, or straight to the engine with any key. */
static void do_packet(struct drive *d, struct reader *r)
{
	uint8_t frame[MAX_UPCALL];
	struct fake_packet p = { .frame = frame };
	struct event ev = { .type = EVENT_UPCALL };
	const uint8_t kind = read_u8(r);

	bytes_packet(r, &p, frame, sizeof(frame));
	if (kind % 4) {
		fake_dp_input(&d->dp, d->now, &p);
		return;
	}
	ev.upcall.in_port = p.in_port;
	ev.upcall.recirc_id = p.recirc_id;
	ev.upcall.tun_id = p.tun_id;
	ev.upcall.tun_src = p.tun_src;
	ev.upcall.frame = frame;
	ev.upcall.size = p.size;
	handle(d, &ev);
}

static void do_upcalls(struct drive *d)
{
	uint32_t i;
	const uint32_t n = d->n_upcalls;

	d->n_upcalls = 0;
	for (i = 0; i < n; i++) {
		const struct waiting w = d->upcalls[i];
		struct event ev = { .type = EVENT_UPCALL };

		ev.upcall.in_port = w.p.in_port;
		ev.upcall.recirc_id = w.p.recirc_id;
		ev.upcall.tun_id = w.p.tun_id;
		ev.upcall.tun_src = w.p.tun_src;
		ev.upcall.frame = w.frame;
		ev.upcall.size = w.p.size;
		d->figures.n_upcalls++;
		handle(d, &ev);
	}
}

/* A size that means something, or not. */
static uint32_t size_of(struct reader *r)
{
	static const uint32_t sizes[] = { 0,	68,    576,   1200,
					  1280, 1300,  1400,  1450,
					  1500, 1501,  4000,  9000,
					  9001, 65000, 65536, UINT32_MAX };
	const uint8_t b = read_u8(r);

	return sizes[b % 16] + (b > 127 ? b / 16U : 0);
}

/* Of links and routes, be it forged. */
static void do_underlay(struct drive *d, struct reader *r)
{
	struct event ev = { .type = EVENT_EGRESS };
	const uint8_t what = read_u8(r);

	switch (what % 5) {
	case 0:
		ev.egress.peer_id = bytes_peer_id(read_u8(r) % 8U);
		ev.egress.is_up = what > 63;
		ev.egress.link_mtu = size_of(r);
		ev.egress.route_mtu = size_of(r);
		break;
	case 1:
		ev.type = EVENT_OVERLAY_MTU;
		ev.mtu = size_of(r);
		break;
	case 2:
	case 3:
		ev.type = what % 5 == 2 ? EVENT_HINT_TOO_BIG
					: EVENT_HINT_UNREACHABLE;
		ev.hint.ip = bytes_place(r);
		ev.hint.path = what & 64 ? PATH_FASTDP : PATH_SLEEVE;
		ev.hint.mtu = size_of(r);
		break;
	default:
		ev.type = what & 64 ? EVENT_MAC_SEEN : EVENT_MAC_GONE;
		ev.seen.port_no = PORT_NO_FIRST + what % N_PORTS;
		ev.seen.mac.b[0] = 2;
		ev.seen.mac.b[5] = read_u8(r);
		break;
	}
	handle(d, &ev);
}

/* What the operator, the kernel and the rest may say at any time. */
static void do_other(struct drive *d, struct reader *r)
{
	struct event ev = { .type = EVENT_PEER_REMOVED };
	const uint8_t what = read_u8(r);
	char host[8];

	switch (what % 12) {
	case 8:
	case 9:
	case 10:
	case 11:
		do_underlay(d, r);
		return;
	case 0:
		ev.type = EVENT_FLOWS_LOST;
		fake_dp_flush(&d->dp);
		break;
	case 1:
		ev.peer_id = bytes_peer_id(1 + read_u8(r) % 7U);
		break;
	case 2:
	case 3:
		ev.type = EVENT_PEER_ALLOWED;
		ev.peer_id = bytes_peer_id(1 + read_u8(r) % 7U);
		break;
	case 4:
		ev.type = EVENT_SESSION_READY;
		ev.ready.session = d->sessions[read_u8(r) % N_SESSIONS];
		ev.ready.is_ready = what & 8;
		break;
	case 5:
		ev.type = EVENT_EXECUTE_REFUSED;
		ev.execute.peer_id = bytes_peer_id(read_u8(r) % 8U);
		break;
	case 6:
		ev.type = what & 8 ? EVENT_TARGET_ADDED : EVENT_TARGET_REMOVED;
		snprintf(host, sizeof(host), "h%u", read_u8(r) % 8U);
		ev.target.host = host;
		ev.target.port = 6783;
		ev.target.is_configured = what & 16;
		break;
	default:
		ev.type = what & 64 ? EVENT_LEAVING : EVENT_STARTED;
		break;
	}
	handle(d, &ev);
}

/* The TAP of a network is there, or has gone. */
static void do_tap(struct drive *d, struct reader *r, bool is_loss)
{
	struct event ev = { .type = EVENT_TAP };
	const uint32_t i = read_u8(r) % N_VNIS;

	if (!is_loss && !d->taps[i].is_owed)
		return;
	d->taps[i].is_owed = false;
	ev.tap.vni = bytes_vni(i);
	ev.tap.port_no = !is_loss && d->taps[i].is_wanted ? bytes_tap(i)
							  : PORT_NO_NONE;
	handle(d, &ev);
}

static void do_beat(struct drive *d, struct reader *r)
{
	struct event ev = { .type = EVENT_SLEEVE_REPLY };
	const uint8_t b = read_u8(r);

	ev.beat.peer_id = d->beats[b % N_BEATS].peer_id;
	ev.beat.cookie = d->beats[b % N_BEATS].cookie;
	ev.beat.seq = d->beats[b % N_BEATS].seq + (b > 250);
	handle(d, &ev);
}

static void do_too_big(struct drive *d, struct reader *r)
{
	uint8_t frame[MAX_UPCALL];
	struct fake_packet p = { .frame = frame };
	struct event ev = { .type = EVENT_TOO_BIG };

	ev.too_big.vni = bytes_vni(read_u8(r) % N_VNIS);
	ev.too_big.mtu = read_u8(r) * 10U;
	bytes_packet(r, &p, frame, sizeof(frame));
	ev.too_big.frame = frame;
	ev.too_big.size = p.size;
	handle(d, &ev);
}

static void do_sleeve(struct drive *d, struct reader *r)
{
	struct event ev = { .type = EVENT_SLEEVE_MOVED };
	const uint8_t what = read_u8(r);

	switch (what % 8) {
	case 0:
	case 1:
		do_tap(d, r, false);
		return;
	case 2:
		do_tap(d, r, true);
		return;
	case 3:
	case 4:
		do_beat(d, r);
		return;
	case 5:
		do_too_big(d, r);
		return;
	case 6:
		ev.moved.peer_id = bytes_peer_id(read_u8(r) % 8U);
		ev.moved.endpoint.ip = bytes_place(r);
		ev.moved.endpoint.port = 1000U + read_u8(r);
		break;
	default:
		ev.type = EVENT_SLEEVE_REFUSED;
		ev.peer_id = bytes_peer_id(read_u8(r) % 8U);
		break;
	}
	handle(d, &ev);
}

static void do_restart(struct drive *d)
{
	d->figures.n_restarts++;
	engine_free(d->engine);
	memset(d->sessions, 0, sizeof(d->sessions));
	memset(d->dials, 0, sizeof(d->dials));
	memset(d->taps, 0, sizeof(d->taps));
	memset(d->beats, 0, sizeof(d->beats));
	d->n_upcalls = 0;
	start(d);
}

static void do_time(struct drive *d, struct reader *r)
{
	static const usec_t units[4] = { 1, 10 * USEC_PER_MS, 300 * USEC_PER_MS,
					 30 * USEC_PER_SEC };
	const uint8_t b = read_u8(r);

	d->now += units[b % 4] * (b / 4 + 1);
}

size_t drive_step(struct drive *d, const uint8_t *bytes, size_t size)
{
	struct reader r = reader_of(bytes, size);
	const uint8_t what = read_u8(&r);

	d->figures.n_steps++;
	switch (what % 16) {
	case 0:
		do_port(d, &r);
		break;
	case 1:
		do_port_gone(d, &r);
		break;
	case 2:
	case 3:
		do_session(d, &r);
		break;
	case 4:
	case 5:
	case 6:
		do_message(d, &r);
		break;
	case 7:
		do_dial_failed(d, &r);
		break;
	case 8:
	case 9:
	case 10:
	case 11:
		do_packet(d, &r);
		break;
	case 12:
	case 13:
		do_time(d, &r);
		break;
	case 14:
		do_other(d, &r);
		break;
	default:
		if (what == 255)
			do_restart(d);
		else
			do_sleeve(d, &r);
		break;
	}
	/* Several things may happen before the engine is asked. */
	if (what < 128 || d->n_upcalls == N_UPCALLS) {
		do_upcalls(d);
		drain(d);
	}
	return size - r.left ? size - r.left : 1;
}

void drive_figures(const struct drive *d, struct drive_figures *ret)
{
	*ret = d->figures;
	ret->n_puts = d->dp.n_puts;
	ret->n_deletes = d->dp.n_deletes;
}
