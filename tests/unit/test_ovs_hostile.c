/* SPDX-License-Identifier: Apache-2.0 */

/* Whatever bytes come in a kernel's name, none is read past the end. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dice.h"
#include "ovs_words.h"
#include "sys/genl.h"

#define MUTATIONS 300U

static void decode_all(const uint8_t *data, size_t size, struct ovs_flow *f)
{
	uint8_t *p = copy_of(data, size);
	volatile uint8_t sum = 0;
	struct ovs_datapath dp;
	struct ovs_vport v;
	struct ovs_upcall u;
	size_t i;
	int r;

	r = ovs_dp_decode(p, size, &dp);
	assert_true(r == 0 || r == -EPROTO);
	r = ovs_vport_decode(p, size, &v);
	assert_true(r == 0 || r == -EPROTO);
	r = ovs_flow_decode(p, size, 1000, f);
	assert_true(r == 0 || r == -EPROTO);
	if (r == 0 && !f->is_foreign)
		assert_true(f->actions.n <= FLOW_MAX_ACTIONS);
	r = ovs_flow_stats_decode(p, size, 1000, f);
	assert_true(r == 0 || r == -EPROTO);
	r = ovs_upcall_decode(p, size, &u);
	assert_true(r == 0 || r == -EPROTO);
	for (i = 0; r == 0 && i < u.size; i++)
		sum = (uint8_t)(sum + u.frame[i]);
	free(p);
}

static void torment(const uint8_t *data, size_t size)
{
	const size_t step = size > 2000 ? 211 : 1;
	uint8_t *p = copy_of(data, size);
	struct ovs_flow f = { 0 };
	size_t cut, at;
	uint32_t i, k;

	for (cut = 0; cut < size; cut += step) {
		decode_all(data, cut, &f);
		/* Cut, and saying so. */
		if (cut >= sizeof(struct nlmsghdr)) {
			((struct nlmsghdr *)(void *)p)->nlmsg_len =
				(uint32_t)cut;
			decode_all(p, cut, &f);
		}
	}
	for (i = 0; i < MUTATIONS; i++) {
		memcpy(p, data, size);
		for (k = 0; k <= random_below(4); k++) {
			at = random_below((uint32_t)size);
			if (random_below(2))
				p[at] ^= (uint8_t)(1U << random_below(8));
			else
				p[at] = (uint8_t)random_below(256);
		}
		decode_all(p, size, &f);
	}
	flow_actions_free(&f.actions);
	free(p);
}

static void test_hostile_flows(void **state)
{
	uint8_t *buf = malloc(GENL_MAX_SIZE);
	MESSAGE(dump, 1024);
	struct samples s;
	size_t i;

	(void)state;
	assert_non_null(buf);
	samples_make(&s);
	for (i = 0; i < s.n; i++) {
		assert_int_equal(ovs_flow_new_encode(buf, GENL_MAX_SIZE, to,
						     &s.list[i].match,
						     &s.list[i].actions, PID),
				 0);
		torment(buf, ((struct nlmsghdr *)(void *)buf)->nlmsg_len);
	}
	for (i = 0; i < sizeof(dumps) / sizeof(dumps[0]); i++) {
		size_t n = from_hex(dumps[i].hex, dump);

		flow_match_ufid(&sample_named(&s, dumps[i].sample)->match,
				dump + START + 4);
		torment(dump, n);
	}
	samples_free(&s);
	free(buf);
}

static void test_hostile_rest(void **state)
{
	const struct ovs_vport v = { .port_no = 1,
				     .type = OVS_VPORT_TYPE_VXLAN,
				     .name = "fastdp-vx",
				     .udp_port = 6784 };
	MESSAGE(buf, 512);
	struct nlmsghdr *nlh = (void *)buf;

	(void)state;
	torment(buf, make_upcall(buf, sizeof(buf), 61));
	assert_int_equal(ovs_vport_new_encode(buf, sizeof(buf), to, &v), 0);
	torment(buf, nlh->nlmsg_len);
	assert_int_equal(
		ovs_dp_new_encode(buf, sizeof(buf), 30, "fastdp", 1, 0), 0);
	torment(buf, nlh->nlmsg_len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hostile_flows),
		cmocka_unit_test(test_hostile_rest),
	};

	return cmocka_run_group_tests_name("ovs_hostile", tests, NULL, NULL);
}
