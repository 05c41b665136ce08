/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SESSION_H
#define SESSION_H

/*
 * Control sessions as control.h promises them: a dial ends in exactly one of
 * DIAL_FAILED and SESSION_UP; what is up goes down exactly once; messages
 * arrive in order or not at all. A silent peer is given up after a while.
 */

#include "sim.h"

#define SESSION_TIMEOUT_US (3 * USEC_PER_SEC)

struct sessions *sessions_new(struct sim *sim);
void sessions_free(struct sessions *ss);

void session_dial(struct sim *sim, struct host *h, target_t target,
		  const char *host, uint16_t port);
void session_send(struct sim *sim, struct host *h, session_t session,
		  const struct message *m);
void session_close(struct sim *sim, struct host *h, session_t session,
		   enum reason reason);
/* The daemon died: its kernel closes what it had. */
void session_kill(struct sim *sim, struct host *h);
/* @at loses its sessions with @other, which does not notice. */
void session_break(struct sim *sim, uint32_t at, uint32_t other);
/* Sessions that are up at both ends and open, between @a and @b. */
unsigned int session_count(const struct sim *sim, uint32_t a, uint32_t b);

#endif
