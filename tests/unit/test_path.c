/* SPDX-License-Identifier: Apache-2.0 */
/* Liveness of one path, with time fed by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/path.h"

#define INTERVAL (300 * USEC_PER_MS)
#define RTT 500U

struct play {
	struct path p;
	usec_t now;
	/* Which of the next probes are lost; then all arrive again. */
	uint64_t lost;
	bool is_cut; /* all are */
	uint32_t n_sent;
	usec_t down_at; /* 0: it stayed up */
};

static void start(struct play *pl)
{
	memset(pl, 0, sizeof(*pl));
	pl->now = USEC_PER_SEC;
	path_init(&pl->p, pl->now, INTERVAL);
	path_start(&pl->p, pl->now, 7, 0);
}

/* Until @until; every probe that is not lost is answered after RTT. */
static void run(struct play *pl, usec_t until)
{
	bool is_up;

	while (path_deadline(&pl->p) <= until) {
		uint64_t seq;

		pl->now = path_deadline(&pl->p);
		if (path_expired(&pl->p, pl->now)) {
			pl->down_at = pl->now;
			continue;
		}
		assert_true(path_poll(&pl->p, pl->now, &seq));
		pl->n_sent++;
		assert_true(path_deadline(&pl->p) > pl->now);
		if (!pl->is_cut && !(pl->lost & 1))
			assert_true(
				path_acked(&pl->p, pl->now + RTT, seq, &is_up));
		pl->lost >>= 1;
	}
	pl->now = until;
}

/* @n more heartbeats, unanswered. */
static void send_more(struct play *pl, int n)
{
	uint64_t seq;

	for (; n > 0; n--) {
		pl->now = path_deadline(&pl->p);
		assert_true(path_poll(&pl->p, pl->now, &seq));
	}
}

static void test_up(void **state)
{
	struct path_view view;
	struct play pl;
	uint64_t seq;
	bool is_up;

	(void)state;
	start(&pl);
	assert_int_equal(pl.p.state, PATH_PROBING);
	assert_true(path_deadline(&pl.p) == pl.now);
	assert_true(path_poll(&pl.p, pl.now, &seq));
	assert_false(path_poll(&pl.p, pl.now, &seq));
	assert_true(path_acked(&pl.p, pl.now + 800, seq, &is_up));
	assert_true(is_up);
	path_view(&pl.p, &view);
	assert_int_equal(view.state, PATH_UP);
	assert_int_equal(view.reason, REASON_ACKNOWLEDGED);
	assert_int_equal(view.rtt_us, 800);
	assert_true(view.since == pl.now + 800);
	assert_true(view.n_sent == 1 && view.n_acked == 1 && !view.n_lost);
	/* The next one an interval after the last. */
	assert_true(path_deadline(&pl.p) == pl.now + INTERVAL);
}

static void test_idle_rate(void **state)
{
	struct play pl;

	(void)state;
	start(&pl);
	run(&pl, pl.now + 30 * USEC_PER_SEC);
	assert_int_equal(pl.n_sent, 101);
	assert_int_equal(pl.p.state, PATH_UP);
	assert_int_equal(pl.p.rtt_us, RTT);
}

/* Wherever in the interval the loss begins, it is noticed in time. */
static void test_down_in_time(void **state)
{
	usec_t shift;

	(void)state;
	for (shift = 0; shift < INTERVAL; shift += 7 * USEC_PER_MS) {
		struct play pl;
		usec_t began;

		start(&pl);
		run(&pl, pl.now + 5 * USEC_PER_SEC + shift);
		began = pl.now;
		pl.is_cut = true;
		run(&pl, began + 900 * USEC_PER_MS);
		assert_int_equal(pl.p.state, PATH_DOWN);
		assert_int_equal(pl.p.reason, REASON_NO_ANSWER);
		assert_int_equal(pl.p.last_error, REASON_NO_ANSWER);
		assert_true(pl.down_at > began);
	}
}

static void test_losses_are_borne(void **state)
{
	uint32_t n;

	(void)state;
	for (n = 1; n <= 5; n++) {
		struct play pl;

		start(&pl);
		run(&pl, pl.now + 5 * USEC_PER_SEC);
		pl.lost = (UINT64_C(1) << n) - 1;
		run(&pl, pl.now + 5 * USEC_PER_SEC);
		assert_true(pl.down_at == 0);
		assert_int_equal(pl.p.state, PATH_UP);
		assert_int_equal(pl.p.n_sent - pl.p.n_acked, n);
	}
}

static void test_never_up(void **state)
{
	struct play pl;
	usec_t began;

	(void)state;
	start(&pl);
	began = pl.now;
	pl.is_cut = true;
	run(&pl, began + 900 * USEC_PER_MS);
	assert_int_equal(pl.p.state, PATH_DOWN);
	/* It is asked on, and later less often. */
	pl.n_sent = 0;
	pl.is_cut = true;
	run(&pl, began + 10 * USEC_PER_SEC);
	assert_in_range(pl.n_sent, 25, 35);
	run(&pl, began + 60 * USEC_PER_SEC);
	pl.n_sent = 0;
	pl.is_cut = true;
	run(&pl, began + 90 * USEC_PER_SEC);
	assert_in_range(pl.n_sent, 28, 32);
	/* An answer makes it up at once. */
	pl.is_cut = false;
	run(&pl, pl.now + 1100 * USEC_PER_MS);
	assert_int_equal(pl.p.state, PATH_UP);
}

static void test_bad_answers(void **state)
{
	struct play pl;
	uint64_t seq, i;
	bool is_up;

	(void)state;
	start(&pl);
	assert_false(path_acked(&pl.p, pl.now, 0, &is_up)); /* not sent yet */
	assert_true(path_poll(&pl.p, pl.now, &seq));
	assert_false(path_acked(&pl.p, pl.now, seq + 1, &is_up));
	assert_true(path_acked(&pl.p, pl.now + RTT, seq, &is_up));
	assert_false(path_acked(&pl.p, pl.now + RTT, seq, &is_up)); /* again */
	for (i = 0; i < 2 * PATH_WINDOW; i++) {
		pl.now = pl.p.next_probe_at;
		assert_true(path_poll(&pl.p, pl.now, &seq));
	}
	/* Out of the window. */
	assert_false(path_acked(&pl.p, pl.now, seq - PATH_WINDOW, &is_up));
	assert_false(path_acked(&pl.p, pl.now, UINT64_MAX, &is_up));
	/* Stopped, or started anew: what was sent before does not count. */
	path_stop(&pl.p, pl.now, REASON_NO_FASTDP_THERE);
	assert_false(path_acked(&pl.p, pl.now, seq, &is_up));
	assert_false(path_is_started(&pl.p));
	assert_true(path_deadline(&pl.p) == USEC_NEVER);
	path_start(&pl.p, pl.now, 8, 0);
	assert_false(path_acked(&pl.p, pl.now, seq, &is_up));
}

/* An answer from long ago proves nothing about now. */
static void test_late_answer(void **state)
{
	struct play pl;
	uint64_t seq;
	bool is_up;

	(void)state;
	start(&pl);
	assert_true(path_poll(&pl.p, pl.now, &seq));
	send_more(&pl, 2);
	pl.now += 3 * INTERVAL;
	assert_true(path_expired(&pl.p, pl.now));
	assert_false(path_expired(&pl.p, pl.now));
	assert_true(path_acked(&pl.p, pl.now, seq, &is_up));
	assert_false(is_up);
	assert_int_equal(pl.p.state, PATH_DOWN);
}

/* Answers out of order: what is newest counts. */
static void test_disorder(void **state)
{
	struct play pl;
	uint64_t first, second, third;
	bool is_up;
	usec_t at;

	(void)state;
	start(&pl);
	run(&pl, pl.now + USEC_PER_SEC);
	pl.now = path_deadline(&pl.p);
	assert_true(path_poll(&pl.p, pl.now, &first));
	pl.now = path_deadline(&pl.p);
	assert_true(path_poll(&pl.p, pl.now, &second));
	pl.now = path_deadline(&pl.p);
	assert_true(path_poll(&pl.p, pl.now, &third));
	assert_true(path_acked(&pl.p, pl.now + 10, second, &is_up));
	assert_true(path_acked(&pl.p, pl.now + 20, first, &is_up));
	send_more(&pl, 3);
	/* Down 5/3 intervals after the second, whatever came later. */
	at = pl.p.sent_at[second % PATH_WINDOW] + INTERVAL * 5 / 3;
	assert_false(path_expired(&pl.p, at - 1));
	assert_true(path_expired(&pl.p, at));
}

/* We were stopped, not the path: heartbeats that were not sent prove nothing. */
static void test_stopped_daemon(void **state)
{
	struct play pl;
	uint64_t seq;

	(void)state;
	start(&pl);
	run(&pl, pl.now + USEC_PER_SEC);
	pl.now += 10 * USEC_PER_SEC;
	assert_false(path_expired(&pl.p, pl.now));
	assert_true(path_poll(&pl.p, pl.now, &seq));
	assert_false(path_expired(&pl.p, pl.now));
	assert_true(path_deadline(&pl.p) > pl.now);
	run(&pl, pl.now + USEC_PER_SEC);
	assert_int_equal(pl.p.state, PATH_UP);
}

/* Sent, but then we got no processor: the answers lie in the socket. */
static void test_starved_daemon(void **state)
{
	struct play pl;
	uint64_t seq;
	bool is_up;
	int n;

	(void)state;
	start(&pl);
	run(&pl, pl.now + USEC_PER_SEC);
	send_more(&pl, 3);
	pl.now = path_deadline(&pl.p) + 700 * USEC_PER_MS;
	assert_false(path_expired(&pl.p, pl.now));
	assert_true(path_poll(&pl.p, pl.now, &seq));
	assert_true(path_deadline(&pl.p) > pl.now);
	assert_true(path_acked(&pl.p, pl.now + 1, seq - 1, &is_up));
	assert_int_equal(pl.p.state, PATH_UP);
	/* Not for ever: always late, and never an answer. */
	send_more(&pl, 3);
	pl.now = path_deadline(&pl.p) + USEC_PER_SEC;
	for (n = 0; n < 8 && !path_expired(&pl.p, pl.now); n++)
		pl.now += 100 * USEC_PER_MS;
	assert_in_range(n, 1, 7);
	assert_int_equal(pl.p.state, PATH_DOWN);
}

static void test_refused(void **state)
{
	struct path_view view;
	struct play pl;

	(void)state;
	start(&pl);
	path_refused(&pl.p, pl.now, REASON_SEND_REFUSED);
	path_view(&pl.p, &view);
	assert_int_equal(view.last_error, REASON_SEND_REFUSED);
	assert_true(view.last_error_at == pl.now);
	assert_int_equal(view.state, PATH_PROBING);
}

/* A round trip longer than a quarter of the interval: no storm of probes. */
static void test_long_way(void **state)
{
	const usec_t rtt = 400 * USEC_PER_MS;
	struct {
		usec_t at;
		uint64_t seq;
	} way[64];
	struct play pl;
	uint32_t first = 0, last = 0;
	bool is_up;

	(void)state;
	start(&pl);
	while (pl.now < 31 * USEC_PER_SEC) {
		const usec_t at = path_deadline(&pl.p);

		if (first < last && way[first % 64].at <= at) {
			pl.now = way[first % 64].at;
			assert_true(path_acked(&pl.p, pl.now,
					       way[first % 64].seq, &is_up));
			first++;
			continue;
		}
		pl.now = at;
		assert_false(path_expired(&pl.p, at));
		assert_true(path_poll(&pl.p, at, &way[last % 64].seq));
		way[last++ % 64].at = at + rtt;
	}
	assert_int_equal(pl.p.state, PATH_UP);
	assert_in_range(last, 95, 140);
}

/* With another path's heartbeat, if it would be due soon; never when one is
 * unanswered, for then each has its moment. */
static void test_join(void **state)
{
	struct play pl;
	uint64_t seq;
	usec_t due;

	(void)state;
	start(&pl);
	run(&pl, pl.now + 2 * INTERVAL);
	due = path_deadline(&pl.p);
	pl.now = due - INTERVAL / 2;
	path_join(&pl.p, pl.now, INTERVAL / 2 - 1);
	assert_int_equal(path_deadline(&pl.p), due);
	path_join(&pl.p, pl.now, INTERVAL / 2);
	assert_int_equal(path_deadline(&pl.p), pl.now);
	assert_true(path_poll(&pl.p, pl.now, &seq));
	due = path_deadline(&pl.p);
	path_join(&pl.p, pl.now, INTERVAL);
	assert_int_equal(path_deadline(&pl.p), due);
	path_stop(&pl.p, pl.now, REASON_STARTING);
	path_join(&pl.p, pl.now, INTERVAL);
	assert_true(path_deadline(&pl.p) == USEC_NEVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_up),
		cmocka_unit_test(test_idle_rate),
		cmocka_unit_test(test_down_in_time),
		cmocka_unit_test(test_losses_are_borne),
		cmocka_unit_test(test_never_up),
		cmocka_unit_test(test_bad_answers),
		cmocka_unit_test(test_late_answer),
		cmocka_unit_test(test_disorder),
		cmocka_unit_test(test_stopped_daemon),
		cmocka_unit_test(test_starved_daemon),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_long_way),
		cmocka_unit_test(test_join),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
