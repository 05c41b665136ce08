/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SHRINK_H
#define SHRINK_H

/*
 * The shortest part of a history that still fails: halves, quarters and so on
 * are left out as long as it does. Each trial runs in a process of its own, so
 * that an assertion is a failure like any other.
 */

#include "scenario.h"

#define SHRINK_MAX_STEPS 10000U
#define SHRINK_MAX_TRIALS 400U

/* In this process. False: it failed. */
bool play(const struct scenario *s, const struct sim_options *options,
	  uint32_t n_steps);

/*
 * Steps 0 … @n_steps - 1 of @s fail. Leaves the numbers of those that suffice
 * in @ret (room for @n_steps), and returns how many they are.
 */
uint32_t shrink(const struct scenario *s, const struct sim_options *options,
		uint32_t n_steps, uint32_t *ret);

#endif
