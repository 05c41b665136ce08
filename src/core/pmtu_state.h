/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PMTU_STATE_H
#define PMTU_STATE_H

/*
 * What the search for a path's MTU (pmtu.h) remembers: for pmtu.c and
 * pmtu_plan.c; others read what views.h shows of it.
 */

#include "core.h"
#include "reason.h"

#define PMTU_MAX_PROBES 3U
#define PMTU_PARALLEL 3U
#define PMTU_MAX_ROUND 6U
#define PMTU_WINDOW 32U
#define PMTU_RUNGS 48U
#define PMTU_MAX_SIZE 65000U
/* Numbers of these probes; heartbeats count from zero under the same cookie. */
#define PMTU_FIRST_SEQ (UINT64_C(1) << 63)
/* RFC 8899 section 5.1.1: PMTU_RAISE_TIMER; after a search that ended below
 * the link's MTU it comes this soon, then ever later up to its full length. */
#define PMTU_RAISE_US (600 * USEC_PER_SEC)
#define PMTU_QUICK_RAISE_US (2 * USEC_PER_SEC)
#define PMTU_CONFIRM_US (300 * USEC_PER_MS)
/* While a search runs what was in use stays so, for this long: an answer with
 * too small a number would be kept by containers for minutes. */
#define PMTU_GRACE_US (500 * USEC_PER_MS)

enum pmtu_state {
	PMTU_DISABLED,
	PMTU_BASE,
	PMTU_SEARCHING,
	PMTU_COMPLETE,
	PMTU_ERROR
};

/* A size that was tried in the last search. */
struct pmtu_rung {
	uint16_t size;
	uint8_t n_sent, n_lost;
	bool is_acked;
	usec_t at; /* of the last that happened to it */
};

struct pmtu_config {
	uint32_t floor, base;
	bool is_capped;	 /* no probe above the base */
	usec_t raise_us; /* 0: PMTU_RAISE_US */
};

struct pmtu {
	enum pmtu_state state;
	usec_t since;
	enum reason reason; /* of the last change of plpmtu */
	usec_t changed_at;
	struct pmtu_config config;
	uint32_t link_mtu; /* 0: not known */
	uint32_t ceiling;  /* nothing larger is ever sent */
	uint32_t hint;	   /* 0: none */
	uint32_t plpmtu;   /* last result; 0: never one */
	uint32_t usable;   /* what traffic is to keep to, now */
	uint32_t low;	   /* of this search: the largest acknowledged */
	bool is_raising;   /* low was known before */
	uint16_t top;	   /* the largest of the last round */
	usec_t grace_at;   /* then traffic keeps to low; NEVER: passed */
	usec_t raise_at, raise_gap;
	usec_t confirm_us, confirm_at;
	usec_t blocked_until;
	uint8_t n_unconfirmed;
	uint8_t n_rungs, n_round, n_flights;
	struct pmtu_rung rungs[PMTU_RUNGS];
	uint16_t round[PMTU_MAX_ROUND]; /* yet to be sent */
	struct {
		uint16_t size;
		uint64_t seq;
		usec_t lost_at;
	} flights[PMTU_MAX_ROUND];
	uint64_t seq;		    /* of the next probe */
	uint16_t sent[PMTU_WINDOW]; /* sizes, by number; 0: answered */
	uint64_t n_sent, n_acked;
};

#endif
