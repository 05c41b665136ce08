/* SPDX-License-Identifier: Apache-2.0 */
/* The table for masquerading, in a namespace of its own on this kernel. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/addr.h"
#include "sys/error.h"
#include "sys/masq.h"

static char text[65536];

/* What the kernel has, as nft tells it; with no blanks. */
static const char *ruleset(void)
{
	FILE *f = popen("nft list ruleset | tr -d ' \\n\\t'", "r");
	size_t n;

	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	assert_int_equal(pclose(f), 0);
	return text;
}

static struct ip ip_of(const char *s)
{
	struct ip ip;

	assert_true(addr_parse_ip(s, &ip));
	return ip;
}

static int alone(void **state)
{
	(void)state;
	return geteuid() || unshare(CLONE_NEWNET) ? 1 : 0;
}

static void test_life(void **state)
{
	struct ip ips[3] = { ip_of("10.32.0.2"), ip_of("10.32.0.3"),
			     ip_of("fd32::2") };
	struct error e = { .code = "" };
	struct masq *m = masq_open("fast-dp.0", "fast\"dp*");

	(void)state;
	assert_non_null(m);
	assert_int_equal(masq_remove(m, &e), 0);
	assert_int_equal(masq_replace(m, ips, 3, &e), 0);
	assert_non_null(strstr(ruleset(), "tableinetmasq_fast_dp_0{"));
	assert_non_null(strstr(text, "elements={10.32.0.2,10.32.0.3}"));
	assert_non_null(strstr(text, "elements={fd32::2}"));
	assert_non_null(strstr(text, "oifname\"fast_dp_\"return"));
	assert_non_null(strstr(text, "ipsaddr@from4masquerade"));
	assert_int_equal(masq_delete(m, &ips[1], &e), 0);
	assert_null(strstr(ruleset(), "10.32.0.3"));
	assert_int_equal(masq_delete(m, &ips[1], &e), -1);
	assert_true(error_is_set(&e));
	assert_int_equal(masq_delete(m, &ips[2], &e), 0);
	assert_null(strstr(ruleset(), "fd32::2"));
	assert_int_equal(masq_add(m, &ips[2], &e), 0);
	assert_int_equal(masq_add(m, &ips[2], &e), 0);
	assert_non_null(strstr(ruleset(), "elements={fd32::2}"));
	/* Another daemon's is left alone; ours goes as a whole. */
	assert_int_equal(system("nft add table inet masq_other"), 0);
	assert_int_equal(masq_replace(m, ips, 1, &e), 0);
	assert_null(strstr(ruleset(), "fd32::2"));
	assert_int_equal(masq_remove(m, &e), 0);
	assert_string_equal(ruleset(), "tableinetmasq_other{}");
	assert_int_equal(masq_add(m, &ips[0], &e), -1);
	masq_close(m);
}

static bool is_right(struct masq *m, const struct ip *ips, size_t n)
{
	bool ret = false;

	assert_int_equal(masq_check(m, ips, n, &ret), 0);
	return ret;
}

static const char delete_rule[] =
	"nft delete rule inet masq_fastdp leave handle $(nft -a list "
	"table inet masq_fastdp | grep from6.masq | grep -o '[0-9]*$')";

/* Whatever somebody does to the table is seen, and is undone by a new one. */
static void test_check(void **state)
{
	static const char *const harms[] = {
		"nft flush ruleset",
		"nft flush table inet masq_fastdp",
		delete_rule,
		"nft delete element inet masq_fastdp from4 { 10.32.0.3 }",
		"nft delete element inet masq_fastdp from6 { fd32::2 }",
		"nft add element inet masq_fastdp from4 { 10.32.0.1 }",
		"nft add element inet masq_fastdp from6 { fd32::1 }",
		"nft add rule inet masq_fastdp leave accept",
	};
	/* In order. */
	struct ip ips[3] = { ip_of("10.32.0.2"), ip_of("10.32.0.3"),
			     ip_of("fd32::2") };
	struct error e = { .code = "" };
	struct masq *m = masq_open("fastdp", "fastdp");
	size_t i;

	(void)state;
	assert_false(is_right(m, ips, 3));
	for (i = 0; i < sizeof(harms) / sizeof(harms[0]); i++) {
		assert_int_equal(masq_replace(m, ips, 3, &e), 0);
		assert_true(is_right(m, ips, 3));
		assert_false(is_right(m, ips, 2));
		assert_false(is_right(m, ips + 1, 2));
		assert_int_equal(system(harms[i]), 0);
		assert_false(is_right(m, ips, 3));
	}
	assert_int_equal(masq_replace(m, ips, 0, &e), 0);
	assert_true(is_right(m, ips, 0));
	assert_int_equal(masq_remove(m, &e), 0);
	assert_false(is_right(m, ips, 0));
	masq_close(m);
}

/* A full host, and one that is more than full. */
static void test_many(void **state)
{
	static struct ip ips[MASQ_MAX_IPS + 1];
	struct error e = { .code = "" };
	struct masq *m = masq_open("fastdp", "fastdp");
	char ip[32];
	size_t i;

	(void)state;
	for (i = 0; i < 1024; i++) {
		snprintf(ip, sizeof(ip), "10.33.%zu.%zu", i / 256, i % 256);
		ips[i] = ip_of(ip);
	}
	assert_int_equal(masq_replace(m, ips, 1024, &e), 0);
	assert_non_null(strstr(ruleset(), "10.33.3.255"));
	assert_true(is_right(m, ips, 1024));
	assert_int_equal(masq_replace(m, ips, MASQ_MAX_IPS + 1, &e), -1);
	assert_int_equal(masq_remove(m, &e), 0);
	masq_close(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_many),
	};

	if (geteuid()) {
		puts("not root: no namespace to work in");
		return 77;
	}
	return cmocka_run_group_tests(tests, alone, NULL);
}
