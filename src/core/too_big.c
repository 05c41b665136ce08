/* SPDX-License-Identifier: Apache-2.0 */
#include "too_big.h"

#include <assert.h>

#include "bytes.h"
#include "frame.h"

#define IP4_HEADER_SIZE 20U
#define IP6_HEADER_SIZE 40U
#define ICMP_SIZE 8U
#define ICMP_UNREACHABLE 3
#define ICMP_FRAGMENTATION_NEEDED 4
#define ICMP6_TOO_BIG 2
#define IP_PROTO_ICMP 1
#define IP4_DF 0x4000
#define IP4_OFFSET 0x1fff
/* RFC 1812 section 4.3.2.3: as much as fits into 576 bytes. */
#define IP4_ANSWER_SIZE 576U
#define IP6_ANSWER_SIZE 1280U
#define IP4_MIN_MTU 68U
#define IP6_MIN_MTU 1280U
#define TTL 64

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t sum16(const uint8_t *p, size_t size, uint32_t sum)
{
	size_t i;

	for (i = 0; i + 1 < size; i += 2)
		sum += get16(p + i);
	if (size & 1)
		sum += (uint32_t)p[size - 1] << 8;
	return sum;
}

static void put_sum(uint8_t *p, uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	p[0] = (uint8_t)(~sum >> 8);
	p[1] = (uint8_t)~sum;
}

/* Errors are not answered; of ICMP only echo and its like are no errors. */
static bool is_icmp_error(uint8_t type)
{
	return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

static bool is_group_v4(const uint8_t ip[4])
{
	return ip[0] >= 224 || ip[0] == 0;
}

/* The IPv4 packet may be answered; *ret_header is its header's size. */
static bool may_answer_v4(const uint8_t *ip, size_t size, size_t *ret_header)
{
	const size_t header = size >= IP4_HEADER_SIZE ? (ip[0] & 15U) * 4U : 0;
	const uint16_t fragment = header ? get16(ip + 6) : 0;

	if (header < IP4_HEADER_SIZE || header + 8 > size || ip[0] >> 4 != 4)
		return false;
	if (!(fragment & IP4_DF) || (fragment & IP4_OFFSET))
		return false;
	if (is_group_v4(ip + 12) || is_group_v4(ip + 16))
		return false;
	*ret_header = header;
	return ip[9] != IP_PROTO_ICMP || !is_icmp_error(ip[header]);
}

static void put_ethernet(struct writer *w, const uint8_t *frame)
{
	write_bytes(w, frame + 6, 6);
	write_bytes(w, frame, 6);
	write_bytes(w, frame + 12, 2);
}

static size_t answer_v4(const uint8_t *frame, size_t size, uint32_t mtu,
			uint8_t *ret)
{
	const uint8_t *ip = frame + ETH_HEADER_SIZE;
	const size_t n_ip = size - ETH_HEADER_SIZE;
	struct writer w = writer_of(ret, TOO_BIG_MAX_SIZE);
	uint8_t *out = ret + ETH_HEADER_SIZE;
	size_t header, quote, total;

	if (!may_answer_v4(ip, n_ip, &header))
		return 0;
	quote = IP4_ANSWER_SIZE - IP4_HEADER_SIZE - ICMP_SIZE;
	if (quote > n_ip)
		quote = n_ip;
	total = IP4_HEADER_SIZE + ICMP_SIZE + quote;
	put_ethernet(&w, frame);
	write_number(&w, 0x4500, 2);
	write_number(&w, total, 2);
	write_number(&w, 0, 4);
	write_number(&w, TTL << 8 | IP_PROTO_ICMP, 2);
	write_number(&w, 0, 2);
	write_bytes(&w, ip + 16, 4);
	write_bytes(&w, ip + 12, 4);
	write_number(&w, ICMP_UNREACHABLE << 8 | ICMP_FRAGMENTATION_NEEDED, 2);
	write_number(&w, 0, 4);
	write_number(&w, mtu < IP4_MIN_MTU ? IP4_MIN_MTU : mtu, 2);
	write_bytes(&w, ip, quote);
	assert(w.is_ok);
	put_sum(out + 10, sum16(out, IP4_HEADER_SIZE, 0));
	put_sum(out + IP4_HEADER_SIZE + 2,
		sum16(out + IP4_HEADER_SIZE, ICMP_SIZE + quote, 0));
	return w.size;
}

static bool is_error_v6(const uint8_t *frame, size_t size)
{
	struct frame f;

	/* Errors are the types below 128 (RFC 4443 section 2.1). */
	return !frame_parse(frame, size, &f) ||
	       (f.ip_proto == IP_PROTO_ICMP6 && f.icmp6_type < 128);
}

static size_t answer_v6(const uint8_t *frame, size_t size, uint32_t mtu,
			uint8_t *ret)
{
	const uint8_t *ip = frame + ETH_HEADER_SIZE;
	const size_t n_ip = size - ETH_HEADER_SIZE;
	struct writer w = writer_of(ret, TOO_BIG_MAX_SIZE);
	uint8_t *out = ret + ETH_HEADER_SIZE;
	size_t quote = IP6_ANSWER_SIZE - IP6_HEADER_SIZE - ICMP_SIZE;
	uint32_t sum;

	if (n_ip < IP6_HEADER_SIZE + 8 || ip[0] >> 4 != 6 || ip[8] == 0xff ||
	    ip[24] == 0xff || is_error_v6(frame, size))
		return 0;
	if (quote > n_ip)
		quote = n_ip;
	put_ethernet(&w, frame);
	write_number(&w, 0x60000000, 4);
	write_number(&w, ICMP_SIZE + quote, 2);
	write_number(&w, IP_PROTO_ICMP6 << 8 | TTL, 2);
	write_bytes(&w, ip + 24, 16);
	write_bytes(&w, ip + 8, 16);
	write_number(&w, ICMP6_TOO_BIG << 8, 2);
	write_number(&w, 0, 2);
	write_number(&w, mtu < IP6_MIN_MTU ? IP6_MIN_MTU : mtu, 4);
	write_bytes(&w, ip, quote);
	assert(w.is_ok);
	sum = sum16(out + 8, 32,
		    (uint32_t)(ICMP_SIZE + quote) + IP_PROTO_ICMP6);
	put_sum(out + IP6_HEADER_SIZE + 2,
		sum16(out + IP6_HEADER_SIZE, ICMP_SIZE + quote, sum));
	return w.size;
}

size_t too_big_answer(const uint8_t *frame, size_t size, uint32_t mtu,
		      uint8_t ret[TOO_BIG_MAX_SIZE])
{
	if (size < ETH_HEADER_SIZE || (frame[0] & 1) || (frame[6] & 1))
		return 0;
	switch (get16(frame + 12)) {
	case ETH_TYPE_IPV4:
		return answer_v4(frame, size, mtu, ret);
	case ETH_TYPE_IPV6:
		return answer_v6(frame, size, mtu, ret);
	default:
		return 0;
	}
}
