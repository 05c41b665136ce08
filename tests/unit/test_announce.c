/* SPDX-License-Identifier: Apache-2.0 */
/* What sessions are told of our entries: a snapshot, then what changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/announce.h"

#define US 1U
#define N_MACS 600U

static struct announce a;
static struct directory *d;
static struct entry list[MESSAGE_MAX_ENTRIES];
static uint64_t revision;

/* The other end: what it has heard. */
struct listener {
	struct feed feed;
	bool has[N_MACS], is_named[N_MACS];
	uint64_t revision[N_MACS];
	bool is_complete;
	uint32_t n_messages, n_entries;
};

static int setup(void **state)
{
	(void)state;
	announce_init(&a, 5);
	d = directory_new(5);
	revision = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	announce_free(&a);
	directory_free(d);
	return 0;
}

static struct entry entry_of(uint32_t n)
{
	struct entry e;

	memset(&e, 0, sizeof(e));
	e.vni = 9;
	e.mac.b[0] = 2;
	e.mac.b[4] = (uint8_t)(n >> 8);
	e.mac.b[5] = (uint8_t)n;
	return e;
}

static void own(uint32_t n)
{
	struct entry e = entry_of(n);

	e.revision = ++revision;
	directory_put(d, 0, US, &e, 16);
	announce_changed(&a, e.vni, &e.mac, false);
}

static void disown(uint32_t n)
{
	const struct entry e = entry_of(n);

	if (directory_withdraw(d, 0, US, e.vni, &e.mac))
		announce_changed(&a, e.vni, &e.mac, true);
}

/* One message, as member.c takes it. */
static bool hear(struct listener *l)
{
	struct message m;
	uint32_t i;

	if (!feed_poll(&a, &l->feed, d, US, list, &m))
		return false;
	l->n_messages++;
	l->n_entries += m.entries.n;
	assert_int_equal(m.type, MESSAGE_ENTRIES);
	assert_in_range(m.entries.n, 0, MESSAGE_MAX_ENTRIES);
	if (m.entries.is_first)
		memset(l->is_named, 0, sizeof(l->is_named));
	for (i = 0; i < m.entries.n; i++) {
		const struct entry *e = &m.entries.list[i];
		const uint32_t n = (uint32_t)e->mac.b[4] << 8 | e->mac.b[5];

		l->has[n] = !(e->flags & ENTRY_WITHDRAWN);
		l->is_named[n] = true;
		l->revision[n] = e->revision;
	}
	for (i = 0; m.entries.is_last && i < N_MACS; i++)
		l->has[i] &= l->is_named[i];
	l->is_complete |= m.entries.is_last;
	return true;
}

static void assert_same(const struct listener *l)
{
	uint32_t n;

	assert_true(l->is_complete);
	for (n = 0; n < N_MACS; n++) {
		const struct entry e = entry_of(n);
		const struct claim *c = directory_find_claim(d, e.vni, &e.mac,
							     US);

		if (l->has[n] != (c != NULL))
			fail_msg("entry %u", n);
		if (c)
			assert_true(l->revision[n] == c->revision);
	}
}

static void test_empty(void **state)
{
	struct listener l = { 0 };

	(void)state;
	feed_open(&a, &l.feed);
	/* Even of nothing there is a snapshot: what was is stale. */
	assert_true(hear(&l));
	assert_true(l.is_complete);
	assert_false(hear(&l));
	own(1);
	assert_true(hear(&l));
	assert_false(hear(&l));
	assert_same(&l);
	feed_close(&a, &l.feed);
}

static void test_snapshot_and_deltas(void **state)
{
	struct listener l = { 0 };
	uint32_t i;

	(void)state;
	for (i = 0; i < 300; i++)
		own(i);
	feed_open(&a, &l.feed);
	l.has[555] = true; /* of an earlier session */
	assert_true(hear(&l) && !l.is_complete);
	assert_true(hear(&l) && !l.is_complete);
	assert_true(hear(&l) && l.is_complete);
	assert_false(hear(&l));
	assert_int_equal(l.n_entries, 300);
	assert_same(&l);
	own(5);
	own(5);
	disown(6);
	own(7);
	disown(7);
	assert_true(hear(&l));
	assert_false(hear(&l));
	assert_int_equal(l.n_entries, 303); /* one each */
	assert_same(&l);
	feed_close(&a, &l.feed);
}

/* What changes while the snapshot is on its way. */
static void test_during_snapshot(void **state)
{
	struct listener l = { 0 };
	uint32_t i;

	(void)state;
	for (i = 0; i < 400; i++)
		own(i);
	feed_open(&a, &l.feed);
	assert_true(hear(&l));
	own(3);	   /* was sent */
	disown(4); /* was sent */
	own(300);  /* is to come */
	disown(301);
	own(500);
	disown(128); /* the very next */
	while (hear(&l))
		;
	assert_same(&l);
	feed_close(&a, &l.feed);
}

static void test_withdrawn_are_collected(void **state)
{
	struct listener l = { 0 };
	uint32_t i;

	(void)state;
	/* Nobody listens: nothing is kept of what came and went. */
	for (i = 0; i < 1000; i++) {
		own(i % N_MACS);
		disown(i % N_MACS);
	}
	assert_int_equal(a.table.n, 0);
	feed_open(&a, &l.feed);
	own(1);
	hear(&l);
	disown(1);
	assert_int_equal(a.table.n, 1);
	while (hear(&l))
		;
	assert_int_equal(a.table.n, 0);
	own(2);
	disown(2);
	feed_close(&a, &l.feed); /* the last listener */
	assert_int_equal(a.table.n, 0);
	feed_close(&a, &l.feed);
}

static void test_random(void **state)
{
	struct listener l[4];
	bool is_open[4] = { false };
	uint64_t r = 9;
	uint32_t i, k;

	(void)state;
	memset(l, 0, sizeof(l));
	for (i = 0; i < 100000; i++) {
		r = core_hash(&i, sizeof(i), r);
		k = r >> 8 & 3;
		switch (r % 16) {
		case 0:
			if (is_open[k])
				feed_close(&a, &l[k].feed);
			else
				feed_open(&a, &l[k].feed);
			is_open[k] = !is_open[k];
			l[k].is_complete = false;
			break;
		case 1:
		case 2:
		case 3:
			if (is_open[k])
				hear(&l[k]);
			break;
		case 4:
			while (is_open[k] && hear(&l[k]))
				;
			if (is_open[k])
				assert_same(&l[k]);
			break;
		default:
			if (r >> 16 & 1)
				own((uint32_t)(r >> 20) % N_MACS);
			else
				disown((uint32_t)(r >> 20) % N_MACS);
			break;
		}
	}
	for (k = 0; k < 4; k++) {
		if (!is_open[k])
			continue;
		while (hear(&l[k]))
			;
		assert_same(&l[k]);
		feed_close(&a, &l[k].feed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		TEST(test_empty),	    TEST(test_snapshot_and_deltas),
		TEST(test_during_snapshot), TEST(test_withdrawn_are_collected),
		TEST(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
