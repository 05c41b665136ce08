/* SPDX-License-Identifier: Apache-2.0 */
#include "shield.h"

#include <stdlib.h>

#include "sieve.h"

#define LOOK_MS 100
#define LOOK_US (LOOK_MS * USEC_PER_MS)
/* So many between two looks are a flood. The thread takes 1 ms for them. */
#define FLOOD 1000U
#define MARK_US USEC_PER_SEC
#define HOLD_US USEC_PER_SEC
#define MAX_HOLD_US (8 * USEC_PER_SEC)

struct shield {
	bool is_up;
	usec_t looked_at, marked_at;
	usec_t changed_at; /* when it went up or down */
	usec_t hold;	   /* how long it stays up */
	bool is_refused;   /* the kernel does not take it: wait */
	uint64_t n_at_look;
	/*
	 * So many may have edges: kernels differ in how much memory a socket
	 * may have for its filter.
	 */
	uint32_t room;
	struct sieve_peer peers[MAX_PEERS];
	struct sock_filter code[SIEVE_MAX];
};

struct shield *shield_new(void)
{
	return calloc(1, sizeof(struct shield));
}

void shield_free(struct shield *s)
{
	free(s);
}

/* Where there is no room for all, of those who were overheard before. */
static void list_peers(struct worker *w, uint32_t room)
{
	const uint32_t n = w->table->n_peers;
	uint32_t i;

	for (i = 0; i < n; i++) {
		const struct fib_peer *peer = &w->table->peers[i];
		const struct peer_state *state = worker_state(w, peer);
		struct sieve_peer *p = &w->shield->peers[i];

		p->token = peer->peer.rx_token;
		p->data_edge = window_edge(&state->window);
		p->control_edge = window_edge(&state->control);
		p->has_edges = room > 0 && (n <= room || state->is_overheard);
		if (n > room && p->has_edges)
			room--;
	}
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static bool put_up(struct worker *w, uint32_t room)
{
	struct shield *s = w->shield;
	uint32_t n;

	list_peers(w, room);
	n = sieve_make(s->peers, w->table->n_peers, s->code);
	return n > 0 && sockets_shield(w->sockets, s->code, (uint16_t)n) == 0;
}

static void fall(struct worker *w)
{
	sockets_unshield(w->sockets);
	w->shield->is_up = false;
	w->shield->changed_at = w->now;
}

void shield_renew(struct worker *w)
{
	struct shield *s = w->shield;
	uint32_t room;

	if (!s->is_up)
		return;
	room = smaller(sieve_room(w->table->n_peers), w->table->n_peers);
	room = smaller(room, s->room);
	while (!put_up(w, room)) {
		if (room == 0) {
			s->is_refused = true;
			fall(w);
			return;
		}
		room /= 2;
		s->room = room;
	}
}

static void rise(struct worker *w)
{
	struct shield *s = w->shield;

	if (s->is_refused && w->now - s->changed_at < MAX_HOLD_US)
		return;
	s->is_refused = false;
	if (w->now - s->changed_at >= HOLD_US)
		s->hold = HOLD_US;
	else if (s->hold < MAX_HOLD_US)
		s->hold *= 2;
	s->room = UINT32_MAX;
	s->is_up = true;
	s->changed_at = w->now;
	w->n[SLEEVE_SHIELDS]++;
	shield_renew(w);
}

static void mark_windows(struct worker *w)
{
	uint32_t i;

	for (i = 0; i < w->table->n_peers; i++) {
		struct peer_state *state = worker_state(w, &w->table->peers[i]);

		window_mark(&state->window);
		window_mark(&state->control);
	}
}

static void look(struct worker *w)
{
	struct shield *s = w->shield;

	s->looked_at = w->now;
	s->n_at_look = w->n_stoppable;
	if (w->now - s->marked_at >= MARK_US) {
		s->marked_at = w->now;
		mark_windows(w);
	}
	if (s->is_up && w->now - s->changed_at >= s->hold)
		fall(w);
	else
		shield_renew(w);
}

void shield_turn(struct worker *w)
{
	struct shield *s = w->shield;

	if (w->now - s->looked_at >= LOOK_US)
		look(w);
	if (!s->is_up && w->n_stoppable - s->n_at_look >= FLOOD)
		rise(w);
}

bool shield_is_up(const struct shield *s)
{
	return s->is_up;
}

int shield_wait_ms(const struct worker *w)
{
	return w->shield->is_up ? LOOK_MS : -1;
}
