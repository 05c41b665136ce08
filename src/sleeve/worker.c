/* SPDX-License-Identifier: Apache-2.0 */
#include "worker.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "out.h"
#include "rx.h"
#include "shield.h"
#include "sys/clock.h"
#include "sys/thread.h"
#include "taps.h"
#include "tx.h"

#define TURN_EVENTS 64
#define WAIT_FOR_SOCKET_MS 5
#define NO_NODE UINT16_MAX
/* The kernel forwards before any process runs; we before most of them. */
#define NICE (-10)

static bool watch_all(struct worker *w)
{
	uint32_t i;
	int r = worker_watch(w, EPOLL_CTL_ADD, w->shared->wake_fd, EPOLLIN,
			     source_of(SOURCE_WAKE, 0));

	for (i = 0; i < N_FAMILIES && r == 0; i++) {
		const struct sockets *k = &w->sockets[i];

		if (k->data >= 0)
			r = worker_watch(w, EPOLL_CTL_ADD, k->data, EPOLLIN,
					 source_of(SOURCE_DATA, i));
		if (r == 0 && k->control != k->data)
			r = worker_watch(w, EPOLL_CTL_ADD, k->control, EPOLLIN,
					 source_of(SOURCE_CONTROL, i));
	}
	return r == 0;
}

struct worker *worker_new(struct shared *shared, const struct sockets *sockets,
			  bool has_segment)
{
	struct worker *w = calloc(1, sizeof(*w));
	uint32_t i;

	if (!w)
		return NULL;
	w->shared = shared;
	w->full_fd = -1;
	for (i = 0; i < N_FAMILIES; i++)
		w->sockets[i] = sockets[i];
	taps_init(w);
	w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	w->table = sleeve_table_new(0);
	w->peers = calloc(MAX_PEERS, sizeof(*w->peers));
	for (i = 0; w->peers && i < MAX_PEERS; i++)
		w->peers[i].first = w->peers[i].last = NO_NODE;
	w->out = out_new(has_segment);
	w->tx = tx_new();
	w->rx = rx_new();
	w->shield = shield_new();
	if (w->epoll_fd < 0 || !w->table || !w->peers || !w->out || !w->tx ||
	    !w->rx || !w->shield || !watch_all(w)) {
		worker_free(w);
		return NULL;
	}
	return w;
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	taps_close(w);
	if (w->epoll_fd >= 0)
		close(w->epoll_fd);
	sleeve_table_free(w->table);
	out_free(w->out);
	tx_free(w->tx);
	rx_free(w->rx);
	shield_free(w->shield);
	free(w->peers);
	free(w);
}

/* What the owner wants */

/* What is remembered of a slot is another peer's, or of another life. */
static void renew(struct peer_state *state, const struct sleeve_peer *peer)
{
	memset(state, 0, sizeof(*state));
	state->first = state->last = NO_NODE;
	state->id = peer->id;
	state->rx_token = peer->rx_token;
	/* Higher than in any life before, so that nobody takes it for old. */
	state->tx_seq = clock_realtime_us() * 1000;
}

static void adopt_table(struct worker *w)
{
	struct sleeve_table *t;
	uint32_t i;

	if (!atomic_load_explicit(&w->shared->inbox, memory_order_relaxed))
		return;
	t = atomic_exchange_explicit(&w->shared->inbox, NULL,
				     memory_order_acquire);
	if (!t)
		return;
	for (i = 0; i < t->n_peers; i++) {
		const struct fib_peer *peer = &t->peers[i];
		struct peer_state *state = worker_state(w, peer);

		if (state->id != peer->peer.id ||
		    state->rx_token != peer->peer.rx_token)
			renew(state, &peer->peer);
		state->moved_at = 0; /* the owner has thought about it */
	}
	/* Between two drains nothing points into the old one. */
	sleeve_table_free(w->table);
	w->table = t;
	taps_renumber(w);
	shield_renew(w);
}

static void obey_command(struct worker *w)
{
	struct command *c = atomic_load_explicit(&w->shared->command,
						 memory_order_acquire);

	if (!c)
		return;
	atomic_store_explicit(&w->shared->command, NULL, memory_order_relaxed);
	c->result = c->kind == COMMAND_ADD_TAP
			    ? taps_add(w, c->vni, c->fd, c->has_uso)
			    : taps_remove(w, c->vni);
	sem_post(&w->shared->done);
}

static void clear_wake(struct worker *w)
{
	uint64_t count;

	if (read(w->shared->wake_fd, &count, sizeof(count)) < 0)
		return;
}

/* A turn */

static void publish_counters(struct worker *w)
{
	int i;

	for (i = 0; i < SLEEVE_N_COUNTERS; i++)
		atomic_store_explicit(&w->shared->counters[i], w->n[i],
				      memory_order_relaxed);
}

static void serve_socket(struct worker *w, int fd, uint32_t events)
{
	if (events & EPOLLERR)
		worker_read_errors(w, fd);
	if (events & EPOLLIN)
		rx_read(w, fd);
}

/* Control before data, and what comes in before what goes out. */
static void serve(struct worker *w, const struct epoll_event *events, int n,
		  enum source kind)
{
	int i;

	for (i = 0; i < n; i++) {
		const uint32_t index = (uint32_t)events[i].data.u64;

		if (events[i].data.u64 >> 32 != kind)
			continue;
		switch (kind) {
		case SOURCE_WAKE:
			clear_wake(w);
			break;
		case SOURCE_CONTROL:
			serve_socket(w, w->sockets[index].control,
				     events[i].events);
			break;
		case SOURCE_DATA:
			serve_socket(w, w->sockets[index].data,
				     events[i].events);
			break;
		case SOURCE_SEND:
			break; /* tx_resume() comes anyway */
		case SOURCE_TAP:
			if (events[i].events & EPOLLERR)
				taps_lost(w, index);
			else
				tx_read(w, index);
			break;
		}
	}
}

/*
 * Where a socket cannot be watched, the time-out of epoll_wait() serves; one
 * that is polled for what it receives is such a one.
 */
static void watch_full(struct worker *w, int op, int fd)
{
	int i;

	for (i = 0; i < N_FAMILIES; i++) {
		if (fd == w->sockets[i].data)
			return;
	}
	if (worker_watch(w, op, fd, EPOLLOUT, source_of(SOURCE_SEND, 0)) < 0)
		return;
}

/* Waiting for a full socket: watch it, and leave frames in the TAPs. */
static void pause_or_go_on(struct worker *w)
{
	const int fd = tx_is_waiting(w->tx) ? w->out->fd : -1;
	const int before = w->full_fd;

	if (fd == before)
		return;
	w->full_fd = fd;
	if ((fd < 0) != (before < 0))
		taps_pause(w, fd >= 0);
	if (before >= 0)
		watch_full(w, EPOLL_CTL_DEL, before);
	if (fd >= 0)
		watch_full(w, EPOLL_CTL_ADD, fd);
}

static void turn(struct worker *w)
{
	struct epoll_event events[TURN_EVENTS];
	const int n = epoll_wait(w->epoll_fd, events, TURN_EVENTS,
				 w->full_fd >= 0 ? WAIT_FOR_SOCKET_MS
						 : shield_wait_ms(w));
	enum source kind;

	w->now = clock_monotonic_us();
	for (kind = SOURCE_WAKE; kind <= SOURCE_DATA; kind++)
		serve(w, events, n, kind);
	tx_resume(w);
	if (!tx_is_waiting(w->tx)) {
		adopt_table(w);
		obey_command(w);
	}
	serve(w, events, n, SOURCE_TAP);
	tx_flush(w);
	pause_or_go_on(w);
	shield_turn(w);
	ring_flush(&w->shared->ring);
	publish_counters(w);
}

/*
 * It reads what strangers send, and needs no privilege for that: its sockets
 * and TAPs were opened by others. Where it may not go first it goes in turn.
 */
static void prepare_thread(void)
{
	const int r = thread_set_nice(NICE), s = thread_set_session_nice(NICE);

	if (thread_drop_capabilities() < 0 || r < 0 || s < 0)
		return;
}

void *worker_run(void *worker)
{
	struct worker *w = worker;

	prepare_thread();
	while (!atomic_load_explicit(&w->shared->is_ending,
				     memory_order_relaxed))
		turn(w);
	return NULL;
}
