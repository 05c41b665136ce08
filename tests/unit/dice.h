/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DICE_H
#define DICE_H

/* Chance for tests: the same in each run. */

#include <assert.h>
#include <stdint.h>

static uint64_t random_state = UINT64_C(0x9e3779b97f4a7c15);

/* 0 to @n - 1. */
static inline uint32_t random_below(uint32_t n)
{
	assert(n > 0);
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32) % n;
}

#endif
