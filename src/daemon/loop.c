/* SPDX-License-Identifier: Apache-2.0 */
#include "loop.h"

#include <ev.h>
#include <stdlib.h>

#include "core/alloc.h"
#include "sys/clock.h"

#define MAX_SIGNALS 8
#define AGAIN_S .1

struct loop_io {
	ev_io ev;
	ev_timer again; /* runs while libev has given the descriptor up */
	struct loop *loop;
	unsigned int events;
	loop_io_fn *fn;
	void *ctx;
};

struct loop_timer {
	ev_timer ev;
	struct loop *loop;
	usec_t at;
	loop_fn *fn;
	void *ctx;
};

struct signal_watch {
	ev_signal ev;
	loop_fn *fn;
	void *ctx;
};

struct loop {
	struct ev_loop *ev;
	struct signal_watch signals[MAX_SIGNALS];
	int n_signals;
};

struct loop *loop_new(void)
{
	struct ev_loop *ev = ev_loop_new(EVFLAG_AUTO);
	struct loop *l;

	if (!ev)
		return NULL;
	l = core_alloc(sizeof(*l));
	l->ev = ev;
	return l;
}

void loop_free(struct loop *l)
{
	int i;

	if (!l)
		return;
	for (i = 0; i < l->n_signals; i++)
		ev_signal_stop(l->ev, &l->signals[i].ev);
	ev_loop_destroy(l->ev);
	free(l);
}

void loop_run(struct loop *l)
{
	ev_run(l->ev, 0);
}

void loop_stop(struct loop *l)
{
	ev_break(l->ev, EVBREAK_ALL);
}

static void on_io(struct ev_loop *ev, ev_io *w, int revents)
{
	struct loop_io *io = w->data;
	unsigned int events = 0;

	/*
	 * The kernel had no memory to watch it, and libev has stopped the
	 * watcher: it would be deaf for good.
	 */
	if (revents & EV_ERROR) {
		ev_timer_set(&io->again, AGAIN_S, 0.);
		ev_timer_start(ev, &io->again);
		return;
	}
	if (revents & EV_READ)
		events |= LOOP_READ;
	if (revents & EV_WRITE)
		events |= LOOP_WRITE;
	io->fn(io->ctx, w->fd, events);
}

static void on_again(struct ev_loop *ev, ev_timer *t, int revents)
{
	struct loop_io *io = t->data;

	(void)revents;
	ev_io_start(ev, &io->ev);
}

struct loop_io *loop_io_new(struct loop *l, int fd, unsigned int events,
			    loop_io_fn *fn, void *ctx)
{
	struct loop_io *io = core_alloc(sizeof(*io));

	io->loop = l;
	io->fn = fn;
	io->ctx = ctx;
	ev_io_init(&io->ev, on_io, fd, 0);
	ev_timer_init(&io->again, on_again, 0., 0.);
	io->ev.data = io->again.data = io;
	loop_io_set(io, events);
	return io;
}

void loop_io_set(struct loop_io *io, unsigned int events)
{
	const int wanted = (events & LOOP_READ ? EV_READ : 0) |
			   (events & LOOP_WRITE ? EV_WRITE : 0);

	if (io->events == events)
		return;
	io->events = events;
	ev_timer_stop(io->loop->ev, &io->again);
	ev_io_stop(io->loop->ev, &io->ev);
	ev_io_set(&io->ev, io->ev.fd, wanted);
	if (wanted)
		ev_io_start(io->loop->ev, &io->ev);
}

void loop_io_free(struct loop_io *io)
{
	if (!io)
		return;
	ev_timer_stop(io->loop->ev, &io->again);
	ev_io_stop(io->loop->ev, &io->ev);
	free(io);
}

static void on_timer(struct ev_loop *ev, ev_timer *w, int revents)
{
	struct loop_timer *t = w->data;

	(void)ev;
	(void)revents;
	t->at = USEC_NEVER;
	t->fn(t->ctx);
}

struct loop_timer *loop_timer_new(struct loop *l, loop_fn *fn, void *ctx)
{
	struct loop_timer *t = core_alloc(sizeof(*t));

	t->loop = l;
	t->fn = fn;
	t->ctx = ctx;
	t->at = USEC_NEVER;
	ev_timer_init(&t->ev, on_timer, 0., 0.);
	t->ev.data = t;
	return t;
}

void loop_timer_set(struct loop_timer *t, usec_t at)
{
	usec_t now;
	double delay;

	if (t->at == at)
		return;
	t->at = at;
	ev_timer_stop(t->loop->ev, &t->ev);
	if (at == USEC_NEVER)
		return;
	now = clock_monotonic_us();
	delay = at > now ? (double)(at - now) / (double)USEC_PER_SEC : 0.;
	/* libev counts from the start of its own turn. */
	ev_now_update(t->loop->ev);
	ev_timer_set(&t->ev, delay, 0.);
	ev_timer_start(t->loop->ev, &t->ev);
}

void loop_timer_free(struct loop_timer *t)
{
	if (!t)
		return;
	ev_timer_stop(t->loop->ev, &t->ev);
	free(t);
}

static void on_signal(struct ev_loop *ev, ev_signal *w, int revents)
{
	struct signal_watch *s = w->data;

	(void)ev;
	(void)revents;
	s->fn(s->ctx);
}

void loop_signal(struct loop *l, int signo, loop_fn *fn, void *ctx)
{
	struct signal_watch *s = &l->signals[l->n_signals];

	if (l->n_signals == MAX_SIGNALS)
		abort();
	l->n_signals++;
	s->fn = fn;
	s->ctx = ctx;
	ev_signal_init(&s->ev, on_signal, signo);
	s->ev.data = s;
	ev_signal_start(l->ev, &s->ev);
}
