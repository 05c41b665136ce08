/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IPAM_STEP_H
#define IPAM_STEP_H

/* One thing that happens to addresses in a random history; churn_step.h. */

#include "ipam_world.h"

enum ipam_kind {
	IPAM_ADD,
	IPAM_ADD_LOST, /* the daemon dies before its answer is read */
	IPAM_AGAIN,    /* a container that the book has, and no host runs */
	IPAM_DEL,
	IPAM_COLLECT,
	IPAM_KILL,
	IPAM_STOP,
	IPAM_START,
	IPAM_POWER,   /* off, or on with the same disk */
	IPAM_RENEW,   /* a new installation: no disk, a new identity */
	IPAM_BACKUP,  /* of the disk … */
	IPAM_RESTORE, /* … which comes back */
	IPAM_CLONE,   /* the disk of another one, or its own again */
	IPAM_SLEEP,
	IPAM_DISK,	  /* full, or no more */
	IPAM_WAY,	  /* to the store: cut, lossy, open */
	IPAM_STORE_DOWN,  /* or up */
	IPAM_STORE_EMPTY, /* it has lost its data */
	IPAM_CUT,	  /* between two hosts */
	IPAM_HEAL,
	IPAM_RECLAIM, /* the operator says that a host is gone */
	IPAM_RELEASE, /* … that this one gives back what it does not use */
	IPAM_DECLARE, /* … another block for it */
	N_IPAM_KINDS
};

struct ipam_step {
	enum ipam_kind kind;
	uint32_t host, other; /* other than host */
	uint64_t choice;
	usec_t pause_us;
};

void ipam_step_make(const struct sim *sim, uint32_t number,
		    struct ipam_step *ret);
void ipam_step_do(struct ipam_world *w, const struct ipam_step *step);
/* Step @number in words; returns @buf. */
const char *ipam_step_text(const struct sim *sim, uint32_t number, char *buf,
			   size_t size);

/* Every host with its own disk and identity, power, and a way to all others. */
void ipam_step_heal(struct ipam_world *w);
/* The operator says of every identity that nobody has that it is gone. */
void ipam_step_reclaim(struct ipam_world *w);
/* Whom the store takes for a copy gets an identity of its own; true: one was. */
bool ipam_step_rename(struct ipam_world *w);

#endif
