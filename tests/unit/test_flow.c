/* SPDX-License-Identifier: Apache-2.0 */
/* Flows as values: overlap against every packet of a small world. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "core/flow.h"
#include "sim/fake_dp.h"

static uint64_t state_of_random = 11;

static uint32_t pick(uint32_t range)
{
	state_of_random = core_hash(&state_of_random, sizeof(state_of_random),
				    1);
	return (uint32_t)(state_of_random % range);
}

static struct mac mac_number(uint32_t n)
{
	/* 0 and 1 are of one owner, 2 and 3 of a group. */
	return (struct mac){ { n < 2 ? 2 : 3, 0, 0, 0, 0, (uint8_t)n } };
}

static struct ip ip_number(uint32_t n)
{
	const uint8_t v4[4] = { 10, 0, 0, (uint8_t)n };

	return ip_from_v4(v4);
}

static const uint16_t types[] = { 0x0806, 0x86dd, 0x0800, 0x8100 };

static void random_upper(struct flow_match *m)
{
	if (m->eth_type == 0x0806 && pick(2)) {
		m->fields |= FLOW_ARP_OP;
		m->arp_op = (uint16_t)(1 + pick(2));
		if (pick(2)) {
			m->fields |= FLOW_ARP_TIP;
			m->ip = ip_number(pick(2));
		}
	}
	if (m->eth_type != 0x86dd || pick(2))
		return;
	m->fields |= FLOW_IP_PROTO;
	m->ip_proto = pick(2) ? 58 : 17;
	if (m->ip_proto != 58 || pick(2))
		return;
	m->fields |= FLOW_ICMP6_TYPE;
	m->icmp6_type = (uint8_t)(135 + pick(2));
	if (pick(2)) {
		m->fields |= FLOW_ND_TARGET;
		m->ip = ip_number(pick(2));
	}
}

static struct flow_match random_match(void)
{
	struct flow_match m;

	memset(&m, 0, sizeof(m));
	m.recirc_id = pick(2);
	if (pick(2)) {
		m.fields |= FLOW_IN_PORT;
		m.in_port = pick(2);
	}
	if (pick(4) == 0) {
		m.fields |= FLOW_TUN_SRC | FLOW_TUN_ID;
		m.tun_src = ip_number(pick(2));
		m.tun_id = pick(2);
	}
	if (pick(3) == 0) {
		m.fields |= FLOW_ETH_SRC;
		m.eth_src = mac_number(pick(2));
	}
	if (pick(2)) {
		m.fields |= FLOW_ETH_DST;
		m.eth_dst = mac_number(pick(4));
	} else if (pick(2)) {
		m.fields |= FLOW_ETH_GROUP;
	}
	if (pick(2)) {
		m.fields |= FLOW_ETH_TYPE;
		m.eth_type = types[pick(4)];
		random_upper(&m);
	}
	return m;
}

/* A packet that fits @a and, where @a does not care, @b. */
static struct fake_key key_for(const struct flow_match *a,
			       const struct flow_match *b)
{
	struct fake_key k;

	memset(&k, 0, sizeof(k));
#define EITHER(field, member) ((a->fields & (field)) ? a->member : b->member)
	k.recirc_id = a->recirc_id;
	k.in_port = EITHER(FLOW_IN_PORT, in_port);
	k.tun_id = EITHER(FLOW_TUN_ID, tun_id);
	k.tun_src = EITHER(FLOW_TUN_SRC, tun_src);
	k.src = EITHER(FLOW_ETH_SRC, eth_src);
	k.dst = EITHER(FLOW_ETH_DST, eth_dst);
	if (!((a->fields | b->fields) & FLOW_ETH_DST))
		k.dst = mac_number(2);
	k.eth_type = EITHER(FLOW_ETH_TYPE, eth_type);
	k.is_tagged = k.eth_type == 0x8100;
	k.arp_op = EITHER(FLOW_ARP_OP, arp_op);
	k.arp_tip = EITHER(FLOW_ARP_TIP, ip);
	k.ip_proto = EITHER(FLOW_IP_PROTO, ip_proto);
	k.icmp6_type = EITHER(FLOW_ICMP6_TYPE, icmp6_type);
	k.nd_target = EITHER(FLOW_ND_TARGET, ip);
#undef EITHER
	return k;
}

static void test_overlap(void **state)
{
	uint32_t i, n = 0;

	(void)state;
	for (i = 0; i < 300000; i++) {
		const struct flow_match a = random_match(), b = random_match();
		const struct fake_key k = key_for(&a, &b);
		const bool is_both = !flow_match_equal(&a, &b) &&
				     fake_key_fits(&k, &a) &&
				     fake_key_fits(&k, &b);

		if (flow_match_overlap(&a, &b) != is_both)
			fail_msg("pair %u: fields %x and %x", i, a.fields,
				 b.fields);
		assert_true(flow_match_overlap(&b, &a) == is_both);
		n += is_both;
	}
	/* Both answers were asked for. */
	assert_in_range(n, 1000, 299000);
}

static void test_equal_is_no_overlap(void **state)
{
	const struct flow_match m = random_match();

	(void)state;
	assert_false(flow_match_overlap(&m, &m));
}

/* Flows of an earlier life are found by it: it must never change. */
static void test_ufid(void **state)
{
	static const char *const expected = "a411d4328b6b6965c0cbbb5c3fc43ae6";
	struct flow_match m = { .fields = FLOW_IN_PORT | FLOW_ETH_SRC,
				.in_port = 16,
				.eth_src = { { 2, 0, 0, 0, 0, 1 } } };
	uint8_t a[16], b[16];
	char text[33];
	int i;

	(void)state;
	flow_match_ufid(&m, a);
	for (i = 0; i < 16; i++)
		snprintf(text + 2 * i, 3, "%02x", a[i]);
	assert_string_equal(text, expected);
	m.eth_src.b[5] = 2;
	flow_match_ufid(&m, b);
	assert_memory_not_equal(a, b, 16);
}

static void test_actions(void **state)
{
	const struct mac mac = mac_number(0);
	struct flow_actions a = { 0 }, b = { 0 };
	struct flow_tunnel t = { .tun_id = 5, .dst_port = 6784, .ttl = 64 };
	uint32_t i;

	(void)state;
	assert_true(flow_actions_equal(&a, &b));
	assert_true(flow_set_tunnel(&a, &t) && flow_output(&a, 1) &&
		    flow_set_eth_dst(&a, &mac) && flow_check_len(&a, 1500, 7) &&
		    flow_userspace(&a) && flow_recirc(&a, 9));
	flow_actions_copy(&b, &a);
	assert_true(flow_actions_equal(&a, &b));
	b.list[0].tunnel.ttl = 63;
	assert_false(flow_actions_equal(&a, &b));
	flow_actions_copy(&b, &a);
	b.list[5].recirc_id = 8;
	assert_false(flow_actions_equal(&a, &b));
	b.n--;
	assert_false(flow_actions_equal(&a, &b));
	flow_actions_clear(&a);
	for (i = 0; i < FLOW_MAX_ACTIONS; i++)
		assert_true(flow_output(&a, i));
	assert_false(flow_output(&a, i));
	assert_int_equal(a.n, FLOW_MAX_ACTIONS);
	flow_actions_free(&a);
	flow_actions_free(&a);
	flow_actions_free(&b);
	flow_actions_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_overlap),
		cmocka_unit_test(test_equal_is_no_overlap),
		cmocka_unit_test(test_ufid),
		cmocka_unit_test(test_actions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
