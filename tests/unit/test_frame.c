/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of containers and heartbeats, byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/frame.h"
#include "core/wire.h"

static uint8_t frame[256];
static size_t size;

/* Hexadecimal text, blanks ignored. */
static void set(const char *text)
{
	char digits[3] = "";

	size = 0;
	for (; *text; text++) {
		if (*text == ' ')
			continue;
		digits[0] = *text++;
		digits[1] = *text;
		frame[size++] = (uint8_t)strtoul(digits, NULL, 16);
	}
}

#define ETH "ffffffffffff 020000000001 "
#define ARP ETH "0806 0001 0800 06 04 "
#define ARP_TAIL "020000000001 0a200001 000000000000 0a200002"
#define SRC "fd000000000000000000000000000001 "
#define DST "ff0200000000000000000001ff000002 "
#define TARGET "fd000000000000000000000000000002 "
#define IP6(next) ETH "86dd 60000000 0040 " next " ff " SRC DST
#define NS "87 00 0000 00000000 " TARGET

static struct frame parse(void)
{
	struct frame f;

	assert_true(frame_parse(frame, size, &f));
	return f;
}

static void test_arp(void **state)
{
	const uint8_t tip[4] = { 10, 32, 0, 2 };
	const struct ip expected = ip_from_v4(tip);
	struct frame f;

	(void)state;
	set(ARP "0001 " ARP_TAIL);
	f = parse();
	assert_true(f.has_arp && mac_is_group(&f.dst) && f.src.b[0] == 2);
	assert_int_equal(f.arp_op, ARP_REQUEST);
	assert_true(ip_equal(&f.arp_tip, &expected));
	size--;
	assert_false(parse().has_arp);
	set(ETH "0806 0006 0800 06 04 0001 " ARP_TAIL);
	assert_false(parse().has_arp);
	set(ETH "0806 0001 86dd 06 10 0001 " ARP_TAIL);
	assert_false(parse().has_arp);
}

static void test_nd(void **state)
{
	struct frame f;

	(void)state;
	set(IP6("3a") NS);
	f = parse();
	assert_true(f.ip_proto == 58 && f.has_nd);
	assert_int_equal(f.icmp6_type, ND_SOLICITATION);
	assert_int_equal(f.nd_target.b[15], 2);
	size--;
	f = parse();
	assert_true(f.icmp6_type == 135 && !f.has_nd);
	set(IP6("3a") "87 01 0000 00000000 " TARGET);
	f = parse();
	assert_true(f.icmp6_type == 135 && !f.has_nd);
	set(IP6("3a") "85 00 0000 00000000");
	f = parse();
	assert_true(!f.has_nd && f.icmp6_type == 133);
	set(IP6("3a") "87 00 00");
	assert_int_equal(parse().icmp6_type, 0);
}

static void test_extensions(void **state)
{
	struct frame f;

	(void)state;
	set(IP6("00") "3a 00 050200000000 " NS); /* hop by hop */
	assert_true(parse().has_nd);
	set(IP6("33") "3a 01 0000 00000000 00000000 " NS); /* AH, 12 bytes */
	assert_true(parse().has_nd);
	set(IP6("2c") "3a 00 0001 00000000 " NS); /* the first fragment */
	assert_true(parse().has_nd);
	set(IP6("2c") "3a 00 0009 00000000 " NS); /* a later one */
	f = parse();
	assert_true(!f.icmp6_type && !f.has_nd);
	assert_int_equal(f.ip_proto, 44);
	set(IP6("00") "3a 04 050200000000 " NS); /* longer than the frame */
	assert_int_equal(parse().ip_proto, 59);
	set(IP6("3b"));
	f = parse();
	assert_true(f.ip_proto == 59 && !f.icmp6_type);
	set(IP6("00") "00 00 000000000000 00 00 000000000000 "
		      "00 00 000000000000 3c 00 000000000000 11 00 000000000000 ");
	f = parse();
	assert_true(f.ip_proto == 17 && !f.icmp6_type);
}

static void test_short(void **state)
{
	struct frame f;
	size_t n;

	(void)state;
	set(IP6("00") "3a 00 050200000000 " NS);
	for (n = 0; n < size; n++) {
		/* On the heap, so that a step too far is seen. */
		uint8_t *copy = malloc(n ? n : 1);

		memcpy(copy, frame, n);
		assert_int_equal(frame_parse(copy, n, &f), n >= 14);
		free(copy);
	}
}

/* The sum of all 16-bit words with the checksum in is 0xffff. */
static uint16_t sum(const uint8_t *p, size_t n, uint32_t start)
{
	uint32_t v = start;
	size_t i;

	for (i = 0; i + 1 < n; i += 2)
		v += (uint32_t)p[i] << 8 | p[i + 1];
	while (v >> 16)
		v = (v & 0xffff) + (v >> 16);
	return (uint16_t)v;
}

static void test_announce(void **state)
{
	const struct mac mac = { { 2, 0, 0, 0, 0, 9 } };
	const uint8_t v4[4] = { 10, 32, 0, 1 };
	struct ip ip = ip_from_v4(v4);
	struct frame f;

	(void)state;
	size = frame_announce(&ip, &mac, frame);
	assert_int_equal(size, 42);
	f = parse();
	assert_true(f.has_arp && f.arp_op == ARP_REPLY);
	assert_true(ip_equal(&f.arp_tip, &ip) && mac_equal(&f.src, &mac));
	assert_memory_equal(frame + 22, mac.b, 6);
	assert_memory_equal(frame + 28, v4, 4);
	ip.b[0] = 0xfd;
	size = frame_announce(&ip, &mac, frame);
	assert_int_equal(size, FRAME_ANNOUNCE_SIZE);
	f = parse();
	assert_true(f.has_nd && f.icmp6_type == ND_ADVERTISEMENT);
	assert_true(ip_equal(&f.nd_target, &ip));
	assert_int_equal(frame[21], 255); /* the hop limit that RFC 4861 asks */
	assert_int_equal(frame[58], 0x20); /* override */
	assert_int_equal(sum(frame + 54, 32, 58 + 32 + sum(frame + 22, 32, 0)),
			 0xffff);
}

static void test_probe(void **state)
{
	const struct probe p = { .from = 1, .to = 2, .cookie = 3, .seq = 4 };
	const struct mac reply = PROBE_REPLY_MAC;
	struct probe got;
	size_t n;

	(void)state;
	assert_false(wire_put_probe(&p, frame, PROBE_MIN_SIZE - 1));
	assert_true(wire_put_probe(&p, frame, PROBE_MIN_SIZE));
	assert_true(wire_get_probe(frame, PROBE_MIN_SIZE, &got));
	assert_true(got.from == 1 && got.to == 2 && got.cookie == 3 &&
		    got.seq == 4 && !got.is_reply);
	memcpy(frame, reply.b, 6); /* as the kernel's flow H does */
	assert_true(wire_get_probe(frame, PROBE_MIN_SIZE, &got));
	assert_true(got.is_reply && got.seq == 4);
	for (n = 0; n < PROBE_MIN_SIZE; n++)
		assert_false(wire_get_probe(frame, n, &got));
	frame[5] ^= 4;
	assert_false(wire_get_probe(frame, PROBE_MIN_SIZE, &got));
	frame[5] ^= 4;
	frame[13] ^= 1;
	assert_false(wire_get_probe(frame, PROBE_MIN_SIZE, &got));
	frame[13] ^= 1;
	frame[17] ^= 1;
	assert_false(wire_get_probe(frame, PROBE_MIN_SIZE, &got));
}

static void test_bytes(void **state)
{
	uint8_t b[4] = { 1, 2, 3, 4 };
	struct reader r = reader_of(b, 4);
	struct writer w = writer_of(b, 4);

	(void)state;
	assert_int_equal(read_u16(&r), 0x0102);
	assert_null(read_bytes(&r, 3));
	assert_false(r.is_ok);
	assert_int_equal(read_u8(&r), 0); /* once beyond, always */
	write_number(&w, 0x0a0b0c, 3);
	write_number(&w, 1, 2);
	write_zeros(&w, 1);
	assert_false(w.is_ok);
	assert_int_equal(w.size, 3);
	assert_int_equal(b[3], 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arp),	   cmocka_unit_test(test_nd),
		cmocka_unit_test(test_extensions), cmocka_unit_test(test_short),
		cmocka_unit_test(test_announce),   cmocka_unit_test(test_probe),
		cmocka_unit_test(test_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
