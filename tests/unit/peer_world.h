/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PEER_WORLD_H
#define PEER_WORLD_H

/*
 * One engine, and peers that answer its probes as kernels do, from memory; each
 * path carries what the test says. Included by one file a program.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/engine.h"
#include "core/frame.h"
#include "core/view.h"
#include "core/wire.h"

#define MS USEC_PER_MS
#define SEC USEC_PER_SEC
#define RTT 400U
#define VNI 100U
#define PORT 16U
#define V4_OVERHEAD 36U /* IP, UDP, VXLAN */
#define MAX_PEERS_HERE 200U
#define MAX_FLYING 2048U

static struct world {
	struct engine *e;
	usec_t now;
	struct {
		uint32_t mtu;
		bool is_dead;
		uint32_t n_beats, n_probes, largest;
		bool has_check, has_flow;
		uint32_t check;
	} peers[MAX_PEERS_HERE];
	struct {
		uint32_t peer;
		usec_t at;
		uint8_t frame[PROBE_MIN_SIZE];
	} flying[MAX_FLYING];
	uint32_t n_flying;
	uint32_t n_puts, n_to_port, n_to_peer;
	uint32_t n_trunc;      /* flows of H that cut */
	uint32_t copies_check; /* of group frames; 0: none */
	uint8_t last[2048];    /* what a port got last */
	size_t last_size;
	size_t largest_to_peer;
} w;

/* In the kernel before the engine starts; NULL: nothing. */
static const struct event *found;

static inline struct ip ip_of(uint32_t peer)
{
	const uint8_t v4[4] = { 10, 0, (uint8_t)(peer >> 8), (uint8_t)peer };

	return ip_from_v4(v4);
}

static inline uint32_t peer_of(const struct ip *ip)
{
	return (uint32_t)ip->b[14] << 8 | ip->b[15];
}

static inline struct mac mac_of(uint32_t peer)
{
	return (struct mac){ { 2, 1, 0, 0, (uint8_t)(peer >> 8),
			       (uint8_t)peer } };
}

static const struct mac own_mac = { { 2, 0, 0, 0, 0, PORT } };

static inline peer_id_t id_of(uint32_t peer)
{
	char name[20];

	snprintf(name, sizeof(name), "host%u", peer);
	return peer_id_of_name(name);
}

static inline uint32_t count_actions(const struct flow_actions *a,
				     enum flow_action_type type)
{
	uint32_t i, n = 0;

	for (i = 0; i < a->n; i++)
		n += a->list[i].type == type;
	return n;
}

static inline const struct flow_action *find_action(
	const struct flow_actions *a, enum flow_action_type type)
{
	uint32_t i;

	for (i = 0; i < a->n; i++) {
		if (a->list[i].type == type)
			return &a->list[i];
	}
	return NULL;
}

static inline void fly(uint32_t peer, const struct action *a)
{
	const struct mac reply = PROBE_REPLY_MAC;

	assert_true(w.n_flying < MAX_FLYING);
	w.flying[w.n_flying].peer = peer;
	w.flying[w.n_flying].at = w.now + RTT;
	memcpy(w.flying[w.n_flying].frame, a->execute.frame, PROBE_MIN_SIZE);
	memcpy(w.flying[w.n_flying++].frame, reply.b, 6);
}

static inline void take_probe(const struct action *a, const struct ip *dst)
{
	const uint32_t peer = peer_of(dst);
	const uint32_t size = (uint32_t)a->execute.size + V4_OVERHEAD;
	struct probe probe;

	assert_true(wire_get_probe(a->execute.frame, a->execute.size, &probe));
	assert_false(probe.is_reply);
	assert_true(a->execute.peer_id == id_of(peer));
	if (probe.is_sized)
		w.peers[peer].n_probes++;
	else
		w.peers[peer].n_beats++;
	if (size > w.peers[peer].largest)
		w.peers[peer].largest = size;
	if (size <= w.peers[peer].mtu && !w.peers[peer].is_dead)
		fly(peer, a);
}

static inline void take_execute(const struct action *a)
{
	const struct flow_action *t = find_action(a->execute.actions,
						  FLOW_SET_TUNNEL);

	if (t && t->tunnel.tun_id == VNI_PROBE) {
		take_probe(a, &t->tunnel.dst);
	} else if (t) {
		w.n_to_peer += count_actions(a->execute.actions,
					     FLOW_SET_TUNNEL);
		assert_int_equal(a->execute.vni, VNI);
		if (a->execute.size > w.largest_to_peer)
			w.largest_to_peer = a->execute.size;
	} else if (a->execute.size <= sizeof(w.last)) {
		w.n_to_port++;
		assert_int_equal(a->execute.vni, VNI);
		w.last_size = a->execute.size;
		memcpy(w.last, a->execute.frame, a->execute.size);
	}
}

static inline void take_flow(const struct action *a)
{
	const struct flow_action *check = find_action(a->flow.actions,
						      FLOW_CHECK_LEN);
	const struct flow_match *m = &a->flow.match;
	uint32_t peer;

	w.n_puts++;
	if (find_action(a->flow.actions, FLOW_TRUNC))
		w.n_trunc++;
	/* B tells sizes, and what is copied to many. */
	if (RECIRC_STAGE(m->recirc_id) >= STAGE_PEERS &&
	    RECIRC_STAGE(m->recirc_id) < STAGE_LONG) {
		w.copies_check = check ? check->max_size : 0;
		return;
	}
	if (m->recirc_id != RECIRC_LOCAL(VNI) || m->fields != FLOW_ETH_DST ||
	    m->eth_dst.b[1] != 1) {
		assert_null(check);
		return;
	}
	peer = (uint32_t)m->eth_dst.b[4] << 8 | m->eth_dst.b[5];
	w.peers[peer].has_flow = true;
	w.peers[peer].has_check = check != NULL;
	w.peers[peer].check = check ? check->max_size : 0;
	if (check)
		assert_int_equal(check->longer, RECIRC_LONG(VNI));
}

static inline void drain(void)
{
	struct action a;
	uint32_t n = 0;

	while (engine_poll(w.e, w.now, &a)) {
		assert_true(++n < 100000);
		if (a.type == ACTION_EXECUTE)
			take_execute(&a);
		else if (a.type == ACTION_FLOW_PUT)
			take_flow(&a);
	}
	assert_true(engine_deadline(w.e) > w.now);
}

static inline void handle(const struct event *ev)
{
	engine_handle(w.e, w.now, ev);
	drain();
}

static inline void upcall_probe(const struct ip *src, const uint8_t *frame)
{
	struct event ev = { .type = EVENT_UPCALL };

	ev.upcall.in_port = PORT_NO_VXLAN;
	ev.upcall.tun_id = VNI_PROBE;
	ev.upcall.tun_src = *src;
	ev.upcall.frame = frame;
	ev.upcall.size = PROBE_MIN_SIZE;
	handle(&ev);
}

static inline void run(usec_t for_us)
{
	const usec_t until = w.now + for_us;
	uint8_t frame[PROBE_MIN_SIZE];
	struct ip src;

	for (;;) {
		usec_t at = engine_deadline(w.e);

		if (w.n_flying && w.flying[0].at < at)
			at = w.flying[0].at;
		if (at > until)
			break;
		w.now = at;
		drain();
		while (w.n_flying && w.flying[0].at <= w.now) {
			src = ip_of(w.flying[0].peer);
			memcpy(frame, w.flying[0].frame, sizeof(frame));
			memmove(w.flying, w.flying + 1,
				--w.n_flying * sizeof(w.flying[0]));
			upcall_probe(&src, frame);
		}
	}
	w.now = until;
}

static inline void begin(const struct engine_config *change)
{
	struct engine_config config = { .id = peer_id_of_name("self"),
					.instance = 1,
					.seed = 7,
					.vxlan_port = 6784,
					.control_port = 6783,
					.has_fastdp = true,
					.has_check_len = true,
					.heartbeat_interval_us = 300 * MS,
					.hold_us = 60 * SEC };
	struct event ev = { .type = EVENT_STARTED };

	memset(&w, 0, sizeof(w));
	w.now = SEC;
	if (change) {
		config.has_check_len = change->has_check_len;
		config.is_capped = change->is_capped;
		config.is_bridge = change->is_bridge;
		config.has_fastdp = !change->is_bridge;
		config.has_sleeve = change->is_bridge;
	}
	w.e = engine_new(&config, w.now);
	if (found)
		handle(found);
	handle(&ev);
	ev.type = EVENT_PORT_ADDED;
	ev.port.port_no = PORT;
	ev.port.vni = VNI;
	ev.port.mac = own_mac;
	handle(&ev);
	memset(&ev, 0, sizeof(ev));
	ev.type = EVENT_OVERLAY_MTU;
	ev.mtu = 1450;
	handle(&ev);
}

static inline void egress(uint32_t peer, bool is_up, uint32_t link,
			  uint32_t route)
{
	struct event ev = { .type = EVENT_EGRESS };

	ev.egress.peer_id = id_of(peer);
	ev.egress.is_up = is_up;
	ev.egress.link_mtu = link;
	ev.egress.route_mtu = route;
	handle(&ev);
}

/* A peer with one container. */
static inline void join(uint32_t peer, uint32_t path_mtu)
{
	struct entry entry = { .vni = VNI, .mac = mac_of(peer), .revision = 1 };
	struct message m = { .type = MESSAGE_ENTRIES };
	struct hello hello = { .version_min = 1,
			       .version_max = 1,
			       .instance = peer,
			       .control_port = 6783,
			       .vxlan_port = 6784,
			       .can_fastdp = true };
	struct event ev = { .type = EVENT_SESSION_UP };

	w.peers[peer].mtu = path_mtu;
	snprintf(hello.name, sizeof(hello.name), "host%u", peer);
	hello.id = id_of(peer);
	ev.session.session = peer;
	ev.session.hello = &hello;
	ev.session.local.ip = ip_of(0xffff);
	ev.session.remote.ip = ip_of(peer);
	ev.session.local.port = 6783;
	ev.session.remote.port = 40000;
	handle(&ev);
	egress(peer, true, 1500, 1500);
	m.entries.is_first = m.entries.is_last = true;
	m.entries.n = 1;
	m.entries.list = &entry;
	memset(&ev, 0, sizeof(ev));
	ev.type = EVENT_MESSAGE;
	ev.message.session = peer;
	ev.message.message = &m;
	handle(&ev);
}

static inline struct peer_view view_of(uint32_t peer)
{
	struct peer_view v;

	assert_true(engine_find_peer(w.e, id_of(peer), &v));
	return v;
}

static inline uint32_t plpmtu_of(uint32_t peer)
{
	return view_of(peer).paths[PATH_FASTDP].plpmtu;
}

static inline void end(void)
{
	engine_free(w.e);
	w.e = NULL;
}

#endif
