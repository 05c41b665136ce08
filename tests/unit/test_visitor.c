/* SPDX-License-Identifier: Apache-2.0 */
/* The process that enters namespaces: it starts, answers and ends, on kernels
 * that have no close_range(2), too. */

#include "daemon/visitor.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "own_netns.h"
#include "under_valgrind.h"

#define PATIENCE_MS 20000

/* From here on close_range(2) fails with @error, in children too. */
static void refuse_close_range(uint32_t error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {
		.len = sizeof(code) / sizeof(code[0]),
		.filter = code,
	};

	assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program),
			 0);
	errno = 0;
	assert_int_equal(syscall(SYS_close_range, ~0U, ~0U, 0), -1);
	assert_int_equal(errno, error);
}

static bool is_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, PATIENCE_MS) == 1;
}

/* It answers, and has nothing open that it was not given. */
static void serves(void)
{
	const struct visitor_request request = {
		.port_no = 7, .netns_id = "0:0", .ifname = "eth0", .to = 1400
	};
	struct visitor_answer answer;
	struct visitor *v;
	int ends[2], error;
	char byte;

	assert_int_equal(pipe(ends), 0);
	v = visitor_start(&error);
	assert_int_equal(error, 0);
	assert_non_null(v);
	close(ends[1]);
	assert_true(visitor_ask(v, &request));
	assert_true(is_readable(visitor_fd(v)));
	assert_int_equal(visitor_next(v, &answer), 1);
	assert_int_equal(answer.port_no, 7);
	assert_int_equal(answer.to, 1400);
	assert_int_equal(answer.error, -ENOENT);
	/* The other end is open nowhere. */
	assert_true(is_readable(ends[0]));
	assert_int_equal(read(ends[0], &byte, 1), 0);
	close(ends[0]);
	visitor_stop(v);
}

static void test_serves(void **state)
{
	(void)state;
	serves();
}

static void test_old_kernel(void **state)
{
	(void)state;
	if (is_under_valgrind())
		skip();
	refuse_close_range(ENOSYS);
	serves();
}

/* What sandboxes of that time say of a call they do not know. */
static void test_refused(void **state)
{
	(void)state;
	if (is_under_valgrind())
		skip();
	refuse_close_range(EPERM);
	serves();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_serves),
		cmocka_unit_test(test_old_kernel),
		cmocka_unit_test(test_refused),
	};

	if (!enter_own_netns(0))
		return SKIP;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
