/* SPDX-License-Identifier: Apache-2.0 */
#include "fragment.h"

#include <string.h>

#include "frame.h"

#define IP4_HEADER_SIZE 20U
#define IP4_DF 0x4000U
#define IP4_MF 0x2000U
#define IP4_OFFSET 0x1fffU
#define OPTION_END 0
#define OPTION_NOP 1
#define OPTION_COPIED 0x80 /* in each fragment */

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put_sum(uint8_t *ip, uint32_t header)
{
	uint32_t sum = 0, i;

	put16(ip + 10, 0);
	for (i = 0; i < header; i += 2)
		sum += get16(ip + i);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	put16(ip + 10, ~sum & 0xffff);
}

bool fragment_begin(struct fragments *f, const uint8_t *frame, size_t size,
		    uint32_t mtu)
{
	const uint8_t *ip = frame + ETH_HEADER_SIZE;
	uint32_t total;

	memset(f, 0, sizeof(*f));
	if (size < ETH_HEADER_SIZE + IP4_HEADER_SIZE ||
	    get16(frame + 12) != ETH_TYPE_IPV4 || ip[0] >> 4 != 4)
		return false;
	f->frame = frame;
	f->header = (ip[0] & 15U) * 4U;
	f->first = get16(ip + 6);
	total = get16(ip + 2);
	if (f->header < IP4_HEADER_SIZE || total <= f->header ||
	    total > size - ETH_HEADER_SIZE || (f->first & IP4_DF) ||
	    mtu < f->header + 8)
		return false;
	f->n_payload = total - f->header;
	f->step = (mtu - f->header) & ~7U;
	/* The offset of the last may not leave its field. */
	return (f->first & IP4_OFFSET) + f->n_payload / 8 <= IP4_OFFSET;
}

uint32_t fragment_count(const struct fragments *f)
{
	return (f->n_payload + f->step - 1) / f->step;
}

/* What only the first one has becomes padding of the same length. */
static void clear_options(uint8_t *p, uint32_t size)
{
	uint32_t i = 0, n;

	while (i < size && p[i] != OPTION_END) {
		n = p[i] == OPTION_NOP ? 1 : i + 1 < size ? p[i + 1] : 0;
		if (!n || n > size - i || (n == 1 && p[i] != OPTION_NOP))
			return;
		if (!(p[i] & OPTION_COPIED))
			memset(p + i, OPTION_NOP, n);
		i += n;
	}
}

size_t fragment_next(struct fragments *f, uint8_t *ret)
{
	const uint32_t begin = f->done;
	const uint32_t headers = ETH_HEADER_SIZE + f->header;
	uint8_t *ip = ret + ETH_HEADER_SIZE;
	uint32_t n = f->n_payload - begin;
	bool is_last = true;

	if (!n)
		return 0;
	if (n > f->step) {
		n = f->step;
		is_last = false;
	}
	memcpy(ret, f->frame, headers);
	memcpy(ret + headers, f->frame + headers + begin, n);
	put16(ip + 2, f->header + n);
	put16(ip + 6, ((f->first & IP4_OFFSET) + begin / 8) |
			      (is_last ? f->first & IP4_MF : IP4_MF));
	if (begin)
		clear_options(ip + IP4_HEADER_SIZE,
			      f->header - IP4_HEADER_SIZE);
	put_sum(ip, f->header);
	f->done += n;
	return headers + n;
}
