/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOOP_H
#define LOOP_H

/*
 * The event loop: descriptors, one-shot timers, signals. The only module that
 * knows libev. Callbacks may free any watcher, their own too.
 */

#include "core/core.h"

#define LOOP_READ 1U
#define LOOP_WRITE 2U

struct loop;
struct loop_io;
struct loop_timer;

typedef void loop_io_fn(void *ctx, int fd, unsigned int events);
typedef void loop_fn(void *ctx);

struct loop *loop_new(void); /* NULL: no event backend in this kernel */
void loop_free(struct loop *l);
void loop_run(struct loop *l); /* until loop_stop() */
void loop_stop(struct loop *l);

/* Level-triggered; the descriptor stays the caller's. */
struct loop_io *loop_io_new(struct loop *l, int fd, unsigned int events,
			    loop_io_fn *fn, void *ctx);
void loop_io_set(struct loop_io *io, unsigned int events); /* 0: rest */
void loop_io_free(struct loop_io *io);			   /* NULL is fine */

struct loop_timer *loop_timer_new(struct loop *l, loop_fn *fn, void *ctx);
/* @at of clock_monotonic_us(); in the past: at once; USEC_NEVER: not. */
void loop_timer_set(struct loop_timer *t, usec_t at);
void loop_timer_free(struct loop_timer *t);

/* Each signal once; freed with the loop. */
void loop_signal(struct loop *l, int signo, loop_fn *fn, void *ctx);

#endif
