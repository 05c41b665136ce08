/* SPDX-License-Identifier: Apache-2.0 */
#include "wire.h"

#include "bytes.h"
#include "frame.h"

#define PROBE_MAGIC UINT32_C(0x66647031) /* "fdp1" */

bool wire_put_probe(const struct probe *probe, uint8_t *frame, size_t size)
{
	struct writer w = writer_of(frame, size);
	const struct mac dst = probe->is_reply	 ? PROBE_REPLY_MAC
			       : probe->is_sized ? PROBE_SIZED_MAC
						 : PROBE_REQUEST_MAC;
	const struct mac src = PROBE_SOURCE_MAC;

	if (size < PROBE_MIN_SIZE)
		return false;
	write_bytes(&w, dst.b, 6);
	write_bytes(&w, src.b, 6);
	write_number(&w, ETH_TYPE_PROBE, 2);
	write_number(&w, PROBE_MAGIC, 4);
	write_number(&w, probe->from, 8);
	write_number(&w, probe->to, 8);
	write_number(&w, probe->cookie, 8);
	write_number(&w, probe->seq, 8);
	write_zeros(&w, w.left);
	return w.is_ok;
}

bool wire_get_probe(const uint8_t *frame, size_t size, struct probe *ret)
{
	struct reader r = reader_of(frame, size);
	const struct mac request = PROBE_REQUEST_MAC, reply = PROBE_REPLY_MAC;
	const struct mac sized = PROBE_SIZED_MAC;
	struct probe probe;
	struct mac dst;
	uint16_t eth_type;
	uint32_t magic;

	memset(&probe, 0, sizeof(probe));
	if (size < PROBE_MIN_SIZE)
		return false;
	memcpy(dst.b, read_bytes(&r, 6), 6);
	read_bytes(&r, 6);
	eth_type = read_u16(&r);
	magic = read_u32(&r);
	probe.from = read_u64(&r);
	probe.to = read_u64(&r);
	probe.cookie = read_u64(&r);
	probe.seq = read_u64(&r);
	probe.is_reply = mac_equal(&dst, &reply);
	if (!r.is_ok || eth_type != ETH_TYPE_PROBE || magic != PROBE_MAGIC)
		return false;
	probe.is_sized = mac_equal(&dst, &sized);
	if (!probe.is_reply && !probe.is_sized && !mac_equal(&dst, &request))
		return false;
	*ret = probe;
	return true;
}
