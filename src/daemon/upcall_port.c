/* SPDX-License-Identifier: Apache-2.0 */
#include "upcall_port.h"

#include <errno.h>

#include "core/alloc.h"
#include "sys/clock.h"

/* Upcalls a port may cause: what is above waits in the kernel, or is lost
 * there. The daemon's own cost of one is some 20 us. */
#define BUDGET_PER_SEC 2000U
#define BUDGET_BURST 500U
#define READ_AT_ONCE 16U
#define RESUME_AFTER_US (20 * USEC_PER_MS)

struct socket {
	struct list all;
	struct upcall_ports *owner;
	port_no_t port_no;
	struct upcall_socket upcall;
	struct loop_io *io;
	bool is_limited, is_paused;
	uint64_t tokens; /* in millionths of an upcall */
	usec_t filled_at;
};

static struct socket *socket_of(const struct list *node)
{
	return CONTAINER_OF(node, struct socket, all);
}

static void socket_close(struct socket *s)
{
	struct upcall_ports *u = s->owner;

	u->n_overruns += s->upcall.n_overruns;
	u->n_malformed += s->upcall.n_malformed;
	loop_io_free(s->io);
	upcall_close(&s->upcall);
	list_remove(&s->all);
	free(s);
}

static void resume(void *ctx)
{
	struct upcall_ports *u = ctx;
	struct list *node;

	for (node = u->all.next; node != &u->all; node = node->next) {
		struct socket *s = socket_of(node);

		if (s->is_paused)
			loop_io_set(s->io, LOOP_READ);
		s->is_paused = false;
	}
}

void upcall_ports_init(struct upcall_ports *u)
{
	list_init(&u->all);
	u->buffer = upcall_buffer_new();
	u->resume = loop_timer_new(u->loop, resume, u);
}

void upcall_ports_free(struct upcall_ports *u)
{
	if (!u->buffer)
		return;
	while (!list_is_empty(&u->all))
		socket_close(socket_of(u->all.next));
	loop_timer_free(u->resume);
	upcall_buffer_free(u->buffer);
}

static unsigned int allowance(struct socket *s)
{
	const usec_t now = clock_monotonic_us();
	const uint64_t full = (uint64_t)BUDGET_BURST * USEC_PER_SEC;

	if (!s->is_limited)
		return UPCALL_BATCH;
	s->tokens += (now - s->filled_at) * BUDGET_PER_SEC;
	s->filled_at = now;
	if (s->tokens > full)
		s->tokens = full;
	if (s->tokens / USEC_PER_SEC < READ_AT_ONCE)
		return (unsigned int)(s->tokens / USEC_PER_SEC);
	return READ_AT_ONCE;
}

static void pause_reading(struct socket *s)
{
	s->is_paused = true;
	s->owner->n_paused++;
	loop_io_set(s->io, 0);
	loop_timer_set(s->owner->resume,
		       clock_monotonic_us() + RESUME_AFTER_US);
}

static void on_readable(void *ctx, int fd, unsigned int events)
{
	struct socket *s = ctx;
	struct upcall_ports *u = s->owner;
	const unsigned int n_max = allowance(s);
	const struct ovs_upcall *upcalls;
	unsigned int i, n;

	(void)fd;
	(void)events;
	if (!n_max) {
		pause_reading(s);
		return;
	}
	if (upcall_read(&s->upcall, u->buffer, n_max, &upcalls, &n, NULL))
		return;
	if (s->is_limited)
		s->tokens -= (uint64_t)n * USEC_PER_SEC;
	/* Handling one may close this socket: @s is not touched any more. */
	for (i = 0; i < n; i++)
		u->upcall(u->ctx, &upcalls[i]);
	u->turn(u->ctx);
}

uint32_t upcall_ports_add(struct upcall_ports *u, port_no_t port_no,
			  uint32_t fixed_portid)
{
	struct socket *s = core_alloc(sizeof(*s));
	int error = upcall_open(&s->upcall, u->family, fixed_portid);

	if (error == -EADDRINUSE)
		error = upcall_open(&s->upcall, u->family, 0);
	if (error) {
		free(s);
		errno = -error;
		return 0;
	}
	s->owner = u;
	s->port_no = port_no;
	s->is_limited = !fixed_portid;
	s->tokens = (uint64_t)BUDGET_BURST * USEC_PER_SEC;
	s->filled_at = clock_monotonic_us();
	list_init(&s->all);
	list_append(&u->all, &s->all);
	s->io = loop_io_new(u->loop, s->upcall.fd, LOOP_READ, on_readable, s);
	return s->upcall.portid;
}

static struct socket *find(const struct upcall_ports *u, port_no_t port_no)
{
	struct list *node;

	for (node = u->all.next; node != &u->all; node = node->next) {
		if (socket_of(node)->port_no == port_no)
			return socket_of(node);
	}
	return NULL;
}

void upcall_ports_remove(struct upcall_ports *u, port_no_t port_no)
{
	struct socket *s = find(u, port_no);

	if (s)
		socket_close(s);
}

bool upcall_ports_has(const struct upcall_ports *u, port_no_t port_no)
{
	return find(u, port_no) != NULL;
}

void upcall_ports_each(struct upcall_ports *u,
		       void (*fn)(void *ctx, port_no_t port_no), void *ctx)
{
	struct list *node, *next;

	for (node = u->all.next; node != &u->all; node = next) {
		next = node->next;
		fn(ctx, socket_of(node)->port_no);
	}
}

void upcall_ports_counters(const struct upcall_ports *u,
			   struct upcall_port_counters *ret)
{
	const struct list *node;

	ret->n_overruns = u->n_overruns;
	ret->n_malformed = u->n_malformed;
	ret->n_paused = u->n_paused;
	for (node = u->all.next; node != &u->all; node = node->next) {
		const struct socket *s = socket_of(node);

		ret->n_overruns += s->upcall.n_overruns;
		ret->n_malformed += s->upcall.n_malformed;
	}
}
