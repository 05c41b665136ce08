/* SPDX-License-Identifier: Apache-2.0 */
/* What an engine makes of the sizes that paths carry: probes, flows, answers. */
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

/* One engine and its peers, which answer as kernels do, from memory. */
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

static struct ip ip_of(uint32_t peer)
{
	const uint8_t v4[4] = { 10, 0, (uint8_t)(peer >> 8), (uint8_t)peer };

	return ip_from_v4(v4);
}

static uint32_t peer_of(const struct ip *ip)
{
	return (uint32_t)ip->b[14] << 8 | ip->b[15];
}

static struct mac mac_of(uint32_t peer)
{
	return (struct mac){ { 2, 1, 0, 0, (uint8_t)(peer >> 8),
			       (uint8_t)peer } };
}

static const struct mac own_mac = { { 2, 0, 0, 0, 0, PORT } };

static peer_id_t id_of(uint32_t peer)
{
	char name[20];

	snprintf(name, sizeof(name), "host%u", peer);
	return peer_id_of_name(name);
}

static uint32_t count_actions(const struct flow_actions *a,
			      enum flow_action_type type)
{
	uint32_t i, n = 0;

	for (i = 0; i < a->n; i++)
		n += a->list[i].type == type;
	return n;
}

static const struct flow_action *find_action(const struct flow_actions *a,
					     enum flow_action_type type)
{
	uint32_t i;

	for (i = 0; i < a->n; i++) {
		if (a->list[i].type == type)
			return &a->list[i];
	}
	return NULL;
}

static void fly(uint32_t peer, const struct action *a)
{
	const struct mac reply = PROBE_REPLY_MAC;

	assert_true(w.n_flying < MAX_FLYING);
	w.flying[w.n_flying].peer = peer;
	w.flying[w.n_flying].at = w.now + RTT;
	memcpy(w.flying[w.n_flying].frame, a->execute.frame, PROBE_MIN_SIZE);
	memcpy(w.flying[w.n_flying++].frame, reply.b, 6);
}

static void take_probe(const struct action *a, const struct ip *dst)
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

static void take_execute(const struct action *a)
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

static void take_flow(const struct action *a)
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

static void drain(void)
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

static void handle(const struct event *ev)
{
	engine_handle(w.e, w.now, ev);
	drain();
}

static void upcall_probe(const struct ip *src, const uint8_t *frame)
{
	struct event ev = { .type = EVENT_UPCALL };

	ev.upcall.in_port = PORT_NO_VXLAN;
	ev.upcall.tun_id = VNI_PROBE;
	ev.upcall.tun_src = *src;
	ev.upcall.frame = frame;
	ev.upcall.size = PROBE_MIN_SIZE;
	handle(&ev);
}

static void run(usec_t for_us)
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

static void begin(const struct engine_config *change)
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

static void egress(uint32_t peer, bool is_up, uint32_t link, uint32_t route)
{
	struct event ev = { .type = EVENT_EGRESS };

	ev.egress.peer_id = id_of(peer);
	ev.egress.is_up = is_up;
	ev.egress.link_mtu = link;
	ev.egress.route_mtu = route;
	handle(&ev);
}

/* A peer with one container. */
static void join(uint32_t peer, uint32_t path_mtu)
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

static struct peer_view view_of(uint32_t peer)
{
	struct peer_view v;

	assert_true(engine_find_peer(w.e, id_of(peer), &v));
	return v;
}

static uint32_t plpmtu_of(uint32_t peer)
{
	return view_of(peer).paths[PATH_FASTDP].plpmtu;
}

static void end(void)
{
	engine_free(w.e);
	w.e = NULL;
}

static void test_found_and_enforced(void **state)
{
	(void)state;
	begin(NULL);
	join(1, 1400);
	join(2, 1500);
	join(3, 1337);
	run(SEC);
	assert_int_equal(plpmtu_of(1), 1400);
	assert_int_equal(plpmtu_of(2), 1500);
	assert_int_equal(plpmtu_of(3), 1337);
	assert_int_equal(view_of(1).mtu, 1350);
	assert_in_range(w.peers[1].n_probes, 1, 13); /* one confirms */
	assert_int_equal(w.peers[2].largest, 1500);
	assert_true(w.peers[1].has_check && w.peers[1].check == 1364);
	assert_true(w.peers[2].has_flow && !w.peers[2].has_check);
	assert_true(w.peers[3].has_check && w.peers[3].check == 1301);
	/* It grows: the first raise comes soon. */
	w.peers[1].mtu = 1500;
	run(4 * SEC);
	assert_int_equal(plpmtu_of(1), 1500);
	assert_false(w.peers[1].has_check);
	/* And shrinks, without a word. */
	w.peers[1].mtu = 1300;
	run(3 * SEC);
	assert_int_equal(plpmtu_of(1), 1300);
	assert_int_equal(view_of(1).state, PEER_UP);
	assert_true(w.peers[1].has_check && w.peers[1].check == 1264);
	assert_int_equal(view_of(1).paths[PATH_FASTDP].pmtu_reason,
			 REASON_MTU_HOLE);
	/* The link bounds it at once. */
	egress(1, true, 1280, 1280);
	assert_int_equal(plpmtu_of(1), 1280);
	w.peers[1].largest = 0;
	run(5 * SEC);
	assert_int_equal(w.peers[1].largest, 1280);
	end();
}

/* A daemon that starts again finds its narrow peer's flow as it must be. */
static void test_restart_keeps_narrow(void **state)
{
	const struct flow_tunnel t = { .tun_id = VNI,
				       .dst = ip_of(1),
				       .src = ip_of(0xffff),
				       .dst_port = 6784,
				       .ttl = 64 };
	struct flow_actions a = { 0 };
	struct event ev = { .type = EVENT_FLOW_FOUND };

	(void)state;
	flow_check_len(&a, 1364, RECIRC_LONG(VNI));
	flow_set_tunnel(&a, &t);
	flow_output(&a, PORT_NO_VXLAN);
	ev.flow.match.recirc_id = RECIRC_LOCAL(VNI);
	ev.flow.match.fields = FLOW_ETH_DST;
	ev.flow.match.eth_dst = mac_of(1);
	ev.flow.actions = &a;
	found = &ev;
	begin(NULL);
	found = NULL;
	join(1, 1400);
	run(3 * SEC);
	assert_int_equal(plpmtu_of(1), 1400);
	assert_false(w.peers[1].has_flow); /* it was never put */
	/* It was another's, or the path is wider by now. */
	join(2, 1500);
	w.peers[1].mtu = 1500;
	run(40 * SEC);
	assert_int_equal(plpmtu_of(1), 1500);
	assert_true(w.peers[1].has_flow && !w.peers[1].has_check);
	assert_false(w.peers[2].has_check);
	flow_actions_free(&a);
	end();
}

static void test_without_check_len(void **state)
{
	const struct engine_config change = { .has_check_len = false };

	(void)state;
	begin(&change);
	join(1, 1400);
	join(2, 1500);
	run(SEC);
	assert_int_equal(plpmtu_of(1), 1400);
	assert_false(w.peers[1].has_check);
	assert_int_equal(engine_narrowest_mtu(w.e), 1350);
	end();
}

static void test_capped(void **state)
{
	const struct engine_config change = { .is_capped = true,
					      .has_check_len = true };

	(void)state;
	begin(&change);
	join(1, 1500);
	run(30 * SEC);
	assert_int_equal(plpmtu_of(1), 1200);
	assert_int_equal(w.peers[1].largest, 1200);
	end();
}

static void forge(uint32_t src, uint64_t cookie, uint64_t seq)
{
	const struct probe probe = { .is_reply = true,
				     .from = peer_id_of_name("self"),
				     .to = id_of(1),
				     .cookie = cookie,
				     .seq = seq };
	const struct ip ip = ip_of(src);
	uint8_t frame[PROBE_MIN_SIZE];

	wire_put_probe(&probe, frame, sizeof(frame));
	upcall_probe(&ip, frame);
}

static void test_forgeries(void **state)
{
	struct event ev = { .type = EVENT_HINT_TOO_BIG };
	struct probe last;
	uint32_t i;

	(void)state;
	begin(NULL);
	join(1, 1400);
	run(SEC);
	assert_int_equal(plpmtu_of(1), 1400);
	for (i = 0; i < 200; i++) {
		forge(1, i * 77777, (UINT64_C(1) << 63) + i);
		forge(2, i, i);
		ev.hint.ip = ip_of(1);
		ev.hint.path = i % 2 ? PATH_FASTDP : PATH_SLEEVE;
		ev.hint.mtu = i * 10;
		handle(&ev);
		run(10 * MS);
		assert_int_equal(plpmtu_of(1), 1400);
	}
	ev.hint.path = N_PATHS;
	handle(&ev);
	/* The right cookie, but not from the peer, or of no probe. */
	w.peers[1].is_dead = true;
	run(300 * MS);
	assert_true(w.n_flying == 0);
	w.peers[1].is_dead = false;
	run(SEC);
	while (!w.n_flying)
		run(MS / 10);
	assert_true(wire_get_probe(w.flying[0].frame, PROBE_MIN_SIZE, &last));
	for (i = 0; i < 64; i++) {
		forge(2, last.cookie, (UINT64_C(1) << 63) + i);
		forge(1, last.cookie, (UINT64_C(1) << 63) + 5000 + i);
	}
	run(2 * SEC);
	assert_int_equal(plpmtu_of(1), 1400);
	end();
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* UDP over IPv4. */
static void send_to(const struct mac *dst, uint32_t size, bool has_df,
		    uint32_t recirc_id)
{
	struct event ev = { .type = EVENT_UPCALL };
	static uint8_t frame[9100];

	memset(frame, 0, sizeof(frame));
	memcpy(frame, dst->b, 6);
	memcpy(frame + 6, own_mac.b, 6);
	put16(frame + 12, ETH_TYPE_IPV4);
	frame[14] = 0x45;
	put16(frame + 16, size - 14);
	put16(frame + 20, has_df ? 0x4000 : 0);
	frame[22] = 64;
	frame[23] = IP_PROTO_UDP;
	memcpy(frame + 26, "\x0a\x20\x00\x01\x0a\x20\x00\x02", 8);
	ev.upcall.in_port = PORT;
	ev.upcall.recirc_id = recirc_id;
	ev.upcall.frame = frame;
	ev.upcall.size = size;
	handle(&ev);
}

/* To the container of @peer. */
static void send_long(uint32_t peer, uint32_t size, bool has_df,
		      uint32_t recirc_id)
{
	const struct mac dst = mac_of(peer);

	send_to(&dst, size, has_df, recirc_id);
}

/* Copies for narrow peers alone are looked at, and each gets what it takes. */
static void test_long_groups(void **state)
{
	static const struct mac all = { { 255, 255, 255, 255, 255, 255 } };

	(void)state;
	begin(NULL);
	join(1, 1400);
	join(2, 1500);
	join(3, 1337);
	run(SEC);
	assert_int_equal(w.copies_check, w.peers[3].check);
	/* Fits the first, and is cut for the third: two pieces. */
	send_to(&all, 1350, false, RECIRC_LONG(VNI));
	assert_int_equal(w.n_to_peer, 3);
	assert_int_equal(w.largest_to_peer, 1350);
	assert_int_equal(view_of(1).n_fragmented, 0);
	assert_int_equal(view_of(3).n_fragmented, 1);
	assert_int_equal(view_of(3).n_fragments, 2);
	/* May not be cut: lost for both, counted, and nobody is told. */
	send_to(&all, 1464, true, RECIRC_LONG(VNI));
	assert_int_equal(w.n_to_peer, 3);
	assert_int_equal(w.n_to_port, 0);
	assert_int_equal(view_of(1).n_groups_lost, 1);
	assert_int_equal(view_of(2).n_groups_lost, 0);
	assert_int_equal(view_of(3).n_groups_lost, 1);
	/* All are wide: nothing is looked at any more. */
	w.peers[1].mtu = w.peers[3].mtu = 1500;
	run(4 * SEC);
	assert_int_equal(w.copies_check, 0);
	send_to(&all, 1464, false, RECIRC_LONG(VNI));
	assert_int_equal(w.n_to_peer, 3);
	end();
}

/* More than there is room for packets: those of one size are served together. */
static void test_long_groups_of_many(void **state)
{
	static const struct mac all = { { 255, 255, 255, 255, 255, 255 } };
	const uint32_t n = 100;
	uint32_t i;

	(void)state;
	begin(NULL);
	for (i = 1; i <= n; i++)
		join(i, 1300 + i % 3 * 50);
	run(4 * SEC);
	/* Whole for a third, in two pieces for the others. */
	send_to(&all, 1340, false, RECIRC_LONG(VNI));
	assert_int_equal(w.n_to_peer, n / 3 + (n - n / 3) * 2);
	for (i = 1; i <= n; i++)
		assert_int_equal(view_of(i).n_fragmented, i % 3 != 2);
	end();
}

static void test_long_packets(void **state)
{
	uint32_t i;

	(void)state;
	begin(NULL);
	join(1, 1400);
	join(2, 1500);
	run(SEC);
	send_long(1, 1464, true, RECIRC_LONG(VNI));
	assert_int_equal(w.n_to_port, 1);
	/* ICMP 3/4 with the peer's MTU, to the container. */
	assert_memory_equal(w.last, own_mac.b, 6);
	assert_int_equal(w.last[34], 3);
	assert_int_equal(w.last[35], 4);
	assert_int_equal(w.last[40] << 8 | w.last[41], 1350);
	assert_int_equal(view_of(1).n_too_big, 1);
	send_long(1, 1464, false, RECIRC_LONG(VNI));
	assert_int_equal(w.n_to_peer, 2);
	assert_int_equal(w.largest_to_peer, 1362); /* a multiple of eight */
	assert_int_equal(view_of(1).n_fragmented, 1);
	assert_int_equal(view_of(1).n_fragments, 2);
	/* No flow was there yet, or the peer is wide by now: likewise. */
	send_long(1, 1464, true, RECIRC_LOCAL(VNI));
	assert_int_equal(w.n_to_port, 2);
	send_long(2, 1464, true, RECIRC_LONG(VNI));
	assert_int_equal(w.n_to_port, 2);
	assert_int_equal(w.n_to_peer, 3);
	/* A stranger's frame, from a port that is none. */
	send_long(9, 1464, true, RECIRC_LONG(VNI));
	assert_int_equal(w.n_to_port, 2);
	assert_int_equal(w.n_to_peer, 3);
	/* A flood of them. */
	for (i = 0; i < 10000; i++) {
		send_long(1, 1464, true, RECIRC_LONG(VNI));
		send_long(1, 9000, false, RECIRC_LONG(VNI));
	}
	assert_in_range(w.n_to_port, 3, 102);
	assert_in_range(w.n_to_peer, 4, 3 + 7 * 2000);
	end();
}

/* A host's heartbeats and confirmations, whatever number of peers. */
static void test_budget(void **state)
{
	uint32_t i, n;

	(void)state;
	for (n = 10; n <= 180; n += 85) {
		uint64_t n_beats = 0;

		begin(NULL);
		for (i = 1; i <= n; i++)
			join(i, 1500);
		run(20 * SEC);
		for (i = 1; i <= n; i++)
			w.peers[i].n_beats = w.peers[i].n_probes = 0;
		run(10 * SEC);
		for (i = 1; i <= n; i++)
			n_beats += w.peers[i].n_beats + w.peers[i].n_probes;
		assert_in_range(n_beats, n * 13, 10 * 1000);
		/* And loss is noticed in proportion. */
		w.peers[1].is_dead = true;
		run(n > 75 ? 1300 * MS : 500 * MS);
		assert_int_equal(view_of(1).state, PEER_DOWN);
		assert_int_equal(view_of(2).state, PEER_UP);
		end();
	}
}

static void test_unreachable_is_asked(void **state)
{
	struct event ev = { .type = EVENT_HINT_UNREACHABLE };
	uint32_t i;

	(void)state;
	begin(NULL);
	join(1, 1500);
	run(SEC);
	ev.hint.ip = ip_of(1);
	ev.hint.path = PATH_FASTDP;
	w.peers[1].n_beats = 0;
	/* Forged: it is asked, now and then, and answers. */
	for (i = 0; i < 1000; i++) {
		handle(&ev);
		run(MS);
		assert_int_equal(view_of(1).state, PEER_UP);
	}
	assert_in_range(w.peers[1].n_beats, 5, 20);
	/* True; no answer is under way. */
	run(250 * MS);
	w.peers[1].is_dead = true;
	handle(&ev);
	run(100 * MS);
	assert_int_equal(view_of(1).state, PEER_DOWN);
	assert_int_equal(view_of(1).paths[PATH_FASTDP].reason,
			 REASON_UNREACHABLE);
	w.peers[1].is_dead = false;
	run(SEC);
	assert_int_equal(view_of(1).state, PEER_UP);
	/* Our own link: the same. */
	run(150 * MS);
	w.peers[1].is_dead = true;
	egress(1, false, 1500, 1500);
	run(100 * MS);
	assert_int_equal(view_of(1).state, PEER_DOWN);
	w.peers[1].is_dead = false;
	egress(1, true, 1500, 1500);
	run(10 * MS);
	assert_int_equal(view_of(1).state, PEER_UP);
	end();
}

/* A kernel before 4.9 refuses to cut: the whole probe goes back then. */
static void test_no_trunc(void **state)
{
	struct event ev = { .type = EVENT_FLOW_REFUSED };

	(void)state;
	begin(NULL);
	join(1, 1500);
	assert_int_equal(w.n_trunc, 1);
	ev.flow.refusal = FLOW_REFUSED_OTHER;
	ev.flow.match.fields = FLOW_IN_PORT | FLOW_TUN_SRC | FLOW_TUN_ID |
			       FLOW_ETH_DST;
	ev.flow.match.in_port = PORT_NO_VXLAN;
	ev.flow.match.tun_id = VNI_PROBE;
	ev.flow.match.tun_src = ip_of(1);
	ev.flow.match.eth_dst = PROBE_SIZED_MAC;
	handle(&ev);
	join(2, 1500);
	run(SEC);
	assert_int_equal(w.n_trunc, 1);
	end();
}

static void see(enum event_type type, uint32_t port_no, uint32_t k)
{
	struct event ev = { .type = type };

	ev.seen.port_no = port_no;
	ev.seen.mac =
		(struct mac){ { 2, 9, 0, 0, (uint8_t)(k >> 8), (uint8_t)k } };
	handle(&ev);
}

static bool has_mac(uint32_t k)
{
	const struct mac mac = { { 2, 9, 0, 0, (uint8_t)(k >> 8),
				   (uint8_t)k } };
	struct entry_view v;

	return engine_find_mac(w.e, VNI, &mac, &v);
}

static void test_bridge(void **state)
{
	const struct engine_config change = { .is_bridge = true };
	struct event ev = { .type = EVENT_PORT_ADDED };
	struct entry_view v;
	const struct mac mac = mac_of(1);
	uint32_t i;

	(void)state;
	begin(&change);
	ev.port.port_no = 17;
	ev.port.vni = VNI;
	ev.port.is_trusted = true;
	ev.port.mac = (struct mac){ { 2, 0, 0, 0, 0, 17 } };
	handle(&ev);
	join(1, 1500);
	run(SEC);
	assert_true(engine_find_mac(w.e, VNI, &mac, &v));
	assert_true(v.owner == id_of(1));
	see(EVENT_MAC_SEEN, PORT, 1); /* not trusted */
	assert_false(has_mac(1));
	see(EVENT_MAC_SEEN, 99, 1);
	assert_false(has_mac(1));
	for (i = 0; i < 2 * MAX_LEARNT_PER_PORT; i++) {
		see(EVENT_MAC_SEEN, 17, i);
		see(EVENT_MAC_SEEN, 17, i);
	}
	assert_true(has_mac(0) && has_mac(MAX_LEARNT_PER_PORT - 1));
	assert_false(has_mac(MAX_LEARNT_PER_PORT));
	see(EVENT_MAC_GONE, 17, 5);
	assert_false(has_mac(5));
	see(EVENT_MAC_SEEN, 17, 999);
	assert_true(has_mac(999));
	ev.type = EVENT_PORT_REMOVED;
	ev.port_no = 17;
	handle(&ev);
	assert_false(has_mac(0));
	run(10 * SEC);
	assert_int_equal(w.n_puts, 0);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found_and_enforced),
		cmocka_unit_test(test_restart_keeps_narrow),
		cmocka_unit_test(test_without_check_len),
		cmocka_unit_test(test_capped),
		cmocka_unit_test(test_forgeries),
		cmocka_unit_test(test_long_packets),
		cmocka_unit_test(test_long_groups),
		cmocka_unit_test(test_long_groups_of_many),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_unreachable_is_asked),
		cmocka_unit_test(test_no_trunc),
		cmocka_unit_test(test_bridge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
