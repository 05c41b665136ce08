/* SPDX-License-Identifier: Apache-2.0 */
/* Which address a container gets, and what of the last life makes way. */
#include "ipam_home.h"

static void test_gateway_by_reload(void **state)
{
	struct host *h = *state;
	const vni_t vni = settings_vni(&h->d->settings, "blue");
	const struct prefix gateway = prefix_of("10.32.5.1/32");
	struct error e = { .code = "" };
	struct lease l;

	configure(h, "block", "10.32.5.0/29");
	ipam_block_reload(&h->i);
	configure(h, "gateway", "10.32.5.1");
	ipam_block_reload(&h->i);
	assert_string_equal(pick(h), "10.32.5.2");
	ipam_lease_fill(&h->i, &l, "blue", "a", "eth0", "");
	assert_int_equal(ipam_pick_these(&h->i, &l, vni, &gateway.ip, 1, &e),
			 -1);
	assert_string_equal(e.code, "in-use");
}

/* What a claim would say is said before anybody claims. */
static void check_ready(struct host *h, const char *code)
{
	const struct ipam_ask ask = { .network = "blue",
				      .container_id = "late",
				      .ifname = "eth0",
				      .owner = "" };
	struct error claim = { .code = "" }, ready = { .code = "" };

	assert_null(ipam_ask_claim(&h->i, &ask, &claim));
	assert_string_equal(claim.code, code);
	assert_int_equal(ipam_ask_ready(&h->i, "blue", &ready), -1);
	assert_string_equal(ready.message, claim.message);
}

/* The way out that is named is one: a lease is an owner's. */
static void test_others_hint(void **state)
{
	static const char *const owners[] = { "cni:net1", "" };
	static const char *const hints[] = {
		": fastdpctl ipam free a eth0 --owner cni:net1",
		": fastdpctl ipam free a eth0",
	};
	struct host *h = *state;
	size_t n;

	for (n = 0; n < 2; n++) {
		struct ipam_ask ask = { .network = "red",
					.container_id = "a",
					.ifname = "eth0",
					.owner = owners[n] };
		struct error e = { .code = "" };

		add(h, lease_of("a", "eth0", owners[n], "10.32.5.2/24"), "now");
		assert_null(ipam_ask_claim(&h->i, &ask, &e));
		assert_string_equal(e.code, "in-use");
		assert_string_equal(strchr(e.hint, ':'), hints[n]);
	}
}

static void test_ready_beside_foreign(void **state)
{
	struct host *h = *state;
	struct error e = { .code = "" };
	unsigned int n;

	configure(h, "block", "10.32.5.0/29");
	ipam_block_reload(&h->i);
	/* Of the block's pool nobody has it: that knows no later gateway. */
	configure(h, "gateway", "10.32.5.6");
	for (n = 0; n < 5; n++) {
		assert_int_equal(ipam_ask_ready(&h->i, "blue", &e), 0);
		assert_string_not_equal(pick(h), "none");
	}
	check_ready(h, "exhausted");
}

static void test_ready_without_etcd(void **state)
{
	struct host *h = *state;
	struct error e = { .code = "" };
	unsigned int n;

	configure(h, "range", "10.32.0.0/16");
	hold(h, "10.32.5.0/29");
	h->i.store = h->s;
	h->s->safe_until = UINT64_MAX / 2;
	ipam_block_reload(&h->i);
	for (n = 0; n < 6; n++)
		assert_string_not_equal(pick(h), "none");
	/* Another block is on its way. */
	assert_int_equal(ipam_ask_ready(&h->i, "blue", &e), 0);
	strcpy(h->s->trouble, "etcd does not answer");
	check_ready(h, "no-store");
}

/* One address is the gateway's, the other one a container's that was there
 * before the host was booted. */
static void test_stale_makes_way(void **state)
{
	struct host *h = *state;
	struct lease gateway;

	configure(h, "block", "10.32.5.0/30");
	ipam_lease_fill_gateway(&h->i, &gateway, "blue");
	gateway.n_ips = 1;
	gateway.ips[0] = prefix_of("10.32.5.1/30").ip;
	gateway.prefix_lens[0] = 30;
	add(h, gateway, "now");
	add(h, lease_of("old", "eth0", "", "10.32.5.2/30"), "before");
	ipam_block_reload(&h->i);
	assert_string_equal(pick(h), "10.32.5.2");
	assert_non_null(ipam_lease_gateway(&h->i, "blue"));
	assert_int_equal(h->i.book.n, 1);
	assert_string_equal(pick(h), "none");
}

/* A container of an earlier life of the host comes back: what it had may be
 * another host's by now. */
static void test_stale_of_another(void **state)
{
	struct host *h = *state;
	const struct prefix other = prefix_of("10.32.6.1/32");
	struct error e = { .code = "" };
	const struct lease *l;

	configure(h, "block", "10.32.5.0/29 10.32.6.0/29");
	ipam_block_reload(&h->i);
	add(h, lease_of("a", "eth0", "", "10.32.5.2/29"), "before");
	BLOCK_OF(h->i.blocks.next)->is_disputed = true;
	l = ipam_ask_claim(&h->i, &container_a, &e);
	assert_non_null(l);
	assert_true(ip_equal(&l->ips[0], &other.ip));
	assert_int_equal(h->i.book.n, 1);
	/* Of this life it keeps what it has. */
	BLOCK_OF(h->i.blocks.next->next)->is_disputed = true;
	l = ipam_ask_claim(&h->i, &container_a, &e);
	assert_non_null(l);
	assert_true(ip_equal(&l->ips[0], &other.ip));
}

/* Nor is it given while the store does not say that the host is heard. */
static void test_stale_without_store(void **state)
{
	struct host *h = *state;
	struct error e = { .code = "" };

	configure(h, "range", "10.32.0.0/16");
	hold(h, "10.32.5.0/24");
	h->i.store = h->s;
	ipam_block_reload(&h->i);
	add(h, lease_of("a", "eth0", "", "10.32.5.2/16"), "before");
	h->s->state = STORE_OLD;
	assert_null(ipam_ask_claim(&h->i, &container_a, &e));
	assert_string_equal(e.code, "cloned");
	h->s->state = STORE_UP;
	h->s->safe_until = USEC_NEVER;
	assert_non_null(ipam_ask_claim(&h->i, &container_a, &e));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(test_gateway_by_reload),	ONE(test_others_hint),
		ONE(test_ready_beside_foreign), ONE(test_ready_without_etcd),
		ONE(test_stale_makes_way),	ONE(test_stale_of_another),
		ONE(test_stale_without_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
