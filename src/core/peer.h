/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PEER_H
#define PEER_H

/*
 * One peer: who it is, where it is, its session and its paths; and the set of
 * all of them. A peer lives from its first session (or from the memory of the
 * last life) until it has neither session nor working path for the hold time.
 *
 * It knows no flow and no directory; `choice` says which path its packets
 * take, and the pipeline reads that.
 */

#include "announce.h"
#include "event.h"
#include "list.h"
#include "path.h"
#include "pmtu.h"
#include "rate.h"
#include "table.h"
#include "timerq.h"

/* Answers that the session owes; a heartbeat and a round of probes. */
#define PEER_MAX_HEARD 8U

struct peer {
	struct table_node node; /* by id */
	struct table_node by_session, by_ip;
	uint64_t number;     /* in order of appearance */
	struct list all;     /* in order of appearance */
	struct list by_turn; /* who is asked next what it is owed */
	struct list by_hint; /* those with a session, latest last */
	struct list by_due;  /* those that owe a heartbeat */
	struct timer timer;
	struct hello hello;
	/* Of the control session; peers_set_remote(). */
	struct endpoint local, remote;
	session_t session; /* 0: none; peers_set_session() */
	bool is_dialled_by_us;
	bool is_ready;	      /* the session takes more */
	bool has_snapshot;    /* in this life: what it announced is complete */
	usec_t session_since; /* or since when there is none */
	enum reason session_reason;
	usec_t forget_at;     /* USEC_NEVER while there is a session */
	uint64_t quiet_round; /* peers_quiet() in this round: owed nothing */
	uint64_t hint_change, hints_sent;
	struct feed feed;		/* our announcements to it */
	uint64_t heard[PEER_MAX_HEARD]; /* MESSAGE_HEARD that are to be sent */
	uint32_t n_heard;
	bool owes_leave;
	bool owes_token;  /* a MESSAGE_SLEEVE is to be sent */
	bool was_refused; /* entries, for want of room */
	bool has_heir;	  /* another has come to its address, it seems */
	struct sleeve_place sleeve;
	bool is_h_copied; /* flow H hands us copies of its requests */
	struct path paths[N_PATHS];
	struct pmtu pmtu[N_PATHS];
	uint32_t link_mtu, route_mtu; /* EVENT_EGRESS; 0: not told */
	uint32_t max_frame; /* flows send no longer one to it; 0: any */
	uint32_t noted_plpmtu[N_PATHS];
	struct rate fragments; /* of packets that may be cut */
	uint64_t n_too_big, n_fragmented, n_fragments, n_groups_lost;
	bool has_choice;
	enum path_kind choice;
	usec_t choice_since;
	usec_t settle_us; /* fastdp must have been up for so long to come back */
	usec_t returned_at; /* when it last came back */
	enum reason choice_reason;
};

struct peers {
	uint64_t seed;
	struct table table, sessions, ips;
	uint64_t n_added;
	struct list all, by_turn, by_hint, by_due;
	uint32_t n_quiet; /* of by_turn, the last ones: they are owed nothing */
	uint64_t round;	  /* peers_owe() begins another */
	uint64_t hint_change, hint_limit; /* no later ones are told yet */
	usec_t hints_at;		  /* then those that wait are */
	struct timer hint_timer;
};

void peers_init(struct peers *ps, uint64_t seed);
void peers_free(struct peers *ps); /* none is in it any more */
struct peer *peers_find(const struct peers *ps, peer_id_t id);
struct peer *peers_find_session(const struct peers *ps, session_t session);
void peers_set_session(struct peers *ps, struct peer *p, session_t session);
void peers_set_remote(struct peers *ps, struct peer *p,
		      const struct endpoint *remote);
/* The one whose packets come from @ip on the underlay, of several the one
 * that was there first; NULL: a stranger. */
struct peer *peers_find_ip(const struct peers *ps, const struct ip *ip);
/* All of them: starts with NULL. The one handed in must be in the set. */
struct peer *peers_next_at(const struct peers *ps, const struct ip *ip,
			   const struct peer *last);

/* NULL: the table is full. The caller frees with peer_free(). */
struct peer *peers_add(struct peers *ps, peer_id_t id, usec_t now,
		       usec_t interval_us, int timer_kind);
void peers_remove(struct peers *ps, struct peer *p);
void peer_free(struct peer *p);

/*
 * Whose turn it is to be sent something: the same one until it is owed nothing
 * (peers_quiet()). NULL: none is, since peers_owe() and peers_owe_to().
 */
struct peer *peers_turn(const struct peers *ps);
void peers_quiet(struct peers *ps, struct peer *p);
void peers_owe(struct peers *ps); /* perhaps to all */
void peers_owe_to(struct peers *ps, struct peer *p);

/*
 * A new session: all others are to hear of it, at once or a little later
 * together with others: of a thousand that come in a moment each is not told
 * in a message of its own. The caller arms peers.hint_timer for hints_at as
 * long as hint_limit is behind, and calls peers_hints_due() then.
 */
void peers_hint(struct peers *ps, usec_t now, struct peer *p);
void peers_hints_due(struct peers *ps, usec_t now);
/*
 * Up to @max peers with sessions that @to has not heard of; what is returned
 * counts as told.
 */
uint32_t peers_next_hints(struct peers *ps, struct peer *to,
			  struct peer_hint *ret, uint32_t max);

/*
 * Decides which path carries traffic: fastdp when it is up, else sleeve, else
 * none. A path that comes and goes is not followed each time: fastdp takes over
 * again when it has been up for a while, and for longer each time that it soon
 * failed. At the beginning fastdp's first answer is waited for, as long as
 * sleeve's do not show that it is late. True: the choice, or that there is one,
 * has changed.
 */
bool peer_choose(struct peer *p, usec_t now);

/* When peer_choose() may decide otherwise though no path changes. */
usec_t peer_choice_deadline(const struct peer *p);

/* Where its packets go while nothing better is known: see peer_choose(). */
bool peer_carrier(const struct peer *p, enum path_kind *ret);

void peer_view(const struct peer *p, struct peer_view *ret);

#define EACH_PEER(ps, node)                                          \
	for (struct list *node = (ps)->all.next; node != &(ps)->all; \
	     node = node->next)
#define PEER_OF(node) CONTAINER_OF(node, struct peer, all)

#endif
