/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TARGET_H
#define TARGET_H

/*
 * Addresses to dial: configured ones, ones added at run time, and ones that
 * peers told us of (discovered). It knows back-off and who answered where;
 * not sockets, names or sessions.
 *
 *   IDLE ──due──> DIALLING ──session──> CONNECTED ──lost──> IDLE (soon)
 *    ^                │ failed
 *    └────────────────┘ later: 0.25 s doubling up to 30 s, ± 25 %
 *
 * A discovered one is dialled every two minutes after a dozen failures, for a
 * day, unless a peer says once more that it is there. When there is no room for
 * another, the one that has failed most often goes.
 */

#include "event.h"
#include "list.h"
#include "table.h"
#include "timerq.h"
#include "views.h"

enum target_state { TARGET_IDLE, TARGET_DIALLING, TARGET_CONNECTED };

struct target {
	struct list all; /* in order of appearance */
	struct table_node by_peer, by_place;
	struct timer timer;
	target_t id;
	enum target_state state;
	char host[MAX_HOST];
	uint16_t port;
	bool is_configured, is_discovered;
	peer_id_t peer_id; /* target_answers() */
	uint32_t n_failures;
	usec_t hurried_at; /* a peer said that it is there */
	enum reason reason;
	bool is_due;
};

struct targets {
	struct list all;
	struct table by_peer;  /* those whose peer is known */
	struct table by_place; /* host and port */
	struct timerq *timers; /* borrowed */
	int timer_kind;
	uint32_t n, n_due;
	target_t last_id;
	uint64_t seed; /* of the tables */
	uint64_t random;
};

void targets_init(struct targets *ts, struct timerq *timers, int timer_kind,
		  uint64_t seed);
void targets_free(struct targets *ts);

/* One that is there already is dialled at once. NULL: full, or no host. */
struct target *targets_add(struct targets *ts, usec_t now, const char *host,
			   uint16_t port, bool is_configured);
/* Told of by a peer; one that answered as @id before is returned. */
struct target *targets_discover(struct targets *ts, usec_t now, peer_id_t id,
				const struct endpoint *where);
struct target *targets_find(const struct targets *ts, target_t id);
struct target *targets_find_host(const struct targets *ts, const char *host,
				 uint16_t port);
void targets_remove(struct targets *ts, struct target *t);
/*
 * A peer is gone: so are its discovered ones; who answers at others is open.
 * @is_silent: perhaps it is the way that is cut, which peers beyond it will
 * never tell of again: the discovered ones stay, too.
 */
void targets_forget(struct targets *ts, peer_id_t id, bool is_silent);
/*
 * It is another host that has the identity @id now. Who answers where the old
 * one did is open; but for @except, which the new one has answered.
 */
void targets_doubt(struct targets *ts, usec_t now, peer_id_t id,
		   target_t except);
/* It is said that @id is there, and who answered before is elsewhere. */
void targets_say(struct targets *ts, usec_t now, struct target *t,
		 peer_id_t id);

/* It is @id who answers there. */
void target_answers(struct targets *ts, struct target *t, peer_id_t id);
/* A session with @id is up: none of its targets needs dialling. */
void targets_connected(struct targets *ts, peer_id_t id);
/*
 * It is lost. One that did not even last for a second was refused, as that of
 * a clone is: this counts as a failure, and is dialled ever less often.
 */
void targets_disconnected(struct targets *ts, usec_t now, peer_id_t id,
			  usec_t lasted_us);

/* True: the reason is another than last time, worth a word. */
bool target_failed(struct targets *ts, usec_t now, struct target *t,
		   enum reason reason);

/* The next one to dial now; it is DIALLING from then on. */
struct target *targets_poll(struct targets *ts);
void target_timer(struct targets *ts, struct target *t);
void target_view(const struct target *t, struct target_view *ret);

/* Deterministic from the seed: 0 … @range - 1. */
uint64_t targets_random(struct targets *ts, uint64_t range);

/* The address as text, as inet_ntop would write it, in @ret. */
void ip_text(const struct ip *ip, char ret[MAX_HOST]);

#endif
