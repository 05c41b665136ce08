/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXCHANGE_H
#define EXCHANGE_H

/*
 * What a daemon asks of the kernel's flows, and the answers. An answer may be
 * lost (dp->lost_percent): then nobody knows whether it was done. To the engine
 * it was refused, if it was a put; of the rest it hears nothing. Some time after
 * it (EXCHANGE_AUDIT_US) all flows are compared with those that should be there,
 * as src/daemon/flow_audit.h says.
 */

#include "core/engine.h"
#include "fake_dp.h"
#include "sim.h"

/* The longest that a daemon waits: it looks at fixed times. */
#define EXCHANGE_AUDIT_US (5 * USEC_PER_SEC)

/* False: refused; *ret is what the engine is told then. */
bool exchange_put(struct sim *sim, struct fake_dp *dp, const struct action *a,
		  struct event *ret);
void exchange_delete(struct sim *sim, struct fake_dp *dp,
		     const struct action *a);
/* *ret: the answer. */
void exchange_query(struct sim *sim, struct fake_dp *dp, const struct action *a,
		    struct event *ret);

/*
 * After anything was asked: if there is doubt, @audit is called at the next
 * time for it, once. It clears dp->has_audit.
 */
void exchange_later(struct sim *sim, struct fake_dp *dp, sim_fn *audit,
		    uint64_t arg);

/*
 * Compares; @refused gets an event for each flow that was put in vain. False:
 * it has to be done again, for an earlier life may have left what is wanted, or
 * this answer was lost, too.
 */
bool exchange_audit(struct sim *sim, struct fake_dp *dp, struct engine *e,
		    void (*refused)(void *ctx, const struct event *ev),
		    void *ctx);

#endif
