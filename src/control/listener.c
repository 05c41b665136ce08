/* SPDX-License-Identifier: Apache-2.0 */
#include "listener.h"

#include "framing.h"
#include "session.h"
#include "sys/tcp.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPT_BATCH 16U
#define ACCEPT_PAUSE_US USEC_PER_SEC

static void watch(struct listener *l, unsigned int events)
{
	const struct control_io *io = &l->conns->io;

	io->watch(io->ctx, l->fd, events);
}

int listener_open(struct listener *l, struct conns *conns, struct talks *talks,
		  const struct endpoint *local)
{
	struct endpoint bound = { 0 };
	int fd, r;

	l->conns = conns;
	l->talks = talks;
	l->fd = -1;
	conn_queue_init(&l->handshakes);
	r = tcp_listen(local, &fd);
	if (r < 0)
		return r;
	r = tcp_endpoints(fd, &bound, NULL);
	if (r < 0) {
		close(fd);
		return r;
	}
	l->fd = fd;
	l->port = bound.port;
	watch(l, CONTROL_READ);
	return 0;
}

void listener_close(struct listener *l)
{
	const struct control_io *io;

	if (!l->conns || l->fd < 0)
		return;
	io = &l->conns->io;
	io->unwatch(io->ctx, l->fd);
	close(l->fd);
	l->fd = -1;
}

static uint32_t count_handshakes(const struct listener *l, const struct ip *ip)
{
	const struct conn *conn;
	uint32_t n = 0;

	TAILQ_FOREACH(conn, &l->handshakes.list, queue_link) {
		if (ip_equal(&conn->remote.ip, ip))
			n++;
	}
	return n;
}

/* Says why, as far as that reaches: nothing is kept for its sake. */
static void refuse(struct listener *l, int fd, const char *text)
{
	struct refusal refusal = { .reason = REASON_LIMIT };
	struct send_queue queue = { 0 };
	struct codec_bytes bytes;

	l->n_refused++;
	for (size_t i = 0; text[i]; i++)
		refusal.text[i] = text[i];
	if (codec_encode_refusal(l->talks->codec, &refusal, &bytes) ==
		    CODEC_OK &&
	    send_queue_add(&queue, SESSION_HARD_SIZE, bytes.data, bytes.size))
		(void)send(fd, send_queue_data(&queue), send_queue_size(&queue),
			   MSG_NOSIGNAL | MSG_DONTWAIT);
	send_queue_free(&queue);
	close(fd);
}

/*
 * Of connections that do not say hello the oldest goes: an honest one needs
 * its place for a round trip, and a crowd would have to be faster than that.
 */
static void evict_oldest(struct listener *l)
{
	struct conn *oldest = TAILQ_FIRST(&l->handshakes.list);

	l->n_refused++;
	session_close(oldest->session, REASON_LIMIT,
		      "too many connections without a hello");
	conn_enqueue(oldest, NULL);
	conn_mark(oldest);
}

static void take(struct listener *l, int fd, const struct endpoint *remote,
		 usec_t now)
{
	struct conn *conn;

	l->n_accepted++;
	if (l->conns->n_open >= MAX_SESSIONS) {
		refuse(l, fd, "too many sessions");
		return;
	}
	if (count_handshakes(l, &remote->ip) >=
	    LISTENER_MAX_HANDSHAKES_PER_IP) {
		refuse(l, fd,
		       "too many connections from this address without "
		       "a hello");
		return;
	}
	if (l->handshakes.n >= LISTENER_MAX_HANDSHAKES)
		evict_oldest(l);
	conn = conn_new(l->conns, CONN_TALKING);
	if (!conn || !conn_attach(conn, fd)) {
		close(fd);
		conn_free(conn);
		return;
	}
	conn->is_inbound = true;
	conn->remote = *remote;
	if (tcp_endpoints(fd, &conn->local, NULL) < 0 ||
	    !talk_begin(l->talks, conn, now)) {
		conn_free(conn);
		return;
	}
	conn_enqueue(conn, &l->handshakes);
}

/* The listener stays readable: polling it now would be a busy loop. */
static void pause_accept(struct listener *l, usec_t now)
{
	l->n_paused++;
	l->accept_at = now + ACCEPT_PAUSE_US;
	watch(l, 0);
}

void listener_ready(struct listener *l, usec_t now)
{
	for (uint32_t i = 0; i < ACCEPT_BATCH && !l->accept_at; i++) {
		struct endpoint remote;
		int fd, r;

		r = tcp_accept(l->fd, &fd, &remote);
		if (r == 0)
			take(l, fd, &remote, now);
		else if (r == -EAGAIN)
			return;
		else if (r == -EMFILE || r == -ENFILE || r == -ENOBUFS ||
			 r == -ENOMEM)
			pause_accept(l, now);
		/* Others: a connection that died while it waited. */
	}
}

usec_t listener_deadline(const struct listener *l)
{
	return l->accept_at ? l->accept_at : USEC_NEVER;
}

void listener_tick(struct listener *l, usec_t now)
{
	if (!l->accept_at || now < l->accept_at)
		return;
	l->accept_at = 0;
	watch(l, CONTROL_READ);
}
