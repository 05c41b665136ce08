/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames of containers. What is asked: the flow that a group frame gets fits
 * the frame as the kernel reads it (else each one of it would come up), and
 * any other frame that fits it would get the same flow (else one would be
 * treated as another).
 *
 * The first two bytes say which bit of the frame is changed for the other.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/group.h"
#include "sim/fake_dp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_SIZE 512U

/* False: no class: unicast, tagged, or not even a frame. */
static bool flow_of(const uint8_t *frame, size_t size, struct flow_match *ret)
{
	struct frame f;

	if (!frame_parse(frame, size, &f) || !mac_is_group(&f.dst) ||
	    f.eth_type == FLOW_ETH_TYPE_VLAN ||
	    f.eth_type == FLOW_ETH_TYPE_QINQ)
		return false;
	*ret = group_match(&f, RECIRC_LOCAL(100));
	return true;
}

static bool fits(const uint8_t *frame, size_t size, const struct flow_match *m)
{
	struct fake_key key;

	if (!fake_key_of(frame, size, &key))
		return false;
	key.recirc_id = m->recirc_id;
	return fake_key_fits(&key, m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct flow_match m, other;
	uint8_t frame[MAX_SIZE];
	size_t bit;

	if (size < 3 || size - 2 > MAX_SIZE)
		return 0;
	bit = ((size_t)data[0] << 8 | data[1]) % ((size - 2) * 8);
	size -= 2;
	memcpy(frame, data + 2, size);
	if (!flow_of(frame, size, &m))
		return 0;
	if (!fits(frame, size, &m))
		abort();
	frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
	if (!fits(frame, size, &m))
		return 0;
	if (!flow_of(frame, size, &other))
		abort();
	assert(flow_match_equal(&m, &other));
	return 0;
}
