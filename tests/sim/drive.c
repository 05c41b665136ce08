/* SPDX-License-Identifier: Apache-2.0 */
/* The steps that bytes make. */
#include "drive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drive_bytes.h"
#include "drive_world.h"

struct drive *drive_new(void)
{
	struct drive *d = calloc(1, sizeof(*d));

	if (!d)
		abort();
	d->now = USEC_PER_SEC;
	d->config = (struct engine_config){ .id = bytes_peer_id(0),
					    .vxlan_port = 6784,
					    .control_port = 6783,
					    .has_fastdp = true,
					    .has_discovery = true,
					    .heartbeat_interval_us =
						    300 * USEC_PER_MS,
					    .hold_us = 20 * USEC_PER_SEC };
	world_open(d);
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
	world_handle(d, &ev);
}

static void do_port_gone(struct drive *d, struct reader *r)
{
	struct event ev = { .type = EVENT_PORT_REMOVED };
	const uint32_t i = read_u8(r) % (N_PORTS + 1);

	ev.port_no = PORT_NO_FIRST + i;
	if (i < N_PORTS)
		d->ports[i].port_no = 0;
	world_handle(d, &ev);
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
		world_handle(d, &ev);
		return;
	}
	if (dial < N_DIALS && d->dials[dial]) {
		ev.session.target = d->dials[dial];
		d->dials[dial] = 0;
	}
	d->sessions[at] = ++d->last_session;
	ev.session.session = d->last_session;
	world_handle(d, &ev);
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
		world_handle(d, &ev);
}

static void do_dial_failed(struct drive *d, struct reader *r)
{
	struct event ev = { .type = EVENT_DIAL_FAILED };
	const uint32_t i = read_u8(r) % N_DIALS;

	ev.dial.target = d->dials[i];
	ev.dial.reason = (enum reason)(read_u8(r) % N_REASONS);
	d->dials[i] = 0;
	if (ev.dial.target)
		world_handle(d, &ev);
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
	world_handle(d, &ev);
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
		world_handle(d, &ev);
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
	world_handle(d, &ev);
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
	world_handle(d, &ev);
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
	world_handle(d, &ev);
}

static void do_beat(struct drive *d, struct reader *r)
{
	struct event ev = { .type = EVENT_SLEEVE_REPLY };
	const uint8_t b = read_u8(r);

	ev.beat.peer_id = d->beats[b % N_BEATS].peer_id;
	ev.beat.cookie = d->beats[b % N_BEATS].cookie;
	ev.beat.seq = d->beats[b % N_BEATS].seq + (b > 250);
	world_handle(d, &ev);
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
	world_handle(d, &ev);
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
	world_handle(d, &ev);
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
	world_start(d);
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
		world_drain(d);
	}
	return size - r.left ? size - r.left : 1;
}

void drive_figures(const struct drive *d, struct drive_figures *ret)
{
	*ret = d->figures;
	ret->n_puts = d->dp.n_puts;
	ret->n_deletes = d->dp.n_deletes;
}
