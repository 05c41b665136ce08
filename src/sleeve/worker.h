/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WORKER_H
#define WORKER_H

/* The thread: waits, and gives each of its parts its turn. */

#include "state.h"

/* NULL: out of memory. */
struct worker *worker_new(struct shared *shared,
			  const struct sockets *sockets, /* N_FAMILIES */
			  bool has_segment);
void worker_free(struct worker *w); /* closes TAPs; NULL is fine */

/* The thread's body: struct worker *. */
void *worker_run(void *worker);

#endif
