/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One end of a sleeve between two hosts, for measurements: what the daemon
 * would do for one network and one peer, and nothing else.
 *
 * usage: sleeve_host LOCAL PEER TAP MTU LINK-MTU
 *
 * Both ends are alike; all frames go to the peer. Brings nothing up. Ends with
 * SIGTERM, prints what it counted and the CPU seconds of its thread.
 */

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

#include "sleeve/sleeve.h"
#include "sys/addr.h"
#include "sys/error.h"

#define VNI 0x1234
#define OVERHEAD_V4 28U
#define OVERHEAD_V6 48U

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "sleeve_host: %s\n", what);
	exit(1);
}

/* Each end's token follows from its address, so that both know both. */
static uint64_t token_of(const struct ip *ip)
{
	return core_hash(ip->b, sizeof(ip->b), 1);
}

static void publish(struct sleeve *s, const struct ip *local,
		    const struct ip *remote, uint32_t link_mtu)
{
	struct sleeve_table *t = sleeve_table_new(1);
	struct sleeve_peer peer = {
		.id = 2,
		.endpoint = { .ip = *remote, .port = sleeve_port(s) },
		.tx_token = token_of(remote),
		.rx_token = token_of(local),
		.max_datagram = link_mtu -
				(ip_is_v4(remote) ? OVERHEAD_V4 : OVERHEAD_V6),
		.link_mtu = link_mtu,
		.may_send = true,
	};

	if (!t || !sleeve_table_add_peer(t, &peer) ||
	    !sleeve_table_add_flood(t, VNI, false, peer.id) ||
	    !sleeve_table_add_flood(t, VNI, true, peer.id))
		die("no table");
	sleeve_publish(s, t);
}

static void print_counters(const struct sleeve *s)
{
	uint64_t n[SLEEVE_N_COUNTERS];
	struct rusage u;
	int i;

	sleeve_counters(s, n);
	for (i = 0; i < SLEEVE_N_COUNTERS; i++) {
		if (n[i])
			printf("%s %" PRIu64 "\n",
			       sleeve_counter_name((enum sleeve_counter)i),
			       n[i]);
	}
	getrusage(RUSAGE_SELF, &u);
	printf("cpu-user %.2f\ncpu-system %.2f\nresident-kib %ld\n",
	       (double)u.ru_utime.tv_sec + (double)u.ru_utime.tv_usec / 1e6,
	       (double)u.ru_stime.tv_sec + (double)u.ru_stime.tv_usec / 1e6,
	       u.ru_maxrss);
}

static void print_event(const struct sleeve_event *e)
{
	char text[ADDR_ENDPOINT_SIZE];

	fprintf(stderr, "event %d of %s: error %d, mtu %u, size %u of %u\n",
		(int)e->type, addr_print_endpoint(&e->endpoint, text), e->error,
		e->mtu, e->size, e->max_size);
}

int main(int argc, char **argv)
{
	struct sleeve_config config = { .port = SLEEVE_DEFAULT_PORT };
	struct sleeve_event event;
	struct error e = { 0 };
	struct ip remote;
	struct sleeve *s;
	sigset_t set;

	if (argc != 6 || !addr_parse_ip(argv[1], &config.local) ||
	    !addr_parse_ip(argv[2], &remote) || atoi(argv[4]) < 68 ||
	    atoi(argv[5]) < 576) {
		fprintf(stderr, "usage: sleeve_host LOCAL PEER TAP MTU "
				"LINK-MTU\n");
		return 2;
	}
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (sleeve_new(&config, &s, &e))
		die(e.message);
	if (sleeve_add_network(s, VNI, argv[3], (uint32_t)atoi(argv[4])))
		die("cannot make the TAP");
	publish(s, &config.local, &remote, (uint32_t)atoi(argv[5]));
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		struct pollfd p[2] = {
			{ .fd = signalfd(-1, &set, SFD_CLOEXEC),
			  .events = POLLIN },
			{ .fd = sleeve_fd(s), .events = POLLIN },
		};

		while (poll(p, 2, -1) > 0 && !p[0].revents) {
			while (sleeve_next_event(s, &event))
				print_event(&event);
		}
		break;
	}
	print_counters(s);
	sleeve_free(s);
	return 0;
}
