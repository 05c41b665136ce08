/* SPDX-License-Identifier: Apache-2.0 */
/* Peers: which path carries packets, sessions, whose turn it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/peer.h"

#define INTERVAL (300 * USEC_PER_MS)

struct play {
	struct peers peers;
	struct peer *p;
	usec_t now;
	unsigned int n_changes;
};

static void begin(struct play *pl)
{
	*pl = (struct play){ .now = 1000 * USEC_PER_SEC };
	peers_init(&pl->peers, 1);
	pl->p = peers_add(&pl->peers, 7, pl->now, INTERVAL, 0);
	pl->p->hello.can_fastdp = true;
	pl->p->hello.can_sleeve = true;
	pl->p->remote.ip.b[15] = 1;
}

static void end(struct play *pl)
{
	peers_remove(&pl->peers, pl->p);
	peer_free(pl->p);
	peers_free(&pl->peers);
}

static void set(struct play *pl, enum path_kind kind, enum path_state state)
{
	struct path *path = &pl->p->paths[kind];

	if (path->state != state)
		path->since = pl->now;
	path->state = state;
	path->reason = state == PATH_UP ? REASON_ACKNOWLEDGED
					: REASON_NO_ANSWER;
	pl->n_changes += peer_choose(pl->p, pl->now);
}

/* Time goes on; the choice is looked at whenever it may change by itself. */
static void pass(struct play *pl, usec_t us)
{
	const usec_t until = pl->now + us;

	while (peer_choice_deadline(pl->p) <= until) {
		pl->now = peer_choice_deadline(pl->p);
		pl->n_changes += peer_choose(pl->p, pl->now);
	}
	pl->now = until;
}

static enum path_kind carrier(const struct play *pl)
{
	enum path_kind kind;

	assert_true(peer_carrier(pl->p, &kind));
	return kind;
}

static void test_preference(void **state)
{
	struct play pl;

	(void)state;
	begin(&pl);
	assert_false(pl.p->has_choice);
	assert_int_equal(carrier(&pl), PATH_FASTDP);
	set(&pl, PATH_FASTDP, PATH_DOWN);
	set(&pl, PATH_SLEEVE, PATH_UP);
	assert_int_equal(carrier(&pl), PATH_SLEEVE);
	/* What matters is why it is not fastdp. */
	assert_int_equal(pl.p->choice_reason, REASON_NO_ANSWER);
	end(&pl);
}

/* Fastdp will be known in a moment: no move to sleeve and back at the start. */
static void test_start(void **state)
{
	struct play pl;

	(void)state;
	begin(&pl);
	pl.p->paths[PATH_FASTDP].state = PATH_PROBING;
	set(&pl, PATH_SLEEVE, PATH_UP);
	assert_false(pl.p->has_choice);
	set(&pl, PATH_FASTDP, PATH_UP);
	assert_int_equal(pl.p->choice, PATH_FASTDP);
	assert_int_equal(pl.n_changes, 1);
	end(&pl);
}

/*
 * Fastdp is not answered while sleeve is: after a restart beside a block its
 * failure is not waited for.
 */
static void test_start_without_fastdp(void **state)
{
	struct play pl;
	struct path *sleeve;

	(void)state;
	begin(&pl);
	sleeve = &pl.p->paths[PATH_SLEEVE];
	pl.p->paths[PATH_FASTDP].n_waiting = 2;
	set(&pl, PATH_FASTDP, PATH_PROBING);
	sleeve->alive_at = pl.now;
	set(&pl, PATH_SLEEVE, PATH_UP);
	assert_false(pl.p->has_choice);
	sleeve->alive_at = pl.now + INTERVAL;
	set(&pl, PATH_SLEEVE, PATH_UP);
	assert_false(pl.p->has_choice); /* it was hardly asked */
	pl.p->paths[PATH_FASTDP].n_waiting = 3;
	sleeve->alive_at--;
	set(&pl, PATH_SLEEVE, PATH_UP);
	assert_false(pl.p->has_choice);
	sleeve->alive_at++;
	set(&pl, PATH_SLEEVE, PATH_UP);
	assert_int_equal(carrier(&pl), PATH_SLEEVE);
	assert_int_equal(pl.p->choice_reason, REASON_NO_ANSWER);
	set(&pl, PATH_FASTDP, PATH_DOWN);
	assert_int_equal(pl.n_changes, 1);
	end(&pl);
}

/* With no path: not that there cannot be the other one, which is no news. */
static void test_reason_of_no_path(void **state)
{
	struct play pl;

	(void)state;
	begin(&pl);
	pl.p->paths[PATH_FASTDP].reason = REASON_NO_FASTDP_HERE;
	set(&pl, PATH_SLEEVE, PATH_UP);
	assert_int_equal(pl.p->choice_reason, REASON_NO_FASTDP_HERE);
	set(&pl, PATH_SLEEVE, PATH_DOWN);
	assert_false(pl.p->has_choice);
	assert_int_equal(pl.p->choice_reason, REASON_NO_ANSWER);
	pl.p->paths[PATH_FASTDP].reason = REASON_NO_FASTDP_THERE;
	pl.p->paths[PATH_SLEEVE].reason = REASON_NO_SLEEVE_HERE;
	peer_choose(pl.p, pl.now);
	assert_int_equal(pl.p->choice_reason, REASON_NO_SLEEVE_HERE);
	/* Where there could be both, it is the better one that is missed. */
	pl.p->paths[PATH_FASTDP].reason = REASON_STARTING;
	peer_choose(pl.p, pl.now);
	assert_int_equal(pl.p->choice_reason, REASON_STARTING);
	end(&pl);
}

static void test_failover_and_return(void **state)
{
	struct play pl;

	(void)state;
	begin(&pl);
	set(&pl, PATH_FASTDP, PATH_UP);
	set(&pl, PATH_SLEEVE, PATH_UP);
	set(&pl, PATH_FASTDP, PATH_DOWN);
	assert_int_equal(carrier(&pl), PATH_SLEEVE);
	pass(&pl, 5 * USEC_PER_SEC);
	set(&pl, PATH_FASTDP, PATH_UP);
	assert_int_equal(carrier(&pl), PATH_SLEEVE);
	assert_int_equal(pl.p->choice_reason, REASON_SETTLING);
	pass(&pl, 2 * USEC_PER_SEC);
	assert_int_equal(carrier(&pl), PATH_FASTDP);
	assert_int_equal(pl.p->choice_reason, REASON_ACKNOWLEDGED);
	end(&pl);
}

/* Sleeve fails while fastdp settles: there is nothing to wait for. */
static void test_no_waiting_without_sleeve(void **state)
{
	struct play pl;

	(void)state;
	begin(&pl);
	set(&pl, PATH_SLEEVE, PATH_UP);
	set(&pl, PATH_FASTDP, PATH_UP);
	assert_int_equal(carrier(&pl), PATH_SLEEVE);
	set(&pl, PATH_SLEEVE, PATH_DOWN);
	assert_int_equal(carrier(&pl), PATH_FASTDP);
	set(&pl, PATH_FASTDP, PATH_DOWN);
	assert_false(pl.p->has_choice);
	assert_int_equal(carrier(&pl), PATH_FASTDP);
	end(&pl);
}

/* Three seconds good, one bad, for a while: ever fewer changes. */
static void test_flapping(void **state)
{
	struct play pl;
	unsigned int i;

	(void)state;
	begin(&pl);
	set(&pl, PATH_FASTDP, PATH_UP);
	set(&pl, PATH_SLEEVE, PATH_UP);
	pl.n_changes = 0;
	for (i = 0; i < 60; i++) {
		set(&pl, PATH_FASTDP, PATH_DOWN);
		pass(&pl, USEC_PER_SEC);
		set(&pl, PATH_FASTDP, PATH_UP);
		pass(&pl, 3 * USEC_PER_SEC);
	}
	assert_in_range(pl.n_changes, 1, 6);
	pass(&pl, 60 * USEC_PER_SEC);
	assert_int_equal(carrier(&pl), PATH_FASTDP);
	/* Good for long: believed again as at first. */
	pass(&pl, 600 * USEC_PER_SEC);
	set(&pl, PATH_FASTDP, PATH_DOWN);
	set(&pl, PATH_FASTDP, PATH_UP);
	pass(&pl, 2 * USEC_PER_SEC);
	assert_int_equal(carrier(&pl), PATH_FASTDP);
	end(&pl);
}

/* By their sessions, which come, go and change. */
static void test_sessions(void **state)
{
	struct play pl;
	struct peer *q;

	(void)state;
	begin(&pl);
	q = peers_add(&pl.peers, 8, pl.now, INTERVAL, 0);
	assert_null(peers_find_session(&pl.peers, 0));
	peers_set_session(&pl.peers, pl.p, 1);
	peers_set_session(&pl.peers, q, 2);
	assert_ptr_equal(peers_find_session(&pl.peers, 1), pl.p);
	assert_ptr_equal(peers_find_session(&pl.peers, 2), q);
	peers_set_session(&pl.peers, pl.p, 3);
	assert_null(peers_find_session(&pl.peers, 1));
	assert_ptr_equal(peers_find_session(&pl.peers, 3), pl.p);
	peers_set_session(&pl.peers, pl.p, 0);
	assert_null(peers_find_session(&pl.peers, 3));
	assert_null(peers_find_session(&pl.peers, 0));
	/* One that goes takes its session along. */
	peers_remove(&pl.peers, q);
	peer_free(q);
	assert_null(peers_find_session(&pl.peers, 2));
	end(&pl);
}

/* One after the other until nobody is owed anything; again when one may be. */
static void test_turns(void **state)
{
	struct play pl;
	struct peer *q, *r;

	(void)state;
	begin(&pl);
	q = peers_add(&pl.peers, 8, pl.now, INTERVAL, 0);
	assert_null(peers_turn(&pl.peers));
	peers_owe(&pl.peers);
	assert_ptr_equal(peers_turn(&pl.peers), pl.p);
	assert_ptr_equal(peers_turn(&pl.peers), pl.p);
	peers_quiet(&pl.peers, pl.p);
	assert_ptr_equal(peers_turn(&pl.peers), q);
	peers_quiet(&pl.peers, q);
	assert_null(peers_turn(&pl.peers));
	/* One alone, and no second time. */
	peers_owe_to(&pl.peers, q);
	peers_owe_to(&pl.peers, q);
	assert_ptr_equal(peers_turn(&pl.peers), q);
	peers_quiet(&pl.peers, q);
	assert_null(peers_turn(&pl.peers));
	/* One goes when it was asked, one while it is owed something. */
	r = peers_add(&pl.peers, 9, pl.now, INTERVAL, 0);
	peers_owe(&pl.peers);
	peers_quiet(&pl.peers, pl.p);
	peers_remove(&pl.peers, q);
	peer_free(q);
	assert_ptr_equal(peers_turn(&pl.peers), r);
	peers_quiet(&pl.peers, r);
	assert_null(peers_turn(&pl.peers));
	peers_owe_to(&pl.peers, pl.p);
	peers_remove(&pl.peers, r);
	peer_free(r);
	assert_ptr_equal(peers_turn(&pl.peers), pl.p);
	peers_quiet(&pl.peers, pl.p);
	assert_null(peers_turn(&pl.peers));
	end(&pl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_preference),
		cmocka_unit_test(test_start),
		cmocka_unit_test(test_start_without_fastdp),
		cmocka_unit_test(test_reason_of_no_path),
		cmocka_unit_test(test_failover_and_return),
		cmocka_unit_test(test_no_waiting_without_sleeve),
		cmocka_unit_test(test_flapping),
		cmocka_unit_test(test_sessions),
		cmocka_unit_test(test_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
