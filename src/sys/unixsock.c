/* SPDX-License-Identifier: Apache-2.0 */
#include "unixsock.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define BACKLOG 64
#define LOCK_SUFFIX ".lock"
#define LOCK_PATH_SIZE (UNIXSOCK_PATH_SIZE + sizeof(LOCK_SUFFIX))

static int make_address(const char *path, struct sockaddr_un *ret)
{
	size_t size = strlen(path);

	/* An empty path would be an abstract name, open to everybody. */
	if (size == 0)
		return -EINVAL;
	if (size >= sizeof(ret->sun_path))
		return -ENAMETOOLONG;
	memset(ret, 0, sizeof(*ret));
	ret->sun_family = AF_UNIX;
	memcpy(ret->sun_path, path, size);
	return 0;
}

static void make_lock_path(const char *path, char ret[LOCK_PATH_SIZE])
{
	snprintf(ret, LOCK_PATH_SIZE, "%s%s", path, LOCK_SUFFIX);
}

static bool is_same_file(int fd, const char *path)
{
	struct stat opened, named;

	return fstat(fd, &opened) == 0 && lstat(path, &named) == 0 &&
	       opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

/*
 * Whoever ends removes the file while it still holds the lock. So a lock on a
 * file that has lost its name meanwhile says nothing: try again.
 */
static int take_lock(const char *path, int *ret_fd)
{
	char lock_path[LOCK_PATH_SIZE];

	make_lock_path(path, lock_path);
	for (int attempt = 0; attempt < 16; attempt++) {
		CLEAN_FD int fd =
			open(lock_path,
			     O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

		if (fd < 0)
			return -errno;
		if (flock(fd, LOCK_EX | LOCK_NB) < 0)
			return errno == EWOULDBLOCK ? -EADDRINUSE : -errno;
		if (is_same_file(fd, lock_path)) {
			*ret_fd = STEAL_FD(fd);
			return 0;
		}
	}
	return -EADDRINUSE;
}

static void release_lock(const char *path, int *lock_fd)
{
	char lock_path[LOCK_PATH_SIZE];

	make_lock_path(path, lock_path);
	if (is_same_file(*lock_fd, lock_path))
		unlink(lock_path);
	close(*lock_fd);
	*lock_fd = -1;
}

/*
 * The lock is ours, so another fastdpd is not there; some other program, or
 * one that was told another path to the same directory, may be.
 */
static int remove_stale(const struct sockaddr_un *address)
{
	CLEAN_FD int fd = -1;
	struct stat st;

	if (lstat(address->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) ==
	    0)
		return -EADDRINUSE;
	if (errno == ENOENT)
		return 0;
	if (errno == EAGAIN || errno == EPROTOTYPE)
		return -EADDRINUSE;
	if (errno != ECONNREFUSED)
		return -errno;
	if (unlink(address->sun_path) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

static int bind_and_listen(const struct sockaddr_un *address, int *ret_fd,
			   struct stat *ret_st)
{
	CLEAN_FD int fd = socket(AF_UNIX,
				 SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct stat st;
	int r;

	if (fd < 0)
		return -errno;
	/* Before bind: the name never exists with a wider mode. */
	if (fchmod(fd, 0600) < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		return -errno;
	if (listen(fd, BACKLOG) < 0 || lstat(address->sun_path, &st) < 0) {
		r = -errno;
		unlink(address->sun_path);
		return r;
	}
	*ret_st = st;
	*ret_fd = STEAL_FD(fd);
	return 0;
}

int unixsock_listen(const char *path, struct unixsock *ret)
{
	struct sockaddr_un address;
	struct stat st = { 0 };
	int lock_fd = -1, fd = -1, r;

	r = make_address(path, &address);
	if (r < 0)
		return r;
	r = take_lock(path, &lock_fd);
	if (r < 0)
		return r;
	r = remove_stale(&address);
	if (r == 0)
		r = bind_and_listen(&address, &fd, &st);
	if (r < 0) {
		release_lock(path, &lock_fd);
		return r;
	}
	*ret = (struct unixsock){
		.fd = fd,
		.lock_fd = lock_fd,
		.dev = st.st_dev,
		.ino = st.st_ino,
	};
	memcpy(ret->path, address.sun_path, sizeof(ret->path));
	return 0;
}

void unixsock_close(struct unixsock *s)
{
	struct stat st;

	if (s->fd < 0)
		return;
	if (lstat(s->path, &st) == 0 && st.st_dev == s->dev &&
	    st.st_ino == s->ino)
		unlink(s->path);
	close(s->fd);
	s->fd = -1;
	release_lock(s->path, &s->lock_fd);
}

int unixsock_accept(const struct unixsock *s, int *ret_fd,
		    struct unixsock_peer *ret_peer)
{
	struct ucred credentials;
	socklen_t size = sizeof(credentials);
	CLEAN_FD int fd = accept4(s->fd, NULL, NULL,
				  SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
		return -errno;
	*ret_peer = (struct unixsock_peer){
		.pid = credentials.pid,
		.uid = credentials.uid,
		.gid = credentials.gid,
	};
	*ret_fd = STEAL_FD(fd);
	return 0;
}

int unixsock_connect(const char *path, int *ret_fd)
{
	struct sockaddr_un address;
	CLEAN_FD int fd = -1;
	int r;

	r = make_address(path, &address);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	*ret_fd = STEAL_FD(fd);
	return 0;
}

ssize_t unixsock_send(int fd, const void *data, size_t size, int passed)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data,
			     .iov_len = size };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;
	ssize_t n;

	if (passed >= 0) {
		memset(&control, 0, sizeof(control));
		m.msg_control = &control;
		m.msg_controllen = sizeof(control.room);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &passed, sizeof(passed));
	}
	n = sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	return n < 0 ? -errno : n;
}

/* The kernel has put them all into our table: what is not kept is closed. */
static void take_passed(struct cmsghdr *c, int *ret)
{
	size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int), i;

	for (i = 0; i < n; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
		if (*ret < 0)
			*ret = fd;
		else
			close(fd);
	}
}

ssize_t unixsock_receive(int fd, void *data, size_t size, int *ret_passed)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(4 * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = data, .iov_len = size };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control.room) };
	int passed = -1;
	struct cmsghdr *c;
	ssize_t n;

	memset(&control, 0, sizeof(control));
	n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return -errno;
	for (c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			take_passed(c, &passed);
	}
	*ret_passed = passed;
	return n;
}
