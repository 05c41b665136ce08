/* SPDX-License-Identifier: Apache-2.0 */
/* Settings that are read again: what a reload leaves to the next start. */

#include "settings/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "settings/settings_keys.h"

/* Of each option: another value than it has by default. */
static const struct {
	const char *name, *value;
	bool is_live;
} others[] = {
	{ "config", "/dev/null", true },
	{ "name", "1f2e", false },
	{ "nickname", "somebody", false },
	{ "local-address", "192.0.2.1", false },
	{ "control-port", "7001", false },
	{ "sleeve-port", "7002", false },
	{ "vxlan-port", "7003", false },
	{ "peer", "host1", true },
	{ "datapath", "bridge", false },
	{ "bridge-name", "overlay", false },
	{ "mtu", "1300", true },
	{ "no-discovery", NULL, false },
	{ "socket", "/tmp/socket", false },
	{ "state-dir", "/tmp/state", false },
	{ "run-dir", "/tmp/run", false },
	{ "insecure", NULL, true }, /* without it there is no start */
	{ "log-level", "debug", true },
	{ "heartbeat-interval", "999", false },
	{ "hold-time", "999", false },
	{ "pmtu-raise-time", "999", false },
};

static void read_options(const char *const *options, struct settings *ret)
{
	struct error e = { .code = "" };
	char *argv[16];
	int n = 0;

	/* getopt() has them without const, and changes only their order. */
	for (; options[n]; n++)
		argv[n] = (char *)(uintptr_t)options[n];
	argv[n] = NULL;
	assert_int_equal(settings_read(n, argv, ret, &e), SETTINGS_OK);
}

static void read_with(const char *name, const char *value, struct settings *ret)
{
	char option[64];
	const char *const options[] = { "fastdpd",   "--insecure", "--config",
					"/dev/null", option,	   value,
					NULL };

	snprintf(option, sizeof(option), "--%s", name);
	read_options(options, ret);
}

static void test_each_is_named(void **state)
{
	static struct settings now, fresh;
	char names[SETTINGS_NAMES_SIZE];
	size_t i;

	(void)state;
	read_with("insecure", NULL, &now);
	assert_false(settings_ignored(&now, &now, names));
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		read_with(others[i].name, others[i].value, &fresh);
		assert_int_equal(settings_ignored(&now, &fresh, names),
				 !others[i].is_live);
		assert_string_equal(names,
				    others[i].is_live ? "" : others[i].name);
	}
	/* All but key-file, which is refused. */
	assert_int_equal(i, SETTINGS_N_KEYS - 1);
}

/* A text that is the same is no change, whatever was there before it. */
static void test_same_text(void **state)
{
	static struct settings now, fresh;
	char names[SETTINGS_NAMES_SIZE];

	(void)state;
	read_with("socket", "/tmp/s", &now);
	fresh = now;
	strcpy(fresh.socket, "/tmp/socket");
	strcpy(fresh.socket, "/tmp/s");
	assert_false(settings_ignored(&now, &fresh, names));
	strcpy(fresh.run_dir, "/tmp/run");
	fresh.control_port++;
	assert_true(settings_ignored(&now, &fresh, names));
	assert_string_equal(names, "control-port, run-dir");
}

static void test_default_port(void **state)
{
	static struct settings s;
	static const char *const options[] = {
		"fastdpd",	  "--config",	"/dev/null", "--insecure",
		"--control-port", "7001",	"--peer",    "host1",
		"--peer",	  "host2:7001", NULL
	};

	(void)state;
	read_options(options, &s);
	assert_int_equal(s.peers[0].port, 7001);
	settings_set_default_port(&s, 6783);
	assert_int_equal(s.peers[0].port, 6783);
	assert_int_equal(s.peers[1].port, 7001);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_is_named),
		cmocka_unit_test(test_same_text),
		cmocka_unit_test(test_default_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
