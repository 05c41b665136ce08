/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A flood makes the kernel keep out what the thread would drop, and nothing
 * else; when it is over that ends.
 */

#include "sleeve_hosts.h"

#define TOKEN UINT64_C(0x123456789abcdef0)
#define STRANGE UINT64_C(0xaaaaaaaa00000000)
#define OTHER UINT64_C(0x5555555512345678)
#define FLOOD_BATCH 200
#define MAX_HOLD_MS 20000
#define FIRST UINT64_C(0x100000000)

static int stranger; /* a socket beside host 1's */

static void send_data(uint64_t token, uint64_t seq)
{
	uint8_t p[LEAD + 60];
	const size_t size = data_datagram(p, token, seq, VNI_A);

	assert_int_equal(send(stranger, p, size, 0), size);
}

static void send_request(uint64_t token, uint64_t seq)
{
	const struct sleeve_header h = { .type = SLEEVE_REQUEST,
					 .token = token,
					 .seq = seq };
	const struct sleeve_beat beat = { .size = SLEEVE_BEAT_SIZE };
	uint8_t p[SLEEVE_BEAT_SIZE];

	assert_true(sleeve_put_beat(&h, &beat, p, sizeof(p)));
	assert_int_equal(send(stranger, p, sizeof(p), 0), sizeof(p));
}

static void take_token(uint64_t token)
{
	peers[0].rx_token = token;
	publish_now(0);
}

static uint64_t n_received(void)
{
	return count(0, SLEEVE_RX_DATAGRAMS);
}

/* Taken or dropped, @n of them since @before; bounded. */
static void wait_seen(uint64_t before, uint64_t n)
{
	int i;

	for (i = 0; i < 200; i++) {
		if (n_received() + count(0, SLEEVE_DROP_KERNEL) >= before + n)
			return;
		usleep(100);
	}
}

/*
 * Until none of it comes in any more. In small parts: what waits for the
 * kernel on a processor is bounded for all that goes on there.
 */
static void flood(void)
{
	int tries, k;

	for (tries = 0; tries < 20000; tries++) {
		const uint64_t before = n_received();
		const uint64_t all = before + count(0, SLEEVE_DROP_KERNEL);

		for (k = 0; k < FLOOD_BATCH; k++)
			send_data(STRANGE, FIRST);
		wait_seen(all, FLOOD_BATCH);
		if (n_received() == before)
			return;
	}
	fail_msg("a flood is let in");
}

/*
 * It is dropped by the kernel, and not by the thread. The shield is taken off
 * for moments, and renewed now and then.
 */
static void check_kept_out(void (*send_one)(uint64_t, uint64_t), uint64_t token,
			   uint64_t seq)
{
	int tries, i;

	for (tries = 0; tries < 100; tries++) {
		uint64_t kernel, received;

		flood();
		kernel = count(0, SLEEVE_DROP_KERNEL);
		received = n_received();
		for (i = 0; i < 20; i++)
			send_one(token, seq);
		usleep(3000);
		if (count(0, SLEEVE_DROP_KERNEL) == kernel + 20 &&
		    n_received() == received)
			return;
		usleep(50000);
	}
	fail_msg("it is let in");
}

/* A busy machine loses some; that none is dropped is test_sleeve_sieve's. */
static void check_let_in(uint64_t token, uint64_t seq)
{
	static struct packet got;
	int i, n = 0;

	for (i = 0; i < 100; i++)
		send_data(token, seq + (uint64_t)i);
	while (n < 100 && receive_packet(0, 0, &got, SHORT_MS))
		n++;
	assert_in_range(n, 60, 100);
}

/* With numbers from @seq on. */
static void check_answered(uint64_t token, uint64_t seq)
{
	const uint64_t before = count(0, SLEEVE_REQUESTS);
	int i, k;

	for (i = 0; i < 5; i++) {
		send_request(token, seq + (uint64_t)i);
		for (k = 0; k < 500; k++) {
			if (count(0, SLEEVE_REQUESTS) > before)
				return;
			usleep(1000);
		}
	}
	fail_msg("no heartbeat is let in");
}

static int open_stranger(void **state)
{
	const struct endpoint to = { .ip = underlay(0, false),
				     .port = SLEEVE_DEFAULT_PORT };
	struct sockaddr_storage sa;
	const socklen_t size = addr_to_sockaddr(&to, &sa);

	stranger = netns_socket(ns[1], AF_INET, SOCK_DGRAM, 0);
	return stranger < 0 ||
	       connect(stranger, (struct sockaddr *)&sa, size) || calm(state);
}

static int close_stranger(void **state)
{
	(void)state;
	return close(stranger);
}

static void test_strangers(void **state)
{
	const uint64_t before = count(0, SLEEVE_SHIELDS);

	(void)state;
	take_token(TOKEN);
	check_let_in(TOKEN, FIRST);
	check_kept_out(send_data, STRANGE, FIRST);
	assert_true(count(0, SLEEVE_SHIELDS) > before);
	check_let_in(TOKEN, FIRST + 100);
	/* A window ahead is what a restart looks like, or a long pause. */
	check_let_in(TOKEN, FIRST << 8);
}

/* Who has just joined is no stranger; who has gone is. */
static void test_new_peer(void **state)
{
	(void)state;
	take_token(TOKEN + 1);
	flood();
	take_token(OTHER);
	check_let_in(OTHER, 1);
	check_kept_out(send_data, TOKEN + 1, FIRST);
	check_let_in(OTHER, 101);
}

static void test_overheard(void **state)
{
	(void)state;
	take_token(TOKEN + 2);
	check_let_in(TOKEN + 2, FIRST);
	check_let_in(TOKEN + 2, FIRST + 5000);
	check_kept_out(send_data, TOKEN + 2, FIRST + 99);
	/* Still in the window, but long ago: what was overtaken by others. */
	check_kept_out(send_data, TOKEN + 2, FIRST + 5000);
	check_let_in(TOKEN + 2, FIRST + 5100);
}

/* Their numbers are others than those of data. */
static void test_overheard_beats(void **state)
{
	(void)state;
	take_token(TOKEN + 3);
	check_let_in(TOKEN + 3, FIRST);
	flood();
	check_answered(TOKEN + 3, 10);
	check_answered(TOKEN + 3, 20);
	check_kept_out(send_request, TOKEN + 3, 10);
	check_answered(TOKEN + 3, 30);
}

/* Then nobody is kept out but by the thread. */
static void test_end(void **state)
{
	const uint64_t before = count(0, SLEEVE_DROP_TOKEN);
	int i;

	(void)state;
	flood();
	for (i = 0; i < MAX_HOLD_MS / 20; i++) {
		send_data(STRANGE, FIRST);
		usleep(20000);
		if (count(0, SLEEVE_DROP_TOKEN) > before)
			break;
	}
	assert_true(count(0, SLEEVE_DROP_TOKEN) > before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define SHIELD_TEST(f) \
	cmocka_unit_test_setup_teardown(f, open_stranger, close_stranger)
		SHIELD_TEST(test_strangers), SHIELD_TEST(test_new_peer),
		SHIELD_TEST(test_overheard), SHIELD_TEST(test_overheard_beats),
		SHIELD_TEST(test_end),
	};

	return RUN_BETWEEN_HOSTS(tests);
}
