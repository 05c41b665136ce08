/* SPDX-License-Identifier: Apache-2.0 */
/* Those who connect and are no peers, or are silent; and too many of them. */
#include "control_nodes.h"

#include <sys/resource.h>

#include "under_valgrind.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_garbage_is_told_why),
		cmocka_unit_test(test_half_open),
		cmocka_unit_test(test_half_open_from_one_address),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_connect_times_out),
		cmocka_unit_test(test_out_of_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
