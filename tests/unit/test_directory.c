/* SPDX-License-Identifier: Apache-2.0 */
/* Who has which MAC and address, and what is told of every change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/directory.h"

#define US 1U /* the owner that has ports */
#define A 2U
#define B 3U

struct fixture {
	struct directory *d;
	uint32_t n[CHANGE_IP_MOVED + 1]; /* changes by type, of the last look */
	struct change moved;
};

static struct fixture fx;

static int setup(void **state)
{
	memset(&fx, 0, sizeof(fx));
	fx.d = directory_new(3);
	*state = &fx;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	directory_free(fx.d);
	return 0;
}

static struct mac mac_number(uint32_t n)
{
	return (struct mac){ { 2, 0, (uint8_t)(n >> 24), (uint8_t)(n >> 16),
			       (uint8_t)(n >> 8), (uint8_t)n } };
}

static struct ip ip_number(uint32_t n)
{
	const uint8_t v4[4] = { 10, (uint8_t)(n >> 16), (uint8_t)(n >> 8),
				(uint8_t)n };

	return ip_from_v4(v4);
}

static struct entry entry_of(vni_t vni, uint32_t mac, uint32_t ip,
			     uint64_t revision, uint8_t flags)
{
	struct entry e;

	memset(&e, 0, sizeof(e));
	e.vni = vni;
	e.mac = mac_number(mac);
	e.revision = revision;
	e.flags = flags;
	if (ip)
		e.ips[e.n_ips++] = ip_number(ip);
	return e;
}

static enum directory_result put(peer_id_t owner, uint32_t mac, uint32_t ip,
				 uint64_t revision, uint8_t flags)
{
	const struct entry e = entry_of(9, mac, ip, revision, flags);

	return directory_put(fx.d, 6, owner, &e,
			     owner == US ? 16 : PORT_NO_NONE);
}

static bool withdraw(peer_id_t owner, uint32_t n)
{
	const struct mac mac = mac_number(n);

	return directory_withdraw(fx.d, 6, owner, 9, &mac);
}

static peer_id_t owner_of_mac(uint32_t n)
{
	const struct mac mac = mac_number(n);
	const struct claim *c = directory_find_mac(fx.d, 9, &mac);

	return c ? c->owner : PEER_ID_NONE;
}

static uint32_t mac_of_ip(uint32_t n)
{
	const struct ip ip = ip_number(n);
	const struct claim *c = directory_find_ip(fx.d, 9, &ip);

	return c ? c->mac.b[5] : 0;
}

static void look(void)
{
	struct change c;

	memset(fx.n, 0, sizeof(fx.n));
	while (directory_next_change(fx.d, &c)) {
		fx.n[c.type]++;
		if (c.type == CHANGE_MAC_MOVED || c.type == CHANGE_IP_MOVED)
			fx.moved = c;
	}
}

static void test_put(void **state)
{
	struct entry e;

	(void)state;
	assert_int_equal(put(A, 1, 1, 5, 0), DIRECTORY_CHANGED);
	assert_true(owner_of_mac(1) == A);
	assert_int_equal(mac_of_ip(1), 1);
	look();
	assert_int_equal(fx.n[CHANGE_MAC], 1);
	assert_int_equal(fx.n[CHANGE_IP], 1);
	assert_int_equal(fx.n[CHANGE_MEMBERS], 1);
	assert_int_equal(fx.n[CHANGE_MAC_MOVED] + fx.n[CHANGE_IP_MOVED], 0);
	assert_int_equal(put(A, 1, 1, 5, 0), DIRECTORY_SAME);
	look();
	assert_int_equal(fx.n[CHANGE_MAC] + fx.n[CHANGE_IP], 0);
	assert_int_equal(put(A, 1, 2, 6, 0), DIRECTORY_CHANGED);
	assert_int_equal(mac_of_ip(1), 0);
	assert_int_equal(mac_of_ip(2), 1);
	assert_int_equal(directory_n_claims(fx.d), 1);
	assert_int_equal(directory_n_bindings(fx.d), 1);
	/* The network is part of the name. */
	e = entry_of(10, 1, 2, 9, 0);
	directory_put(fx.d, 5, B, &e, PORT_NO_NONE);
	assert_true(owner_of_mac(1) == A);
	assert_true(directory_clock(fx.d) == 9);
	assert_true(withdraw(A, 1));
	assert_false(withdraw(A, 1));
	assert_false(withdraw(B, 1));
	assert_int_equal(mac_of_ip(2), 0);
	/* An address twice in an entry is one binding. */
	e = entry_of(9, 5, 7, 1, 0);
	e.ips[e.n_ips++] = ip_number(7);
	directory_put(fx.d, 5, A, &e, PORT_NO_NONE);
	assert_int_equal(directory_n_bindings(fx.d), 2);
}

static void test_winners(void **state)
{
	(void)state;
	/* Declared before learnt, whatever the revision. */
	put(A, 1, 0, 100, ENTRY_LEARNT);
	put(B, 1, 0, 1, 0);
	assert_true(owner_of_mac(1) == B);
	/* Then the higher revision. */
	put(US, 1, 0, 2, 0);
	assert_true(owner_of_mac(1) == US);
	put(B, 1, 0, 3, 0);
	assert_true(owner_of_mac(1) == B);
	/* Then the lower id. */
	put(US, 1, 0, 3, 0);
	assert_true(owner_of_mac(1) == US);
	/* Losers take over. */
	withdraw(US, 1);
	assert_true(owner_of_mac(1) == B);
	directory_drop_owner(fx.d, 9, B);
	assert_true(owner_of_mac(1) == A);
	/* Within one owner the newest word counts, if its revision falls. */
	put(A, 2, 0, 50, 0);
	put(A, 2, 3, 10, 0);
	assert_int_equal(mac_of_ip(3), 2);
}

static void test_moves(void **state)
{
	(void)state;
	put(A, 1, 1, 1, 0);
	look();
	put(B, 1, 1, 2, 0);
	look();
	assert_int_equal(fx.n[CHANGE_MAC_MOVED], 1);
	assert_int_equal(fx.n[CHANGE_IP_MOVED], 0); /* the same MAC */
	assert_true(fx.moved.owner == B);
	/* The old owner says the same again, later: nothing moves. */
	put(A, 1, 1, 1, 0);
	withdraw(A, 1);
	look();
	assert_int_equal(fx.n[CHANGE_MAC_MOVED], 0);
	/* Another MAC with the address, somewhere else. */
	put(A, 2, 1, 3, 0);
	look();
	assert_int_equal(fx.n[CHANGE_IP_MOVED], 1);
	assert_int_equal(fx.moved.mac.b[5], 2);
	/* The winner speaks again: nobody else won in between. */
	put(A, 2, 1, 4, 0);
	look();
	assert_int_equal(fx.n[CHANGE_IP_MOVED], 0);
	put(US, 3, 0, 5, 0);
	put(B, 3, 0, 6, 0);
	look();
	put(B, 3, 0, 7, 0);
	look();
	assert_int_equal(fx.n[CHANGE_MAC_MOVED], 0);
	/* The winner goes: the address is back at the other MAC. */
	withdraw(A, 2);
	look();
	assert_int_equal(fx.n[CHANGE_IP_MOVED], 1);
	assert_int_equal(fx.moved.mac.b[5], 1);
}

/* A neighbour cache outlives a container. */
static void test_return_of_an_address(void **state)
{
	(void)state;
	put(A, 1, 1, 1, 0);
	withdraw(A, 1);
	look();
	assert_int_equal(fx.n[CHANGE_IP_MOVED], 0);
	put(B, 2, 1, 2, 0);
	look();
	assert_int_equal(fx.n[CHANGE_IP_MOVED], 1);
	assert_int_equal(fx.moved.mac.b[5], 2);
	/* With the same MAC nobody needs to be told. */
	withdraw(B, 2);
	put(A, 2, 1, 3, 0);
	look();
	assert_int_equal(fx.n[CHANGE_IP_MOVED], 0);
}

static void test_snapshot(void **state)
{
	(void)state;
	put(A, 1, 1, 1, 0);
	put(A, 2, 2, 2, 0);
	put(A, 3, 3, 3, 0);
	put(B, 4, 4, 4, 0);
	directory_snapshot_end(fx.d, 7, A); /* none was begun */
	assert_int_equal(directory_n_claims(fx.d), 4);
	directory_snapshot_begin(fx.d, A);
	put(A, 2, 2, 2, 0); /* the same */
	put(A, 3, 5, 6, 0); /* another */
	put(A, 6, 6, 7, 0); /* a new one */
	look();
	/* Begun again, as after a lost session: only the last one counts. */
	directory_snapshot_begin(fx.d, A);
	put(A, 2, 2, 2, 0);
	put(A, 6, 6, 7, 0);
	directory_snapshot_end(fx.d, 7, A);
	assert_true(!owner_of_mac(1) && !owner_of_mac(3));
	assert_true(owner_of_mac(2) == A && owner_of_mac(6) == A);
	assert_true(owner_of_mac(4) == B);
	assert_int_equal(directory_n_owned(fx.d, A), 2);
}

static void test_members(void **state)
{
	const struct list *last = NULL;
	struct entry e = entry_of(10, 1, 0, 1, 0);
	vni_t vni, seen = 0;

	(void)state;
	assert_false(directory_is_member(fx.d, A, 9, 0));
	put(A, 1, 0, 1, 0);
	put(A, 2, 0, 1, ENTRY_TRUSTED);
	look();
	assert_int_equal(fx.n[CHANGE_MEMBERS], 1);
	assert_true(directory_is_member(fx.d, A, 9, ENTRY_TRUSTED));
	assert_false(directory_is_member(fx.d, A, 10, 0));
	withdraw(A, 2);
	assert_true(directory_is_member(fx.d, A, 9, 0));
	assert_false(directory_is_member(fx.d, A, 9, ENTRY_TRUSTED));
	put(A, 1, 0, 2, ENTRY_TRUSTED); /* its only one is replaced */
	look();
	assert_int_equal(fx.n[CHANGE_MEMBERS], 0);
	assert_true(directory_is_member(fx.d, A, 9, ENTRY_TRUSTED));
	directory_put(fx.d, 5, A, &e, PORT_NO_NONE);
	put(B, 7, 0, 1, 0);
	while (directory_walk_networks(fx.d, A, &last, &vni))
		seen += vni;
	assert_int_equal(seen, 19);
	look();
	withdraw(A, 1);
	look();
	assert_int_equal(fx.n[CHANGE_MEMBERS], 1);
	assert_false(directory_is_member(fx.d, A, 9, 0));
}

static void test_limit_of_a_peer(void **state)
{
	uint32_t i;

	(void)state;
	for (i = 0; i < MAX_ENTRIES_PER_PEER; i++)
		assert_int_equal(put(A, i, 0, 1, 0), DIRECTORY_CHANGED);
	assert_int_equal(put(A, i, 0, 1, 0), DIRECTORY_EXCESS);
	assert_int_equal(put(A, 5, 1, 2, 0), DIRECTORY_CHANGED);
	assert_int_equal(put(B, i, 0, 1, 0), DIRECTORY_CHANGED);
	withdraw(A, 7);
	assert_int_equal(put(A, i, 0, 1, 0), DIRECTORY_CHANGED);
	look();
}

/* @i: of all that is put, so that no address is the same. */
static enum directory_result put_full(peer_id_t owner, uint32_t i,
				      uint64_t revision)
{
	struct entry e = entry_of(9, i, 0, revision, 0);
	uint32_t k;

	for (k = 0; k < MAX_IPS_PER_ENTRY; k++)
		e.ips[e.n_ips++] = ip_number(i * MAX_IPS_PER_ENTRY + k + 1);
	return directory_put(fx.d, 5, owner, &e,
			     owner == US ? 16 : PORT_NO_NONE);
}

/* Entries that grow must not get round the limits of bindings; and what is for
 * us nobody else gets. */
static void test_limits_of_bindings(void **state)
{
	const uint32_t share = MAX_BINDINGS_PER_PEER / MAX_IPS_PER_ENTRY;
	const uint32_t n = (MAX_BINDINGS - BINDINGS_FOR_US) / MAX_IPS_PER_ENTRY;
	uint32_t i;

	(void)state;
	for (i = 0; i <= share; i++)
		put(A, i, 0, 1, 0);
	for (i = 0; i <= share; i++)
		assert_int_equal(put_full(A, i, 2), i < share
							    ? DIRECTORY_CHANGED
							    : DIRECTORY_EXCESS);
	for (; i <= n; i++)
		assert_int_equal(put_full(A + i / share, i, 2),
				 DIRECTORY_CHANGED);
	assert_int_equal(put_full(A + i / share, i, 2), DIRECTORY_FULL);
	assert_int_equal(directory_n_bindings(fx.d),
			 MAX_BINDINGS - BINDINGS_FOR_US);
	/* What is there may change within the limit. */
	assert_int_equal(put_full(A, 7, 3), DIRECTORY_CHANGED);
	assert_int_equal(put_full(US, i, 2), DIRECTORY_CHANGED);
	directory_drop_owner(fx.d, 5, A);
	assert_int_equal(put_full(A + i / share, i, 2), DIRECTORY_CHANGED);
	look();
}

/* All that claim an address are looked at when one of them changes. */
static void test_limit_of_an_address(void **state)
{
	uint32_t i;

	(void)state;
	for (i = 0; i < MAX_CLAIMS_PER_IP; i++)
		assert_int_equal(put(A, i, 1, 1, 0), DIRECTORY_CHANGED);
	assert_int_equal(put(A, i, 1, 1, 0), DIRECTORY_EXCESS);
	assert_int_equal(put(A, i, 2, 1, 0), DIRECTORY_CHANGED);
	assert_int_equal(put(A, i, 1, 2, 0), DIRECTORY_EXCESS);
	assert_int_equal(put(A, 5, 1, 2, 0), DIRECTORY_CHANGED);
	assert_int_equal(put(B, i, 1, 1, 0), DIRECTORY_CHANGED);
	withdraw(A, 7);
	assert_int_equal(put(A, i, 1, 2, 0), DIRECTORY_CHANGED);
	look();
}

static void test_clock(void **state)
{
	(void)state;
	put(A, 1, 0, 7, 0);
	put(A, 2, 0, 3, 0);
	assert_true(directory_clock(fx.d) == 7);
	/* A clock that somebody has run to its end is not taken over. */
	put(A, 3, 0, UINT64_MAX, 0);
	assert_true(directory_clock(fx.d) == 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		TEST(test_put),
		TEST(test_winners),
		TEST(test_moves),
		TEST(test_return_of_an_address),
		TEST(test_snapshot),
		TEST(test_members),
		TEST(test_limit_of_a_peer),
		TEST(test_limits_of_bindings),
		TEST(test_limit_of_an_address),
		TEST(test_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
