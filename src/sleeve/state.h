/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STATE_H
#define STATE_H

/*
 * What the thread owns: TAPs, sockets, what it remembers of each peer, and the
 * table that it forwards by. Only the thread touches a struct worker once it
 * runs; what it shares with its owner is struct shared.
 */

#include <semaphore.h>
#include <stdatomic.h>

#include "fib.h"
#include "ring.h"
#include "sleeve_counter.h"
#include "sockets.h"
#include "sys/tap.h"

struct out;
struct tx;
struct rx;
struct shield;
struct udp_error;

/* Sequence numbers that are told apart: the newest and so many before. */
#define WINDOW_BITS 2048U

struct window {
	uint64_t top;
	uint64_t marks[2]; /* `top` as of the last mark and the one before */
	uint64_t words[WINDOW_BITS / 64];
};

/* What outlives a table; by slot. */
struct peer_state {
	peer_id_t id;
	uint64_t rx_token;
	uint64_t tx_seq;
	struct window window;
	struct window control; /* of requests and replies */
	struct endpoint moved_to;
	bool is_overheard; /* old ones of its datagrams have come, ever */
	usec_t moved_at;   /* when the owner was told */
	/* Frames for it in this drain: see tx.c. */
	uint16_t first, last;
};

struct worker_tap {
	int fd; /* -1: a free place */
	vni_t vni;
	uint16_t network; /* in the table; FIB_NONE: it does not say */
	bool has_uso;	  /* it takes super-frames of UDP */
};

enum command_kind { COMMAND_ADD_TAP, COMMAND_REMOVE_TAP };

/* From the owner, who waits for `done`: for what is rare. */
struct command {
	enum command_kind kind;
	vni_t vni;
	int fd;
	bool has_uso;
	int result; /* 0 or -errno */
};

struct shared {
	int wake_fd; /* eventfd: a table, a command or the end */
	_Atomic(struct sleeve_table *) inbox;
	_Atomic(struct command *) command;
	sem_t done;
	_Atomic bool is_ending;
	_Atomic uint64_t counters[SLEEVE_N_COUNTERS];
	_Atomic uint64_t control_seq; /* both sides send control datagrams */
	_Atomic uint32_t max_segments;
	struct ring ring;
};

#define TAP_PLACES 512U /* a power of two, twice MAX_NETWORKS */

/* So many events that strangers can cause, a second. */
#define EVENTS_PER_SECOND 200U

struct worker {
	struct shared *shared;
	int epoll_fd;
	struct sockets sockets[N_FAMILIES]; /* borrowed */
	struct sleeve_table *table;	    /* never NULL */
	struct worker_tap taps[MAX_NETWORKS];
	uint32_t n_taps; /* the highest place that was ever in use, and one */
	uint16_t tap_of_vni[TAP_PLACES]; /* open addressing; FIB_NONE: empty */
	struct peer_state *peers;	 /* MAX_PEERS */
	uint64_t n[SLEEVE_N_COUNTERS];
	usec_t now; /* of this turn */
	usec_t events_since;
	uint32_t n_events;
	uint64_t n_stoppable; /* dropped, and the shield would have done it */
	int full_fd; /* the socket that is waited for, or -1: TAPs rest */
	struct out *out;
	struct tx *tx;
	struct rx *rx;
	struct shield *shield;
};

/* 0 or -errno. */
int worker_watch(struct worker *w, int op, int fd, uint32_t events,
		 uint64_t source) WARN_UNUSED;

/* What an epoll event is about: the kind above, an index below. */
enum source {
	SOURCE_WAKE,
	SOURCE_CONTROL,
	SOURCE_DATA,
	SOURCE_SEND, /* the socket is no longer full */
	SOURCE_TAP,
};

static inline uint64_t source_of(enum source kind, uint32_t index)
{
	return (uint64_t)kind << 32 | index;
}

static inline struct peer_state *worker_state(struct worker *w,
					      const struct fib_peer *peer)
{
	return &w->peers[peer->slot];
}

/* Counts when there is no room. With @is_cheap also when there are many. */
void worker_tell(struct worker *w, const struct sleeve_event *event,
		 bool is_cheap);

/* An error that came back on a socket, as an event for the owner. */
void worker_hint(const struct udp_error *e, struct sleeve_event *ret);

/* Errors that came back on @fd go up as hints. */
void worker_read_errors(struct worker *w, int fd);

/* False: seen before or too old; else remembered. */
bool window_accept(struct window *w, uint64_t seq);
/* To be called once in a while. */
void window_mark(struct window *w);
/*
 * What is below was seen, is too old, or was overtaken by another one between
 * the last two marks or earlier.
 */
uint64_t window_edge(const struct window *w);
static inline bool window_is_next(const struct window *w, uint64_t seq)
{
	return seq == w->top + 1;
}

#endif
