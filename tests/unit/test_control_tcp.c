/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The control plane over real sockets: several managers in one process, on
 * the loopback device, served by poll(). The clock can be moved forward.
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
#include <sys/resource.h>
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

static usec_t now_us(void)
{
	return clock_monotonic_us() + time_ahead;
}

static struct pollfd *find_fd(struct node *n, int fd)
{
	for (nfds_t i = 0; i < n->n_fds; i++) {
		if (n->fds[i].fd == fd)
			return &n->fds[i];
	}
	return NULL;
}

static void on_watch(void *ctx, int fd, unsigned int events)
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

static void on_unwatch(void *ctx, int fd)
{
	struct node *n = ctx;
	struct pollfd *p = find_fd(n, fd);

	assert_non_null(p);
	*p = n->fds[--n->n_fds];
}

static void on_message(struct node *n, const struct event *ev)
{
	n->n_messages++;
	n->message = *ev->message.message;
	if (n->message.type == MESSAGE_ENTRIES)
		n->n_entries += n->message.entries.n;
}

static void on_event(void *ctx, const struct event *ev)
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

static void on_note(void *ctx, const struct control_note *note)
{
	struct node *n = ctx;

	n->n_notes++;
	n->n_inbound_notes += note->is_inbound;
	assert_non_null(note->text);
	assert_true(*note->text);
	snprintf(n->text, sizeof(n->text), "%s", note->text);
}

static struct control_config config_of(const char *name, const char *address)
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

static int try_start(struct node *n, const struct control_config *config)
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

static void start(struct node *n, const char *name)
{
	struct control_config config = config_of(name, NULL);

	assert_int_equal(try_start(n, &config), 0);
	assert_true(control_port(n->control) != 0);
}

static void stop(struct node *n)
{
	control_free(n->control);
	assert_int_equal(n->n_fds, 0);
}

/* One turn of an event loop: all that is ready now, and what is due. */
static bool turn(struct node *n)
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

static bool turn_both(struct node *a, struct node *b)
{
	const bool did = turn(a);

	return (b && turn(b)) || did;
}

/* Until @value is reached. */
static bool run_until(struct node *a, struct node *b, const uint32_t *counter,
		      uint32_t value)
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
static void run_for(struct node *a, struct node *b, usec_t us)
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

static void connect_nodes(struct node *a, struct node *b, const char *host)
{
	uint32_t a_up = a->n_up + 1, b_up = b->n_up + 1;

	control_dial(a->control, 7, host, control_port(b->control), now_us());
	assert_true(run_until(a, b, &a->n_up, a_up));
	assert_true(run_until(a, b, &b->n_up, b_up));
}

static struct message entries_of(struct entry *list, uint32_t n)
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

/* A connection of a stranger from @source, an address of the loopback net. */
static int stranger(const char *source, uint16_t port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(inet_pton(AF_INET, source, &sa.sin_addr), 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(inet_pton(AF_INET, "127.0.0.1", &sa.sin_addr), 1);
	sa.sin_port = htons(port);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

/* ---- tests ---- */

static void talk(const char *host)
{
	static struct node a, b;
	struct message heard = { .type = MESSAGE_HEARD }, many;
	struct entry list[100];
	session_t session;

	start(&a, "host1");
	start(&b, "host2");
	connect_nodes(&a, &b, host);
	assert_int_equal(a.target, 7);
	assert_int_equal(b.target, 0);
	assert_string_equal(a.hello.name, "host2");
	assert_string_equal(b.hello.name, "host1");
	assert_int_equal(a.remote.port, control_port(b.control));
	assert_int_equal(a.local.port, b.remote.port);
	assert_true(ip_equal(&a.local.ip, &b.remote.ip));
	assert_true(ip_equal(&a.remote.ip, &b.local.ip));
	heard.heard.seq = 42;
	assert_true(control_send(a.control, a.session, &heard, now_us()));
	assert_true(run_until(&a, &b, &b.n_messages, 1));
	assert_int_equal(b.message.type, MESSAGE_HEARD);
	assert_int_equal(b.message.heard.seq, 42);
	many = entries_of(list, 100);
	assert_true(control_send(b.control, b.session, &many, now_us()));
	assert_true(control_send(b.control, b.session, &many, now_us()));
	assert_true(run_until(&a, &b, &a.n_messages, 2));
	assert_int_equal(a.n_entries, 200);
	session = a.session;
	control_close(a.control, session, REASON_REMOVED, now_us());
	/* Closed for us at once, though still to be told. */
	assert_false(control_send(a.control, session, &heard, now_us()));
	assert_true(run_until(&a, &b, &a.n_down, 1));
	assert_true(run_until(&a, &b, &b.n_down, 1));
	assert_int_equal(a.reason, REASON_REMOVED);
	assert_int_equal(b.reason, REASON_REMOVED);
	assert_false(control_send(a.control, session, &heard, now_us()));
	control_close(a.control, session, REASON_REMOVED, now_us());
	run_for(&a, &b, 20 * USEC_PER_MS);
	assert_int_equal(a.n_down, 1);
	assert_int_equal(b.n_down, 1);
	stop(&a);
	stop(&b);
}

static void test_talk(void **state)
{
	(void)state;
	talk("127.0.0.1");
	talk("::1");
	talk("localhost");
}

static void test_failed_dials(void **state)
{
	static struct node a;
	struct control_config config = config_of("host1", "127.0.0.2");
	char name[MAX_HOST + 10];

	(void)state;
	assert_int_equal(try_start(&a, &config), 0);
	control_dial(a.control, 1, "127.0.0.1", 1, now_us());
	assert_int_equal(a.n_failed, 0); /* never from inside the call */
	assert_true(run_until(&a, NULL, &a.n_failed, 1));
	assert_int_equal(a.target, 1);
	assert_int_equal(a.reason, REASON_REFUSED);
	/* The other family than our own address. */
	control_dial(a.control, 2, "::1", 1, now_us());
	assert_true(run_until(&a, NULL, &a.n_failed, 2));
	assert_int_equal(a.reason, REASON_UNREACHABLE);
	/* A label of a name has at most 63 octets: no server is asked. */
	memset(name, 'a', 100);
	name[100] = '\0';
	control_dial(a.control, 3, name, 1, now_us());
	assert_true(run_until(&a, NULL, &a.n_failed, 3));
	assert_int_equal(a.reason, REASON_NAME_UNKNOWN);
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	control_dial(a.control, 4, name, 1, now_us());
	assert_true(run_until(&a, NULL, &a.n_failed, 4));
	assert_int_equal(a.reason, REASON_NAME_UNKNOWN);
	control_dial(a.control, 5, "0.0.0.0", 1, now_us());
	assert_true(run_until(&a, NULL, &a.n_failed, 5));
	assert_int_equal(a.reason, REASON_UNREACHABLE);
	stop(&a);
}

static void test_redial_in_callback(void **state)
{
	static struct node a, b;

	(void)state;
	start(&a, "host1");
	start(&b, "host2");
	a.redial = 9;
	a.redial_port = control_port(b.control);
	control_dial(a.control, 9, "127.0.0.1", 1, now_us());
	/* Twice the same target: one attempt. */
	control_dial(a.control, 9, "127.0.0.1", 1, now_us());
	assert_true(run_until(&a, &b, &a.n_up, 1));
	assert_int_equal(a.n_failed, 1);
	assert_int_equal(a.target, 9);
	stop(&a);
	stop(&b);
}

static void test_ourselves_and_clone(void **state)
{
	static struct node a, b;
	struct control_config config = config_of("host1", NULL);

	(void)state;
	start(&a, "host1");
	control_dial(a.control, 1, "127.0.0.1", control_port(a.control),
		     now_us());
	assert_true(run_until(&a, NULL, &a.n_failed, 1));
	assert_int_equal(a.reason, REASON_OURSELVES);
	assert_true(run_until(&a, NULL, &a.n_inbound_notes, 1));
	config.hello.instance = 2;
	snprintf(config.hello.nickname, sizeof(config.hello.nickname),
		 "the-clone");
	assert_int_equal(try_start(&b, &config), 0);
	control_dial(b.control, 1, "127.0.0.1", control_port(a.control),
		     now_us());
	assert_true(run_until(&a, &b, &b.n_failed, 1));
	assert_int_equal(b.reason, REASON_CLONED);
	assert_true(run_until(&a, &b, &a.n_inbound_notes, 2));
	assert_non_null(strstr(a.text, "the-clone"));
	assert_non_null(strstr(a.text, "host1"));
	assert_int_equal(a.n_up + b.n_up, 0);
	/* While the old connection is told why, the target is free again. */
	b.redial = 2;
	b.redial_port = control_port(a.control);
	control_dial(b.control, 2, "127.0.0.1", control_port(a.control),
		     now_us());
	assert_true(run_until(&a, &b, &b.n_failed, 4));
	stop(&a);
	stop(&b);
}

static void test_close_on_up(void **state)
{
	static struct node a, b;

	(void)state;
	start(&a, "host1");
	start(&b, "host2");
	a.closes_on_up = true;
	connect_nodes(&a, &b, "127.0.0.1");
	assert_true(run_until(&a, &b, &b.n_down, 1));
	assert_int_equal(b.reason, REASON_DUPLICATE);
	assert_int_equal(a.n_down, 1);
	stop(&a);
	stop(&b);
}

/* What is said last before the end arrives. */
static void test_last_words(void **state)
{
	static struct node a, b;
	struct message leave = { .type = MESSAGE_LEAVE };

	(void)state;
	start(&a, "host1");
	start(&b, "host2");
	connect_nodes(&a, &b, "127.0.0.1");
	assert_true(control_send(a.control, a.session, &leave, now_us()));
	stop(&a);
	assert_true(run_until(&b, NULL, &b.n_down, 1));
	assert_int_equal(b.n_messages, 1);
	assert_int_equal(b.message.type, MESSAGE_LEAVE);
	assert_int_equal(b.reason, REASON_CLOSED);
	stop(&b);
}

static void test_back_pressure(void **state)
{
	static struct node a, b;
	struct control_counters counters;
	struct entry list[MESSAGE_MAX_ENTRIES];
	struct message m = entries_of(list, MESSAGE_MAX_ENTRIES);
	uint32_t n = 0;
	bool is_ready;

	(void)state;
	start(&a, "host1");
	start(&b, "host2");
	connect_nodes(&a, &b, "127.0.0.1");
	/* b does not read: first the kernel is full, then we are. */
	do {
		is_ready = control_send(a.control, a.session, &m, now_us());
		n++;
		turn(&a);
		assert_true(n < 10000);
	} while (is_ready);
	turn(&a);
	assert_int_equal(a.n_not_ready, 1);
	assert_int_equal(a.n_ready, 0);
	assert_true(run_until(&a, &b, &a.n_ready, 1));
	assert_true(run_until(&a, &b, &b.n_messages, n));
	assert_int_equal(b.n_entries, n * MESSAGE_MAX_ENTRIES);
	/* One of ours that is out of limits is dropped, and counted. */
	list[0].vni = 0;
	assert_true(control_send(a.control, a.session, &m, now_us()));
	control_counters(a.control, &counters);
	assert_int_equal(counters.n_unsendable, 1);
	assert_int_equal(counters.n_sessions, 1);
	assert_int_equal(counters.n_connections, 1);
	stop(&a);
	stop(&b);
}

static void test_garbage_is_told_why(void **state)
{
	static struct node a;
	struct control_counters counters;
	char answer[1000];
	ssize_t n, got = 0;
	int fd;

	(void)state;
	start(&a, "host1");
	fd = stranger("127.0.0.1", control_port(a.control));
	assert_int_equal(write(fd, "GET / HTTP/1.1\r\n\r\n", 18), 18);
	assert_true(run_until(&a, NULL, &a.n_inbound_notes, 1));
	run_for(&a, NULL, 20 * USEC_PER_MS);
	while ((n = read(fd, answer + got, sizeof(answer) - (size_t)got)) > 0)
		got += n;
	assert_int_equal(n, 0); /* an end, not a reset */
	assert_non_null(memmem(answer, (size_t)got, "too long", 8));
	control_counters(a.control, &counters);
	assert_int_equal(counters.n_bad_messages, 1);
	assert_int_equal(counters.n_connections, 1);
	/* It stays half-open; we do not wait for ever. */
	time_ahead += 3 * USEC_PER_SEC;
	run_for(&a, NULL, 20 * USEC_PER_MS);
	control_counters(a.control, &counters);
	assert_int_equal(counters.n_connections, 0);
	close(fd);
	stop(&a);
}

/* Strangers that connect and say nothing do not disturb what there is. */
static void test_half_open(void **state)
{
	static struct node a, b, c;
	struct message heard = { .type = MESSAGE_HEARD };
	struct control_counters counters;
	int fds[200];

	(void)state;
	start(&a, "host1");
	start(&b, "host2");
	connect_nodes(&a, &b, "127.0.0.1");
	for (unsigned int i = 0; i < 200; i++) {
		char source[ADDR_IP_SIZE];

		snprintf(source, sizeof(source), "127.0.1.%u", i + 1);
		fds[i] = stranger(source, control_port(b.control));
		assert_true(
			control_send(a.control, a.session, &heard, now_us()));
		assert_true(run_until(&a, &b, &b.n_messages, i + 1));
		control_counters(b.control, &counters);
		/* Handshakes, those that are being told off, and one. */
		assert_true(counters.n_connections <=
			    CONTROL_MAX_HANDSHAKES + 64 + 2);
	}
	run_for(&a, &b, 20 * USEC_PER_MS);
	control_counters(b.control, &counters);
	assert_int_equal(counters.n_accepted, 201);
	assert_int_equal(counters.n_refused_limit,
			 200 - CONTROL_MAX_HANDSHAKES);
	/* A newcomer gets in. */
	start(&c, "host3");
	connect_nodes(&c, &b, "127.0.0.1");
	time_ahead += 6 * USEC_PER_SEC;
	run_for(&b, &c, 50 * USEC_PER_MS);
	time_ahead += 3 * USEC_PER_SEC;
	run_for(&b, &c, 50 * USEC_PER_MS);
	control_counters(b.control, &counters);
	assert_int_equal(counters.n_connections, 2);
	assert_int_equal(a.n_down + b.n_down + c.n_down, 0);
	for (int i = 0; i < 200; i++)
		close(fds[i]);
	stop(&a);
	stop(&b);
	stop(&c);
}

static void test_half_open_from_one_address(void **state)
{
	static struct node a, b;
	struct control_counters counters;
	int fds[20];

	(void)state;
	start(&a, "host1");
	start(&b, "host2");
	for (int i = 0; i < 20; i++)
		fds[i] = stranger("127.0.1.1", control_port(b.control));
	run_for(&b, NULL, 20 * USEC_PER_MS);
	control_counters(b.control, &counters);
	assert_int_equal(counters.n_connections, CONTROL_MAX_HANDSHAKES_PER_IP);
	assert_int_equal(counters.n_refused_limit,
			 20 - CONTROL_MAX_HANDSHAKES_PER_IP);
	/* They are not waited for any longer than the handshake may take. */
	assert_in_range(control_deadline(b.control), now_us(),
			now_us() + 5 * USEC_PER_SEC);
	connect_nodes(&a, &b, "127.0.0.1");
	for (int i = 0; i < 20; i++)
		close(fds[i]);
	stop(&a);
	stop(&b);
}

static void test_silence(void **state)
{
	static struct node a, b;

	(void)state;
	start(&a, "host1");
	start(&b, "host2");
	connect_nodes(&a, &b, "127.0.0.1");
	/* Pings keep it up. */
	for (int i = 0; i < 10; i++) {
		time_ahead += 9 * USEC_PER_SEC;
		run_for(&a, &b, 5 * USEC_PER_MS);
	}
	assert_int_equal(a.n_down + b.n_down, 0);
	/* b is stuck: its kernel takes the pings, nobody answers. */
	for (int i = 0; i < 5; i++) {
		time_ahead += 9 * USEC_PER_SEC;
		run_for(&a, NULL, 5 * USEC_PER_MS);
	}
	assert_int_equal(a.n_down, 1);
	assert_int_equal(a.reason, REASON_TIMED_OUT);
	assert_true(run_until(&a, &b, &b.n_down, 1));
	stop(&a);
	stop(&b);
}

/* An address that swallows connections: the queue of its listener is full. */
static void test_connect_times_out(void **state)
{
	static struct node a;
	struct sockaddr_in sa = { .sin_family = AF_INET };
	socklen_t size = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0), fill[3];
	usec_t deadline;

	(void)state;
	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(fd, 0), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &size), 0);
	for (int i = 0; i < 3; i++) {
		fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(fill[i], (struct sockaddr *)&sa, sizeof(sa));
	}
	start(&a, "host1");
	control_dial(a.control, 3, "127.0.0.1", ntohs(sa.sin_port), now_us());
	run_for(&a, NULL, 20 * USEC_PER_MS);
	assert_int_equal(a.n_failed, 0);
	deadline = control_deadline(a.control);
	assert_true(deadline > now_us() + 4 * USEC_PER_SEC);
	assert_true(deadline < now_us() + 6 * USEC_PER_SEC);
	time_ahead += 6 * USEC_PER_SEC;
	assert_true(run_until(&a, NULL, &a.n_failed, 1));
	assert_int_equal(a.reason, REASON_TIMED_OUT);
	stop(&a);
	for (int i = 0; i < 3; i++)
		close(fill[i]);
	close(fd);
}

/* It keeps limits of descriptors to itself, and accept() has none. */
static bool is_under_valgrind(void)
{
	const char *preload = getenv("LD_PRELOAD");

	return preload && strstr(preload, "vgpreload_");
}

/* Out of descriptors: it waits, without spinning, and then goes on. */
static void test_out_of_descriptors(void **state)
{
	static struct node a;
	struct control_counters counters;
	struct rlimit limit, low;
	int fd, probe;

	(void)state;
	if (is_under_valgrind())
		skip();
	start(&a, "host1");
	fd = stranger("127.0.0.1", control_port(a.control));
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	probe = dup(0);
	assert_true(probe >= 0);
	close(probe);
	low = limit;
	low.rlim_cur = (rlim_t)probe;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	turn(&a);
	for (int i = 0; i < 100; i++)
		assert_false(turn(&a)); /* nothing is ready, nothing is due */
	control_counters(a.control, &counters);
	assert_int_equal(counters.n_accept_paused, 1);
	assert_int_equal(counters.n_accepted, 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	time_ahead += 2 * USEC_PER_SEC;
	run_for(&a, NULL, 20 * USEC_PER_MS);
	control_counters(a.control, &counters);
	assert_int_equal(counters.n_accepted, 1);
	close(fd);
	stop(&a);
}

static void test_refused_configurations(void **state)
{
	static struct node a, b;
	struct control_config config = config_of("host1", "127.0.0.1");

	(void)state;
	assert_int_equal(try_start(&a, &config), 0);
	config.local.port = control_port(a.control);
	assert_int_equal(try_start(&b, &config), -EADDRINUSE);
	config = config_of("host1", "192.0.2.77");
	assert_int_equal(try_start(&b, &config), -EADDRNOTAVAIL);
	config = config_of("host1", NULL);
	config.hello.control_port = 0;
	assert_int_equal(try_start(&b, &config), -EINVAL);
	assert_false(control_set_hello(a.control, &config.hello));
	stop(&a);
}

/* A name that is being looked up does not hold up the end. */
static void test_free_while_dialling(void **state)
{
	static struct node a, b;

	(void)state;
	start(&a, "host1");
	start(&b, "host2");
	for (target_t t = 1; t < 50; t++)
		control_dial(a.control, t, t % 2 ? "localhost" : "127.0.0.1",
			     control_port(b.control), now_us());
	turn(&a);
	stop(&a);
	run_for(&b, NULL, 20 * USEC_PER_MS);
	stop(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_talk),
		cmocka_unit_test(test_failed_dials),
		cmocka_unit_test(test_redial_in_callback),
		cmocka_unit_test(test_ourselves_and_clone),
		cmocka_unit_test(test_close_on_up),
		cmocka_unit_test(test_last_words),
		cmocka_unit_test(test_back_pressure),
		cmocka_unit_test(test_garbage_is_told_why),
		cmocka_unit_test(test_half_open),
		cmocka_unit_test(test_half_open_from_one_address),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_connect_times_out),
		cmocka_unit_test(test_out_of_descriptors),
		cmocka_unit_test(test_refused_configurations),
		cmocka_unit_test(test_free_while_dialling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
