/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FLOWSET_H
#define FLOWSET_H

/*
 * Flows that should be against flows that are: what to put, what to delete.
 *
 * The pipeline says what it wants; the set remembers what the kernel has and
 * owes the difference (flowset_poll). A want that equals what is there costs
 * nothing. It knows matches and actions, not what they are for.
 *
 *   found ──> INHERITED ──want, equal──────────────> SYNCED
 *                │  └─────want, other──> PUT ──sent───┘ │
 *             release         want ──────^  │refused    │ unwant
 *                │                       │  v           v
 *                └──> DELETE ──sent──>   REFUSED ──>  DELETE ──sent──> gone
 *                                       (timer: PUT)
 *
 * Steady flows stay until they are unwanted. Lazy flows were asked for by a
 * packet and go when no packet has used them for their age: the kernel is
 * asked for the last use when it is reached.
 *
 * Order of what is owed: puts, then deletes: first the new, then the old. The
 * flows that the pipeline makes never overlap, whatever the order; but for what
 * is cleared, which goes before the puts.
 */

#include "flow.h"
#include "list.h"
#include "table.h"
#include "timerq.h"

enum slot_state {
	SLOT_INHERITED,
	SLOT_PUT,
	SLOT_SYNCED,
	SLOT_REFUSED,
	SLOT_DELETE,
};

struct flow_slot {
	struct table_node node;
	struct list owed;    /* in one of the set's queues */
	struct list of_kind; /* lazy, or inherited */
	struct timer timer;  /* age of a lazy one, next try of a refused one */
	enum slot_state state;
	bool is_lazy;
	bool is_wanted;
	bool is_installed; /* the kernel has it, in some form: */
	bool is_sure;	   /* in that of `before`, if any, else of `actions` */
	bool has_before;   /* only while a put is owed */
	bool is_extended;  /* use prolongs its life */
	uint8_t n_refusals;
	port_no_t asked_by; /* lazy: the port whose packet asked */
	usec_t age_us;
	struct flow_match match;
	struct flow_actions actions, before;
};

#define FLOWSET_PLACES 1024U
#define FLOWSET_ENDS 1024U

struct flowset {
	uint64_t seed;
	struct table table;
	struct timerq *timers; /* borrowed */
	int timer_kind;
	struct list clears, puts, deletes, queries;
	struct list lazy;
	struct list inherited; /* those that no peer has to do with */
	struct list inherited_of[FLOWSET_ENDS]; /* the others, by peer */
	uint32_t n_lazy, n_inherited;
	uint16_t n_asked[FLOWSET_PLACES]; /* lazy ones, by who asked */
	uint32_t n_sure;		  /* that the kernel has */
	uint64_t n_puts, n_deletes, n_refused, n_adopted;
};

enum flowset_op { FLOWSET_PUT, FLOWSET_DELETE, FLOWSET_QUERY };

void flowset_init(struct flowset *fs, uint64_t seed, struct timerq *timers,
		  int timer_kind);
void flowset_free(struct flowset *fs);

/* The kernel has it, from an earlier life. Only before anything is wanted. */
void flowset_found(struct flowset *fs, const struct flow_match *match,
		   const struct flow_actions *actions);

/* A lazy flow of the same match becomes a steady one. */
void flowset_want(struct flowset *fs, const struct flow_match *match,
		  const struct flow_actions *actions);

/*
 * A steady flow of the same match stays as it is. @is_extended: packets that
 * use it prolong its life. False: at a limit (all, or of @asked_by).
 */
bool flowset_want_lazy(struct flowset *fs, usec_t now,
		       const struct flow_match *match,
		       const struct flow_actions *actions, port_no_t asked_by,
		       usec_t age_us, bool is_extended);

/* Lazy or steady; one that is only inherited stays. Not there is fine. */
void flowset_unwant(struct flowset *fs, const struct flow_match *match);

/*
 * It goes before anything is put, also one that is only inherited: what is
 * narrower and overlaps with it would be refused.
 */
void flowset_clear(struct flowset *fs, const struct flow_match *match);

const struct flow_slot *flowset_find(const struct flowset *fs,
				     const struct flow_match *match);

/* Perhaps there are inherited flows whose first tunnel end is @peer. */
bool flowset_has_inherited(const struct flowset *fs, const struct ip *peer);
/* Inherited flows that nobody wanted: those whose first tunnel end (key or
 * action) is @peer; with NULL those that have none; then they are deleted. */
void flowset_release(struct flowset *fs, const struct ip *peer);
/* All but those of peers that @is_kept says. */
void flowset_release_all(struct flowset *fs,
			 bool (*is_kept)(const void *ctx,
					 const struct ip *peer),
			 const void *ctx);

/* What is owed next; actions (of a put) are borrowed until the next call. */
bool flowset_poll(struct flowset *fs, enum flowset_op *ret_op,
		  struct flow_match *ret_match,
		  const struct flow_actions **ret_actions);

/* The kernel refused the put: tried again, ever less often. */
void flowset_refused(struct flowset *fs, usec_t now,
		     const struct flow_match *match);

/* Answer to a query. True: it is too old or gone, and no longer wanted. */
bool flowset_used(struct flowset *fs, usec_t now,
		  const struct flow_match *match, bool is_known,
		  usec_t idle_us);

/* Its timer came: from the caller's timer queue. */
void flowset_timer(struct flowset *fs, usec_t now, struct flow_slot *slot);

/* The kernel has lost everything: all that is wanted is put again. */
void flowset_lost(struct flowset *fs);

void flowset_check(const struct flowset *fs, const struct flow_slot *slot);

#endif
