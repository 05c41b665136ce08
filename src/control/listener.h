/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LISTENER_H
#define LISTENER_H

/*
 * The door for strangers: accepts, within limits, what then is talked to by
 * talk.h. Those that have not said hello are few, fewer from one address, and
 * the oldest of them goes when the place is wanted.
 */

#include "conn.h"
#include "talk.h"

#define LISTENER_MAX_HANDSHAKES 64U
#define LISTENER_MAX_HANDSHAKES_PER_IP 8U

struct listener {
	struct conns *conns;
	struct talks *talks; /* where what was accepted goes */
	int fd;
	uint16_t port;	  /* that the kernel chose, or we asked for */
	usec_t accept_at; /* not 0: paused until then */
	struct conn_queue handshakes;
	uint64_t n_accepted;
	uint64_t n_refused; /* at a limit */
	uint64_t n_paused;  /* out of descriptors or memory */
};

/*
 * Listens on @local, and has that watched. 0 or -errno. @conns and @talks are
 * borrowed until listener_close().
 */
int listener_open(struct listener *l, struct conns *conns, struct talks *talks,
		  const struct endpoint *local) WARN_UNUSED;
void listener_close(struct listener *l); /* a failed or zeroed one too */

void listener_ready(struct listener *l, usec_t now);
usec_t listener_deadline(const struct listener *l); /* USEC_NEVER: none */
void listener_tick(struct listener *l, usec_t now);

#endif
