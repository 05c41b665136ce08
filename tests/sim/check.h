/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CHECK_H
#define CHECK_H

/* What must hold of a host whenever its engine owes nothing. */

#include "host.h"

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

#endif
