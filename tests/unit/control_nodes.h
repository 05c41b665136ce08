/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_NODES_H
#define CONTROL_NODES_H

/*
 * Managers of the control plane in one process, over real sockets on the
 * loopback device, served by poll(). The clock can be moved forward. Included
 * by one file a program.
 */

#include "control/control.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/addr.h"
#include "sys/clock.h"

#define MAX_FDS 1024

struct node {
	struct control *control;
	struct pollfd fds[MAX_FDS];
	nfds_t n_fds;
	uint32_t n_up, n_down, n_failed, n_ready, n_not_ready;
	uint32_t n_messages, n_entries, n_notes, n_inbound_notes;
	session_t session; /* of the last event */
	target_t target;
	enum reason reason; /* of the last one that ended */
	struct hello hello;
	struct endpoint local, remote;
	struct message message;
	char text[256];
	target_t redial; /* when a dial of it fails */
	uint16_t redial_port;
	bool closes_on_up;
};

static usec_t time_ahead;

static inline usec_t now_us(void)
{
	return clock_monotonic_us() + time_ahead;
}

static inline struct pollfd *find_fd(struct node *n, int fd)
{
	for (nfds_t i = 0; i < n->n_fds; i++) {
		if (n->fds[i].fd == fd)
			return &n->fds[i];
	}
	return NULL;
}

static inline void on_watch(void *ctx, int fd, unsigned int events)
{
	struct node *n = ctx;
	struct pollfd *p = find_fd(n, fd);

	if (!p) {
		assert_true(n->n_fds < MAX_FDS);
		p = &n->fds[n->n_fds++];
		p->fd = fd;
	}
	p->events = (short)events;
	p->revents = 0;
}

static inline void on_unwatch(void *ctx, int fd)
{
	struct node *n = ctx;
	struct pollfd *p = find_fd(n, fd);

	assert_non_null(p);
	*p = n->fds[--n->n_fds];
}

static inline void on_message(struct node *n, const struct event *ev)
{
	n->n_messages++;
	n->message = *ev->message.message;
	if (n->message.type == MESSAGE_ENTRIES)
		n->n_entries += n->message.entries.n;
}

static inline void on_event(void *ctx, const struct event *ev)
{
	struct node *n = ctx;

	switch (ev->type) {
	case EVENT_SESSION_UP:
		n->n_up++;
		n->session = ev->session.session;
		n->target = ev->session.target;
		n->hello = *ev->session.hello;
		n->local = ev->session.local;
		n->remote = ev->session.remote;
		if (n->closes_on_up)
			control_close(n->control, n->session, REASON_DUPLICATE,
				      now_us());
		break;
	case EVENT_SESSION_DOWN:
		n->n_down++;
		n->reason = ev->down.reason;
		n->session = ev->down.session;
		break;
	case EVENT_SESSION_READY:
		n->n_ready += ev->ready.is_ready;
		n->n_not_ready += !ev->ready.is_ready;
		break;
	case EVENT_MESSAGE:
		on_message(n, ev);
		break;
	case EVENT_DIAL_FAILED:
		n->n_failed++;
		n->target = ev->dial.target;
		n->reason = ev->dial.reason;
		if (n->redial == n->target)
			control_dial(n->control, n->redial, "127.0.0.1",
				     n->redial_port, now_us());
		break;
	default:
		fail();
	}
}

static inline void on_note(void *ctx, const struct control_note *note)
{
	struct node *n = ctx;

	n->n_notes++;
	n->n_inbound_notes += note->is_inbound;
	assert_non_null(note->text);
	assert_true(*note->text);
	snprintf(n->text, sizeof(n->text), "%s", note->text);
}

static inline struct control_config config_of(const char *name,
					      const char *address)
{
	struct control_config c = {
		.hello = {
			.version_min = 1,
			.version_max = 1,
			.id = peer_id_of_name(name),
			.instance = 1,
			.control_port = 6783,
			.sleeve_port = 6783,
			.vxlan_port = 6784,
			.can_fastdp = true,
		},
	};

	snprintf(c.hello.name, sizeof(c.hello.name), "%s", name);
	snprintf(c.hello.nickname, sizeof(c.hello.nickname), "%s", name);
	if (address)
		assert_true(addr_parse_ip(address, &c.local.ip));
	return c;
}

static inline int try_start(struct node *n, const struct control_config *config)
{
	struct control_io io = {
		.ctx = n,
		.watch = on_watch,
		.unwatch = on_unwatch,
		.event = on_event,
		.note = on_note,
	};

	memset(n, 0, sizeof(*n));
	return control_new(config, &io, now_us(), &n->control);
}

static inline void start(struct node *n, const char *name)
{
	struct control_config config = config_of(name, NULL);

	assert_int_equal(try_start(n, &config), 0);
	assert_true(control_port(n->control) != 0);
}

static inline void stop(struct node *n)
{
	control_free(n->control);
	assert_int_equal(n->n_fds, 0);
}

/* One turn of an event loop: all that is ready now, and what is due. */
static inline bool turn(struct node *n)
{
	struct pollfd copy[MAX_FDS];
	nfds_t n_fds = n->n_fds;
	bool did = false;

	if (control_deadline(n->control) <= now_us()) {
		control_tick(n->control, now_us());
		did = true;
	}
	memcpy(copy, n->fds, n_fds * sizeof(copy[0]));
	n_fds = n_fds < n->n_fds ? n_fds : n->n_fds;
	if (poll(copy, n_fds, 0) <= 0)
		return did;
	for (nfds_t i = 0; i < n_fds; i++) {
		if (copy[i].revents)
			control_ready(n->control, copy[i].fd,
				      (unsigned int)copy[i].revents, now_us());
	}
	return true;
}

/* So long for what a slow machine does late. */
#define PATIENCE_US (30 * USEC_PER_SEC)
#define PAUSE_US 500U

static inline bool turn_both(struct node *a, struct node *b)
{
	const bool did = turn(a);

	return (b && turn(b)) || did;
}

/* Until @value is reached. */
static inline bool run_until(struct node *a, struct node *b,
			     const uint32_t *counter, uint32_t value)
{
	const usec_t end = clock_monotonic_us() + PATIENCE_US;

	while (*counter < value) {
		if (!turn_both(a, b))
			usleep(PAUSE_US);
		if (clock_monotonic_us() > end)
			return false;
	}
	return true;
}

/* Until nothing happens any more: looked for as often as @us has pauses. */
static inline void run_for(struct node *a, struct node *b, usec_t us)
{
	const usec_t end = clock_monotonic_us() + PATIENCE_US;
	usec_t idle_us = 0;

	while (idle_us < us && clock_monotonic_us() < end) {
		if (turn_both(a, b)) {
			idle_us = 0;
			continue;
		}
		usleep(PAUSE_US);
		idle_us += PAUSE_US;
	}
}

static inline void connect_nodes(struct node *a, struct node *b,
				 const char *host)
{
	uint32_t a_up = a->n_up + 1, b_up = b->n_up + 1;

	control_dial(a->control, 7, host, control_port(b->control), now_us());
	assert_true(run_until(a, b, &a->n_up, a_up));
	assert_true(run_until(a, b, &b->n_up, b_up));
}

static inline struct message entries_of(struct entry *list, uint32_t n)
{
	struct message m = { .type = MESSAGE_ENTRIES };

	for (uint32_t i = 0; i < n; i++) {
		list[i] = (struct entry){
			.vni = 5,
			.mac = { { 2, 0, 0, 0, (uint8_t)(i >> 8),
				   (uint8_t)i } },
			.n_ips = 1,
		};
		assert_true(addr_parse_ip("10.0.0.1", &list[i].ips[0]));
	}
	m.entries.n = n;
	m.entries.list = list;
	return m;
}

#endif
