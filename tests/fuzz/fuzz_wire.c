/* SPDX-License-Identifier: Apache-2.0 */
/* Heartbeats: what is taken is what we could have sent. */
#include <assert.h>
#include <string.h>

#include "core/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t frame[256];
	struct probe p, again;

	if (!wire_get_probe(data, size, &p))
		return 0;
	assert(size >= PROBE_MIN_SIZE);
	if (size > sizeof(frame))
		return 0;
	assert(wire_put_probe(&p, frame, size));
	assert(wire_get_probe(frame, size, &again));
	assert(again.is_reply == p.is_reply && again.from == p.from &&
	       again.to == p.to && again.cookie == p.cookie &&
	       again.seq == p.seq);
	assert(memcmp(frame, data, 6) == 0);
	return 0;
}
