/* SPDX-License-Identifier: Apache-2.0 */
#include "batch.h"

#include <errno.h>

static void tell_refused(struct worker *w, const struct fib_peer *peer,
			 int error)
{
	struct sleeve_event event = {
		.type = SLEEVE_EVENT_SEND_REFUSED,
		.peer = peer->peer.id,
		.endpoint = peer->peer.endpoint,
		.error = error,
	};

	worker_tell(w, &event, true);
}

static void read_counters(struct worker *w)
{
	struct out *o = w->out;

	w->n[SLEEVE_TX_CALLS] += o->n_calls;
	w->n[SLEEVE_TX_DATAGRAMS] += o->n_datagrams;
	o->n_calls = o->n_datagrams = 0;
	atomic_store_explicit(&w->shared->max_segments, o->max_segments,
			      memory_order_relaxed);
}

bool batch_send(struct worker *w)
{
	struct out *o = w->out;
	const struct out_message *m;
	enum out_result result;
	int error;

	while ((result = out_send(o, &m, &error)) == OUT_REFUSED) {
		/* A full queue behind the socket says nothing of the path. */
		if (error == ENOBUFS || error == ENOMEM) {
			w->n[SLEEVE_DROP_FULL] += m->n_segments;
			continue;
		}
		w->n[SLEEVE_DROP_REFUSED] += m->n_segments;
		tell_refused(w, m->to, error);
	}
	if (o->has_errors) {
		o->has_errors = false;
		worker_read_errors(w, o->fd);
	}
	read_counters(w);
	return result == OUT_SENT;
}

void batch_drop(struct worker *w)
{
	w->n[SLEEVE_DROP_FULL] += out_drop(w->out);
}

void batch_send_now(struct worker *w)
{
	if (!batch_send(w))
		batch_drop(w);
}

void batch_make_room(struct worker *w, const struct fib_peer *peer,
		     uint32_t n_pieces, uint32_t n_header)
{
	if (out_has_room(w->out, n_pieces, n_header))
		return;
	batch_send_now(w);
	out_address(w->out, &peer->address, peer->address_size, peer);
}

bool batch_begin_peer(struct worker *w, const struct fib_peer *peer)
{
	const int fd = w->sockets[peer->is_v6 ? SOCKET_V6 : SOCKET_V4].send;

	if (fd < 0)
		return false;
	if (w->out->fd != fd && !out_is_empty(w->out))
		batch_send_now(w);
	w->out->fd = fd;
	out_address(w->out, &peer->address, peer->address_size, peer);
	return true;
}

void batch_open(struct worker *w, const struct fib_peer *peer)
{
	const struct sleeve_header h = {
		.type = SLEEVE_DATA,
		.token = peer->peer.tx_token,
		.seq = batch_next_seq(w, peer),
	};

	out_open(w->out);
	sleeve_put_header(&h, out_header(w->out, SLEEVE_HEADER_SIZE));
}

void batch_close(struct worker *w)
{
	if (w->out->is_open)
		out_close(w->out);
}
