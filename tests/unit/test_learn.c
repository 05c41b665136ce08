/* SPDX-License-Identifier: Apache-2.0 */
/* MACs that nobody declared, behind trusted ports: whose they are, and where. */
#include "core/matches.h"
#include "engine_door.h"

#define VNI 100
/* Trusted. */
#define PORT 20
#define OTHER_PORT 21

static const struct mac vrrp = { { 0, 0, 0x5e, 0, 1, 7 } };

static struct mac mac_number(uint32_t n)
{
	return (struct mac){ { 2, 8, 0, 0, (uint8_t)(n >> 8), (uint8_t)n } };
}

static struct engine *make_bridge(void)
{
	const struct engine_config config = { .id = peer_id_of_name("a"),
					      .instance = 1,
					      .seed = 1,
					      .control_port = 6783,
					      .is_bridge = true,
					      .has_sleeve = true,
					      .heartbeat_interval_us =
						      300 * USEC_PER_MS,
					      .hold_us = HOLD };

	return engine_new(&config, now);
}

static void add(struct engine *e, port_no_t port_no, const struct mac *mac,
		bool is_trusted)
{
	struct event ev = { .type = EVENT_PORT_ADDED };

	ev.port.port_no = port_no;
	ev.port.vni = VNI;
	ev.port.mac = *mac;
	ev.port.is_trusted = is_trusted;
	engine_handle(e, now, &ev);
}

static void add_trusted(struct engine *e, port_no_t port_no)
{
	const struct mac mac = { { 2, 0, 0, 0, 0, (uint8_t)port_no } };

	add(e, port_no, &mac, true);
}

static void remove_port(struct engine *e, port_no_t port_no)
{
	const struct event ev = { .type = EVENT_PORT_REMOVED,
				  .port_no = port_no };

	engine_handle(e, now, &ev);
	drain(e);
}

static void see(struct engine *e, enum event_type type, const struct mac *mac)
{
	struct event ev = { .type = type };

	ev.seen.port_no = PORT;
	ev.seen.mac = *mac;
	engine_handle(e, now, &ev);
	drain(e);
}

/* PORT_NO_NONE: not here. */
static port_no_t place_of(struct engine *e, const struct mac *mac)
{
	struct entry_view v;

	return engine_find_mac(e, VNI, mac, &v) ? v.port_no : PORT_NO_NONE;
}

/* The peer of session 1 has it now. */
static void peer_learns(struct engine *e, const struct mac *mac)
{
	struct message m = { .type = MESSAGE_ENTRIES };
	struct event ev = { .type = EVENT_MESSAGE };
	struct entry entry = { .vni = VNI, .mac = *mac, .flags = ENTRY_LEARNT };
	struct entry_view v;

	assert_true(engine_find_mac(e, VNI, mac, &v));
	entry.revision = v.entry.revision + 1;
	m.entries.n = 1;
	m.entries.list = &entry;
	ev.message.session = 1;
	ev.message.message = &m;
	engine_handle(e, now, &ev);
	drain(e);
	assert_int_equal(place_of(e, mac), PORT_NO_NONE);
}

/* A port has so many places; who moves away leaves a free one. */
static void test_places(void **state)
{
	const struct who b = { "b", 1, 2 };
	struct engine *e = make_bridge();
	struct mac mac;
	uint32_t i;

	(void)state;
	tell(e, EVENT_STARTED);
	add_trusted(e, PORT);
	session_of(e, 1, 0, &b, 40000, true);
	for (i = 0; i <= MAX_LEARNT_PER_PORT; i++) {
		see(e, EVENT_MAC_SEEN, &vrrp);
		assert_int_equal(place_of(e, &vrrp), PORT);
		peer_learns(e, &vrrp);
		see(e, EVENT_MAC_GONE, &vrrp);
	}
	/* To a container of ours that declares it. */
	for (i = 0; i <= MAX_LEARNT_PER_PORT; i++) {
		mac = mac_number(0);
		see(e, EVENT_MAC_SEEN, &mac);
		assert_int_equal(place_of(e, &mac), PORT);
		add(e, 31, &mac, false);
		drain(e);
		assert_int_equal(place_of(e, &mac), 31);
		remove_port(e, 31);
	}
	/* And it has no more than these. */
	for (i = 0; i < 2 * MAX_LEARNT_PER_PORT; i++) {
		mac = mac_number(i);
		see(e, EVENT_MAC_SEEN, &mac);
		assert_int_equal(place_of(e, &mac) == PORT,
				 i < MAX_LEARNT_PER_PORT);
	}
	engine_free(e);
}

static void send_from(struct engine *e, port_no_t port_no,
		      const struct mac *mac)
{
	uint8_t frame[60] = { 255, 255, 255, 255, 255, 255 };
	struct event ev = { .type = EVENT_UPCALL };

	memcpy(frame + 6, mac->b, sizeof(mac->b));
	frame[12] = 8;
	ev.upcall.in_port = port_no;
	ev.upcall.frame = frame;
	ev.upcall.size = sizeof(frame);
	engine_handle(e, now, &ev);
}

/* May @mac send from @port_no? */
static bool may_send(struct engine *e, port_no_t port_no, const struct mac *mac)
{
	const struct flow_match m = match_source(port_no, mac);
	const struct flow_actions *a = engine_find_flow(e, &m);

	return a && a->n > 0;
}

/* What is declared is nobody else's to use, be it that it was learnt before. */
static void test_declared(void **state)
{
	const struct mac mac = mac_number(1);
	struct engine *e = make("a", 1);

	(void)state;
	tell(e, EVENT_STARTED);
	add_trusted(e, PORT);
	send_from(e, PORT, &mac);
	drain(e);
	assert_int_equal(place_of(e, &mac), PORT);
	assert_true(may_send(e, PORT, &mac));
	add(e, 31, &mac, false);
	drain(e);
	assert_int_equal(place_of(e, &mac), 31);
	assert_true(may_send(e, 31, &mac));
	assert_false(may_send(e, PORT, &mac));
	send_from(e, PORT, &mac);
	drain(e);
	assert_int_equal(place_of(e, &mac), 31);
	assert_false(may_send(e, PORT, &mac));
	engine_free(e);
}

/* How many packets of strangers at @port_no go on, of @n at one instant. */
static uint32_t n_went_on(struct engine *e, port_no_t port_no, uint32_t n)
{
	struct action a;
	struct mac mac;
	uint32_t i, n_on = 0;

	for (i = 0; i < n; i++) {
		mac = mac_number(1000 + i);
		send_from(e, port_no, &mac);
		while (engine_poll(e, now, &a))
			n_on += a.type == ACTION_EXECUTE &&
				a.execute.in_port == port_no;
	}
	return n_on;
}

/* A port that has as many flows as it may learns nothing, and all its packets
 * come up: they go on at a rate. */
static void test_full(void **state)
{
	const struct mac mac = mac_number(1);
	struct engine *e = make("a", 1);
	struct entry_view v;
	uint32_t n;

	(void)state;
	tell(e, EVENT_STARTED);
	add_trusted(e, PORT);
	add_trusted(e, OTHER_PORT);
	send_from(e, PORT, &mac);
	drain(e);
	assert_int_equal(place_of(e, &mac), PORT);
	assert_int_equal(n_went_on(e, OTHER_PORT, MAX_LAZY_FLOWS_PER_PORT),
			 MAX_LAZY_FLOWS_PER_PORT);
	n = n_went_on(e, OTHER_PORT, 5000);
	assert_in_range(n, 1, 500);
	/* One that moves there is no longer where it was. */
	send_from(e, OTHER_PORT, &mac);
	drain(e);
	assert_false(may_send(e, PORT, &mac));
	assert_false(engine_find_mac(e, VNI, &mac, &v));
	/* Once it is back it is learnt again. */
	send_from(e, PORT, &mac);
	drain(e);
	assert_int_equal(place_of(e, &mac), PORT);
	assert_true(may_send(e, PORT, &mac));
	engine_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_declared),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
