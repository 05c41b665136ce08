/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLOCK_H
#define CLOCK_H

/*
 * Time and randomness from the kernel. The core takes both as arguments;
 * whoever runs it gets them here.
 */

#include "core/core.h"

/* CLOCK_MONOTONIC: what every `usec_t now` in this project is. Never fails. */
usec_t clock_monotonic_us(void);

/* CLOCK_BOOTTIME: goes on while the host sleeps. Never fails. */
usec_t clock_boottime_us(void);

/* Of the processor, that this thread has had. Never fails. */
usec_t clock_thread_us(void);

/* Microseconds since 1970, for display alone: it may jump. Never fails. */
uint64_t clock_realtime_us(void);

/*
 * Fills @buf with random bytes that nobody can guess. Returns 0 or -errno;
 * blocks only before the kernel's generator is seeded, early at boot.
 */
int clock_random(void *buf, size_t size) WARN_UNUSED;

#endif
