/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PATH_H
#define PATH_H

/*
 * Liveness of one path: one encapsulation to one peer, in the direction in
 * which we send. It knows sequence numbers and time; not how a probe looks,
 * who the peer is, or what is done when the state changes.
 *
 *            path_start              acknowledged
 *   DOWN ───────────────> PROBING ───────────────> UP
 *    ^ ^                     │ no answer            │ no answer for
 *    │ └─────────────────────┘                      │ 5/3 intervals
 *    └──────────────────────────────────────────────┘
 *        DOWN keeps on probing; an acknowledgement makes it UP.
 *
 * A heartbeat is sent each interval. When one stays unanswered for an eighth
 * of it, more follow at that pace; the path is called down when the last answer
 * is of a heartbeat five thirds of an interval ago. So it takes 0.2 to 0.5 s
 * with the default of 0.3 s, and five in a row must be lost. A longer round
 * trip gets more time, and so does a path that never answered yet. With many
 * peers the interval grows (path_pace), and all of this with it.
 */

#include "views.h"

#define PATH_WINDOW 64U /* probes whose answers are waited for */

struct path {
	enum path_state state;
	usec_t since;
	enum reason reason;
	enum reason last_error;
	usec_t last_error_at;
	usec_t interval_us;
	usec_t next_probe_at; /* USEC_NEVER: not started */
	usec_t alive_at;      /* sending time of the newest probe answered */
	uint64_t cookie;
	uint64_t seq;	/* of the next probe */
	uint64_t acked; /* newest sequence number answered */
	bool has_ack;
	uint32_t n_waiting; /* probes sent since the last answer */
	usec_t doubted_at;  /* somebody says that it is broken; 0: nobody */
	enum reason doubt;
	uint32_t n_excuses; /* times we came too late to tell, in a row */
	usec_t excused_until;
	usec_t sent_at[PATH_WINDOW];
	uint64_t answered; /* bit map of the window */
	usec_t rtt_us;
	uint64_t n_sent, n_acked;
};

void path_init(struct path *p, usec_t now, usec_t interval_us);

/* @jitter_us delays the first probe. Started already: no change. */
void path_start(struct path *p, usec_t now, uint64_t cookie, usec_t jitter_us);
void path_stop(struct path *p, usec_t now, enum reason reason);
bool path_is_started(const struct path *p);

/* True: send a probe with *ret_seq now. */
bool path_poll(struct path *p, usec_t now, uint64_t *ret_seq);

/*
 * The peer answered @seq. False: no such probe is waited for (late, forged or
 * a duplicate); nothing changes. *ret_is_up is set when it made the path up.
 */
bool path_acked(struct path *p, usec_t now, uint64_t seq, bool *ret_is_up);

/* True when time made the path down; the reason stands in it. */
bool path_expired(struct path *p, usec_t now);

/* The kernel would not send: kept as the last error. */
void path_refused(struct path *p, usec_t now, enum reason reason);

/* We are awake, another path's heartbeat leaves: one that would be due within
 * @slack_us goes with it. */
void path_join(struct path *p, usec_t now, usec_t slack_us);

/* More or fewer peers: a heartbeat every @interval_us from now on. */
void path_pace(struct path *p, usec_t now, usec_t interval_us);

/*
 * Word that packets do not get through, perhaps forged, perhaps late: it is
 * asked at once, and a silence of 60 ms (six round trips, if that is longer)
 * makes it down for @reason.
 */
void path_doubt(struct path *p, usec_t now, enum reason reason);
/* Perhaps it works again: it is asked now. */
void path_hurry(struct path *p, usec_t now);

usec_t path_deadline(const struct path *p);
void path_view(const struct path *p, struct path_view *ret);
void path_check(const struct path *p);

#endif
