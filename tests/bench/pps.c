/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many small packets a second pass from one network namespace to another.
 *
 * usage: pps NETNS-FROM NETNS-TO ADDRESS SECONDS
 *
 * Prints what was received, what was sent and the nanoseconds that it took.
 *
 * One process has a socket in either namespace and sends and receives in
 * turn, a packet a system call. So no packet is lost to a reader that does not
 * get the CPU, and what is counted has been paid for on both sides. The
 * datagram has 18 bytes: 64 in the container's Ethernet, with the checksum of
 * the frame.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PAYLOAD_SIZE 18
#define BURST 16 /* packets sent before they are read */
#define PORT 9999
#define PATIENCE_MS 100 /* for a packet that is on its way */
#define NS_PER_SEC UINT64_C(1000000000)

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "pps: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_MONOTONIC, &t))
		die("clock");
	return (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec;
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

static unsigned int receive(int fd, unsigned int n_wanted)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char buf[2 * PAYLOAD_SIZE];
	unsigned int n = 0;
	ssize_t size;

	while (n < n_wanted) {
		size = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (size == PAYLOAD_SIZE)
			n++;
		else if (size < 0 && errno != EAGAIN)
			die("receive");
		else if (size < 0 && poll(&p, 1, PATIENCE_MS) == 0)
			break; /* lost */
	}
	return n;
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(PORT) };
	const char payload[PAYLOAD_SIZE] = { 0 };
	uint64_t n_sent = 0, n_received = 0, start, end, now;
	int in, out, i;

	if (argc != 5 || inet_pton(AF_INET, argv[3], &to.sin_addr) != 1 ||
	    atoi(argv[4]) < 1 || atoi(argv[4]) > 60) {
		fprintf(stderr, "usage: pps NETNS-FROM NETNS-TO ADDRESS "
				"SECONDS\n");
		return 2;
	}
	out = socket_in(argv[1]);
	in = socket_in(argv[2]);
	if (bind(in, (struct sockaddr *)&to, sizeof(to)))
		die("bind");
	if (connect(out, (struct sockaddr *)&to, sizeof(to)))
		die("connect");
	start = now_ns();
	end = start + (uint64_t)atoi(argv[4]) * NS_PER_SEC;
	while ((now = now_ns()) < end) {
		for (i = 0; i < BURST; i++) {
			if (send(out, payload, sizeof(payload), 0) < 0)
				die("send");
		}
		n_sent += BURST;
		n_received += receive(in, BURST);
	}
	printf("%llu %llu %llu\n", (unsigned long long)n_received,
	       (unsigned long long)n_sent, (unsigned long long)(now - start));
	return 0;
}
