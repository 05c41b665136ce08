/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Hostile answers of the kernel, through the requests themselves: links,
 * addresses, routes, bridges and their entries, sets and counters of
 * nf_tables, generic-netlink families. The linker puts what is below in the
 * place of the receiving calls (--wrap).
 *
 * The first octet says what is asked. Then come datagrams, each behind its
 * length in two octets, the lower one first; lengths that no datagram has are
 * things that happen instead of one. After the last one nothing comes any more.
 *
 * With FUZZ_RECORD=DIRECTORY it asks the running kernel each question once and
 * keeps what came, see tests/fuzz/record-replies.
 */

#include <assert.h>
#include <errno.h>
#include <linux/netlink.h>
#include <sanitizer/asan_interface.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "sys/genl_names.h"
#include "sys/nft_internal.h"
#include "sys/route.h"
#include "sys/rtnl_bridge.h"
#include "sys/rtnl_detail.h"
#include "sys/rtnl_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

#define INTERRUPTED 0xffffU
#define OVERRUN 0xfffeU
#define STRANGER 0xfffdU /* the next datagram is no word of the kernel's */

/* As record-replies makes them. */
#define BRIDGE 2U
#define PORT 3U
#define PORT_NAME "port"
#define TABLE "fuzz"

static struct {
	const uint8_t *at;
	size_t left;
	bool is_stranger;
	FILE *record;
} feed;

static struct rtnl *rtnl;
static struct rtnl_watch *watch;
static struct rtnl_bridge_watch *bridge_watch;
static struct nft *nft;

/* ---- what comes */

static uint16_t take_length(void)
{
	const uint16_t n = (uint16_t)(feed.at[0] | feed.at[1] << 8);

	feed.at += 2;
	feed.left -= 2;
	return n;
}

/* The next datagram's length and *ret, or -1 and errno. */
static ssize_t next_datagram(const uint8_t **ret, bool *ret_is_stranger)
{
	size_t n;

	while (feed.left >= 2) {
		n = take_length();
		if (n == INTERRUPTED || n == OVERRUN) {
			errno = n == OVERRUN ? ENOBUFS : EINTR;
			return -1;
		}
		if (n == STRANGER) {
			feed.is_stranger = true;
			continue;
		}
		n = n < feed.left ? n : feed.left;
		*ret = feed.at;
		*ret_is_stranger = feed.is_stranger;
		feed.is_stranger = false;
		feed.at += n;
		feed.left -= n;
		return (ssize_t)n;
	}
	errno = EAGAIN;
	return -1;
}

/* Into @buf; what is behind it in there must not be looked at. */
static ssize_t receive(void *buf, size_t room, uint32_t *ret_from)
{
	const uint8_t *data = NULL;
	bool is_stranger = false;
	ssize_t n;

	ASAN_UNPOISON_MEMORY_REGION(buf, room);
	n = next_datagram(&data, &is_stranger);
	if (n < 0)
		return n;
	*ret_from = is_stranger ? 4711 : 0;
	if ((size_t)n >= room) {
		memcpy(buf, data, room);
		return n;
	}
	if (n)
		memcpy(buf, data, (size_t)n);
	ASAN_POISON_MEMORY_REGION((char *)buf + n, room - (size_t)n);
	return n;
}

static void keep(const void *data, ssize_t n)
{
	if (n < 0 || n >= (ssize_t)STRANGER)
		return;
	assert(fputc((int)(n & 0xff), feed.record) != EOF);
	assert(fputc((int)(n >> 8), feed.record) != EOF);
	assert(fwrite(data, 1, (size_t)n, feed.record) == (size_t)n);
}

ssize_t __real_recvmsg(int fd, struct msghdr *m, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *m, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *m, int flags)
{
	struct sockaddr_nl from = { .nl_family = AF_NETLINK };
	const size_t room = m->msg_iov[0].iov_len;
	ssize_t n;

	assert(m->msg_iovlen == 1);
	if (feed.record) {
		n = __real_recvmsg(fd, m, flags);
		keep(m->msg_iov[0].iov_base, n);
		return n;
	}
	n = receive(m->msg_iov[0].iov_base, room, &from.nl_pid);
	if (n < 0)
		return n;
	assert(m->msg_namelen >= sizeof(from));
	memcpy(m->msg_name, &from, sizeof(from));
	m->msg_namelen = sizeof(from);
	m->msg_flags = (size_t)n > room ? MSG_TRUNC : 0;
	return (size_t)n > room ? (ssize_t)room : n;
}

ssize_t __real_recvfrom(int fd, void *buf, size_t room, int flags,
			struct sockaddr *sa, socklen_t *sa_size);
ssize_t __wrap_recvfrom(int fd, void *buf, size_t room, int flags,
			struct sockaddr *sa, socklen_t *sa_size);
ssize_t __wrap_recvfrom(int fd, void *buf, size_t room, int flags,
			struct sockaddr *sa, socklen_t *sa_size)
{
	struct sockaddr_nl from = { .nl_family = AF_NETLINK };
	ssize_t n;

	if (feed.record) {
		n = __real_recvfrom(fd, buf, room, flags, sa, sa_size);
		keep(buf, n);
		return n;
	}
	n = receive(buf, room, &from.nl_pid);
	if (n >= 0 && sa) {
		assert(*sa_size >= sizeof(from));
		memcpy(sa, &from, sizeof(from));
		*sa_size = sizeof(from);
	}
	return n > (ssize_t)room && !(flags & MSG_TRUNC) ? (ssize_t)room : n;
}

ssize_t __wrap_recv(int fd, void *buf, size_t room, int flags);
ssize_t __wrap_recv(int fd, void *buf, size_t room, int flags)
{
	return __wrap_recvfrom(fd, buf, room, flags, NULL, NULL);
}

/* Nobody hears what is asked. */
ssize_t __real_sendto(int fd, const void *data, size_t size, int flags,
		      const struct sockaddr *sa, socklen_t sa_size);
ssize_t __wrap_sendto(int fd, const void *data, size_t size, int flags,
		      const struct sockaddr *sa, socklen_t sa_size);
ssize_t __wrap_sendto(int fd, const void *data, size_t size, int flags,
		      const struct sockaddr *sa, socklen_t sa_size)
{
	return feed.record ? __real_sendto(fd, data, size, flags, sa, sa_size)
			   : (ssize_t)size;
}

/* ---- what is promised of it */

#define IS_TEXT(room) (memchr((room), 0, sizeof(room)) != NULL)

static bool is_prefix(const struct ip *ip, unsigned int len)
{
	return len <= (ip_is_v4(ip) ? 32U : 128U);
}

static void check_link(const struct rtnl_link *l)
{
	assert(l->ifindex > 0 && l->ifindex <= INT32_MAX);
	assert(IS_TEXT(l->ifname) && l->ifname[0] && IS_TEXT(l->kind));
}

static void check_fdb(const struct rtnl_fdb *f)
{
	assert(f->ifindex > 0 && f->ifindex <= INT32_MAX);
	assert(f->type <= RTNL_FDB_LOCAL);
}

static void one_link(void)
{
	struct rtnl_link l;

	if (!rtnl_link_by_name(rtnl, PORT_NAME, &l))
		check_link(&l);
	if (!rtnl_link_by_index(rtnl, BRIDGE, &l))
		check_link(&l);
}

static void all_links(void)
{
	struct rtnl_link *list = NULL;
	size_t i, n = 0;

	if (rtnl_link_list(rtnl, &list, &n))
		return;
	assert(n <= RTNL_MAX_LIST);
	for (i = 0; i < n; i++)
		check_link(&list[i]);
	free(list);
}

static void all_details(void)
{
	struct rtnl_detail *list = NULL;
	size_t i, n = 0;

	if (rtnl_detail_list(rtnl, &list, &n))
		return;
	assert(n <= RTNL_MAX_LIST);
	for (i = 0; i < n; i++) {
		check_link(&list[i].link);
		assert(IS_TEXT(list[i].slave_kind));
		assert(list[i].lower_ifindex != list[i].link.ifindex);
	}
	free(list);
}

static void all_addresses(void)
{
	struct rtnl_addr *list = NULL;
	size_t i, n = 0;

	if (rtnl_addr_list(rtnl, PORT, &list, &n))
		return;
	assert(n <= RTNL_MAX_LIST);
	for (i = 0; i < n; i++)
		assert(list[i].ifindex == PORT &&
		       is_prefix(&list[i].ip, list[i].prefix_len));
	free(list);
}

static void all_routes(void)
{
	struct route *list = NULL;
	struct ip masked;
	size_t i, n = 0;

	if (route_list(rtnl, &list, &n))
		return;
	assert(n <= RTNL_MAX_LIST);
	for (i = 0; i < n; i++) {
		assert(is_prefix(&list[i].dst, list[i].prefix_len));
		masked = list[i].dst;
		route_mask(&masked, list[i].prefix_len);
		assert(ip_equal(&masked, &list[i].dst));
	}
	free(list);
}

static void all_prefixes(void)
{
	struct rtnl_prefix *list = NULL;
	size_t i, n = 0;

	if (rtnl_prefix_list(rtnl, &list, &n))
		return;
	assert(n <= RTNL_MAX_LIST);
	for (i = 0; i < n; i++)
		assert(list[i].len && is_prefix(&list[i].ip, list[i].len));
	free(list);
}

static void ways(void)
{
	static const uint8_t v4[4] = { 192, 0, 2, 9 }, us[4] = { 192, 0, 2, 1 };
	static const uint8_t v6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 9 };
	const struct ip to4 = ip_from_v4(v4), from4 = ip_from_v4(us);
	const struct ip to6 = ip_from_v6(v6);
	struct rtnl_route way;

	if (!rtnl_route_get(rtnl, &to4, &from4, &way))
		assert(!ip_is_zero(&way.src));
	(void)!rtnl_route_get(rtnl, &to4, NULL, &way);
	(void)!rtnl_route_get(rtnl, &to6, NULL, &way);
}

static void alias(void)
{
	char text[RTNL_ALIAS_SIZE];

	if (!rtnl_link_alias(rtnl, BRIDGE, text))
		assert(IS_TEXT(text));
}

static void lock_port(void)
{
	const struct rtnl_bridge_port port = { .is_locked = true };

	(void)!rtnl_bridge_port_set(rtnl, PORT, &port);
}

static void all_entries(void)
{
	struct rtnl_fdb *list = NULL;
	size_t i, n = 0;

	if (rtnl_fdb_list(rtnl, BRIDGE, &list, &n))
		return;
	assert(n <= RTNL_MAX_FDB);
	for (i = 0; i < n; i++) {
		check_fdb(&list[i]);
		assert(list[i].bridge == BRIDGE);
	}
	free(list);
}

/* Of a recording: what is to be heard has to happen first. */
static void change(void)
{
	const char *command = getenv("FUZZ_CHANGE");

	if (feed.record && command)
		assert(system(command) == 0);
}

/* Until there is nothing more, or an error: both end what came. */
static void hear_links(void)
{
	struct rtnl_event ev;
	int rc;

	change();
	while ((rc = rtnl_watch_next(watch, &ev)) > 0 || rc == -ENOBUFS) {
		if (rc < 0)
			continue;
		if (ev.type <= RTNL_LINK_GONE)
			check_link(&ev.link);
		else if (ev.type <= RTNL_ADDR_GONE)
			assert(is_prefix(&ev.addr.ip, ev.addr.prefix_len));
	}
}

static void hear_bridge(void)
{
	struct rtnl_bridge_event ev;
	int rc;

	change();
	while ((rc = rtnl_bridge_watch_next(bridge_watch, &ev)) > 0 ||
	       rc == -ENOBUFS) {
		if (rc < 0)
			continue;
		if (ev.type <= RTNL_BRIDGE_FDB_GONE)
			check_fdb(&ev.fdb);
		else
			assert(ev.ifindex > 0 && ev.ifindex <= INT32_MAX);
	}
}

static void commit(void)
{
	static const struct nft_set set = { .name = "known", .key_size = 4 };
	static const struct nft_step steps[] = {
		{ .type = NFT_STEP_COUNT },
		{ .type = NFT_STEP_ACCEPT },
		{ .type = NFT_STEP_END },
	};
	uint8_t key[4] = { 10, 32 };

	nft_begin(nft);
	nft_add_table(nft, "of a fuzzer");
	nft_add_set(nft, &set);
	nft_add_chain(nft, "in", -1);
	nft_add_rule(nft, "in", steps);
	nft_add_rule(nft, "in", steps);
	for (key[3] = 1; key[3] < 20; key[3]++)
		nft_put(nft, "known", key, sizeof(key));
	(void)!nft_commit(nft);
}

static void mark(void)
{
	char text[NFT_MARK_SIZE];

	if (!nft_read_mark(nft, text))
		assert(IS_TEXT(text));
}

static void see_element(void *ctx, const uint8_t *key, size_t size)
{
	uint8_t room[NFT_KEY_SIZE];

	(void)ctx;
	assert(size <= sizeof(room));
	memcpy(room, key, size);
}

static void see_name(void *ctx, const char *name)
{
	(void)ctx;
	assert(strlen(name) < UINT16_MAX);
}

static void elements(void)
{
	(void)!nft_each_element(nft, "known", see_element, NULL);
}

static void sets(void)
{
	(void)!nft_each_set(nft, see_name, NULL);
}

static void counters(void)
{
	uint64_t n[3] = { 1, 1, 1 };

	(void)!nft_read_counters(nft, "in", n, 2);
	assert(n[2] == 1);
}

static void family(void)
{
	bool has;

	(void)!genl_names_has("nlctrl", &has);
}

/* What was recorded has their order. */
static const struct question {
	const char *name;
	void (*ask)(void);
} questions[] = {
	{ "link", one_link },	    { "links", all_links },
	{ "details", all_details }, { "addresses", all_addresses },
	{ "routes", all_routes },   { "prefixes", all_prefixes },
	{ "ways", ways },	    { "alias", alias },
	{ "lock", lock_port },	    { "entries", all_entries },
	{ "watch", hear_links },    { "bridge-watch", hear_bridge },
	{ "commit", commit },	    { "mark", mark },
	{ "elements", elements },   { "sets", sets },
	{ "counters", counters },   { "family", family },
};

#define N_QUESTIONS (sizeof(questions) / sizeof(questions[0]))

static void ask(size_t i)
{
	rtnl->seq = nft->seq = 0;
	questions[i].ask();
}

static void record(const char *directory)
{
	char path[512];
	size_t i;

	for (i = 0; i < N_QUESTIONS; i++) {
		snprintf(path, sizeof(path), "%s/%s", directory,
			 questions[i].name);
		feed.record = fopen(path, "w");
		assert(feed.record && fputc((int)i, feed.record) != EOF);
		ask(i);
		assert(fclose(feed.record) == 0);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *directory = getenv("FUZZ_RECORD");

	(void)argc;
	(void)argv;
	assert(!rtnl_open(&rtnl) && !rtnl_watch_open(&watch) &&
	       !rtnl_bridge_watch_open(&bridge_watch) &&
	       !nft_open(TABLE, &nft));
	if (directory) {
		record(directory);
		exit(0);
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	feed.at = data + 1;
	feed.left = size - 1;
	feed.is_stranger = false;
	ask(data[0] % N_QUESTIONS);
	return 0;
}
