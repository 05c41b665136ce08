/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_H
#define CONTROL_H

/*
 * All control sessions of a daemon: listens, dials, shakes hands, and carries
 * messages over TCP. Which peers to dial and which of two sessions to keep is
 * the engine's business; this module obeys, and reports with its events.
 *
 * It knows no event loop. The owner watches descriptors for it and calls
 * back:
 *
 *   control_ready()  a watched descriptor is ready
 *   control_tick()   when control_deadline() has come, and after a batch of
 *                    dials, sends and closes (it writes what was queued)
 *
 * Events are delivered from inside these two alone, in order for each
 * session. An event callback may call control_dial(), control_send(),
 * control_close() and control_counters(), but none of the others.
 *
 *   target ── dial ──> EVENT_DIAL_FAILED                    (exactly one of
 *                  └─> EVENT_SESSION_UP ... EVENT_SESSION_DOWN   the two)
 *   inbound ─────────> EVENT_SESSION_UP ... EVENT_SESSION_DOWN
 *
 * Every session that came up goes down exactly once, also after
 * control_close(); after that its number is never used again. Inbound
 * connections that fail before they are up are only told in a note.
 */

#include "control_io.h"
#include "core/core.h"
#include "core/event.h"
#include "core/message.h"

#define CONTROL_MAX_HANDSHAKES 64U /* inbound, not yet up */
#define CONTROL_MAX_HANDSHAKES_PER_IP 8U
#define CONTROL_SOFT_SIZE (256U * 1024U) /* waiting to be sent: not ready */
#define CONTROL_AGAIN_SIZE (64U * 1024U) /* ready again */
#define CONTROL_HARD_SIZE (4U * 1024U * 1024U) /* the session is closed */

struct control_config {
	struct hello hello;    /* what is said of us; hello.control_port is told
			       * to others, not listened on: usually the same */
	struct endpoint local; /* listen here, dial from this address; a zero
				* address: all, both families */
};

struct control_counters {
	uint64_t n_accepted, n_dialled;
	uint64_t n_refused_limit;    /* inbound, closed at a limit */
	uint64_t n_handshake_failed; /* inbound and outbound */
	uint64_t n_bad_messages;     /* a session was closed for it */
	uint64_t n_ignored_messages; /* of a kind this version does not know */
	uint64_t n_unsendable;	     /* ours, out of limits: a bug of ours */
	uint64_t n_accept_paused;    /* out of descriptors or memory */
	uint64_t n_bytes_in, n_bytes_out;
	uint32_t n_sessions;	/* up */
	uint32_t n_connections; /* all, with those not up yet */
};

struct control;

/*
 * Listens at once, and calls io.watch() for it. @io and @config are copied.
 * Returns 0 or -errno: -EINVAL: a hello that peers would refuse (see
 * check_hello()); -EADDRINUSE: the port is taken; -EADDRNOTAVAIL: the
 * local address is not on this host.
 */
int control_new(const struct control_config *config,
		const struct control_io *io, usec_t now, struct control **ret)
	WARN_UNUSED;

/*
 * Sends what the kernel takes at once, closes everything, delivers nothing.
 * Never blocks, also while a name is being resolved. NULL is fine.
 */
void control_free(struct control *c);

/* @revents as of poll(2). A descriptor that is not ours any more: ignored. */
void control_ready(struct control *c, int fd, unsigned int revents, usec_t now);

/* When to call control_tick(); in the past: at once; USEC_NEVER: not. */
usec_t control_deadline(const struct control *c);
void control_tick(struct control *c, usec_t now);

/*
 * One attempt: resolve @host (a name or an address), connect to its addresses
 * in turn, shake hands. A target that is being dialled already is left alone.
 */
void control_dial(struct control *c, target_t target, const char *host,
		  uint16_t port, usec_t now);

/*
 * Queues @message. Returns whether the session takes more at once. False is
 * meant to be handed to the engine as EVENT_SESSION_READY (not ready) before
 * it is asked for the next action; that event is also delivered at the next
 * tick, as is the one that says "ready again". False for a session that has
 * gone. A message beyond the limits of message.h is dropped and counted.
 */
bool control_send(struct control *c, session_t session,
		  const struct message *message, usec_t now);

/*
 * Ends the session; where @reason is one that the other side should know
 * (REASON_DUPLICATE, _CLONED, _REMOVED, _LIMIT, _PROTOCOL, …) it is told. No
 * message of it is delivered any more.
 */
void control_close(struct control *c, session_t session, enum reason reason,
		   usec_t now);

/* What new sessions are told from now on. False: peers would refuse it. */
bool control_set_hello(struct control *c, const struct hello *hello)
	WARN_UNUSED;

void control_counters(const struct control *c, struct control_counters *ret);

/* The port that is listened on (the kernel's choice when 0 was asked for). */
uint16_t control_port(const struct control *c);

#endif
