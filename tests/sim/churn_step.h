/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CHURN_STEP_H
#define CHURN_STEP_H

/*
 * One thing that happens in a random history, as a value: which it is follows
 * from the seed and its number alone, so that a history can be played again
 * with some of its steps left out (shrink.h).
 */

#include "sim.h"

enum churn_kind {
	CHURN_TALK,
	CHURN_ATTACH,
	CHURN_DETACH,
	CHURN_KILL,
	CHURN_START,
	CHURN_POWER,	/* a host goes and comes back, with its disk or not */
	CHURN_BREAK,	/* one end of a session is lost */
	CHURN_CUT,	/* a link: everything */
	CHURN_CUT_DATA, /* both encapsulations, one way */
	CHURN_CUT_PATH, /* one encapsulation, both ways */
	CHURN_CUT_WAY,	/* one encapsulation, one way */
	CHURN_LOSS,
	CHURN_DISORDER,
	CHURN_HEAL,    /* of one link: what the five before did */
	CHURN_MTU,     /* of a link, one way, with or without ICMP */
	CHURN_EGRESS,  /* the MTU of a host's own link */
	CHURN_LIE,     /* somebody forges an ICMP error */
	CHURN_NAT,     /* a NAT forgets */
	CHURN_FLUSH,   /* somebody flushes the kernel's flows */
	CHURN_TAP,     /* somebody takes a TAP away */
	CHURN_CLONE,   /* a host with another's identity; or its own again */
	CHURN_UPGRADE, /* another version of the daemon, on another kernel */
	CHURN_FULL, /* the kernel's table takes no more flows, or does again */
	CHURN_UNHEARD, /* the kernel's answers are lost, or not any more */
	N_CHURN_KINDS
};

struct churn_step {
	enum churn_kind kind;
	uint32_t host, other; /* other than host */
	uint64_t choice;      /* what else is chosen */
	usec_t pause_us;      /* after it */
};

/* The next of numbers that are as good as random. */
uint64_t churn_draw(uint64_t *state);
void churn_make(const struct sim *sim, uint32_t number, struct churn_step *ret);
void churn_do(struct sim *sim, const struct churn_step *step);
/* Step @number in words; returns @buf. */
const char *churn_text(const struct sim *sim, uint32_t number, char *buf,
		       size_t size);

#endif
