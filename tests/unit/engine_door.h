/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_DOOR_H
#define ENGINE_DOOR_H

/* What the tests of the engine tell it, and what it did. The time is theirs. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "core/engine.h"
#include "core/view.h"

#define HOLD (20 * USEC_PER_SEC)

static usec_t now = USEC_PER_SEC;

/* What an engine did since the last look. */
struct log {
	uint32_t n_dials, n_sends, n_puts, n_dels, n_notes[64];
	target_t dials[8];
	session_t closed;
	enum reason close_reason;
	uint32_t n_closes;
	struct message sent;
};

static inline struct engine *make_with(const char *name, uint64_t instance,
				       bool has_sleeve)
{
	const struct engine_config config = { .id = peer_id_of_name(name),
					      .instance = instance,
					      .seed = instance,
					      .vxlan_port = 6784,
					      .control_port = 6783,
					      .has_fastdp = true,
					      .has_sleeve = has_sleeve,
					      .has_discovery = true,
					      .heartbeat_interval_us =
						      300 * USEC_PER_MS,
					      .hold_us = HOLD };

	return engine_new(&config, now);
}

static inline struct engine *make(const char *name, uint64_t instance)
{
	return make_with(name, instance, false);
}

static inline struct log drain(struct engine *e)
{
	struct log log = { 0 };
	struct action a;
	uint32_t n = 0;

	while (engine_poll(e, now, &a)) {
		assert_true(++n < 100000);
		switch (a.type) {
		case ACTION_DIAL:
			log.dials[log.n_dials++ % 8] = a.dial.target;
			break;
		case ACTION_CLOSE:
			log.closed = a.close.session;
			log.close_reason = a.close.reason;
			log.n_closes++;
			break;
		case ACTION_SEND:
			log.sent = a.send.message;
			log.n_sends++;
			break;
		case ACTION_FLOW_PUT:
			log.n_puts++;
			break;
		case ACTION_FLOW_DEL:
			log.n_dels++;
			break;
		case ACTION_NOTE:
			log.n_notes[a.note.type]++;
			break;
		default:
			break;
		}
	}
	assert_true(engine_deadline(e) > now);
	return log;
}

static inline void tell(struct engine *e, enum event_type type)
{
	const struct event ev = { .type = type };

	engine_handle(e, now, &ev);
}

static inline void add_target(struct engine *e, const char *host)
{
	struct event ev = { .type = EVENT_TARGET_ADDED };

	ev.target.host = host;
	ev.target.port = 6783;
	ev.target.is_configured = true;
	engine_handle(e, now, &ev);
}

static inline struct ip ip_number(uint32_t n)
{
	const uint8_t v4[4] = { 192, 0, (uint8_t)(n >> 8), (uint8_t)n };

	return ip_from_v4(v4);
}

struct who {
	const char *name;
	uint64_t instance;
	uint32_t ip;
};

/* The ports are of the session: @port at the end that dialled. */
static inline void session_of(struct engine *e, session_t session,
			      target_t target, const struct who *peer,
			      uint16_t port, bool is_sleeve_only)
{
	struct hello hello = { .version_min = 1,
			       .version_max = 1,
			       .instance = peer->instance,
			       .control_port = 6783,
			       .vxlan_port = 6784,
			       .can_fastdp = !is_sleeve_only,
			       .can_sleeve = is_sleeve_only,
			       .has_discovery = true };
	struct event ev = { .type = EVENT_SESSION_UP };

	snprintf(hello.name, sizeof(hello.name), "%s", peer->name);
	hello.id = peer_id_of_name(peer->name);
	ev.session.session = session;
	ev.session.target = target;
	ev.session.hello = &hello;
	ev.session.local.ip = ip_number(99);
	ev.session.remote.ip = ip_number(peer->ip);
	ev.session.local.port = target ? port : 6783;
	ev.session.remote.port = target ? 6783 : port;
	engine_handle(e, now, &ev);
}

static inline void session_up(struct engine *e, session_t session,
			      target_t target, const struct who *peer,
			      uint16_t port)
{
	session_of(e, session, target, peer, port, false);
}

static inline void session_down(struct engine *e, session_t session)
{
	struct event ev = { .type = EVENT_SESSION_DOWN };

	ev.down.session = session;
	ev.down.reason = REASON_CLOSED;
	engine_handle(e, now, &ev);
}

static inline void send_entries(struct engine *e, session_t session,
				uint32_t first, uint32_t n, bool is_snapshot)
{
	static struct entry list[MESSAGE_MAX_ENTRIES];
	struct message m = { .type = MESSAGE_ENTRIES };
	struct event ev = { .type = EVENT_MESSAGE };
	uint32_t i;

	memset(list, 0, sizeof(list));
	m.entries.is_first = m.entries.is_last = is_snapshot;
	m.entries.n = n;
	m.entries.list = list;
	for (i = 0; i < n; i++) {
		list[i].vni = 100;
		list[i].mac = (struct mac){ { 2, 1, 0, 0,
					      (uint8_t)((first + i) >> 8),
					      (uint8_t)(first + i) } };
		list[i].revision = 1;
		list[i].n_ips = 1;
		list[i].ips[0] = ip_number(1000 + first + i);
	}
	ev.message.session = session;
	ev.message.message = &m;
	engine_handle(e, now, &ev);
}

static inline void add_port(struct engine *e, port_no_t port_no)
{
	struct event ev = { .type = EVENT_PORT_ADDED };

	ev.port.port_no = port_no;
	ev.port.vni = 100;
	ev.port.mac = (struct mac){ { 2, 0, 0, 0, 0, (uint8_t)port_no } };
	ev.port.n_ips = 1;
	ev.port.ips[0] = ip_number(port_no);
	engine_handle(e, now, &ev);
}

static inline bool has_session(struct engine *e, const char *name)
{
	struct peer_view v;

	return engine_find_peer(e, peer_id_of_name(name), &v) && v.has_session;
}

#endif
