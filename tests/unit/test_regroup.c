/* SPDX-License-Identifier: Apache-2.0 */
/* Whose group frames are looked at again, and who got copies before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/alloc.h"
#include "core/copied.h"
#include "core/regroup.h"

#define KIND 7

struct fixture {
	struct timerq timers;
	struct regroup r;
	usec_t now;
};

static int set_up(void **state)
{
	struct fixture *f = core_alloc(sizeof(*f));

	f->now = USEC_PER_SEC;
	regroup_init(&f->r, 1, &f->timers, KIND);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	regroup_free(&f->r);
	timerq_free(&f->timers);
	free(f);
	return 0;
}

/* How many are made anew now, and the last of them. */
static uint32_t run(struct fixture *f, bool is_hurried, vni_t *ret_last)
{
	struct timer *t;
	uint32_t n = 0;

	while ((t = timerq_expire(&f->timers, f->now))) {
		assert_int_equal(t->kind, KIND);
		regroup_timer(&f->r,
			      CONTAINER_OF(t, struct regroup_network, timer));
	}
	while (regroup_next(&f->r, f->now, is_hurried, ret_last))
		n++;
	return n;
}

/* The first change at once, all later ones together. */
static void test_pause(void **state)
{
	struct fixture *f = *state;
	vni_t vni = 0;
	int i;

	regroup_changed(&f->r, 100);
	assert_int_equal(run(f, false, &vni), 1);
	assert_int_equal(vni, 100);
	for (i = 0; i < 50; i++) {
		regroup_changed(&f->r, 100);
		assert_int_equal(run(f, false, &vni), 0);
	}
	assert_int_equal(timerq_deadline(&f->timers),
			 f->now + REGROUP_PAUSE_US);
	f->now += REGROUP_PAUSE_US;
	assert_int_equal(run(f, false, &vni), 1);
	/* Nothing more has changed: it is forgotten, and the next is first. */
	f->now += REGROUP_PAUSE_US;
	assert_int_equal(run(f, false, &vni), 0);
	assert_int_equal(f->r.table.n, 0);
	assert_int_equal(timerq_deadline(&f->timers), USEC_NEVER);
	regroup_changed(&f->r, 100);
	assert_int_equal(run(f, false, &vni), 1);
}

/* One that rests does not keep another waiting. */
static void test_others(void **state)
{
	struct fixture *f = *state;
	vni_t vni = 0;

	regroup_changed(&f->r, 100);
	assert_int_equal(run(f, false, &vni), 1);
	regroup_changed(&f->r, 100);
	regroup_changed(&f->r, 200);
	regroup_changed(&f->r, 200);
	assert_int_equal(run(f, false, &vni), 1);
	assert_int_equal(vni, 200);
	f->now += REGROUP_PAUSE_US / 2;
	regroup_changed(&f->r, 200);
	assert_int_equal(run(f, true, &vni), 2);
	/* What was hurried rests from then on. */
	regroup_changed(&f->r, 100);
	f->now += REGROUP_PAUSE_US / 2;
	assert_int_equal(run(f, false, &vni), 0);
	f->now += REGROUP_PAUSE_US / 2;
	assert_int_equal(run(f, false, &vni), 1);
	assert_int_equal(vni, 100);
}

static struct ip ip_number(uint8_t n)
{
	const uint8_t v4[4] = { 192, 0, 2, n };

	return ip_from_v4(v4);
}

/* A flow of @recirc_id with copies for the peers at @first and the next. */
static void found(struct copied *c, uint32_t recirc_id, uint8_t first)
{
	const struct flow_match m = { .recirc_id = recirc_id };
	struct flow_actions a = { 0 };
	uint8_t i;

	for (i = 0; i < 2; i++) {
		const struct flow_tunnel t = { .dst = ip_number(
						       (uint8_t)(first + i)) };

		flow_set_tunnel(&a, &t);
		flow_output(&a, PORT_NO_VXLAN);
	}
	copied_found(c, &m, &a);
	flow_actions_free(&a);
}

static bool is_seven(const void *ctx, const struct ip *ip)
{
	(void)ctx;
	return ip->b[15] == 7;
}

static void test_copied(void **state)
{
	const struct ip one = ip_number(1), two = ip_number(2);
	const struct ip seven = ip_number(7), eight = ip_number(8);
	struct copied c;
	vni_t vni = 0;

	(void)state;
	copied_init(&c, 1);
	found(&c, RECIRC_PEERS(100, 0), 1);
	found(&c, RECIRC_PEERS(100, 0), 1);
	found(&c, RECIRC_PEERS(200, 3), 1);
	found(&c, RECIRC_PEERS(100, 1), 7);
	/* Those of one peer say nothing about groups. */
	found(&c, RECIRC_LOCAL(300), 1);
	found(&c, RECIRC_LONG(300), 1);
	assert_true(copied_has(&c, &one, 100) && copied_has(&c, &one, 200));
	assert_false(copied_has(&c, &one, 300));
	assert_false(copied_has(&c, &seven, 200));
	assert_true(copied_take(&c, &one, &vni));
	assert_true(vni == 100 || vni == 200);
	assert_false(copied_has(&c, &one, vni));
	assert_true(copied_take(&c, &one, &vni));
	assert_false(copied_take(&c, &one, &vni));
	assert_true(copied_has(&c, &two, 100) && copied_has(&c, &two, 200));
	copied_release(&c, is_seven, NULL);
	assert_true(copied_has(&c, &seven, 100));
	assert_false(copied_has(&c, &eight, 100));
	assert_false(copied_has(&c, &two, 200));
	copied_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pause, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_others, set_up, tear_down),
		cmocka_unit_test(test_copied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
