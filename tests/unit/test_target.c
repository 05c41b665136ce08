/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses to dial and their back-off; ports; announcements of moves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/alloc.h"
#include "core/neighbour.h"
#include "core/port.h"
#include "core/target.h"

#define PEER 77U

static struct timerq timers;
static struct targets ts;
static usec_t now;

static int setup(void **state)
{
	(void)state;
	memset(&timers, 0, sizeof(timers));
	now = USEC_PER_SEC;
	targets_init(&ts, &timers, 1, 4);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	targets_free(&ts);
	timerq_free(&timers);
	return 0;
}

static void pass(usec_t us)
{
	struct timer *t;

	now += us;
	while ((t = timerq_expire(&timers, now)))
		target_timer(&ts, CONTAINER_OF(t, struct target, timer));
}

static struct endpoint endpoint_of(uint8_t n)
{
	const uint8_t v4[4] = { 192, 0, 2, n };
	const struct endpoint e = { .ip = ip_from_v4(v4), .port = 6783 };

	return e;
}

static void test_backoff(void **state)
{
	struct target *t = targets_add(&ts, now, "host1", 6783, true);
	usec_t pause = 250 * USEC_PER_MS;
	int i;

	(void)state;
	pass(0);
	assert_ptr_equal(targets_poll(&ts), t);
	assert_null(targets_poll(&ts));
	for (i = 0; i < 12; i++) {
		assert_int_equal(target_failed(&ts, now, t, REASON_REFUSED),
				 i == 0);
		pass(pause * 3 / 4 - 1);
		assert_null(targets_poll(&ts));
		pass(pause / 2 + 1);
		assert_ptr_equal(targets_poll(&ts), t);
		pause = pause * 2 > 30 * USEC_PER_SEC ? 30 * USEC_PER_SEC
						      : pause * 2;
	}
	assert_true(target_failed(&ts, now, t, REASON_UNREACHABLE));
	/* Asked for again: at once, and from the beginning. */
	assert_ptr_equal(targets_add(&ts, now, "host1", 6783, false), t);
	assert_true(t->is_configured);
	pass(0);
	assert_ptr_equal(targets_poll(&ts), t);
	target_failed(&ts, now, t, REASON_REFUSED);
	pass(320 * USEC_PER_MS);
	assert_ptr_equal(targets_poll(&ts), t);
}

static void test_hopeless(void **state)
{
	struct target *t = targets_add(&ts, now, "host1", 6783, true);

	(void)state;
	pass(0);
	targets_poll(&ts);
	target_failed(&ts, now, t, REASON_OURSELVES);
	pass(59 * USEC_PER_SEC);
	assert_null(targets_poll(&ts));
	pass(1 * USEC_PER_SEC);
	assert_ptr_equal(targets_poll(&ts), t);
}

static void test_connected(void **state)
{
	struct target *a = targets_add(&ts, now, "host1", 6783, true);
	struct target *b = targets_add(&ts, now, "192.0.2.1", 6783, true);

	(void)state;
	pass(0);
	assert_ptr_equal(targets_poll(&ts), a);
	assert_ptr_equal(targets_poll(&ts), b);
	target_answers(&ts, a, PEER);
	target_answers(&ts, b, PEER);
	targets_connected(&ts, PEER);
	assert_false(target_failed(&ts, now, b, REASON_TIMED_OUT));
	pass(1000 * USEC_PER_SEC);
	assert_null(targets_poll(&ts));
	targets_disconnected(&ts, now, PEER, 1000 * USEC_PER_SEC);
	pass(0);
	assert_null(targets_poll(&ts)); /* not all at the same moment */
	pass(100 * USEC_PER_MS);
	assert_non_null(targets_poll(&ts));
	assert_non_null(targets_poll(&ts));
}

/* One that begins and ends at once, again and again, as a clone's do. */
static void test_refused_at_once(void **state)
{
	struct target *t = targets_add(&ts, now, "host1", 6783, true);
	const usec_t end = now + 600 * USEC_PER_SEC;
	uint32_t n = 0;

	(void)state;
	while (now < end) {
		pass(10 * USEC_PER_MS);
		if (!targets_poll(&ts))
			continue;
		n++;
		target_answers(&ts, t, PEER);
		targets_connected(&ts, PEER);
		targets_disconnected(&ts, now, PEER, USEC_PER_MS);
	}
	assert_in_range(n, 10, 40);
	/* It is forgiven once it has lasted. */
	targets_connected(&ts, PEER);
	targets_disconnected(&ts, now, PEER, 2 * USEC_PER_SEC);
	pass(100 * USEC_PER_MS);
	assert_ptr_equal(targets_poll(&ts), t);
}

static void test_discovered(void **state)
{
	const struct endpoint one = endpoint_of(1), two = endpoint_of(2);
	struct target *t, *c;
	int i;

	(void)state;
	t = targets_discover(&ts, now, PEER, &one);
	assert_string_equal(t->host, "192.0.2.1");
	assert_ptr_equal(targets_discover(&ts, now, PEER, &one), t);
	assert_int_equal(ts.n, 1);
	/* A configured one that answered as this peer serves. */
	c = targets_add(&ts, now, "host1", 6783, true);
	target_answers(&ts, c, 78);
	assert_ptr_equal(targets_discover(&ts, now, 78, &two), c);
	/* Forgotten when nobody answers for a day. */
	for (i = 0; i < 2000 && ts.n == 2; i++) {
		pass(150 * USEC_PER_SEC);
		while (targets_poll(&ts))
			;
		target_failed(&ts, now, t, REASON_TIMED_OUT);
	}
	assert_int_equal(i, 721);
	assert_int_equal(ts.n, 1);
	assert_non_null(targets_discover(&ts, now, PEER, &one));
	target_answers(&ts, c, PEER);
	targets_forget(&ts, PEER, false);
	assert_int_equal(ts.n, 1); /* the configured one stays */
	/* Told first, configured later: it is not forgotten. */
	t = targets_discover(&ts, now, 79, &two);
	assert_ptr_equal(targets_add(&ts, now, "192.0.2.2", 6783, true), t);
	targets_forget(&ts, 79, false);
	assert_int_equal(ts.n, 2);
}

static void fail_times(struct target *t, int n_times)
{
	while (n_times-- > 0) {
		pass(150 * USEC_PER_SEC);
		while (targets_poll(&ts))
			;
		target_failed(&ts, now, t, REASON_TIMED_OUT);
	}
}

/*
 * One that is silent is perhaps behind a cut, and peers that see it never tell
 * of it again: it is dialled on, and at once when somebody does tell.
 */
static void test_estranged(void **state)
{
	const struct endpoint one = endpoint_of(1), two = endpoint_of(2);
	struct target *t = targets_discover(&ts, now, PEER, &one);

	(void)state;
	targets_connected(&ts, PEER);
	targets_disconnected(&ts, now, PEER, USEC_NEVER);
	fail_times(t, 3);
	targets_forget(&ts, PEER, true);
	assert_int_equal(ts.n, 1);
	assert_int_equal(t->peer_id, PEER_ID_NONE);
	fail_times(t, 30);
	assert_in_range(timerq_deadline(&timers), now + 90 * USEC_PER_SEC,
			now + 150 * USEC_PER_SEC);
	assert_ptr_equal(targets_discover(&ts, now, PEER, &one), t);
	assert_in_range(timerq_deadline(&timers), now, now + USEC_PER_SEC);
	pass(USEC_PER_SEC);
	assert_ptr_equal(targets_poll(&ts), t);
	target_failed(&ts, now, t, REASON_TIMED_OUT);
	/* Not as often as somebody says so. */
	assert_ptr_equal(targets_discover(&ts, now, PEER, &one), t);
	assert_true(timerq_deadline(&timers) > now + 80 * USEC_PER_SEC);
	/* It is at another place now. */
	assert_ptr_not_equal(targets_discover(&ts, now, PEER, &two), t);
	targets_forget(&ts, PEER, false);
	assert_int_equal(ts.n, 1);
}

static void test_no_room(void **state)
{
	const struct endpoint one = endpoint_of(1), two = endpoint_of(2);
	const struct endpoint three = endpoint_of(3);
	struct target *silent = targets_discover(&ts, now, PEER, &one);
	uint32_t i;

	(void)state;
	for (i = 1; i < MAX_TARGETS; i++)
		assert_non_null(
			targets_add(&ts, now, "host1", (uint16_t)i, true));
	assert_null(targets_discover(&ts, now, 78, &two));
	fail_times(silent, 13);
	assert_non_null(targets_discover(&ts, now, 78, &two));
	assert_null(targets_find_host(&ts, "192.0.2.1", 6783));
	assert_null(targets_discover(&ts, now, 79, &three));
	assert_int_equal(ts.n, MAX_TARGETS);
}

/* Found by place and by peer as they come, go and answer as another. */
static void test_places(void **state)
{
	const struct endpoint where = endpoint_of(200);
	struct target *t, *list[100];
	uint32_t i;

	(void)state;
	for (i = 0; i < 100; i++) {
		list[i] = targets_add(&ts, now, "host1", (uint16_t)(1 + i),
				      true);
		target_answers(&ts, list[i], 1000 + i / 2);
	}
	for (i = 0; i < 100; i++)
		assert_ptr_equal(targets_find_host(&ts, "host1",
						   (uint16_t)(1 + i)),
				 list[i]);
	assert_null(targets_find_host(&ts, "host2", 1));
	assert_null(targets_find_host(&ts, "host1", 101));
	t = targets_discover(&ts, now, 1000, &where);
	assert_true(t == list[0] || t == list[1]);
	targets_remove(&ts, t);
	t = t == list[0] ? list[1] : list[0];
	assert_ptr_equal(targets_discover(&ts, now, 1000, &where), t);
	/* It is another one that answers there now: nobody's place is known. */
	target_answers(&ts, t, 2000);
	assert_ptr_equal(targets_discover(&ts, now, 2000, &where), t);
	t = targets_discover(&ts, now, 1000, &where);
	assert_true(t->is_discovered);
	assert_int_equal(ts.n, 100);
}

/* Another host has the identity: where the old one was somebody else may be. */
static void test_doubt(void **state)
{
	struct target *old = targets_add(&ts, now, "host1", 6783, true);
	struct target *new = targets_add(&ts, now, "host2", 6783, true);

	(void)state;
	pass(0);
	assert_ptr_equal(targets_poll(&ts), old);
	assert_ptr_equal(targets_poll(&ts), new);
	target_answers(&ts, old, PEER);
	targets_connected(&ts, PEER);
	target_answers(&ts, new, PEER);
	targets_doubt(&ts, now, PEER, new->id);
	targets_connected(&ts, PEER);
	assert_int_equal(new->state, TARGET_CONNECTED);
	pass(100 * USEC_PER_MS);
	assert_ptr_equal(targets_poll(&ts), old);
	assert_null(targets_poll(&ts));
	/* The same when it was forgotten in between. */
	target_answers(&ts, old, PEER);
	targets_forget(&ts, PEER, false);
	assert_int_equal(old->peer_id, PEER_ID_NONE);
}

/* Where a clone was said to be another one is: it is dialled. */
static void test_said(void **state)
{
	const struct endpoint one = endpoint_of(1), two = endpoint_of(2);
	struct target *t = targets_discover(&ts, now, PEER, &one);
	struct target *clone = targets_discover(&ts, now, PEER, &two);

	(void)state;
	targets_connected(&ts, PEER);
	pass(60 * USEC_PER_SEC);
	assert_null(targets_poll(&ts));
	assert_ptr_equal(targets_discover(&ts, now, 80, &two), clone);
	targets_say(&ts, now, clone, 80);
	assert_true(clone->peer_id == 80);
	pass(100 * USEC_PER_MS);
	assert_ptr_equal(targets_poll(&ts), clone);
	assert_null(targets_poll(&ts));
	/* That it is being dialled, or waits to be, does not change. */
	targets_say(&ts, now, clone, 81);
	assert_int_equal(clone->state, TARGET_DIALLING);
	assert_int_equal(t->state, TARGET_CONNECTED);
}

static void test_target_limits(void **state)
{
	char longest[MAX_HOST + 1];
	uint32_t i;

	(void)state;
	memset(longest, 'a', sizeof(longest));
	longest[MAX_HOST] = '\0';
	assert_null(targets_add(&ts, now, longest, 6783, true));
	longest[MAX_HOST - 1] = '\0';
	assert_non_null(targets_add(&ts, now, longest, 6783, true));
	assert_null(targets_add(&ts, now, "", 6783, true));
	assert_null(targets_add(&ts, now, "a", 0, true));
	for (i = 1; i < MAX_TARGETS; i++)
		assert_non_null(targets_add(&ts, now, "a", (uint16_t)i, true));
	assert_null(targets_add(&ts, now, "a", (uint16_t)i, true));
	assert_non_null(targets_add(&ts, now, "a", 1, true));
}

static void test_ip_text(void **state)
{
	struct ip ip = endpoint_of(255).ip;
	char text[MAX_HOST];

	(void)state;
	ip_text(&ip, text);
	assert_string_equal(text, "192.0.2.255");
	memset(&ip, 0, sizeof(ip));
	ip.b[0] = 0x20;
	ip.b[1] = 0x01;
	ip.b[2] = 0x0d;
	ip.b[3] = 0xb8;
	ip.b[15] = 1;
	ip_text(&ip, text);
	assert_string_equal(text, "2001:db8:0:0:0:0:0:1");
}

static void test_ports(void **state)
{
	static const port_no_t order[] = { 20, 16, 0, 18 };
	static const port_no_t sorted[] = { 0, 16, 18, 20 };
	struct port port = { .vni = 9 };
	struct local_port *p;
	struct ports ps;
	size_t i = 0;

	(void)state;
	ports_init(&ps);
	for (i = 0; i < 4; i++) {
		port.port_no = order[i];
		assert_non_null(ports_put(&ps, &port));
	}
	port.is_trusted = true;
	port.vni = 10;
	p = ports_put(&ps, &port); /* in place */
	assert_int_equal(ps.n, 4);
	assert_true(ports_has_trusted(&ps, 10) && ports_has_network(&ps, 9));
	assert_false(ports_has_trusted(&ps, 9) || ports_has_network(&ps, 8));
	i = 0;
	EACH_PORT(&ps, node)
		assert_int_equal(PORT_OF(node)->port.port_no, sorted[i++]);
	ports_remove(&ps, p);
	assert_null(ports_find(&ps, 18));
	for (i = ps.n; i < MAX_PORTS; i++) {
		port.port_no = (port_no_t)(100 + i);
		p = ports_put(&ps, &port);
		assert_non_null(p);
		assert_ptr_equal(ports_find(&ps, port.port_no), p);
	}
	assert_int_equal(ports_find(&ps, 16)->port.port_no, 16);
	port.port_no = 99;
	assert_null(ports_put(&ps, &port));
	ports_free(&ps);
}

static struct neighbours ns;

static void pass_neighbours(usec_t us)
{
	struct timer *t;

	now += us;
	while ((t = timerq_expire(&timers, now)))
		neighbour_timer(&ns, CONTAINER_OF(t, struct neighbour, timer));
}

static void test_neighbours(void **state)
{
	const struct ip ip = endpoint_of(1).ip;
	const struct mac a = { { 2, 0, 0, 0, 0, 1 } };
	const struct mac b = { { 2, 0, 0, 0, 0, 2 } };
	struct mac mac;
	struct ip asked;
	uint32_t n = 0, i;
	vni_t vni;

	(void)state;
	neighbours_init(&ns, &timers, 2);
	assert_false(neighbours_poll(&ns, now, &vni, &asked, &mac));
	neighbours_moved(&ns, now, 9, &ip, &a);
	pass_neighbours(0);
	assert_true(neighbours_poll(&ns, now, &vni, &asked, &mac));
	assert_true(vni == 9 && ip_equal(&asked, &ip) && mac_equal(&mac, &a));
	assert_false(neighbours_poll(&ns, now, &vni, &asked, &mac));
	/* The newest word counts, from the beginning. */
	neighbours_moved(&ns, now, 9, &ip, &b);
	for (i = 0; i < 100; i++) {
		pass_neighbours(100 * USEC_PER_MS);
		while (neighbours_poll(&ns, now, &vni, &asked, &mac)) {
			assert_true(mac_equal(&mac, &b));
			n++;
		}
	}
	assert_in_range(n, 3, 5);
	assert_int_equal(ns.n, 0);
	for (i = 0; i <= MAX_NEIGHBOURS; i++)
		neighbours_moved(&ns, now, 10 + i, &ip, &a);
	assert_int_equal(ns.n, MAX_NEIGHBOURS);
	pass_neighbours(0);
	assert_true(neighbours_poll(&ns, now, &vni, &asked, &mac));
	assert_int_equal(vni, 11); /* the oldest has gone */
	neighbours_free(&ns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		TEST(test_backoff),	    TEST(test_hopeless),
		TEST(test_refused_at_once), TEST(test_connected),
		TEST(test_discovered),	    TEST(test_places),
		TEST(test_doubt),	    TEST(test_said),
		TEST(test_estranged),	    TEST(test_no_room),
		TEST(test_target_limits),   TEST(test_ip_text),
		TEST(test_ports),	    TEST(test_neighbours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
