/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_IO_H
#define CONTROL_IO_H

/*
 * What the owner of the control sessions does for them, and what it is told.
 * A part of control.h, which is the header to include; it stands apart so that
 * what is below control.c reaches the owner without knowing the door.
 */

#include "core/core.h"
#include "core/event.h"

/* Same values as poll(2)'s. */
#define CONTROL_READ 0x001U  /* POLLIN */
#define CONTROL_WRITE 0x004U /* POLLOUT */
/* POLLERR and POLLHUP may be passed as they are; they need no interest. */

/* For the log: why a connection ended, in words. Borrowed, dies at return. */
struct control_note {
	enum reason reason;
	bool is_from_peer; /* it refused us, and @text is what it said */
	bool is_inbound;
	bool was_up; /* a session event tells of it too */
	session_t session;
	target_t target;	/* 0: inbound, or it was up */
	struct endpoint remote; /* zero: the name did not resolve */
	const char *text; /* printable, one line, no full stop; never NULL */
};

struct control_io {
	void *ctx;
	/*
	 * Watch @fd for @events (CONTROL_*), instead of what was asked before;
	 * 0: only errors, or not at all. Level-triggered.
	 */
	void (*watch)(void *ctx, int fd, unsigned int events);
	/* No longer; called before the descriptor is closed. */
	void (*unwatch)(void *ctx, int fd);
	/*
	 * EVENT_SESSION_UP, _DOWN, _READY, EVENT_MESSAGE, EVENT_DIAL_FAILED.
	 * What it points to is borrowed and dies at return.
	 */
	void (*event)(void *ctx, const struct event *ev);
	/* May be NULL. A stranger can cause these: limit their rate. */
	void (*note)(void *ctx, const struct control_note *note);
};

#endif
