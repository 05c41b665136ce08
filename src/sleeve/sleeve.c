/* SPDX-License-Identifier: Apache-2.0 */
#include "sleeve.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "sys/addr.h"
#include "sys/clock.h"
#include "sys/error.h"
#include "sys/udp.h"
#include "worker.h"

#define MAX_HINTS 8U
#define STACK_SIZE (256 << 10)

/* The descriptor is the thread's, who closes it when told to. */
struct owned_tap {
	vni_t vni; /* VNI_NONE: a free place */
	int fd;
};

struct sleeve {
	struct sleeve_config config;
	uint16_t port;
	struct sockets sockets[N_FAMILIES];
	struct udp_abilities udp;
	struct tap_offloads tap;
	struct owned_tap taps[MAX_NETWORKS];
	peer_id_t slots[MAX_PEERS];
	struct udp_error hints[MAX_HINTS]; /* that the owner itself has read */
	uint32_t n_hints;
	struct shared shared;
	struct worker *worker;
	pthread_t thread;
	bool has_thread, has_sem;
};

static const char *const counter_names[SLEEVE_N_COUNTERS] = {
	[SLEEVE_TX_FRAMES] = "tx-frames",
	[SLEEVE_TX_BYTES] = "tx-bytes",
	[SLEEVE_TX_SEGMENTS] = "tx-segments",
	[SLEEVE_TX_DATAGRAMS] = "tx-datagrams",
	[SLEEVE_TX_CALLS] = "tx-calls",
	[SLEEVE_RX_DATAGRAMS] = "rx-datagrams",
	[SLEEVE_RX_SEGMENTS] = "rx-segments",
	[SLEEVE_RX_FRAMES] = "rx-frames",
	[SLEEVE_RX_BYTES] = "rx-bytes",
	[SLEEVE_RX_CALLS] = "rx-calls",
	[SLEEVE_REQUESTS] = "requests",
	[SLEEVE_REPLIES] = "replies",
	[SLEEVE_SHIELDS] = "shields",
	[SLEEVE_DROP_UNKNOWN_MAC] = "drop-unknown-mac",
	[SLEEVE_DROP_NO_PATH] = "drop-no-path",
	[SLEEVE_DROP_TOO_BIG] = "drop-too-big",
	[SLEEVE_DROP_BAD_FRAME] = "drop-bad-frame",
	[SLEEVE_DROP_FULL] = "drop-full",
	[SLEEVE_DROP_REFUSED] = "drop-refused",
	[SLEEVE_DROP_MALFORMED] = "drop-malformed",
	[SLEEVE_DROP_VERSION] = "drop-version",
	[SLEEVE_DROP_TOKEN] = "drop-token",
	[SLEEVE_DROP_REPLAY] = "drop-replay",
	[SLEEVE_DROP_VNI] = "drop-vni",
	[SLEEVE_DROP_SPOOFED] = "drop-spoofed",
	[SLEEVE_DROP_TAP] = "drop-tap",
	[SLEEVE_DROP_KERNEL] = "drop-kernel",
	[SLEEVE_DROP_EVENTS] = "drop-events",
};

const char *sleeve_counter_name(enum sleeve_counter c)
{
	return c < SLEEVE_N_COUNTERS ? counter_names[c] : "unknown";
}

/* Making and ending */

static int init_shared(struct sleeve *s)
{
	struct shared *h = &s->shared;
	int r;

	h->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (h->wake_fd < 0)
		return -errno;
	if (sem_init(&h->done, 0, 0))
		return -errno;
	s->has_sem = true;
	/* As of data: higher than in any life before. */
	atomic_store(&h->control_seq, clock_realtime_us() * 1000);
	r = ring_init(&h->ring);
	return r;
}

/* Signals are for the threads that know what to do about them. */
static int start_thread(struct sleeve *s)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int r;

	sigfillset(&all);
	r = pthread_attr_init(&attr);
	if (r)
		return -r;
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_attr_setstacksize(&attr, STACK_SIZE);
	if (r == 0)
		r = pthread_create(&s->thread, &attr, worker_run, s->worker);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (r)
		return -r;
	s->has_thread = true;
	pthread_setname_np(s->thread, "sleeve");
	return 0;
}

static struct sleeve *new_empty(const struct sleeve_config *config)
{
	struct sleeve *s = calloc(1, sizeof(*s));
	int i;

	if (!s)
		return NULL;
	s->config = *config;
	s->port = config->port;
	s->shared.wake_fd = s->shared.ring.fd = -1;
	for (i = 0; i < N_FAMILIES; i++)
		s->sockets[i] = NO_SOCKETS;
	return s;
}

static int failed(struct sleeve *s, int r, const char *what, struct error *e)
{
	error_set(e, error_code_of(-r), "%s: %s", what, strerror(-r));
	sleeve_free(s);
	return r;
}

int sleeve_new(const struct sleeve_config *config, struct sleeve **ret,
	       struct error *e)
{
	struct sleeve *s = new_empty(config);
	int r;

	if (!s)
		return failed(NULL, -ENOMEM, "sleeve", e);
	r = sockets_open(s->sockets, &s->config.local, &s->port, &s->udp);
	if (r < 0) {
		r = failed(s, r, "cannot bind sleeve's UDP port", e);
		error_hint(e,
			   "another daemon may have port %u: see "
			   "--sleeve-port and --local-address",
			   config->port);
		return r;
	}
	r = init_shared(s);
	if (r < 0)
		return failed(s, r, "sleeve", e);
	s->worker = worker_new(&s->shared, s->sockets, s->udp.has_segment);
	if (!s->worker)
		return failed(s, -ENOMEM, "sleeve", e);
	r = start_thread(s);
	if (r < 0)
		return failed(s, r, "cannot start sleeve's thread", e);
	*ret = s;
	return 0;
}

static void wake(struct sleeve *s)
{
	const uint64_t one = 1;

	/* It fails only when the counter is full, which wakes as well. */
	if (write(s->shared.wake_fd, &one, sizeof(one)) < 0)
		return;
}

void sleeve_free(struct sleeve *s)
{
	if (!s)
		return;
	if (s->has_thread) {
		atomic_store(&s->shared.is_ending, true);
		wake(s);
		pthread_join(s->thread, NULL);
	}
	worker_free(s->worker);
	sleeve_table_free(atomic_load(&s->shared.inbox));
	sockets_close(s->sockets);
	ring_close(&s->shared.ring);
	if (s->has_sem)
		sem_destroy(&s->shared.done);
	if (s->shared.wake_fd >= 0)
		close(s->shared.wake_fd);
	free(s);
}

uint16_t sleeve_port(const struct sleeve *s)
{
	return s->port;
}

/* Networks */

/* Waits for the end of a turn or two of the thread. */
static int command(struct sleeve *s, struct command *c)
{
	atomic_store_explicit(&s->shared.command, c, memory_order_release);
	wake(s);
	while (sem_wait(&s->shared.done) && errno == EINTR)
		continue;
	return c->result;
}

/* @vni VNI_NONE: a free place. */
static struct owned_tap *find_tap(struct sleeve *s, vni_t vni)
{
	uint32_t i;

	for (i = 0; i < MAX_NETWORKS; i++) {
		if (s->taps[i].vni == vni)
			return &s->taps[i];
	}
	return NULL;
}

static void end_tap(const struct sleeve *s, int fd)
{
	if (s->config.has_lasting_taps && tap_end(fd) < 0)
		return; /* its device has gone: nothing is left to end */
}

int sleeve_add_network(struct sleeve *s, vni_t vni, const char *ifname,
		       uint32_t mtu)
{
	struct command c = { .kind = COMMAND_ADD_TAP, .vni = vni };
	struct tap_offloads offloads;
	struct owned_tap *place;
	int r;

	if (vni == VNI_NONE || vni > VNI_MAX)
		return -EINVAL;
	place = find_tap(s, VNI_NONE);
	if (find_tap(s, vni) || !place)
		return place ? -EEXIST : -ENOSPC;
	r = tap_open(ifname, mtu, s->config.has_lasting_taps, &c.fd, &offloads);
	if (r < 0)
		return r == -EBUSY ? -EEXIST : r;
	c.has_uso = offloads.has_uso;
	r = command(s, &c);
	if (r < 0) {
		end_tap(s, c.fd);
		close(c.fd);
		return r;
	}
	place->vni = vni;
	place->fd = c.fd;
	s->tap = offloads;
	return 0;
}

bool sleeve_remove_network(struct sleeve *s, vni_t vni)
{
	struct command c = { .kind = COMMAND_REMOVE_TAP, .vni = vni };
	struct owned_tap *t = find_tap(s, vni);

	if (vni == VNI_NONE || !t)
		return false;
	end_tap(s, t->fd);
	t->vni = VNI_NONE;
	return command(s, &c) == 0;
}

/* A write to a TAP is whole, whoever writes beside. */
int sleeve_inject(struct sleeve *s, vni_t vni, const uint8_t *frame,
		  size_t size)
{
	const struct owned_tap *t = find_tap(s, vni);
	struct tap_header h;
	const struct iovec iov[2] = {
		{ .iov_base = &h, .iov_len = sizeof(h) },
		{ .iov_base = (void *)(uintptr_t)frame, .iov_len = size },
	};

	if (vni == VNI_NONE || !t)
		return -ENOENT;
	if (size < SLEEVE_MIN_FRAME || size > MAX_FRAME_SIZE)
		return -EINVAL;
	memset(&h, 0, sizeof(h));
	return writev(t->fd, iov, 2) < 0 ? -errno : 0;
}

/* The table */

/*
 * A peer keeps its slot from table to table, so that what the thread knows of
 * it stays its own.
 */
static void give_slots(struct sleeve *s, struct sleeve_table *t)
{
	uint32_t i, slot = 0;

	for (i = 0; i < MAX_PEERS; i++) {
		uint16_t at = FIB_NONE;

		if (s->slots[i] != PEER_ID_NONE)
			at = fib_find_id(t, s->slots[i]);
		if (at == FIB_NONE)
			s->slots[i] = PEER_ID_NONE;
		else
			t->peers[at].slot = (uint16_t)i;
	}
	for (i = 0; i < t->n_peers; i++) {
		if (t->peers[i].slot != FIB_NONE)
			continue;
		while (s->slots[slot] != PEER_ID_NONE)
			slot++;
		s->slots[slot] = t->peers[i].peer.id;
		t->peers[i].slot = (uint16_t)slot;
	}
}

void sleeve_publish(struct sleeve *s, struct sleeve_table *t)
{
	give_slots(s, t);
	/* One that the thread has not taken yet is still ours. */
	sleeve_table_free(atomic_exchange_explicit(&s->shared.inbox, t,
						   memory_order_acq_rel));
	wake(s);
}

/* Heartbeats */

/*
 * The kernel gives the answers of routers to any of the sockets that share the
 * port, and the one for sending is polled by nobody.
 */
static void read_hints(struct sleeve *s, const struct sockets *k)
{
	const uint64_t one = 1;
	bool has_news = false;

	if (k->send == k->data)
		return;
	while (s->n_hints < MAX_HINTS &&
	       udp_next_error(k->send, &s->hints[s->n_hints]) > 0) {
		if (s->hints[s->n_hints].error == 0)
			continue;
		s->n_hints++;
		has_news = true;
	}
	/* It fails only when the counter is full: readable as well. */
	if (has_news && write(s->shared.ring.fd, &one, sizeof(one)) < 0)
		return;
}

int sleeve_send_beat(struct sleeve *s, const struct sleeve_peer *peer,
		     const struct sleeve_beat *beat, uint32_t size)
{
	const struct sleeve_header h = {
		.type = SLEEVE_REQUEST,
		.token = peer->tx_token,
		.seq = atomic_fetch_add_explicit(&s->shared.control_seq, 1,
						 memory_order_relaxed),
	};
	const int family = ip_is_v4(&peer->endpoint.ip) ? SOCKET_V4 : SOCKET_V6;
	const int fd = s->sockets[family].control;
	static uint8_t p[SLEEVE_MAX_DATAGRAM];
	struct sockaddr_storage to;
	const socklen_t to_size = addr_to_sockaddr(&peer->endpoint, &to);
	int tries;

	if (size > fib_payload_of_mtu(&peer->endpoint.ip, peer->link_mtu))
		return -EMSGSIZE;
	if (size > sizeof(p) || !sleeve_put_beat(&h, beat, p, size))
		return -EINVAL;
	if (fd < 0)
		return -EAFNOSUPPORT;
	read_hints(s, &s->sockets[family]);
	/* The first may fail with what is about an earlier datagram. */
	for (tries = 0; tries < 2; tries++) {
		if (sendto(fd, p, size, MSG_DONTWAIT, (struct sockaddr *)&to,
			   to_size) >= 0)
			return 0;
	}
	return -errno;
}

/* What is seen */

int sleeve_fd(const struct sleeve *s)
{
	return s->shared.ring.fd;
}

bool sleeve_next_event(struct sleeve *s, struct sleeve_event *ret)
{
	if (s->n_hints) {
		worker_hint(&s->hints[--s->n_hints], ret);
		return true;
	}
	return ring_pop(&s->shared.ring, ret);
}

void sleeve_counters(const struct sleeve *s, uint64_t ret[SLEEVE_N_COUNTERS])
{
	int i;

	for (i = 0; i < SLEEVE_N_COUNTERS; i++)
		ret[i] = atomic_load_explicit(&s->shared.counters[i],
					      memory_order_relaxed);
	ret[SLEEVE_DROP_KERNEL] = sockets_n_dropped(s->sockets);
}

static bool has_control_socket(const struct sleeve *s)
{
	int i;

	for (i = 0; i < N_FAMILIES; i++) {
		if (sockets_are_divided(&s->sockets[i]))
			return true;
	}
	return false;
}

void sleeve_abilities(const struct sleeve *s, struct sleeve_abilities *ret)
{
	*ret = (struct sleeve_abilities){
		.has_tso = s->tap.has_tso,
		.has_ecn = s->tap.has_ecn,
		.has_uso = s->tap.has_uso,
		.has_udp_segment = s->udp.has_segment,
		.has_udp_gro = s->udp.has_gro,
		.has_control_socket = has_control_socket(s),
		.max_segments = atomic_load_explicit(&s->shared.max_segments,
						     memory_order_relaxed),
	};
}
