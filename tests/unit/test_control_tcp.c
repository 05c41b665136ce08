/* SPDX-License-Identifier: Apache-2.0 */
/* The control plane over real sockets. */
#include "control_nodes.h"

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
		cmocka_unit_test(test_refused_configurations),
		cmocka_unit_test(test_free_while_dialling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
