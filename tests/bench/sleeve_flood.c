/* SPDX-License-Identifier: Apache-2.0 */

/*
 * How many small packets a second come through from one network namespace to
 * another when more are sent than can pass.
 *
 * usage: sleeve_flood NETNS-FROM NETNS-TO ADDRESS SECONDS
 *
 * Prints what was received, what was sent, and the microseconds that it took.
 * The datagram has 18 bytes: 64 in the container's Ethernet, with the checksum
 * of the frame. Unlike pps, sender and receiver are processes of their own, so
 * that a path with threads of its own can work while both do.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAYLOAD_SIZE 18
#define BURST 64
#define PORT 9999
#define RECEIVE_BUFFER (4 << 20)
#define US_PER_SEC UINT64_C(1000000)

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "sleeve_flood: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_us(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_MONOTONIC, &t))
		die("clock");
	return (uint64_t)t.tv_sec * US_PER_SEC + (uint64_t)t.tv_nsec / 1000;
}

/* A socket stays in the namespace that it was made in. */
static int socket_in(const char *netns)
{
	const int ns = open(netns, O_RDONLY | O_CLOEXEC);
	int fd;

	if (ns < 0 || setns(ns, CLONE_NEWNET))
		die(netns);
	close(ns);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die("socket");
	return fd;
}

static void fill(struct mmsghdr *m, struct iovec *iov, char (*data)[64])
{
	int i;

	memset(m, 0, BURST * sizeof(*m));
	for (i = 0; i < BURST; i++) {
		iov[i].iov_base = data[i];
		iov[i].iov_len = PAYLOAD_SIZE;
		m[i].msg_hdr.msg_iov = &iov[i];
		m[i].msg_hdr.msg_iovlen = 1;
	}
}

/* Until it is killed; *n_received is shared with who started it. */
static _Noreturn void receive(int fd, volatile uint64_t *n_received)
{
	static struct mmsghdr m[BURST];
	static struct iovec iov[BURST];
	static char data[BURST][64];

	fill(m, iov, data);
	for (;;) {
		const int n = recvmmsg(fd, m, BURST, MSG_WAITFORONE, NULL);

		if (n > 0)
			*n_received += (uint64_t)n;
	}
}

static uint64_t flood(int fd, uint64_t end)
{
	static struct mmsghdr m[BURST];
	static struct iovec iov[BURST];
	static char data[BURST][64];
	uint64_t n_sent = 0;

	fill(m, iov, data);
	while (now_us() < end) {
		const int n = sendmmsg(fd, m, BURST, 0);

		if (n > 0)
			n_sent += (uint64_t)n;
		else if (errno != ENOBUFS && errno != ECONNREFUSED)
			die("send");
	}
	return n_sent;
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(PORT) };
	const int size = RECEIVE_BUFFER;
	volatile uint64_t *n_received;
	uint64_t n_sent, start;
	int in, out;
	pid_t child;

	if (argc != 5 || inet_pton(AF_INET, argv[3], &to.sin_addr) != 1 ||
	    atoi(argv[4]) < 1 || atoi(argv[4]) > 60) {
		fprintf(stderr, "usage: sleeve_flood NETNS-FROM NETNS-TO "
				"ADDRESS SECONDS\n");
		return 2;
	}
	n_received = mmap(NULL, sizeof(*n_received), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (n_received == MAP_FAILED)
		die("memory");
	out = socket_in(argv[1]);
	in = socket_in(argv[2]);
	if (setsockopt(in, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) ||
	    bind(in, (struct sockaddr *)&to, sizeof(to)))
		die("bind");
	if (connect(out, (struct sockaddr *)&to, sizeof(to)))
		die("connect");
	child = fork();
	if (child < 0)
		die("fork");
	if (child == 0)
		receive(in, n_received);
	start = now_us();
	n_sent = flood(out, start + (uint64_t)atoi(argv[4]) * US_PER_SEC);
	printf("%llu %llu %llu\n", (unsigned long long)*n_received,
	       (unsigned long long)n_sent,
	       (unsigned long long)(now_us() - start));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return 0;
}
