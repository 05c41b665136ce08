/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Peers and strangers: heartbeats, errors that come back, who may move an
 * address, what is no peer's; and networks that come and go.
 */

#include "sleeve_hosts.h"

/* The first one that is answered: threads take a new table at their turn. */
static void beat_until_reply(const struct sleeve_beat *beat, uint32_t size,
			     struct sleeve_event *ret)
{
	int tries;

	for (tries = 0; tries < 50; tries++) {
		assert_int_equal(
			sleeve_send_beat(sleeves[0], &peers[0], beat, size), 0);
		if (next_event(0, ret, PATIENCE_MS / 20))
			return;
	}
	fail_msg("no beat was answered");
}

static void test_beats(void **state)
{
	const struct sleeve_beat beat = { .cookie = 77, .number = 5 };
	static struct sleeve_event e;
	int tries;

	(void)state;
	peers[1].wants_requests = true;
	publish_now(1);
	for (tries = 0; tries < 50; tries++) {
		beat_until_reply(&beat, 100, &e);
		if (next_event(1, &e, 50))
			break;
	}
	assert_true(tries < 50);
	assert_int_equal(sleeve_send_beat(sleeves[0], &peers[0], &beat, 100),
			 0);
	assert_true(next_event(0, &e, PATIENCE_MS));
	assert_int_equal(e.type, SLEEVE_EVENT_REPLY);
	assert_int_equal(e.peer, peers[0].id);
	assert_int_equal(e.beat.cookie, 77);
	assert_int_equal(e.beat.number, 5);
	assert_int_equal(e.beat.size, 100);
	assert_true(ip_equal(&e.endpoint.ip, &peers[0].endpoint.ip));
	assert_true(next_event(1, &e, PATIENCE_MS));
	assert_int_equal(e.type, SLEEVE_EVENT_REQUEST);
	assert_int_equal(e.beat.size, 100);
}

static void test_beats_probe_the_mtu(void **state)
{
	const struct sleeve_beat beat = { .number = 1 };
	const uint32_t u = index_of(0, "u");
	static struct sleeve_event e;

	(void)state;
	assert_int_equal(
		sleeve_send_beat(sleeves[0], &peers[0], &beat, MAX_PAYLOAD), 0);
	assert_true(next_event(0, &e, PATIENCE_MS));
	assert_int_equal(e.beat.size, MAX_PAYLOAD);
	/* We do not even ask the kernel. */
	assert_int_equal(sleeve_send_beat(sleeves[0], &peers[0], &beat,
					  MAX_PAYLOAD + 1),
			 -EMSGSIZE);
	/* And the kernel does not cut it into pieces. */
	assert_int_equal(rtnl_link_set_mtu(links[0], u, 1300), 0);
	assert_int_equal(sleeve_send_beat(sleeves[0], &peers[0], &beat,
					  MAX_PAYLOAD),
			 -EMSGSIZE);
	assert_int_equal(rtnl_link_set_mtu(links[0], u, LINK_MTU), 0);
	assert_int_equal(sleeve_send_beat(sleeves[0], &peers[0], &beat, 10),
			 -EINVAL);
}

/* The link has become narrower, and the owner does not know it yet. */
static void test_narrow_link(void **state)
{
	const uint32_t u = index_of(0, "u");
	static struct sleeve_event e;
	bool is_told = false;

	(void)state;
	assert_int_equal(rtnl_link_set_mtu(links[0], u, 1300), 0);
	send_packet(0, 0, super_frame(false, false, 6 * 1340, 1340));
	while (!is_told && next_event(0, &e, PATIENCE_MS))
		is_told = e.type == SLEEVE_EVENT_SEND_REFUSED &&
			  e.error == EMSGSIZE && e.peer == peers[0].id;
	assert_true(is_told);
	assert_int_equal(rtnl_link_set_mtu(links[0], u, LINK_MTU), 0);
	check_super(false, false, 60000, 1300);
}

static void test_unreachable(void **state)
{
	const struct sleeve_beat beat = { .number = 1 };
	struct sleeve_peer p;
	static struct sleeve_event e;
	bool is_told = false;
	int i;

	(void)state;
	p = peers[0];
	p.endpoint.port = 9; /* nobody there */
	for (i = 0; i < 20 && !is_told; i++) {
		(void)!sleeve_send_beat(sleeves[0], &p, &beat, 100);
		while (!is_told && next_event(0, &e, SHORT_MS))
			is_told = e.type == SLEEVE_EVENT_HINT_UNREACHABLE &&
				  e.error == ECONNREFUSED &&
				  e.endpoint.port == 9;
	}
	assert_true(is_told);
	/* And it spoils nothing for others. */
	check_passes(random_frame(500));
}

static void test_over_v6(void **state)
{
	const struct sleeve_beat beat = { .number = 9 };
	static struct sleeve_event e;

	(void)state;
	reset_peer(0, true);
	reset_peer(1, true);
	publish_now(0);
	publish_now(1);
	beat_until_reply(&beat, MAX_PAYLOAD - 20, &e);
	assert_int_equal(e.type, SLEEVE_EVENT_REPLY);
	check_passes(random_frame(1000));
	check_super(true, false, 60000, 1300);
	assert_int_equal(sleeve_send_beat(sleeves[0], &peers[0], &beat,
					  MAX_PAYLOAD - 19),
			 -EMSGSIZE);
}

static int stranger_socket(void)
{
	const int fd = netns_socket(ns[1], AF_INET, SOCK_DGRAM, 0);
	const struct endpoint to = { .ip = underlay(0, false),
				     .port = SLEEVE_DEFAULT_PORT };
	struct sockaddr_storage sa;
	const socklen_t size = addr_to_sockaddr(&to, &sa);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, size), 0);
	return fd;
}

static void test_moved(void **state)
{
	const uint64_t newest = UINT64_MAX - 5;
	const int fd = stranger_socket();
	static struct sleeve_event e;
	static struct packet got;
	uint8_t p[200];
	size_t size;

	(void)state;
	/* Another life of the peer, so that its numbers begin anew. */
	peers[0].rx_token = 4711;
	publish_now(0);
	size = data_datagram(p, 4712, newest, VNI_A);
	assert_int_equal(send(fd, p, size, 0), size);
	assert_false(next_event(0, &e, SHORT_MS));
	size = data_datagram(p, 4711, newest, VNI_A);
	assert_int_equal(send(fd, p, size, 0), size);
	assert_true(next_event(0, &e, PATIENCE_MS));
	assert_int_equal(e.type, SLEEVE_EVENT_MOVED);
	assert_int_equal(e.peer, peers[0].id);
	assert_true(ip_equal(&e.endpoint.ip, &peers[0].endpoint.ip));
	assert_int_not_equal(e.endpoint.port, SLEEVE_DEFAULT_PORT);
	assert_true(receive_packet(0, 0, &got, PATIENCE_MS));
	/* Once is enough. */
	size = data_datagram(p, 4711, newest + 1, VNI_A);
	assert_int_equal(send(fd, p, size, 0), size);
	assert_false(next_event(0, &e, SHORT_MS));
	close(fd);
}

static void test_replay(void **state)
{
	const uint64_t seq = UINT64_MAX - 5000;
	const int fd = stranger_socket();
	const uint64_t before = count(0, SLEEVE_DROP_REPLAY);
	static struct packet got;
	uint8_t p[200];
	size_t size;
	int i, n = 0;

	(void)state;
	peers[0].rx_token = 4713;
	publish_now(0);
	for (i = 0; i < 10; i++) {
		size = data_datagram(p, 4713, seq + (uint64_t)(i / 2), VNI_A);
		assert_int_equal(send(fd, p, size, 0), size);
	}
	size = data_datagram(p, 4713, seq - 4000, VNI_A); /* too old */
	assert_int_equal(send(fd, p, size, 0), size);
	wait_count(0, SLEEVE_DROP_REPLAY, before + 6);
	while (receive_packet(0, 0, &got, SHORT_MS))
		n++;
	assert_int_equal(n, 5);
	close(fd);
}

/* A heartbeat that was overheard is answered to nobody else, nor again. */
static void test_replayed_request(void **state)
{
	const struct sleeve_header h = { .type = SLEEVE_REQUEST,
					 .token = 4716,
					 .seq = UINT64_MAX - 5000 };
	const struct sleeve_beat beat = { .size = SLEEVE_BEAT_SIZE };
	const int fd = stranger_socket();
	const uint64_t replays = count(0, SLEEVE_DROP_REPLAY);
	const uint64_t requests = count(0, SLEEVE_REQUESTS);
	uint8_t p[SLEEVE_BEAT_SIZE];
	int i;

	(void)state;
	peers[0].rx_token = 4716;
	publish_now(0);
	assert_true(sleeve_put_beat(&h, &beat, p, sizeof(p)));
	for (i = 0; i < 5; i++)
		assert_int_equal(send(fd, p, sizeof(p), 0), sizeof(p));
	wait_count(0, SLEEVE_DROP_REPLAY, replays + 4);
	assert_int_equal(count(0, SLEEVE_REQUESTS), requests + 1);
	close(fd);
}

static void test_wrong_frames(void **state)
{
	const int fd = stranger_socket();
	const uint64_t vni = count(0, SLEEVE_DROP_VNI);
	const uint64_t spoofed = count(0, SLEEVE_DROP_SPOOFED);
	static struct packet got;
	uint8_t p[200];
	size_t size;

	(void)state;
	peers[0].rx_token = 4714;
	publish_now(0);
	size = data_datagram(p, 4714, 1, 99);
	assert_int_equal(send(fd, p, size, 0), size);
	wait_count(0, SLEEVE_DROP_VNI, vni + 1);
	size = data_datagram(p, 4714, 2, VNI_A);
	p[LEAD + 6] |= 1;
	assert_int_equal(send(fd, p, size, 0), size);
	wait_count(0, SLEEVE_DROP_SPOOFED, spoofed + 1);
	assert_false(receive_packet(0, 0, &got, SHORT_MS));
	close(fd);
}

static void test_garbage(void **state)
{
	const int fd = stranger_socket();
	uint8_t p[1472];
	size_t size, k;
	int i;

	(void)state;
	srand(6);
	for (i = 0; i < 20000; i++) {
		/* A wrong number may be high: then all others are old. */
		if (i % 500 == 0) {
			peers[0].rx_token = 4715 + (uint64_t)i;
			publish_now(0);
		}
		size = data_datagram(p, peers[0].rx_token, (uint64_t)i + 1,
				     VNI_A);
		for (k = size; k < sizeof(p); k++)
			p[k] = (uint8_t)rand();
		for (k = (size_t)rand() % 4; k > 0; k--)
			p[(size_t)rand() % 90] = (uint8_t)rand();
		size = (size_t)rand() % sizeof(p);
		(void)!send(fd, p, size, MSG_DONTWAIT);
	}
	close(fd);
	calm(NULL);
	wait_count(0, SLEEVE_DROP_MALFORMED, 101);
	wait_count(0, SLEEVE_DROP_KERNEL, 101);
	wait_count(0, SLEEVE_DROP_TOKEN, 101);
	check_passes(random_frame(500));
}

static int add_network(void *arg)
{
	return sleeve_add_network(sleeves[0], 7, arg, TAP_MTU);
}

static int start_second(void *arg)
{
	const struct sleeve_config config = { .port = SLEEVE_DEFAULT_PORT };
	struct sleeve *s;

	return sleeve_new(&config, &s, arg);
}

static void test_networks(void **state)
{
	char name[] = "tap7", other[] = "tap8";
	struct rtnl_link link;

	(void)state;
	assert_int_equal(netns_run(ns[0], add_network, name), 0);
	assert_int_equal(rtnl_link_by_name(links[0], "tap7", &link), 0);
	assert_int_equal(link.mtu, TAP_MTU);
	assert_int_equal(netns_run(ns[0], add_network, other), -EEXIST);
	assert_int_equal(rtnl_link_by_name(links[0], "tap8", &link), -ENODEV);
	assert_true(sleeve_remove_network(sleeves[0], 7));
	assert_int_equal(rtnl_link_by_name(links[0], "tap7", &link), -ENODEV);
	assert_false(sleeve_remove_network(sleeves[0], 7));
	/* Another network's device is not taken over. */
	strcpy(other, "tap6");
	assert_int_equal(netns_run(ns[0], add_network, other), -EEXIST);
	check_passes(random_frame(500));
}

static int start_lasting(void *arg)
{
	const struct sleeve_config config = { .has_lasting_taps = true };
	struct sleeve **ret = arg;
	struct error e = { 0 };
	int r = sleeve_new(&config, ret, &e);

	return r ? r : sleeve_add_network(*ret, 7, "tap7", TAP_MTU);
}

/* So that a bridge keeps its port while the daemon is started again. */
static void test_lasting(void **state)
{
	const struct mac mac = { { 2, 0, 0, 0, 7, 7 } };
	char name[] = "tap7";
	struct rtnl_link link;
	struct sleeve *s;
	uint32_t index;

	(void)state;
	assert_int_equal(netns_run(ns[0], start_lasting, &s), 0);
	index = index_of(0, "tap7");
	assert_int_equal(rtnl_link_set_mac(links[0], index, &mac), 0);
	set_up(0, "tap7");
	/* In use. */
	assert_int_equal(netns_run(ns[0], add_network, name), -EEXIST);
	sleeve_free(s);
	/* One that does not expect it does not take it over. */
	assert_int_equal(netns_run(ns[0], add_network, name), -EEXIST);
	assert_int_equal(netns_run(ns[0], start_lasting, &s), 0);
	assert_int_equal(rtnl_link_by_name(links[0], "tap7", &link), 0);
	assert_int_equal(link.ifindex, index);
	assert_true(link.flags & IFF_UP);
	assert_memory_equal(link.mac.b, mac.b, 6);
	assert_true(sleeve_remove_network(s, 7));
	assert_int_equal(rtnl_link_by_name(links[0], "tap7", &link), -ENODEV);
	sleeve_free(s);
}

static void test_inject(void **state)
{
	const struct packet *p = random_frame(1400);
	static struct packet got;
	size_t size;

	(void)state;
	assert_int_equal(sleeve_inject(sleeves[0], 99, p->data, 60), -ENOENT);
	assert_int_equal(sleeve_inject(sleeves[0], VNI_NONE, p->data, 60),
			 -ENOENT);
	assert_int_equal(sleeve_inject(sleeves[0], VNI_A, p->data, 13),
			 -EINVAL);
	for (size = 14; size <= 1400; size += 77) {
		assert_int_equal(
			sleeve_inject(sleeves[0], VNI_A, p->data, size), 0);
		assert_true(receive_packet(0, 0, &got, PATIENCE_MS));
		assert_int_equal(got.size, size);
		assert_memory_equal(got.data, p->data, size);
	}
	assert_false(receive_packet(1, 0, &got, SHORT_MS));
}

/* Its device is deleted under it: nothing spins, others go on. */
static void test_lost_device(void **state)
{
	char name[] = "tap7";

	(void)state;
	assert_int_equal(netns_run(ns[0], add_network, name), 0);
	assert_int_equal(rtnl_link_delete(links[0], index_of(0, "tap7")), 0);
	check_passes(random_frame(500));
	assert_true(sleeve_remove_network(sleeves[0], 7));
	assert_int_equal(netns_run(ns[0], add_network, name), 0);
	assert_true(sleeve_remove_network(sleeves[0], 7));
}

static void test_port_taken(void **state)
{
	struct error e = { 0 };

	(void)state;
	assert_int_equal(netns_run(ns[0], start_second, &e), -EADDRINUSE);
	assert_string_equal(e.code, "in-use");
	assert_true(error_is_set(&e) && e.hint[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_beats, calm),
		cmocka_unit_test_setup(test_beats_probe_the_mtu, calm),
		cmocka_unit_test_setup(test_narrow_link, calm),
		cmocka_unit_test_setup(test_unreachable, calm),
		cmocka_unit_test_setup(test_over_v6, calm),
		cmocka_unit_test_setup(test_moved, calm),
		cmocka_unit_test_setup(test_replay, calm),
		cmocka_unit_test_setup(test_replayed_request, calm),
		cmocka_unit_test_setup(test_wrong_frames, calm),
		cmocka_unit_test_setup(test_garbage, calm),
		cmocka_unit_test_setup(test_networks, calm),
		cmocka_unit_test_setup(test_lasting, calm),
		cmocka_unit_test_setup(test_inject, calm),
		cmocka_unit_test_setup(test_lost_device, calm),
		cmocka_unit_test_setup(test_port_taken, calm),
	};

	return RUN_BETWEEN_HOSTS(tests);
}
