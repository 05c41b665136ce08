/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_PLAN_H
#define STORE_PLAN_H

/*
 * Decides what this host owes the store: from what etcd has, what is held here
 * and what is wanted. Sends nothing, and knows no connection.
 */

#include <jansson.h>

#include "core/core.h"

struct store;

/* The next transaction that is owed by what etcd has; NULL: none now. It is the
 * caller's. @now is of CLOCK_BOOTTIME. */
json_t *store_plan(struct store *s, usec_t now);

#endif
