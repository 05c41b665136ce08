/* SPDX-License-Identifier: Apache-2.0 */

/* Namespaces against the running kernel: network namespaces and a mount
 * namespace of the test's own; needs root or user namespaces. */

#include "sys/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "new_netns.h"
#include "own_netns.h"
#include "sys/error.h"

static int ns_a = -1, ns_b = -1;

static int setup(void **state)
{
	(void)state;
	ns_a = new_namespace();
	ns_b = new_namespace();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(ns_a);
	close(ns_b);
	return 0;
}

static void test_netns_identity(void **state)
{
	char id_a[NETNS_ID_SIZE], id_b[NETNS_ID_SIZE], again[NETNS_ID_SIZE];
	char path[64];
	int fd;

	(void)state;
	assert_int_equal(netns_id(ns_a, id_a), 0);
	assert_int_equal(netns_id(ns_b, id_b), 0);
	assert_string_not_equal(id_a, id_b);
	assert_non_null(strchr(id_a, ':'));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ns_a);
	assert_int_equal(netns_open(path, &fd, NULL), 0);
	assert_int_equal(netns_id(fd, again), 0);
	assert_string_equal(id_a, again);
	close(fd);
	assert_int_equal(netns_id(-1, again), -EBADF);
}

static void expect_no_namespace(const char *text, int rc, const char *code,
				const char *word)
{
	struct error e = { 0 };
	int fd = 4711;

	assert_int_equal(netns_open(text, &fd, &e), rc);
	assert_int_equal(fd, 4711);
	assert_string_equal(e.code, code);
	assert_non_null(strstr(e.message, word));
	assert_true(e.hint[0] != '\0');
}

static void test_netns_open(void **state)
{
	char pid[16], id[NETNS_ID_SIZE], want[NETNS_ID_SIZE];
	char long_name[PATH_MAX + 10];
	int self, fd;

	(void)state;
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	assert_int_equal(netns_open(pid, &fd, NULL), 0);
	assert_int_equal(netns_open_self(&self), 0);
	assert_int_equal(netns_id(self, want), 0);
	assert_int_equal(netns_id(fd, id), 0);
	assert_string_equal(id, want);
	close(fd);
	assert_int_equal(netns_open_pid(getpid(), &fd), 0);
	close(fd);
	close(self);

	expect_no_namespace("4194999", -ENOENT, "not-found", "process");
	expect_no_namespace("/nowhere/net", -ENOENT, "not-found", "/nowhere");
	expect_no_namespace("absent", -ENOENT, "not-found", "absent");
	expect_no_namespace("/etc/passwd", -EINVAL, "invalid", "/etc/passwd");
	expect_no_namespace("/proc/self/ns/mnt", -EINVAL, "invalid", "no net");
	expect_no_namespace("/dev/zero", -EINVAL, "invalid", "/dev/zero");
	expect_no_namespace("/", -EINVAL, "invalid", "no net");
	expect_no_namespace("", -EINVAL, "invalid", "\"\"");
	expect_no_namespace("..", -EINVAL, "invalid", "\"..\"");
	memset(long_name, 'a', sizeof(long_name));
	long_name[sizeof(long_name) - 1] = '\0';
	assert_int_equal(netns_open(long_name, &fd, NULL), -ENAMETOOLONG);
	long_name[0] = '/';
	assert_int_equal(netns_open(long_name, &fd, NULL), -ENAMETOOLONG);
}

/* In the test's own mount namespace: see main(). */
static void test_netns_by_name(void **state)
{
	char source[64], path[PATH_MAX], id[NETNS_ID_SIZE];
	char want[NETNS_ID_SIZE];
	int fd;

	(void)state;
	assert_int_equal(mount("none", "/run", "tmpfs", 0, NULL), 0);
	assert_int_equal(mkdir("/run/netns", 0755), 0);
	fd = open("/run/netns/web", O_CREAT | O_WRONLY, 0644);
	assert_true(fd >= 0);
	close(fd);
	snprintf(source, sizeof(source), "/proc/self/fd/%d", ns_a);
	assert_int_equal(mount(source, "/run/netns/web", "none", MS_BIND, NULL),
			 0);
	assert_int_equal(netns_open("web", &fd, NULL), 0);
	assert_int_equal(netns_id(fd, id), 0);
	assert_int_equal(netns_id(ns_a, want), 0);
	assert_string_equal(id, want);
	close(fd);
	assert_int_equal(netns_path("web", path), 0);
	assert_string_equal(path, "/run/netns/web");
	assert_int_equal(netns_path("/run/../run/netns/web", path), 0);
	assert_string_equal(path, "/run/netns/web");
	assert_int_equal(netns_path("/run/netns/gone", path), 0);
	assert_string_equal(path, "/run/netns/gone");
	/* A container runtime's leftover: the file, no longer mounted on. */
	assert_int_equal(umount("/run/netns/web"), 0);
	expect_no_namespace("web", -EINVAL, "invalid", "/run/netns/web");
	assert_int_equal(umount("/run"), 0);
}

static void test_netns_path(void **state)
{
	char path[PATH_MAX], want[64];

	(void)state;
	assert_int_equal(netns_path("1234", path), 0);
	assert_string_equal(path, "/proc/1234/ns/net");
	assert_int_equal(netns_path("/nowhere/at/all", path), 0);
	assert_string_equal(path, "/nowhere/at/all");
	assert_int_equal(netns_path("/proc/self/ns/net", path), 0);
	snprintf(want, sizeof(want), "/proc/%d/ns/net", (int)getpid());
	assert_string_equal(path, want);
	assert_int_equal(chdir("/proc/self/ns"), 0);
	assert_int_equal(netns_path("./net", path), 0);
	assert_string_equal(path, want);
	assert_int_equal(netns_path("./no/net", path), -ENOENT);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(netns_path("/x", path), 0);
	assert_string_equal(path, "/x");
}

static int look_around(void *arg)
{
	int fd;

	assert_int_equal(netns_open_self(&fd), 0);
	assert_int_equal(netns_id(fd, arg), 0);
	close(fd);
	return 42;
}

static void test_netns_run(void **state)
{
	char before[NETNS_ID_SIZE], inside[NETNS_ID_SIZE] = "";
	char after[NETNS_ID_SIZE], want[NETNS_ID_SIZE];
	int fd;

	(void)state;
	look_around(before);
	assert_int_equal(netns_id(ns_a, want), 0);
	assert_int_equal(netns_run(ns_a, look_around, inside), 42);
	assert_string_equal(inside, want);
	look_around(after);
	assert_string_equal(before, after);
	assert_string_not_equal(inside, after);
	inside[0] = '\0';
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(netns_run(fd, look_around, inside), -EINVAL);
	assert_string_equal(inside, "");
	close(fd);
}

/* Each in two new namespaces. */
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_netns_identity), TEST(test_netns_open),
		TEST(test_netns_by_name),  TEST(test_netns_path),
		TEST(test_netns_run),
	};

	if (!enter_own_netns(CLONE_NEWNS))
		return SKIP;
	if (mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0)
		return SKIP;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
