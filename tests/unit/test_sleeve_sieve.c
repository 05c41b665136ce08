/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The filter that keeps floods out: what it lets pass is compared with what
 * the thread would take, by an interpreter of its own and by the kernel.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/sleeve_wire.h"
#include "sleeve/sieve.h"
#include "sleeve/state.h"
#include "sys/udp.h"

#define UDP_SIZE 8U
#define MAX_N MAX_PEERS

static struct sock_filter code[SIEVE_MAX];
static struct sieve_peer list[MAX_N];

static struct {
	uint64_t token;
	struct window windows[2]; /* of data, of the rest */
	bool has_edges;
} known[MAX_N];

static uint64_t random64(void)
{
	return (uint64_t)rand() << 42 ^ (uint64_t)rand() << 21 ^
	       (uint64_t)rand();
}

/* Of a filter's answer: how much of the packet passes. */
static uint32_t value_at(const uint8_t *p, uint32_t size, uint32_t at,
			 uint32_t width, bool *ret_is_short)
{
	uint32_t value = 0, i;

	*ret_is_short = at + width > size;
	for (i = 0; i < width && !*ret_is_short; i++)
		value = value << 8 | p[at + i];
	return value;
}

static uint32_t jump_of(const struct sock_filter *f, uint32_t a)
{
	switch (f->code) {
	case BPF_JMP | BPF_JA:
		return f->k;
	case BPF_JMP | BPF_JEQ | BPF_K:
		return a == f->k ? f->jt : f->jf;
	case BPF_JMP | BPF_JGT | BPF_K:
		return a > f->k ? f->jt : f->jf;
	case BPF_JMP | BPF_JGE | BPF_K:
		return a >= f->k ? f->jt : f->jf;
	}
	fail_msg("code %#x", f->code);
	return 0;
}

/* @p: from the UDP header on. */
static bool does_pass(uint32_t n, const uint8_t *p, uint32_t size)
{
	uint32_t a = 0, memory[BPF_MEMWORDS] = { 0 }, i;
	bool is_short = false;

	for (i = 0; i < n; i++) {
		const struct sock_filter *f = &code[i];

		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			a = value_at(p, size, f->k, 4, &is_short);
			break;
		case BPF_LD | BPF_B | BPF_ABS:
			a = value_at(p, size, f->k, 1, &is_short);
			break;
		case BPF_LD | BPF_MEM:
			a = memory[f->k];
			break;
		case BPF_ST:
			memory[f->k] = a;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= f->k;
			break;
		case BPF_RET | BPF_K:
			return f->k > 0;
		default:
			i += jump_of(f, a);
		}
		if (is_short)
			return false;
	}
	fail_msg("it runs off its end");
	return false;
}

static uint32_t fill_datagram(uint8_t *p, enum sleeve_type type, uint64_t token,
			      uint64_t seq)
{
	const struct sleeve_header h = { .type = type,
					 .token = token,
					 .seq = seq };

	memset(p, 0, UDP_SIZE + SLEEVE_HEADER_SIZE);
	sleeve_put_header(&h, p + UDP_SIZE);
	return UDP_SIZE + SLEEVE_HEADER_SIZE;
}

/* Numbers that somebody would send: about a window's edges, or anywhere. */
static uint64_t random_seq(const struct window *w)
{
	switch (rand() % 5) {
	case 0:
		return random64();
	case 1:
		return window_edge(w) - 3 + (uint64_t)rand() % 6;
	case 2:
		return w->top - (uint64_t)rand() % 5000;
	case 3: /* across the words */
		return (w->top & ~(uint64_t)UINT32_MAX) - 2 +
		       (uint64_t)rand() % 4;
	default:
		return w->top + (uint64_t)rand() % 3000;
	}
}

static void move_window(struct window *w)
{
	int i;

	for (i = rand() % 40; i > 0; i--) {
		window_accept(w, w->top + (uint64_t)rand() % 200);
		if (rand() % 16 == 0)
			window_mark(w);
	}
}

/* Tops in all places of the number space, some about a word's edge. */
static void fill_window(struct window *w)
{
	memset(w, 0, sizeof(*w));
	switch (rand() % 4) {
	case 0:
		break;
	case 1:
		window_accept(w, random64());
		break;
	case 2:
		window_accept(w, (random64() & ~(uint64_t)UINT32_MAX) +
					 (uint64_t)rand() % 64);
		break;
	default:
		window_accept(w, UINT64_MAX - (uint64_t)rand() % 4096);
	}
	if (rand() % 2)
		window_mark(w);
	move_window(w);
}

/* @n_halves: so many different upper halves at most, 0: any. */
static uint32_t make(uint32_t n, uint32_t n_halves, uint32_t room)
{
	uint32_t i;

	for (i = 0; i < n; i++) {
		uint64_t token = random64();

		if (n_halves)
			token = (token & UINT32_MAX) |
				(uint64_t)(token % n_halves) << 32;
		known[i].token = token;
		fill_window(&known[i].windows[0]);
		fill_window(&known[i].windows[1]);
		known[i].has_edges = i < room;
		list[i] = (struct sieve_peer){
			.token = token,
			.data_edge = window_edge(&known[i].windows[0]),
			.control_edge = window_edge(&known[i].windows[1]),
			.has_edges = known[i].has_edges,
		};
	}
	return sieve_make(list, n, code);
}

/* The thread would take it, now. */
static bool is_welcome(uint32_t i, enum sleeve_type type, uint64_t seq)
{
	struct window w = known[i].windows[type == SLEEVE_DATA ? 0 : 1];

	return seq >= w.marks[1] && window_accept(&w, seq);
}

static void check_known(uint32_t n_code, uint32_t n, bool are_alike)
{
	const uint32_t i = (uint32_t)rand() % n;
	const enum sleeve_type type = (enum sleeve_type)(1 + rand() % 3);
	struct window *w = &known[i].windows[type == SLEEVE_DATA ? 0 : 1];
	const uint64_t edge = window_edge(w);
	uint8_t p[UDP_SIZE + SLEEVE_HEADER_SIZE];
	const uint64_t seq = random_seq(w);
	const uint32_t size = fill_datagram(p, type, known[i].token, seq);
	const bool passes = does_pass(n_code, p, size);

	/* Whatever belongs here comes in. */
	assert_true(passes || !is_welcome(i, type, seq));
	if (!are_alike)
		assert_int_equal(passes, !known[i].has_edges || seq >= edge);
	/* Too short for a header that is looked at. */
	assert_false(does_pass(n_code, p, UDP_SIZE + 19));
	p[UDP_SIZE] ^= 0x40;
	assert_false(does_pass(n_code, p, size));
}

static void check_strange(uint32_t n_code, uint32_t n)
{
	uint8_t p[UDP_SIZE + SLEEVE_HEADER_SIZE];
	const uint64_t token = random64();
	uint32_t i;

	for (i = 0; i < n; i++) {
		if (known[i].token >> 32 == token >> 32)
			return;
	}
	fill_datagram(p, SLEEVE_DATA, token, UINT64_MAX);
	assert_false(does_pass(n_code, p, sizeof(p)));
}

static void check_table(uint32_t n, uint32_t n_halves, uint32_t room)
{
	const uint32_t n_code = make(n, n_halves, room);
	uint32_t i;

	assert_in_range(n_code, 1, SIEVE_MAX);
	for (i = 0; i < 400; i++) {
		if (n)
			check_known(n_code, n, n_halves > 0);
		check_strange(n_code, n);
	}
	/* It grows old: what has become welcome since passes, too. */
	for (i = 0; i < n; i++) {
		move_window(&known[i].windows[0]);
		move_window(&known[i].windows[1]);
	}
	for (i = 0; n && i < 400; i++)
		check_known(n_code, n, true);
}

static void test_property(void **state)
{
	int i;

	(void)state;
	srand(17);
	for (i = 0; i < 300; i++) {
		const uint32_t n = (uint32_t)rand() % 40;

		check_table(n, 0, n);
		check_table(n, 0, n / 2);
		check_table(n, 1 + (uint32_t)rand() % 8, n);
	}
	for (i = 0; i < 20; i++)
		check_table(1 + (uint32_t)rand() % 250, 0, 250);
}

/* As many peers as there may be: with fewer edges, never without tokens. */
static void test_many(void **state)
{
	uint32_t n;

	(void)state;
	srand(18);
	for (n = 200; n <= MAX_N; n += 103)
		check_table(n, 0, sieve_room(n));
	check_table(MAX_N, 0, sieve_room(MAX_N));
	assert_in_range(sieve_room(MAX_N), 200, 300);
	assert_in_range(sieve_room(250), 250, 400);
	assert_int_equal(make(MAX_N, 0, MAX_N), 0);
	check_table(MAX_N, 300, 0);
}

/* The kernel's own opinion, in its byte order. */
static int open_pair(int *ret_to)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	socklen_t size = sizeof(sa);
	const int from = socket(AF_INET, SOCK_DGRAM, 0);

	*ret_to = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(*ret_to, (struct sockaddr *)&sa, size), 0);
	assert_int_equal(getsockname(*ret_to, (struct sockaddr *)&sa, &size),
			 0);
	assert_int_equal(connect(from, (struct sockaddr *)&sa, size), 0);
	return from;
}

static void ask_kernel(uint32_t n)
{
	const uint32_t n_code = make(n, 0, sieve_room(n));
	uint8_t p[UDP_SIZE + SLEEVE_HEADER_SIZE], got[64];
	int to, from = open_pair(&to), r, i;

	r = udp_filter(to, code, (uint16_t)n_code);
	/* Older kernels have no room for so many. */
	if (r == -ENOMEM && n > 100) {
		close(from);
		close(to);
		return;
	}
	assert_int_equal(r, 0);
	for (i = 0; i < 400; i++) {
		const uint32_t k = (uint32_t)rand() % n;
		const enum sleeve_type type =
			(enum sleeve_type)(1 + rand() % 3);
		struct window *w = &known[k].windows[type != SLEEVE_DATA];
		const uint64_t token = rand() % 4 ? known[k].token : random64();
		const uint32_t size = fill_datagram(p, type, token,
						    random_seq(w));

		/* On loopback it has come when the call ends. */
		assert_int_equal(send(from, p + UDP_SIZE, size - UDP_SIZE, 0),
				 size - UDP_SIZE);
		assert_int_equal(recv(to, got, sizeof(got), 0) > 0,
				 does_pass(n_code, p, size));
	}
	close(from);
	close(to);
}

static void test_kernel(void **state)
{
	(void)state;
	srand(19);
	ask_kernel(1);
	ask_kernel(17);
	ask_kernel(200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_property),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
