/* SPDX-License-Identifier: Apache-2.0 */
#include "sieve.h"

#include <assert.h>
#include <stdlib.h>

#include "core/sleeve_wire.h"

/* A socket's filter begins at the UDP header. */
#define AT(x) (8U + (x))
#define TYPE_AT 1U
#define TOKEN_AT 4U

/* Jumps reach 255 instructions: a row with all its checks is shorter. */
#define ROW 16U
#define CHECK_SIZE 12U
#define ROW_EXTRA 3U
#define NODE_SIZE 2U
#define PROLOGUE_SIZE 11U

/*
 * Scratch memory: to look into a packet the kernel needs ten instructions of
 * its own, and it counts those.
 */
enum { SEQ_HIGH, SEQ_LOW, TYPE };

#define PASS UINT32_MAX
#define DROP 0U

struct writer {
	struct sock_filter *code;
	uint32_t n;
};

static void put(struct writer *w, uint16_t what, uint32_t k, uint32_t if_true,
		uint32_t if_false)
{
	assert(if_true <= UINT8_MAX && if_false <= UINT8_MAX);
	w->code[w->n++] = (struct sock_filter){
		.code = what,
		.jt = (uint8_t)if_true,
		.jf = (uint8_t)if_false,
		.k = k,
	};
}

static void load(struct writer *w, uint16_t size, uint32_t at)
{
	put(w, (uint16_t)(BPF_LD | size | BPF_ABS), AT(at), 0, 0);
}

static void keep(struct writer *w, uint16_t size, uint32_t at, uint32_t where)
{
	load(w, size, at);
	put(w, BPF_ST, where, 0, 0);
}

static void recall(struct writer *w, uint32_t where)
{
	put(w, BPF_LD | BPF_MEM, where, 0, 0);
}

static uint32_t half(const struct sieve_peer *p)
{
	return (uint32_t)(p->token >> 32);
}

/* Of @n peers, without what belongs to edges. Nobody has a row as well. */
static uint32_t bare_size(uint32_t n)
{
	const uint32_t n_rows = n ? (n + ROW - 1) / ROW : 1;

	return PROLOGUE_SIZE + n + n_rows * (ROW_EXTRA + NODE_SIZE);
}

uint32_t sieve_room(uint32_t n)
{
	const uint32_t bare = bare_size(n);

	return bare < SIEVE_MAX ? (SIEVE_MAX - bare) / CHECK_SIZE : 0;
}

static int compare(const void *a, const void *b)
{
	const uint32_t x = half(a), y = half(b);

	return x < y ? -1 : x > y;
}

static uint64_t lower(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Who cannot be told from the one before shares what both may send. */
static uint32_t merge(struct sieve_peer *peers, uint32_t n)
{
	uint32_t i, n_kept = 0;

	for (i = 0; i < n; i++) {
		struct sieve_peer *last = n_kept ? &peers[n_kept - 1] : NULL;

		if (!last || half(last) != half(&peers[i])) {
			peers[n_kept++] = peers[i];
			continue;
		}
		last->has_edges = last->has_edges && peers[i].has_edges;
		last->data_edge = lower(last->data_edge, peers[i].data_edge);
		last->control_edge = lower(last->control_edge,
					   peers[i].control_edge);
	}
	return n_kept;
}

/* The sequence number is not below @edge. @pass: where that instruction is. */
static void put_edge(struct writer *w, uint64_t edge, uint32_t pass)
{
	const uint32_t high = (uint32_t)(edge >> 32);

	recall(w, SEQ_HIGH);
	put(w, BPF_JMP | BPF_JGT | BPF_K, high, pass - w->n - 1, 0);
	put(w, BPF_JMP | BPF_JEQ | BPF_K, high, 0, pass - w->n);
	recall(w, SEQ_LOW);
	put(w, BPF_JMP | BPF_JGE | BPF_K, (uint32_t)edge, pass - w->n - 1,
	    pass - w->n);
}

static void put_check(struct writer *w, const struct sieve_peer *p,
		      uint32_t pass)
{
	recall(w, TYPE);
	put(w, BPF_JMP | BPF_JEQ | BPF_K, SLEEVE_DATA, 0, 5);
	put_edge(w, p->data_edge, pass);
	put_edge(w, p->control_edge, pass);
}

/* The upper half of the token is in the accumulator. */
static void put_row(struct writer *w, const struct sieve_peer *peers,
		    uint32_t n)
{
	uint32_t check = w->n + n + 1, pass = check, i;

	for (i = 0; i < n; i++)
		pass += peers[i].has_edges ? CHECK_SIZE : 0;
	for (i = 0; i < n; i++) {
		const uint32_t to = peers[i].has_edges ? check : pass;

		put(w, BPF_JMP | BPF_JEQ | BPF_K, half(&peers[i]),
		    to - w->n - 1, 0);
		check += peers[i].has_edges ? CHECK_SIZE : 0;
	}
	put(w, BPF_RET | BPF_K, DROP, 0, 0);
	for (i = 0; i < n; i++) {
		if (peers[i].has_edges)
			put_check(w, &peers[i], pass);
	}
	put(w, BPF_RET | BPF_K, PASS, 0, 0);
	put(w, BPF_RET | BPF_K, DROP, 0, 0);
}

/* As deep as the logarithm of the number of rows. */
static void put_tree(struct writer *w, const struct sieve_peer *peers,
		     uint32_t n)
{
	const uint32_t n_rows = (n + ROW - 1) / ROW;
	const uint32_t n_left = n_rows / 2 * ROW;
	uint32_t jump;

	if (n_rows <= 1) {
		put_row(w, peers, n);
		return;
	}
	put(w, BPF_JMP | BPF_JGE | BPF_K, half(&peers[n_left]), 0, 1);
	jump = w->n;
	put(w, BPF_JMP | BPF_JA, 0, 0, 0);
	put_tree(w, peers, n_left);
	w->code[jump].k = w->n - jump - 1;
	put_tree(w, peers + n_left, n - n_left);
}

uint32_t sieve_make(struct sieve_peer *peers, uint32_t n,
		    struct sock_filter code[SIEVE_MAX])
{
	struct writer w = { .code = code };
	uint32_t i, size;

	qsort(peers, n, sizeof(*peers), compare);
	n = merge(peers, n);
	size = bare_size(n);
	for (i = 0; i < n; i++)
		size += peers[i].has_edges ? CHECK_SIZE : 0;
	if (size > SIEVE_MAX)
		return 0;
	load(&w, BPF_W, 0);
	put(&w, BPF_ALU | BPF_AND | BPF_K, SLEEVE_FIRST_MASK, 0, 0);
	put(&w, BPF_JMP | BPF_JEQ | BPF_K, SLEEVE_FIRST, 1, 0);
	put(&w, BPF_RET | BPF_K, DROP, 0, 0);
	keep(&w, BPF_W, SLEEVE_SEQ_AT, SEQ_HIGH);
	keep(&w, BPF_W, SLEEVE_SEQ_AT + 4, SEQ_LOW);
	keep(&w, BPF_B, TYPE_AT, TYPE);
	load(&w, BPF_W, TOKEN_AT);
	put_tree(&w, peers, n);
	assert(w.n <= size);
	return w.n;
}
