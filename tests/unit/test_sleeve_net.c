/* SPDX-License-Identifier: Apache-2.0 */

/* Frames from TAP to TAP: which, whole, in order, and how long. */

#include <dirent.h>
#include <sys/wait.h>

#include "sleeve_hosts.h"

static void test_frames(void **state)
{
	int i;

	(void)state;
	srand(3);
	for (i = 0; i < 500; i++)
		check_passes(random_frame(14 + (size_t)rand() % 1401));
	check_passes(random_frame(14));
	check_passes(random_frame(TAP_MTU + 14));
}

/* Many at once, so that they are packed; in order and none twice. */
static void test_packing(void **state)
{
	const uint64_t before = count(0, SLEEVE_TX_DATAGRAMS);
	static struct packet got;
	struct packet *p;
	uint32_t i;

	(void)state;
	for (i = 0; i < 400; i++) {
		p = random_frame(64 + i % 100);
		inner_put16(p->data + 12, 0x88b5);
		inner_put32(p->data + 14, i);
		send_packet(0, 0, p);
	}
	for (i = 0; i < 400; i++) {
		assert_true(receive_packet(1, 0, &got, PATIENCE_MS));
		assert_int_equal(got.size, 64 + i % 100);
		assert_int_equal(inner_get32(got.data + 14), i);
	}
	wait_count(0, SLEEVE_TX_DATAGRAMS, before + 1);
	assert_true(count(0, SLEEVE_TX_DATAGRAMS) - before <= 400);
}

static void test_where_frames_go(void **state)
{
	static const uint8_t group[6] = { 1, 0, 0x5e, 0, 0, 1 };
	static const uint8_t stranger[6] = { 2, 9, 9, 9, 9, 9 };
	const uint64_t unknown = count(0, SLEEVE_DROP_UNKNOWN_MAC);
	static struct packet got;
	struct packet *p = random_frame(100);

	(void)state;
	inner_put16(p->data + 12, 0x88b5);
	send_packet(0, 1, p); /* the other network */
	assert_true(receive_packet(1, 1, &got, PATIENCE_MS));
	assert_false(receive_packet(1, 0, &got, SHORT_MS));
	memcpy(p->data, group, 6);
	check_passes(p);
	memcpy(p->data, stranger, 6);
	send_packet(0, 0, p);
	wait_count(0, SLEEVE_DROP_UNKNOWN_MAC, unknown + 1);
	assert_false(receive_packet(1, 0, &got, SHORT_MS));
}

static struct packet *arp_request(const struct ip *ip)
{
	static const uint8_t everybody[6] = { 255, 255, 255, 255, 255, 255 };
	static const uint8_t head[] = { 0, 1, 8, 0, 6, 4, 0, 1 };
	static struct packet p;

	memset(&p, 0, sizeof(p));
	fill_ethernet(&p, everybody, 0, 0x0806);
	memcpy(p.data + 14, head, sizeof(head));
	memcpy(p.data + 38, ip->b + 12, 4);
	p.size = 42;
	return &p;
}

/* Who has an address is asked alone: here a peer that is not there. */
static void test_asked(void **state)
{
	static const uint8_t v4[3][4] = { { 10, 32, 0, 1 },
					  { 10, 32, 0, 2 },
					  { 10, 32, 0, 3 } };
	struct sleeve_table *t = make_table(0);
	struct sleeve_peer absent = peers[0];
	static struct packet got;
	struct ip ip[3];
	int i;

	(void)state;
	absent.id = 77;
	absent.rx_token = 77;
	absent.endpoint.port = 9;
	assert_true(sleeve_table_add_peer(t, &absent));
	for (i = 0; i < 3; i++)
		ip[i] = ip_from_v4(v4[i]);
	assert_true(sleeve_table_add_ip(t, VNI_A, &ip[0], PEER_ID_NONE));
	assert_true(sleeve_table_add_ip(t, VNI_A, &ip[1], 77));
	assert_true(sleeve_table_add_ip(t, VNI_A, &ip[2], peers[0].id));
	sleeve_publish(sleeves[0], t);
	wait_taken(0);
	for (i = 0; i < 2; i++) {
		send_packet(0, 0, arp_request(&ip[i]));
		assert_false(receive_packet(1, 0, &got, SHORT_MS));
		/* In another network it is nobody's. */
		send_packet(0, 1, arp_request(&ip[i]));
		assert_true(receive_packet(1, 1, &got, PATIENCE_MS));
	}
	check_passes(arp_request(&ip[2]));
}

static void test_no_path(void **state)
{
	const uint64_t before = count(0, SLEEVE_DROP_NO_PATH);

	(void)state;
	peers[0].may_send = false;
	publish_now(0);
	send_packet(0, 0, random_frame(100));
	wait_count(0, SLEEVE_DROP_NO_PATH, before + 1);
}

static void test_super_frames(void **state)
{
	struct sleeve_abilities a;
	int i;

	(void)state;
	sleeve_abilities(sleeves[0], &a);
	if (!a.has_tso || !a.has_udp_segment || !a.has_udp_gro) {
		print_message("no TSO or no UDP_SEGMENT: nothing to see\n");
		return;
	}
	srand(4);
	for (i = 0; i < 200; i++) {
		const uint16_t unit = (uint16_t)(600 + rand() % 700);
		const bool is_udp = a.has_uso && rand() % 2;
		/* In one send: with our headers, at most 64 KiB. */
		const uint32_t max = is_udp ? 40 : 64000 / (unit + 130U);

		check_super(rand() % 2, is_udp,
			    unit + 1U + (size_t)rand() % ((max - 1) * unit),
			    unit);
	}
}

/* Segments of one flow among frames of others, and in their order. */
static void test_mixture(void **state)
{
	static struct packet got;
	size_t n_bytes = 0;
	int i, n_small = 0;

	(void)state;
	srand(5);
	for (i = 0; i < 30; i++) {
		struct packet *p;

		send_packet(0, 0, super_frame(i % 2, false, 20000, 1200));
		p = random_frame(100);
		inner_put16(p->data + 12, 0x88b5);
		send_packet(0, 0, p);
	}
	while ((n_bytes < 30 * 20000 || n_small < 30) &&
	       receive_packet(1, 0, &got, PATIENCE_MS)) {
		if (inner_get16(got.data + 12) == 0x88b5)
			n_small++;
		else
			n_bytes += got.size -
				   (got.data[12] == 0x86 ? 54 + 32 : 34 + 32);
	}
	assert_int_equal(n_small, 30);
	assert_int_equal(n_bytes, 30 * 20000);
}

/* A stream through the kernel's own TCP. */
static int tcp_socket(int host)
{
	const uint32_t index = index_of(host, "tap5");
	const uint8_t v4[4] = { 10, 32, 0, (uint8_t)(host + 1) };
	const struct ip ip = ip_from_v4(v4);
	const struct mac m = mac_of[host];
	const int r = rtnl_addr_add(links[host], index, &ip, 24, true);
	const int fd = netns_socket(ns[host], AF_INET, SOCK_STREAM, 0);

	assert_true(r == 0 || r == -EEXIST);
	assert_int_equal(rtnl_link_set_mac(links[host], index, &m), 0);
	assert_true(fd >= 0);
	return fd;
}

static uint8_t pattern(size_t i)
{
	return (uint8_t)(i * 31 + i / 4096);
}

static size_t pump(int out, int in, size_t total, size_t *n_sent,
		   size_t n_received)
{
	static uint8_t buf[1 << 16];
	size_t i, n = total - *n_sent < sizeof(buf) ? total - *n_sent
						    : sizeof(buf);
	ssize_t r;

	for (i = 0; i < n; i++)
		buf[i] = pattern(*n_sent + i);
	r = send(out, buf, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (r > 0)
		*n_sent += (size_t)r;
	r = recv(in, buf, sizeof(buf), MSG_DONTWAIT);
	for (i = 0; r > 0 && i < (size_t)r; i++)
		assert_int_equal(buf[i], pattern(n_received + i));
	return r > 0 ? (size_t)r : 0;
}

static void test_tcp(void **state)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_port = htons(5201) };
	const int listener = tcp_socket(1), out = tcp_socket(0);
	const size_t total = 20 << 20;
	size_t n_sent = 0, n_received = 0;
	usec_t end = clock_monotonic_us() + 30 * USEC_PER_SEC;
	int in;

	(void)state;
	sa.sin_addr.s_addr = htonl(0x0a200002);
	assert_int_equal(bind(listener, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(connect(out, (struct sockaddr *)&sa, sizeof(sa)), 0);
	in = accept(listener, NULL, NULL);
	assert_true(in >= 0);
	while (n_received < total && clock_monotonic_us() < end) {
		const size_t n = pump(out, in, total, &n_sent, n_received);

		n_received += n;
		/* However slow: as long as something comes. */
		if (n)
			end = clock_monotonic_us() + 30 * USEC_PER_SEC;
		/* Tables come and go meanwhile. */
		publish(0);
		publish(1);
	}
	/* What is left of a stream would come into the next tests. */
	close(in);
	close(out);
	close(listener);
	assert_int_equal(n_received, total);
}

/* A frame of @size that nobody may cut: it says that it is no IP of ours. */
static struct packet *solid_frame(size_t size)
{
	struct packet *p = random_frame(size);

	inner_put16(p->data + 12, 0x88b5);
	return p;
}

static void test_too_big(void **state)
{
	const uint64_t before = count(0, SLEEVE_DROP_TOO_BIG);
	struct packet *p = solid_frame(1200);
	static struct sleeve_event e;

	(void)state;
	peers[0].max_datagram = 1000;
	publish_now(0);
	send_packet(0, 0, p);
	assert_true(next_event(0, &e, PATIENCE_MS));
	assert_int_equal(e.type, SLEEVE_EVENT_TOO_BIG);
	assert_int_equal(e.peer, peers[0].id);
	assert_int_equal(e.vni, VNI_A);
	assert_int_equal(e.size, 1200);
	assert_int_equal(e.max_size, 1000 - LEAD);
	assert_int_equal(e.n_data, 1200);
	assert_memory_equal(e.data, p->data, 1200);
	wait_count(0, SLEEVE_DROP_TOO_BIG, before + 1);
	/* To the byte. */
	check_passes(solid_frame(1000 - LEAD));
	send_packet(0, 0, solid_frame(1000 - LEAD + 1));
	assert_true(next_event(0, &e, PATIENCE_MS));
	assert_int_equal(e.size, 1000 - LEAD + 1);
}

static void check_stream_passes(const struct packet *sent, size_t max_segment)
{
	const uint32_t seq = inner_get32(sent->data + 38);
	const size_t n_payload = sent->size - 66;
	static struct packet got;
	size_t at = 0;

	send_packet(0, 0, sent);
	while (at < n_payload) {
		assert_true(receive_packet(1, 0, &got, PATIENCE_MS));
		assert_true(inner_get32(got.data + 38) == (uint32_t)(seq + at));
		assert_true(got.size > 66 && got.size - 66 <= n_payload - at);
		assert_memory_equal(got.data + 66, sent->data + 66 + at,
				    got.size - 66);
		assert_true((got.h.gso_type ? got.h.gso_size : got.size - 66) <=
			    max_segment);
		at += got.size - 66;
		assert_int_equal(got.data[34 + 13],
				 at == n_payload ? 0x18 : 0x10);
	}
}

/* 65 549 bytes. They go out by two sends, and may come in as two. */
static void test_longest(void **state)
{
	(void)state;
	check_stream_passes(super_frame(false, false, 65535 - 20 - 32, 1300),
			    1300);
}

/* TCP does not mind shorter segments, so nobody needs to be told. */
static void test_tcp_fits(void **state)
{
	struct packet *p;

	(void)state;
	peers[0].max_datagram = 1000;
	publish_now(0);
	check_stream_passes(super_frame(false, false, 20000, 1300),
			    1000 - LEAD - 66);
	p = super_frame(false, false, 1300, 0); /* a single segment */
	p->h.gso_type = TAP_GSO_NONE;
	check_stream_passes(p, 1000 - LEAD - 66);
}

/* How many threads of that name have no capability. */
static int count_powerless(const char *name)
{
	DIR *dir = opendir("/proc/self/task");
	const struct dirent *d;
	int n = 0;

	assert_non_null(dir);
	while ((d = readdir(dir))) {
		char path[300], line[128];
		bool is_it = false;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/self/task/%s/status",
			 d->d_name);
		f = fopen(path, "r");
		while (f && fgets(line, sizeof(line), f)) {
			if (!strncmp(line, "Name:\t", 6))
				is_it = !strncmp(line + 6, name, strlen(name));
			if (is_it &&
			    !strcmp(line, "CapEff:\t0000000000000000\n"))
				n++;
		}
		if (f)
			fclose(f);
	}
	closedir(dir);
	return n;
}

/* Who reads what strangers send has no power over the host. */
static void test_no_privilege(void **state)
{
	(void)state;
	assert_int_equal(count_powerless("sleeve\n"), 2);
}

static bool is_session_first(void)
{
	FILE *f = fopen("/proc/self/autogroup", "r");
	char line[128] = "";
	int nice = 0;

	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	fclose(f);
	return sscanf(line, "/autogroup-%*u nice %d", &nice) == 1 && nice < 0;
}

/*
 * Who carries packets goes first: before other sessions too, where the kernel
 * knows such a thing, if this one is the daemon's own.
 */
static void test_goes_first(void **state)
{
	int i;

	(void)state;
	assert_int_equal(getsid(0), getpid());
	if (access("/proc/self/autogroup", F_OK))
		return;
	for (i = 0; i < PATIENCE_MS && !is_session_first(); i++)
		usleep(1000);
	assert_true(is_session_first());
}

/* As a service does; who leads a group of processes cannot, but its child. */
static void begin_session(void)
{
	int status = 1;
	pid_t child;

	if (setsid() > 0)
		return;
	child = fork();
	if (child == 0) {
		setsid();
		return;
	}
	if (child < 0 || waitpid(child, &status, 0) != child ||
	    !WIFEXITED(status))
		exit(1);
	exit(WEXITSTATUS(status));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_privilege),
		cmocka_unit_test(test_goes_first),
		cmocka_unit_test_setup(test_frames, calm),
		cmocka_unit_test_setup(test_packing, calm),
		cmocka_unit_test_setup(test_where_frames_go, calm),
		cmocka_unit_test_setup(test_asked, calm),
		cmocka_unit_test_setup(test_no_path, calm),
		cmocka_unit_test_setup(test_super_frames, calm),
		cmocka_unit_test_setup(test_longest, calm),
		cmocka_unit_test_setup(test_mixture, calm),
		cmocka_unit_test_setup(test_tcp, calm),
		cmocka_unit_test_setup(test_too_big, calm),
		cmocka_unit_test_setup(test_tcp_fits, calm),
	};

	begin_session();
	return RUN_BETWEEN_HOSTS(tests);
}
