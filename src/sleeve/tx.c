/* SPDX-License-Identifier: Apache-2.0 */

/*
 * From TAPs to sockets. A drain reads frames into one buffer; then the frames
 * of each peer become datagrams that go out together.
 */

#include "tx.h"

#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "drain.h"
#include "parcel.h"

#define TX_NODES 2048U
#define NO_NODE UINT16_MAX
#define GIVE_UP_US (100 * USEC_PER_MS)

/* A frame in the list of one peer. */
struct tx_node {
	uint16_t frame, next;
};

struct tx {
	struct drain *drain;
	uint32_t n_nodes, n_active;
	usec_t waiting_since; /* 0: not waiting */
	struct tx_node nodes[TX_NODES];
	uint16_t active[MAX_PEERS]; /* peers with frames: index in the table */
};

struct tx *tx_new(void)
{
	struct tx *tx = calloc(1, sizeof(*tx));

	if (!tx)
		return NULL;
	tx->drain = drain_new();
	if (!tx->drain) {
		free(tx);
		return NULL;
	}
	return tx;
}

void tx_free(struct tx *tx)
{
	if (tx)
		drain_free(tx->drain);
	free(tx);
}

/* Sending */

static void send_to(struct worker *w, const struct fib_peer *peer)
{
	struct tx *tx = w->tx;
	struct peer_state *state = worker_state(w, peer);
	const bool is_possible = batch_begin_peer(w, peer);
	uint16_t at = state->first;

	state->first = state->last = NO_NODE;
	for (; at != NO_NODE; at = tx->nodes[at].next) {
		if (!is_possible) {
			w->n[SLEEVE_DROP_NO_PATH]++;
			continue;
		}
		parcel_add(w, peer,
			   drain_frame(tx->drain, tx->nodes[at].frame));
	}
	batch_close(w);
}

/* Every peer's frames into the batch. */
static void send_active(struct worker *w)
{
	struct tx *tx = w->tx;
	uint32_t i;

	for (i = 0; i < tx->n_active; i++)
		send_to(w, &w->table->peers[tx->active[i]]);
	tx->n_active = 0;
	tx->n_nodes = 0;
}

static void forget_drain(struct tx *tx)
{
	drain_clear(tx->drain);
	tx->waiting_since = 0;
}

void tx_flush(struct worker *w)
{
	struct tx *tx = w->tx;

	if (drain_is_empty(tx->drain))
		return;
	send_active(w);
	if (out_is_empty(w->out) || batch_send(w))
		forget_drain(tx);
	else
		tx->waiting_since = w->now;
}

bool tx_is_waiting(const struct tx *tx)
{
	return tx->waiting_since != 0;
}

void tx_resume(struct worker *w)
{
	struct tx *tx = w->tx;

	if (!tx_is_waiting(tx))
		return;
	if (!batch_send(w)) {
		if (w->now - tx->waiting_since < GIVE_UP_US)
			return;
		batch_drop(w);
	}
	forget_drain(tx);
}

/* Reading */

static void add_to_peer(struct worker *w, uint16_t index, uint16_t frame)
{
	struct tx *tx = w->tx;
	const struct fib_peer *peer = &w->table->peers[index];
	struct peer_state *state = worker_state(w, peer);
	uint16_t node;

	if (!peer->peer.may_send) {
		w->n[SLEEVE_DROP_NO_PATH]++;
		return;
	}
	if (tx->n_nodes == TX_NODES) { /* flooding to many */
		send_active(w);
		batch_send_now(w);
	}
	node = (uint16_t)tx->n_nodes++;
	tx->nodes[node].frame = frame;
	tx->nodes[node].next = NO_NODE;
	if (state->first == NO_NODE) {
		state->first = node;
		tx->active[tx->n_active++] = index;
	} else {
		tx->nodes[state->last].next = node;
	}
	state->last = node;
}

static void forward(struct worker *w, uint16_t network, uint16_t frame)
{
	const struct drain_frame *f = drain_frame(w->tx->drain, frame);
	const struct fib_network *n = &w->table->networks[network];
	const struct fib_list *list = &n->group;
	const bool is_group = f->data[0] & 1;
	const uint16_t peer =
		is_group ? fib_find_asked(w->table, network, f->data, f->size)
			 : fib_find_mac(w->table, network, f->data);
	uint32_t i;

	if (peer == FIB_HERE)
		return;
	if (peer != FIB_NONE) {
		add_to_peer(w, peer, frame);
		return;
	}
	if (!is_group) {
		list = &n->unknown;
		if (list->n == 0)
			w->n[SLEEVE_DROP_UNKNOWN_MAC]++;
	}
	for (i = 0; i < list->n; i++)
		add_to_peer(w, list->peers[i], frame);
}

void tx_read(struct worker *w, uint32_t tap)
{
	struct tx *tx = w->tx;
	const struct worker_tap *t = &w->taps[tap];
	enum drain_result result;
	uint16_t frame = 0;
	uint32_t size = 0, n_bad = 0;

	/* What is bad takes no room, but time. */
	while (!tx_is_waiting(tx) && drain_has_room(tx->drain) &&
	       n_bad < DRAIN_FRAMES) {
		result = drain_read(tx->drain, t->fd, t->vni, &frame, &size);
		if (result == DRAIN_NOTHING)
			break;
		w->n[SLEEVE_TX_FRAMES]++;
		w->n[SLEEVE_TX_BYTES] += size;
		n_bad += result == DRAIN_BAD;
		if (result == DRAIN_BAD)
			w->n[SLEEVE_DROP_BAD_FRAME]++;
		else if (t->network == FIB_NONE)
			w->n[SLEEVE_DROP_NO_PATH]++;
		else
			forward(w, t->network, frame);
	}
}
