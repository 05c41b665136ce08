/* SPDX-License-Identifier: Apache-2.0 */
#include "control_private.h"

#include "framing.h"
#include "sys/tcp.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPT_BATCH 16U
#define ACCEPT_PAUSE_US USEC_PER_SEC

static uint32_t count_handshakes(const struct control *c, const struct ip *ip)
{
	const struct conn *conn;
	uint32_t n = 0;

	TAILQ_FOREACH(conn, &c->handshakes, queue_link) {
		if (ip_equal(&conn->remote.ip, ip))
			n++;
	}
	return n;
}

/* Says why, as far as that reaches: nothing is kept for its sake. */
static void refuse(struct control *c, int fd, const char *text)
{
	struct refusal refusal = { .reason = REASON_LIMIT };
	struct send_queue queue = { 0 };
	struct codec_bytes bytes;

	c->counters.n_refused_limit++;
	for (size_t i = 0; text[i]; i++)
		refusal.text[i] = text[i];
	if (codec_encode_refusal(c->codec, &refusal, &bytes) == CODEC_OK &&
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
static void evict_oldest(struct control *c)
{
	struct conn *oldest = TAILQ_FIRST(&c->handshakes);

	c->counters.n_refused_limit++;
	session_close(oldest->session, REASON_LIMIT,
		      "too many connections without a hello");
	conn_enqueue(oldest, NULL);
	conn_mark(oldest);
}

static void take(struct control *c, int fd, const struct endpoint *remote,
		 usec_t now)
{
	struct conn *conn;

	c->counters.n_accepted++;
	if (c->n_open >= MAX_SESSIONS) {
		refuse(c, fd, "too many sessions");
		return;
	}
	if (count_handshakes(c, &remote->ip) >= CONTROL_MAX_HANDSHAKES_PER_IP) {
		refuse(c, fd,
		       "too many connections from this address without "
		       "a hello");
		return;
	}
	if (c->n_handshakes >= CONTROL_MAX_HANDSHAKES)
		evict_oldest(c);
	conn = conn_new(c, CONN_TALKING);
	if (!conn || !conn_attach(conn, fd)) {
		close(fd);
		conn_free(conn);
		return;
	}
	conn->is_inbound = true;
	conn->remote = *remote;
	if (tcp_endpoints(fd, &conn->local, NULL) < 0 ||
	    !conn_talk(conn, now)) {
		conn_free(conn);
		return;
	}
	conn_enqueue(conn, &c->handshakes);
}

/* The listener stays readable: polling it now would be a busy loop. */
static void pause_accept(struct control *c, usec_t now)
{
	c->counters.n_accept_paused++;
	c->accept_at = now + ACCEPT_PAUSE_US;
	c->io.watch(c->io.ctx, c->listen_fd, 0);
}

void listener_ready(struct control *c, usec_t now)
{
	for (uint32_t i = 0; i < ACCEPT_BATCH && !c->accept_at; i++) {
		struct endpoint remote;
		int fd, r;

		r = tcp_accept(c->listen_fd, &fd, &remote);
		if (r == 0)
			take(c, fd, &remote, now);
		else if (r == -EAGAIN)
			return;
		else if (r == -EMFILE || r == -ENFILE || r == -ENOBUFS ||
			 r == -ENOMEM)
			pause_accept(c, now);
		/* Others: a connection that died while it waited. */
	}
}

void listener_tick(struct control *c, usec_t now)
{
	if (!c->accept_at || now < c->accept_at)
		return;
	c->accept_at = 0;
	c->io.watch(c->io.ctx, c->listen_fd, CONTROL_READ);
}
