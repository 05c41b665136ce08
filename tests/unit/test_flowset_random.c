/* SPDX-License-Identifier: Apache-2.0 */
/* Wanted flows against those of a kernel that refuses, over long histories. */
#include "flowset_sent.h"

/*
 * At random, with a kernel that refuses now and then: after each drain it has
 * what is wanted, and nothing is put as it is there already.
 */
#define N_FLOWS 24

struct kernel {
	port_no_t port[N_FLOWS]; /* 0: not there */
	bool is_unsure[N_FLOWS]; /* refused: may be put in any form */
};

static void serve(struct fixture *f, struct kernel *k, unsigned int refusals)
{
	const struct flow_actions *actions;
	struct flow_match m;
	enum flowset_op op;
	uint32_t n;

	while (flowset_poll(&f->fs, &op, &m, &actions)) {
		n = number_of(&m);
		if (op == FLOWSET_DELETE) {
			k->port[n] = 0;
			k->is_unsure[n] = false;
		} else if (op == FLOWSET_PUT &&
			   core_hash(&f->now, sizeof(f->now), n) % 100 <
				   refusals) {
			flowset_refused(&f->fs, f->now, &m);
			k->is_unsure[n] = true;
		} else if (op == FLOWSET_PUT) {
			assert_true(k->port[n] != actions->list[0].port ||
				    k->is_unsure[n]);
			k->port[n] = actions->list[0].port;
			k->is_unsure[n] = false;
		} else {
			flowset_used(&f->fs, f->now, &m, k->port[n] != 0,
				     f->now % 3 ? 0 : USEC_NEVER);
		}
	}
}

static void compare(struct fixture *f, const struct kernel *k)
{
	uint32_t n;

	for (n = 0; n < N_FLOWS; n++) {
		const struct flow_match m = match_of(n);
		const struct flow_slot *slot = flowset_find(&f->fs, &m);

		if (!slot) {
			assert_int_equal(k->port[n], 0);
			continue;
		}
		flowset_check(&f->fs, slot);
		assert_int_not_equal(slot->state, SLOT_PUT);
		assert_int_not_equal(slot->state, SLOT_DELETE);
		if (slot->state != SLOT_REFUSED)
			assert_int_equal(k->port[n],
					 slot->actions.list[0].port);
	}
}

static void step(struct fixture *f, struct kernel *k, uint64_t r)
{
	const uint32_t n = (uint32_t)(r >> 8) % N_FLOWS;
	const port_no_t port = 16 + (port_no_t)(r >> 16) % 3;

	switch (r % 8) {
	case 0:
	case 1:
	case 2:
		want(f, n, port);
		break;
	case 3:
		lazy(f, n, port);
		break;
	case 4:
	case 5:
	case 6:
		unwant(f, n);
		break;
	default:
		if (r >> 24 & 31)
			break;
		memset(k, 0, sizeof(*k));
		flowset_lost(&f->fs);
		break;
	}
}

static void test_random(void **state)
{
	struct fixture *f = *state;
	struct kernel k = { 0 };
	uint64_t r = 42;
	uint32_t i;

	for (i = 0; i < N_FLOWS / 2; i++) {
		k.port[i] = 16 + i % 3;
		found(f, i, k.port[i], 0);
	}
	for (i = 0; i < 200000; i++) {
		r = core_hash(&i, sizeof(i), r);
		step(f, &k, r);
		if (r >> 40 & 1)
			continue;
		pass(f, r >> 41 & 3 ? 1000 : 7 * USEC_PER_SEC);
		serve(f, &k, i % 1000 < 500 ? 0 : 10);
		/* What was refused may owe a delete. */
		serve(f, &k, 0);
		compare(f, &k);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		TEST(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
