/* SPDX-License-Identifier: Apache-2.0 */
#include "clock.h"

#include <errno.h>
#include <sys/random.h>
#include <time.h>

static uint64_t read_us(clockid_t id)
{
	struct timespec ts = { 0 };

	/* These clocks exist on every Linux: there is nothing to fail. */
	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * USEC_PER_SEC + (uint64_t)ts.tv_nsec / 1000;
}

usec_t clock_monotonic_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

usec_t clock_boottime_us(void)
{
	return read_us(CLOCK_BOOTTIME);
}

usec_t clock_thread_us(void)
{
	return read_us(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t clock_realtime_us(void)
{
	return read_us(CLOCK_REALTIME);
}

int clock_random(void *buf, size_t size)
{
	uint8_t *at = buf;

	while (size > 0) {
		ssize_t n = getrandom(at, size, 0);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		at += n;
		size -= (size_t)n;
	}
	return 0;
}
