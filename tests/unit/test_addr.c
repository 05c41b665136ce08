/* SPDX-License-Identifier: Apache-2.0 */

/* Addresses as text and as socket addresses; names; clock and randomness. */

#include "sys/addr.h"

#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/clock.h"
#include "sys/resolve.h"

static void test_ip(void **state)
{
	static const char *const same[] = {
		"0.0.0.0",
		"192.0.2.1",
		"255.255.255.255",
		"::",
		"::1",
		"2001:db8::1",
		"fe80::1",
		"ff02::1",
		"2001:db8:1111:2222:3333:4444:5555:6666",
	};
	static const char *const bad[] = {
		"",
		" ",
		"1",
		"192.0.2",
		"192.0.2.256",
		"192.0.2.1 ",
		" 192.0.2.1",
		"192.0.2.01",
		"fe80::1%eth0",
		"[::1]",
		":::1",
		"host1",
		"192.0.2.1/24",
	};
	char buf[ADDR_IP_SIZE];
	struct ip ip, before;

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		assert_true(addr_parse_ip(same[i], &ip));
		assert_string_equal(addr_print_ip(&ip, buf), same[i]);
	}
	before = ip;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(addr_parse_ip(bad[i], &ip));
		assert_true(ip_equal(&ip, &before));
	}
	assert_true(addr_parse_ip("::ffff:192.0.2.1", &ip));
	assert_true(ip_is_v4(&ip));
	assert_string_equal(addr_print_ip(&ip, buf), "192.0.2.1");
}

static void test_ip_kinds(void **state)
{
	static const struct {
		const char *text;
		bool is_multicast, is_any;
	} cases[] = {
		{ "224.0.0.1", true, false },  { "239.1.1.1", true, false },
		{ "240.0.0.1", false, false }, { "ff02::1", true, false },
		{ "fe80::1", false, false },   { "0.0.0.0", false, true },
		{ "::", false, true },	       { "0.0.0.1", false, false },
	};
	struct ip ip;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(addr_parse_ip(cases[i].text, &ip));
		assert_int_equal(addr_ip_is_multicast(&ip),
				 cases[i].is_multicast);
		assert_int_equal(addr_ip_is_any(&ip), cases[i].is_any);
	}
}

static void test_mac(void **state)
{
	static const char *const bad[] = {
		"",
		"02:00:00:00:00",
		"02:00:00:00:00:0g",
		"02:00:00:00:00:011",
		"02-00-00-00-00-01",
		"0200:00:00:00:01",
		"02:00:00:00:00:01 ",
	};
	char buf[ADDR_MAC_SIZE];
	struct mac mac;

	(void)state;
	assert_true(addr_parse_mac("02:AB:cd:00:ff:01", &mac));
	assert_string_equal(addr_print_mac(&mac, buf), "02:ab:cd:00:ff:01");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(addr_parse_mac(bad[i], &mac));
	assert_string_equal(addr_print_mac(&mac, buf), "02:ab:cd:00:ff:01");
}

static void test_prefix(void **state)
{
	static const char *const same[] = {
		"10.32.0.1/24",	  "10.32.0.1/0",     "10.32.0.1/32",
		"2001:db8::1/64", "2001:db8::1/128",
	};
	static const char *const bad[] = {
		"10.32.0.1",
		"10.32.0.1/",
		"10.32.0.1/33",
		"10.32.0.1/024",
		"10.32.0.1/-1",
		"10.32.0.1/+8",
		"10.32.0.1/8/8",
		"/24",
		"2001:db8::1/129",
		"10.32.0.1/4294967304",
		"10.32.0.1 /24",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb/64",
	};
	char buf[ADDR_PREFIX_SIZE];
	struct ip ip;
	uint8_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		assert_true(addr_parse_prefix(same[i], &ip, &len));
		assert_string_equal(addr_print_prefix(&ip, len, buf), same[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(addr_parse_prefix(bad[i], &ip, &len));
	assert_int_equal(len, 128);
}

static void test_host_port(void **state)
{
	static const struct {
		const char *text, *host;
		uint16_t port;
	} good[] = {
		{ "host1", "host1", 6783 },
		{ "host1.example.com:1", "host1.example.com", 1 },
		{ "192.0.2.1", "192.0.2.1", 6783 },
		{ "192.0.2.1:65535", "192.0.2.1", 65535 },
		{ "2001:db8::1", "2001:db8::1", 6783 },
		{ "[2001:db8::1]", "2001:db8::1", 6783 },
		{ "[2001:db8::1]:80", "2001:db8::1", 80 },
		{ "::1", "::1", 6783 },
	};
	static const char *const bad[] = {
		"",
		":",
		":80",
		"host1:",
		"host1:0",
		"host1:65536",
		"host1:x",
		"host1:+80",
		"host 1",
		"-host",
		".host",
		"host/1",
		"[host1]:80",
		"[::1",
		"[::1]80",
		"[::1]:",
		"[]:80",
		"2001:db8::1::80",
		"host1:80:80",
		"h\xc3\xb6st",
	};
	char host[MAX_HOST] = "", longest[MAX_HOST + 1];
	uint16_t port = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(
			addr_parse_host_port(good[i].text, 6783, host, &port));
		assert_string_equal(host, good[i].host);
		assert_int_equal(port, good[i].port);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(addr_parse_host_port(bad[i], 6783, host, &port));
	assert_string_equal(host, "::1");
	assert_int_equal(port, 6783);
	memset(longest, 'a', MAX_HOST);
	longest[MAX_HOST] = '\0';
	assert_false(addr_parse_host_port(longest, 6783, host, &port));
	longest[MAX_HOST - 1] = '\0';
	assert_true(addr_parse_host_port(longest, 6783, host, &port));
}

static void test_sockaddr(void **state)
{
	static const char *const texts[] = { "192.0.2.1", "2001:db8::1" };
	struct sockaddr_storage sa;
	struct sockaddr_in6 mapped = { .sin6_family = AF_INET6 };
	struct endpoint in, out;
	char buf[ADDR_ENDPOINT_SIZE];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_true(addr_parse_ip(texts[i], &in.ip));
		in.port = 0x1234;
		assert_int_equal(addr_to_sockaddr(&in, &sa),
				 i ? sizeof(struct sockaddr_in6)
				   : sizeof(struct sockaddr_in));
		assert_int_equal(sa.ss_family, i ? AF_INET6 : AF_INET);
		assert_true(addr_from_sockaddr(&sa, &out));
		assert_true(ip_equal(&in.ip, &out.ip));
		assert_int_equal(out.port, 0x1234);
		assert_string_equal(addr_print_endpoint(&out, buf),
				    i ? "[2001:db8::1]:4660"
				      : "192.0.2.1:4660");
	}
	/* What a dual-stack listener sees. */
	memcpy(&mapped.sin6_addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\1", 16);
	memset(&sa, 0, sizeof(sa));
	memcpy(&sa, &mapped, sizeof(mapped));
	assert_true(addr_from_sockaddr(&sa, &out));
	assert_true(ip_is_v4(&out.ip));
	sa.ss_family = AF_UNIX;
	assert_false(addr_from_sockaddr(&sa, &out));
}

static bool wait_result(struct resolve *r, struct resolve_result *ret)
{
	struct pollfd p = { .fd = resolve_fd(r), .events = POLLIN };

	for (int i = 0; i < 50; i++) {
		if (poll(&p, 1, 100) > 0 && resolve_next(r, ret))
			return true;
	}
	return false;
}

static void test_resolve(void **state)
{
	struct resolve *r;
	struct resolve_result result;
	char name[MAX_HOST + 1];
	bool has_loopback = false;
	struct ip loopback;
	struct pollfd p;

	(void)state;
	assert_true(addr_parse_ip("127.0.0.1", &loopback));
	assert_int_equal(resolve_new(&r), 0);
	p = (struct pollfd){ .fd = resolve_fd(r), .events = POLLIN };
	assert_false(resolve_next(r, &result));
	assert_int_equal(resolve_start(r, 11, "localhost"), 0);
	assert_true(wait_result(r, &result));
	assert_int_equal(result.id, 11);
	for (uint32_t i = 0; i < result.n; i++)
		has_loopback |= ip_equal(&result.addresses[i], &loopback);
	assert_true(has_loopback);
	assert_false(resolve_next(r, &result));
	assert_int_equal(poll(&p, 1, 0), 0);
	/* Labels have at most 63 octets: no server is asked for this. */
	memset(name, 'a', MAX_HOST);
	name[MAX_HOST] = '\0';
	assert_int_not_equal(resolve_start(r, 12, name), 0);
	assert_int_not_equal(resolve_start(r, 12, ""), 0);
	name[100] = '\0';
	assert_int_equal(resolve_start(r, 13, name), 0);
	assert_true(wait_result(r, &result));
	assert_int_equal(result.id, 13);
	assert_int_equal(result.n, 0);
	resolve_free(r);
	resolve_free(NULL);
}

static void test_resolve_limits(void **state)
{
	struct resolve *r;
	struct resolve_result result;
	uint32_t n = 0, n_got = 0;

	(void)state;
	assert_int_equal(resolve_new(&r), 0);
	/* Nobody fetches: at some point no more is taken. */
	while (resolve_start(r, n + 1, "localhost") == 0) {
		n++;
		assert_true(n <= RESOLVE_MAX_WAITING + 1);
	}
	for (uint32_t id = 2; id <= n; id += 2)
		resolve_cancel(r, id);
	while (n_got < (n + 1) / 2) {
		assert_true(wait_result(r, &result));
		assert_int_equal(result.id % 2, 1);
		n_got++;
	}
	usleep(20000);
	assert_false(resolve_next(r, &result));
	/* With work waiting: neither waits nor leaks. */
	for (uint32_t id = 1; id < 100; id++)
		assert_int_equal(resolve_start(r, id, "localhost"), 0);
	resolve_free(r);
	usleep(50000);
}

static void test_clock(void **state)
{
	usec_t a = clock_monotonic_us();
	uint8_t x[300] = { 0 }, y[300] = { 0 };

	(void)state;
	usleep(2000);
	assert_true(clock_monotonic_us() - a >= 2000);
	/* Who sleeps has no processor. */
	a = clock_thread_us();
	usleep(20000);
	assert_true(clock_thread_us() - a < 10000);
	while (clock_thread_us() - a < 2000)
		continue;
	/* Between 2020 and 2100. */
	assert_in_range(clock_realtime_us() / USEC_PER_SEC, 1577836800,
			4102444800);
	assert_int_equal(clock_random(x, sizeof(x)), 0);
	assert_int_equal(clock_random(y, sizeof(y)), 0);
	assert_memory_not_equal(x, y, sizeof(x));
	assert_memory_not_equal(x + 290, y + 290, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ip),
		cmocka_unit_test(test_ip_kinds),
		cmocka_unit_test(test_mac),
		cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_host_port),
		cmocka_unit_test(test_sockaddr),
		cmocka_unit_test(test_resolve),
		cmocka_unit_test(test_resolve_limits),
		cmocka_unit_test(test_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
