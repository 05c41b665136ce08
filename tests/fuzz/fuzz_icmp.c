/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The answer to a packet that is too long, whatever the packet is: a frame
 * that goes back to its sender, whose sums are right, and which nobody
 * answers. The first two octets are the MTU, the next two say how much of the
 * frame is there. And whatever comes as such an answer is read.
 */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/frame.h"
#include "core/quoted.h"
#include "core/too_big.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t add(uint32_t sum, const uint8_t *p, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void check_v4(const uint8_t *ip, size_t size, const uint8_t *asked)
{
	assert(size == (size_t)(ip[2] << 8 | ip[3]) && size <= 576);
	assert(add(0, ip, 20) == 0xffff);
	assert(add(0, ip + 20, size - 20) == 0xffff);
	assert(!memcmp(ip + 12, asked + 16, 4));
	assert(!memcmp(ip + 16, asked + 12, 4));
	assert((ip[26] << 8 | ip[27]) >= 68);
}

static void check_v6(const uint8_t *ip, size_t size, const uint8_t *asked)
{
	const uint8_t pseudo[4] = { (uint8_t)((size - 40) >> 8),
				    (uint8_t)(size - 40), 0, 58 };

	assert(size == 40U + (size_t)(ip[4] << 8 | ip[5]) && size <= 1280);
	assert(add(add(add(0, pseudo, 4), ip + 8, 32), ip + 40, size - 40) ==
	       0xffff);
	assert(!memcmp(ip + 8, asked + 24, 16));
	assert(!memcmp(ip + 24, asked + 8, 16));
}

static void check(const uint8_t *answer, size_t n, const uint8_t *frame)
{
	uint8_t again[TOO_BIG_MAX_SIZE];
	struct frame f;

	assert(n <= TOO_BIG_MAX_SIZE && frame_parse(answer, n, &f));
	assert(!memcmp(answer, frame + 6, 6) && !memcmp(answer + 6, frame, 6));
	assert(!mac_is_group(&f.dst));
	if (f.eth_type == 0x0800)
		check_v4(answer + 14, n - 14, frame + 14);
	else
		check_v6(answer + 14, n - 14, frame + 14);
	/* No error about an error. */
	assert(!too_big_answer(answer, n, 1280, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t answer[TOO_BIG_MAX_SIZE];
	uint8_t *frame;
	struct quoted quoted;
	size_t n;

	if (size < 4)
		return 0;
	n = (size_t)(data[2] << 8 | data[3]) % (size - 3);
	frame = malloc(n + 1);
	assert(frame);
	memcpy(frame, data + 4, n);
	if (quoted_parse(frame, n, &quoted))
		assert(quoted.ip_proto == 6 || quoted.ip_proto == 17 ||
		       (!quoted.source_port && !quoted.target_port));
	n = too_big_answer(frame, n, (uint32_t)(data[0] << 8 | data[1]),
			   answer);
	if (n)
		check(answer, n, frame);
	free(frame);
	return 0;
}
