/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIEVE_H
#define SIEVE_H

/*
 * A program for the kernel's socket filter that lets datagrams of known peers
 * through and drops those of strangers and old ones: classic BPF, generated
 * from a list of tokens and sequence numbers. Pure: no socket, no clock.
 *
 * Of a token it looks at the upper half. They are random: a stranger guesses
 * one of n in 2^32 / n datagrams, and who reads the datagram looks again.
 *
 *   a tree of comparisons  ->  rows of a few halves  ->  a check of
 *   the sequence number for each that has edges
 */

#include <linux/filter.h>

#include "core/core.h"

#define SIEVE_MAX BPF_MAXINSNS

struct sieve_peer {
	uint64_t token;
	/* What is below is dropped; 0: nothing is. */
	uint64_t data_edge, control_edge;
	bool has_edges;
};

/* Of @n peers so many may have edges; 0 also where none at all fit. */
uint32_t sieve_room(uint32_t n);

/*
 * The number of instructions; 0: they are too many. @peers are put in order,
 * and those whose halves are alike are made one.
 */
uint32_t sieve_make(struct sieve_peer *peers, uint32_t n,
		    struct sock_filter code[SIEVE_MAX]) WARN_UNUSED;

#endif
