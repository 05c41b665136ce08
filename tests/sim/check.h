/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CHECK_H
#define CHECK_H

/* What must hold of a host whenever its engine owes nothing. */

#include "host.h"

/* After so long no packet may go where nothing arrives. */
#define DETECT_US (900 * USEC_PER_MS)

void check_host(struct host *h);
/* The same, whether or not a flow has changed since. */
void check_flows(struct host *h);

/*
 * When all is quiet: each pair that can has exactly one session and a path
 * that is up, and all directories say the same.
 */
void check_sessions(struct sim *sim);
void check_agreed(struct sim *sim);
/* The same, and each directory has every port of all hosts that run. */
void check_settled(struct sim *sim);

/*
 * A packet of @ip_size was longer than the way carries: once the search has
 * had its time no engine may let that happen.
 */
void check_too_long(struct sim *sim, uint32_t from, uint32_t to,
		    enum path_kind kind, uint32_t ip_size);

/* A container's packet went where nothing arrives, and another way was up. */
void check_cut(struct sim *sim, uint32_t from, uint32_t to, enum path_kind kind,
	       vni_t vni);

/* After all faults: every pair is on the best path that both can do. */
void check_best(struct sim *sim);
/* Each path's PLPMTU is what it carries, to the byte. */
void check_pmtu(struct sim *sim);

#endif
