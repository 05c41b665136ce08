/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Makes calls into the C library fail, for LD_PRELOAD: of one function, or of
 * one place in a program that calls it; once, some times in a row, or always.
 *
 * FAULT_FILE names a file of sizeof(struct table) bytes, shared with whoever
 * runs the test: rules go in, the places that were passed come out. Both may
 * happen while the program runs. Without the file nothing is changed.
 *
 * What the C library calls by itself is not seen: those are its own matters.
 */

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define MAX_RULES 8
#define MAX_PLACES 1000
#define SHORT 1000 /* instead of an errno: a byte, where there were more */
#define JUMP_S \
	1001 /* and above: the clock is so many seconds ahead, less
		     * this number */

struct rule {
	char function[16]; /* "": none */
	char object[16];   /* of the caller, by its last name; "": any */
	uint64_t offset;   /* in it; 0: any */
	int32_t error;
	uint32_t skip, count; /* calls let pass first; then failed; 0: all */
	uint32_t n_failed;
};

struct place {
	char function[16];
	char object[16];
	uint64_t offset;
	uint64_t n;
};

struct table {
	uint32_t n_places;
	uint32_t lock;
	struct rule rules[MAX_RULES];
	struct place places[MAX_PLACES];
};

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);

static struct table *table;
static __thread bool is_inside;

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("FAULT_FILE");
	const int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *p;

	if (fd < 0)
		return;
	p = mmap(NULL, sizeof(*table), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		 0);
	close(fd);
	if (p != MAP_FAILED)
		table = p;
}

static void lock(void)
{
	while (__atomic_exchange_n(&table->lock, 1, __ATOMIC_ACQUIRE))
		;
}

static void unlock(void)
{
	__atomic_store_n(&table->lock, 0, __ATOMIC_RELEASE);
}

static void locate(const void *caller, struct place *ret)
{
	const char *name;
	Dl_info info;

	if (!dladdr(caller, &info) || !info.dli_fname)
		return;
	name = strrchr(info.dli_fname, '/');
	name = name ? name + 1 : info.dli_fname;
	strncpy(ret->object, name, sizeof(ret->object) - 1);
	ret->offset =
		(uint64_t)((const char *)caller - (const char *)info.dli_fbase);
}

static void count(const struct place *at)
{
	uint32_t i;

	for (i = 0; i < table->n_places; i++) {
		struct place *p = &table->places[i];

		if (p->offset == at->offset &&
		    !strcmp(p->function, at->function) &&
		    !strcmp(p->object, at->object)) {
			p->n++;
			return;
		}
	}
	if (i == MAX_PLACES)
		return;
	table->places[i] = *at;
	table->places[i].n = 1;
	table->n_places = i + 1;
}

static bool fits(const struct rule *r, const struct place *at)
{
	return !strcmp(r->function, at->function) &&
	       (!r->object[0] || !strcmp(r->object, at->object)) &&
	       (!r->offset || r->offset == at->offset);
}

/* 0: let it pass. */
static int strike(struct rule *r)
{
	if (r->skip) {
		r->skip--;
		return 0;
	}
	if (r->count && r->n_failed >= r->count)
		return 0;
	r->n_failed++;
	return r->error;
}

/* What is to happen to this call: 0, an errno, or SHORT and above. */
static int fault_of(const char *function, const void *caller)
{
	struct place at = { .offset = 0 };
	int error = 0, i;

	if (!table || is_inside)
		return 0;
	is_inside = true;
	strncpy(at.function, function, sizeof(at.function) - 1);
	locate(caller, &at);
	lock();
	count(&at);
	for (i = 0; i < MAX_RULES && !error; i++) {
		if (fits(&table->rules[i], &at))
			error = strike(&table->rules[i]);
	}
	unlock();
	is_inside = false;
	return error;
}

static void *next_of(const char *function)
{
	void *p;

	is_inside = true;
	p = dlsym(RTLD_NEXT, function);
	is_inside = false;
	if (!p)
		abort();
	return p;
}

#define CALLER __builtin_return_address(0)

/* A function that fails with errno and @bad; it is reported as @real. */
#define WRAP_AS(type, name, real, bad, params, args)           \
	type name params                                       \
	{                                                      \
		static type(*next) params;                     \
		const int error = fault_of(real, CALLER);      \
                                                               \
		if (error && error < SHORT) {                  \
			errno = error;                         \
			return bad;                            \
		}                                              \
		if (!next)                                     \
			next = (type(*) params)next_of(#name); \
		return next args;                              \
	}
#define WRAP(type, name, bad, params, args) \
	WRAP_AS(type, name, #name, bad, params, args)

/* One that may do less than it was asked for. */
#define WRAP_SHORT(name, real, params, args, size)                \
	ssize_t name params                                       \
	{                                                         \
		static ssize_t(*next) params;                     \
		const int error = fault_of(real, CALLER);         \
                                                                  \
		if (error && error < SHORT) {                     \
			errno = error;                            \
			return -1;                                \
		}                                                 \
		if (error == SHORT && size > 1)                   \
			size = 1;                                 \
		if (!next)                                        \
			next = (ssize_t(*) params)next_of(#name); \
		return next args;                                 \
	}

WRAP(int, socket, -1, (int a, int b, int c), (a, b, c))
WRAP(int, bind, -1, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n))
WRAP(int, listen, -1, (int fd, int n), (fd, n))
WRAP(int, connect, -1, (int fd, const struct sockaddr *a, socklen_t n),
     (fd, a, n))
WRAP(int, accept4, -1, (int fd, struct sockaddr *a, socklen_t *n, int f),
     (fd, a, n, f))
WRAP(int, getsockname, -1, (int fd, struct sockaddr *a, socklen_t *n),
     (fd, a, n))
WRAP(int, getsockopt, -1, (int fd, int l, int o, void *p, socklen_t *n),
     (fd, l, o, p, n))
WRAP(int, setsockopt, -1, (int fd, int l, int o, const void *p, socklen_t n),
     (fd, l, o, p, n))
WRAP(ssize_t, sendmsg, -1, (int fd, const struct msghdr *m, int f), (fd, m, f))
WRAP(int, sendmmsg, -1, (int fd, struct mmsghdr *m, unsigned int n, int f),
     (fd, m, n, f))
WRAP(ssize_t, recvmsg, -1, (int fd, struct msghdr *m, int f), (fd, m, f))
WRAP(int, recvmmsg, -1,
     (int fd, struct mmsghdr *m, unsigned int n, int f, struct timespec *t),
     (fd, m, n, f, t))
WRAP(ssize_t, readv, -1, (int fd, const struct iovec *v, int n), (fd, v, n))
WRAP(ssize_t, writev, -1, (int fd, const struct iovec *v, int n), (fd, v, n))
WRAP(int, epoll_create1, -1, (int f), (f))
WRAP(int, epoll_ctl, -1, (int e, int op, int fd, struct epoll_event *ev),
     (e, op, fd, ev))
WRAP(int, epoll_wait, -1, (int e, struct epoll_event *ev, int n, int t),
     (e, ev, n, t))
WRAP(int, eventfd, -1, (unsigned int n, int f), (n, f))
WRAP(int, pipe2, -1, (int fds[2], int f), (fds, f))
WRAP(int, nanosleep, -1, (const struct timespec *t, struct timespec *left),
     (t, left))
WRAP(int, mkdir, -1, (const char *p, mode_t m), (p, m))
WRAP(int, rename, -1, (const char *a, const char *b), (a, b))
WRAP(int, unlink, -1, (const char *p), (p))
WRAP(int, fsync, -1, (int fd), (fd))
WRAP(int, flock, -1, (int fd, int op), (fd, op))
WRAP(int, setns, -1, (int fd, int t), (fd, t))
WRAP(int, fstat, -1, (int fd, struct stat *s), (fd, s))
WRAP(int, stat, -1, (const char *p, struct stat *s), (p, s))
WRAP(int, lstat, -1, (const char *p, struct stat *s), (p, s))
WRAP(FILE *, fopen, NULL, (const char *p, const char *m), (p, m))
WRAP(int, access, -1, (const char *p, int m), (p, m))
WRAP(int, dup2, -1, (int a, int b), (a, b))
WRAP(int, fchmod, -1, (int fd, mode_t m), (fd, m))
WRAP(FILE *, fdopen, NULL, (int fd, const char *m), (fd, m))
WRAP(pid_t, fork, -1, (void), ())
WRAP(int, getpeername, -1, (int fd, struct sockaddr *a, socklen_t *n),
     (fd, a, n))
WRAP(unsigned int, if_nametoindex, 0, (const char *n), (n))
WRAP(DIR *, opendir, NULL, (const char *p), (p))
WRAP(FILE *, open_memstream, NULL, (char **p, size_t *n), (p, n))
WRAP(ssize_t, pwrite, -1, (int fd, const void *p, size_t n, off_t at),
     (fd, p, n, at))
WRAP(ssize_t, readlinkat, -1, (int fd, const char *p, char *to, size_t n),
     (fd, p, to, n))
WRAP(void *, reallocarray, NULL, (void *p, size_t n, size_t size), (p, n, size))
WRAP(char *, realpath, NULL, (const char *p, char *to), (p, to))
WRAP(int, setpriority, -1, (__priority_which_t which, id_t who, int n),
     (which, who, n))
WRAP(int, setrlimit, -1, (__rlimit_resource_t r, const struct rlimit *l),
     (r, l))
WRAP(int, shutdown, -1, (int fd, int how), (fd, how))
WRAP(int, socketpair, -1, (int d, int t, int p, int fds[2]), (d, t, p, fds))
WRAP(ssize_t, getrandom, -1, (void *p, size_t n, unsigned int f), (p, n, f))

WRAP_SHORT(read, "read", (int fd, void *p, size_t n), (fd, p, n), n)
WRAP_SHORT(write, "write", (int fd, const void *p, size_t n), (fd, p, n), n)
WRAP_SHORT(send, "send", (int fd, const void *p, size_t n, int f),
	   (fd, p, n, f), n)
WRAP_SHORT(recv, "recv", (int fd, void *p, size_t n, int f), (fd, p, n, f), n)
WRAP_SHORT(sendto, "sendto",
	   (int fd, const void *p, size_t n, int f, const struct sockaddr *a,
	    socklen_t l),
	   (fd, p, n, f, a, l), n)
WRAP_SHORT(recvfrom, "recvfrom",
	   (int fd, void *p, size_t n, int f, struct sockaddr *a, socklen_t *l),
	   (fd, p, n, f, a, l), n)
/* What _FORTIFY_SOURCE makes of them. */
ssize_t __read_chk(int fd, void *p, size_t n, size_t room);
ssize_t __recv_chk(int fd, void *p, size_t n, size_t room, int f);
ssize_t __recvfrom_chk(int fd, void *p, size_t n, size_t room, int f,
		       struct sockaddr *a, socklen_t *l);
char *__realpath_chk(const char *p, char *to, size_t room);
ssize_t __readlinkat_chk(int fd, const char *p, char *to, size_t n,
			 size_t room);
WRAP_SHORT(__read_chk, "read", (int fd, void *p, size_t n, size_t room),
	   (fd, p, n, room), n)
WRAP_SHORT(__recv_chk, "recv", (int fd, void *p, size_t n, size_t room, int f),
	   (fd, p, n, room, f), n)

WRAP_SHORT(__recvfrom_chk, "recvfrom",
	   (int fd, void *p, size_t n, size_t room, int f, struct sockaddr *a,
	    socklen_t *l),
	   (fd, p, n, room, f, a, l), n)
WRAP_AS(char *, __realpath_chk, "realpath", NULL,
	(const char *p, char *to, size_t room), (p, to, room))
WRAP_AS(ssize_t, __readlinkat_chk, "readlinkat", -1,
	(int fd, const char *p, char *to, size_t n, size_t room),
	(fd, p, to, n, room))

/* These return the error. */
int getaddrinfo(const char *host, const char *service,
		const struct addrinfo *hints, struct addrinfo **ret)
{
	static int (*next)(const char *, const char *, const struct addrinfo *,
			   struct addrinfo **);
	const int error = fault_of("getaddrinfo", CALLER);

	if (error)
		return error == ENOMEM ? EAI_MEMORY : EAI_AGAIN;
	if (!next)
		next = (int (*)(const char *, const char *,
				const struct addrinfo *,
				struct addrinfo **))next_of("getaddrinfo");
	return next(host, service, hints, ret);
}

int pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *),
		   void *arg)
{
	static int (*next)(pthread_t *, const pthread_attr_t *,
			   void *(*)(void *), void *);
	const int error = fault_of("pthread_create", CALLER);

	if (error)
		return error;
	if (!next)
		next = (int (*)(pthread_t *, const pthread_attr_t *,
				void *(*)(void *),
				void *))next_of("pthread_create");
	return next(t, a, f, arg);
}

int open(const char *path, int flags, ...)
{
	static int (*next)(const char *, int, mode_t);
	const int error = fault_of("open", CALLER);
	mode_t mode = 0;
	va_list ap;

	if (error && error < SHORT) {
		errno = error;
		return -1;
	}
	va_start(ap, flags);
	if (flags & (O_CREAT | O_TMPFILE))
		mode = va_arg(ap, mode_t);
	va_end(ap);
	if (!next)
		next = (int (*)(const char *, int, mode_t))next_of("open");
	return next(path, flags, mode);
}

int ioctl(int fd, unsigned long request, ...)
{
	static int (*next)(int, unsigned long, void *);
	const int error = fault_of("ioctl", CALLER);
	va_list ap;
	void *arg;

	if (error && error < SHORT) {
		errno = error;
		return -1;
	}
	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (!next)
		next = (int (*)(int, unsigned long, void *))next_of("ioctl");
	return next(fd, request, arg);
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
	static int (*next)(clockid_t, struct timespec *);
	const int error = fault_of("clock_gettime", CALLER);
	int rc;

	if (!next)
		next = (int (*)(clockid_t, struct timespec *))next_of(
			"clock_gettime");
	rc = next(clock, ret);
	if (rc == 0 && error >= JUMP_S)
		ret->tv_sec += error - JUMP_S;
	return rc;
}

void *malloc(size_t size)
{
	if (fault_of("malloc", CALLER)) {
		errno = ENOMEM;
		return NULL;
	}
	return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	if (fault_of("calloc", CALLER)) {
		errno = ENOMEM;
		return NULL;
	}
	return __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
	if (fault_of("realloc", CALLER)) {
		errno = ENOMEM;
		return NULL;
	}
	return __libc_realloc(p, size);
}
