/* SPDX-License-Identifier: Apache-2.0 */

/* The daemon's socket: who owns it, and what is left behind. */

#include "sys/unixsock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64], path[80], lock_path[90];

static int set_up(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/fdt-unixsock-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/s", dir);
	snprintf(lock_path, sizeof(lock_path), "%s.lock", path);
	return 0;
}

/* Fails when something was left behind. */
static int tear_down(void **state)
{
	(void)state;
	return rmdir(dir);
}

static void test_listen_and_close(void **state)
{
	struct unixsock s = UNIXSOCK_NONE;
	struct unixsock_peer peer;
	struct stat st;
	int client, server;

	(void)state;
	assert_int_equal(unixsock_listen(path, &s), 0);
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(unixsock_accept(&s, &server, &peer), -EAGAIN);
	assert_int_equal(unixsock_connect(path, &client), 0);
	assert_int_equal(unixsock_accept(&s, &server, &peer), 0);
	assert_int_equal(peer.pid, getpid());
	assert_int_equal(peer.uid, getuid());
	assert_int_equal(peer.gid, getgid());
	assert_true(fcntl(server, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(server, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(write(client, "x", 1), 1);
	close(client);
	close(server);
	unixsock_close(&s);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(access(lock_path, F_OK), -1);
	assert_int_equal(unixsock_connect(path, &client), -ENOENT);
	unixsock_close(&s); /* twice does nothing */
}

static void test_second_is_refused(void **state)
{
	struct unixsock a = UNIXSOCK_NONE, b = UNIXSOCK_NONE;

	(void)state;
	assert_int_equal(unixsock_listen(path, &a), 0);
	assert_int_equal(unixsock_listen(path, &b), -EADDRINUSE);
	assert_int_equal(b.fd, -1);
	assert_int_equal(access(path, F_OK), 0);
	unixsock_close(&a);
	assert_int_equal(unixsock_listen(path, &b), 0);
	unixsock_close(&b);
}

/* A live listener that knows nothing of our lock. */
static void test_foreign_listener(void **state)
{
	struct unixsock s = UNIXSOCK_NONE;
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	memcpy(sa.sun_path, path, strlen(path) + 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(unixsock_listen(path, &s), -EADDRINUSE);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(access(lock_path, F_OK), -1);
	/* Once it is dead, its socket is stale. */
	close(fd);
	assert_int_equal(unixsock_listen(path, &s), 0);
	unixsock_close(&s);
}

static void test_killed_owner(void **state)
{
	struct unixsock s = UNIXSOCK_NONE;
	int pipe_fds[2];
	char byte;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(pipe_fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (unixsock_listen(path, &s) == 0)
			(void)!write(pipe_fds[1], "x", 1);
		pause();
		_exit(1);
	}
	close(pipe_fds[1]);
	assert_int_equal(read(pipe_fds[0], &byte, 1), 1);
	assert_int_equal(unixsock_listen(path, &s), -EADDRINUSE);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(access(lock_path, F_OK), 0);
	assert_int_equal(unixsock_listen(path, &s), 0);
	unixsock_close(&s);
	close(pipe_fds[0]);
}

/* Exits 0 when it had the socket, 1 when another had it. */
static void compete(int go, int stay)
{
	struct unixsock s = UNIXSOCK_NONE;
	char byte;
	int r;

	(void)!read(go, &byte, 1); /* until it is closed */
	r = unixsock_listen(path, &s);
	if (r == 0)
		(void)!read(stay, &byte, 1);
	unixsock_close(&s);
	_exit(r == 0 ? 0 : r == -EADDRINUSE ? 1 : 2);
}

/* Many at once on a stale socket: one gets it, and keeps it. */
static void test_race(void **state)
{
	enum { N = 16 };
	struct unixsock s = UNIXSOCK_NONE;
	int go[2], stay[2], client, status, r = -1;

	(void)state;
	assert_int_equal(unixsock_listen(path, &s), 0);
	close(s.fd);
	close(s.lock_fd);
	assert_int_equal(pipe(go), 0);
	assert_int_equal(pipe(stay), 0);
	for (int i = 0; i < N; i++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			close(go[1]);
			close(stay[1]);
			compete(go[0], stay[0]);
		}
	}
	close(go[1]); /* all start */
	for (int i = 0; i < N - 1; i++) {
		assert_true(waitpid(-1, &status, 0) > 0);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 1);
	}
	/* The others go when it has the lock: it may not listen yet. */
	for (int i = 0; (r = unixsock_connect(path, &client)) && i < 1000; i++)
		(void)!poll(NULL, 0, 10);
	assert_int_equal(r, 0);
	close(client);
	close(stay[1]); /* the one that has it ends */
	assert_true(waitpid(-1, &status, 0) > 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	close(go[0]);
	close(stay[0]);
}

/* What is no socket, or no name for one. */
static void test_odd_paths(void **state)
{
	struct unixsock s = UNIXSOCK_NONE;
	char longest[200];
	int fd, client;

	(void)state;
	assert_int_equal(unixsock_listen("", &s), -EINVAL);
	memset(longest, 'a', sizeof(longest));
	memcpy(longest, dir, strlen(dir));
	longest[strlen(dir)] = '/';
	longest[108] = '\0';
	assert_int_equal(unixsock_listen(longest, &s), -ENAMETOOLONG);
	assert_int_equal(unixsock_connect(longest, &client), -ENAMETOOLONG);
	longest[107] = '\0';
	assert_int_equal(unixsock_listen(longest, &s), 0);
	assert_int_equal(unixsock_connect(longest, &client), 0);
	close(client);
	unixsock_close(&s);
	assert_int_equal(unixsock_listen("/nowhere/at/all", &s), -ENOENT);
	/* What is not a socket is left alone; so is a link. */
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(unixsock_listen(path, &s), -EEXIST);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("elsewhere", path), 0);
	assert_int_equal(unixsock_listen(path, &s), -EEXIST);
	assert_int_equal(unlink(path), 0);
}

/* What somebody put in its place meanwhile is not ours to remove. */
static void test_replaced(void **state)
{
	struct unixsock s = UNIXSOCK_NONE;
	int fd;

	(void)state;
	assert_int_equal(unixsock_listen(path, &s), 0);
	assert_int_equal(unlink(path), 0);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	unixsock_close(&s);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(unlink(path), 0);
}

/* One of two arrives, with the first byte, and none is left open. */
static void test_descriptor(void **state)
{
	int pair[2], passed = -2, null, other;
	char buf[8];
	struct stat a, b;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_true(null >= 0);
	assert_int_equal(unixsock_send(pair[0], "ab", 2, null), 2);
	assert_int_equal(unixsock_send(pair[0], "c", 1, -1), 1);
	assert_int_equal(unixsock_receive(pair[1], buf, 1, &passed), 1);
	assert_true(passed >= 0);
	assert_true(fcntl(passed, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(fstat(passed, &a), 0);
	assert_int_equal(fstat(null, &b), 0);
	assert_true(a.st_rdev == b.st_rdev && a.st_ino == b.st_ino);
	other = passed;
	assert_int_equal(unixsock_receive(pair[1], buf, 8, &passed), 2);
	assert_int_equal(passed, -1);
	assert_int_equal(unixsock_receive(pair[1], buf, 8, &passed), -EAGAIN);
	close(pair[0]);
	assert_int_equal(unixsock_receive(pair[1], buf, 8, &passed), 0);
	assert_int_equal(unixsock_send(pair[1], "d", 1, null), -EPIPE);
	close(other);
	close(null);
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_listen_and_close),
		cmocka_unit_test(test_second_is_refused),
		cmocka_unit_test(test_foreign_listener),
		cmocka_unit_test(test_killed_owner),
		cmocka_unit_test(test_race),
		cmocka_unit_test(test_odd_paths),
		cmocka_unit_test(test_replaced),
		cmocka_unit_test(test_descriptor),
	};

	alarm(60); /* two owners would wait for each other */
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
