/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Tables of nf_tables: what the kernel answers, whole, damaged and hostile;
 * and all of it against the running kernel, in a namespace of the test's own.
 */

#include "sys/nft.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "nl_hostile.h"
#include "own_netns.h"
#include "sys/nft_internal.h"

#define SEQ 7U

static uint32_t room[1024];
static struct nl_builder b;

/* An answer of the kernel's about to be built in @room. */
static void begin(uint16_t type)
{
	memset(room, 0, sizeof(room));
	assert_non_null(nl_begin(&b, room, sizeof(room), type,
				 sizeof(struct nfgenmsg)));
	b.nlh->nlmsg_seq = SEQ;
}

static void put_key(unsigned int type, const void *key, size_t size)
{
	size_t element, data;

	nl_nest_start(&b, NFTA_LIST_ELEM, &element);
	nl_nest_start(&b, type, &data);
	nl_put(&b, NFTA_DATA_VALUE, key, size);
	nl_nest_end(&b, data);
	nl_nest_end(&b, element);
}

static struct nlmsghdr *elements_message(void)
{
	static const uint8_t first[4] = { 10, 32, 0, 1 };
	uint8_t second[NFT_KEY_SIZE];
	size_t list;

	memset(second, 0xab, sizeof(second));
	begin(NFT_MSG_NEWSETELEM);
	nl_nest_start(&b, NFTA_SET_ELEM_LIST_ELEMENTS, &list);
	put_key(NFTA_SET_ELEM_KEY, first, sizeof(first));
	put_key(NFTA_SET_ELEM_KEY, second, sizeof(second));
	nl_nest_end(&b, list);
	assert_int_equal(b.error, 0);
	return b.nlh;
}

struct seen {
	unsigned int n;
	size_t sizes;
	uint8_t last;
};

static void see(void *ctx, const uint8_t *key, size_t size)
{
	struct seen *s = ctx;
	size_t i;

	/* Whatever came: no longer than who asked has room for. */
	assert_true(size <= NFT_KEY_SIZE);
	for (i = 0; i < size; i++)
		s->last = key[i];
	s->n++;
	s->sizes += size;
}

static void read_elements(const struct nlmsghdr *nlh, void *arg)
{
	struct nft_each each = { .fn = see, .ctx = arg };
	const int rc = nft_take_elements(nlh, &each);

	assert_true(rc == 0 || rc == -EPROTO);
}

static void test_elements(void **state)
{
	const struct nlmsghdr *nlh = elements_message();
	uint8_t long_key[NFT_KEY_SIZE + 4] = { 0 };
	struct seen s = { 0 };
	struct nft_each each = { .fn = see, .ctx = &s };
	size_t list;

	(void)state;
	assert_int_equal(nft_take_elements(nlh, &each), 0);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.sizes, 4 + NFT_KEY_SIZE);
	assert_int_equal(s.last, 0xab);
	nl_read_cut(nlh, read_elements, &s);
	nl_read_changed(nlh, read_elements, &s);

	/* Longer than any of ours; without a key; without a list. */
	begin(NFT_MSG_NEWSETELEM);
	nl_nest_start(&b, NFTA_SET_ELEM_LIST_ELEMENTS, &list);
	put_key(NFTA_SET_ELEM_KEY, long_key, sizeof(long_key));
	nl_nest_end(&b, list);
	assert_int_equal(nft_take_elements(b.nlh, &each), -EPROTO);
	begin(NFT_MSG_NEWSETELEM);
	nl_nest_start(&b, NFTA_SET_ELEM_LIST_ELEMENTS, &list);
	put_key(NFTA_SET_ELEM_DATA, long_key, 4);
	nl_nest_end(&b, list);
	assert_int_equal(nft_take_elements(b.nlh, &each), -EPROTO);
	s.n = 0;
	begin(NFT_MSG_NEWSETELEM);
	assert_int_equal(nft_take_elements(b.nlh, &each), 0);
	assert_int_equal(s.n, 0);
}

static void mark_message(const char *mark, size_t size)
{
	begin(NFT_MSG_NEWTABLE);
	nft_put_text(&b, NFTA_TABLE_NAME, "fastdp-x");
	nl_put(&b, NFTA_TABLE_USERDATA, mark, size);
	assert_int_equal(b.error, 0);
}

static void read_mark(const struct nlmsghdr *nlh, void *arg)
{
	char mark[NFT_MARK_SIZE] = "";

	(void)arg;
	if (!nft_take_mark(nlh, mark))
		assert_non_null(memchr(mark, 0, sizeof(mark)));
}

static void test_mark(void **state)
{
	char mark[NFT_MARK_SIZE] = "", full[NFT_MARK_SIZE];

	(void)state;
	mark_message("of ours", 7);
	assert_int_equal(nft_take_mark(b.nlh, mark), 0);
	assert_string_equal(mark, "of ours");
	nl_read_cut(b.nlh, read_mark, NULL);
	nl_read_changed(b.nlh, read_mark, NULL);
	/* One that has no room for its end is none of ours. */
	memset(full, 'x', sizeof(full));
	mark_message(full, sizeof(full));
	assert_int_equal(nft_take_mark(b.nlh, mark), 0);
	assert_string_equal(mark, "of ours");
	mark_message(full, sizeof(full) - 1);
	assert_int_equal(nft_take_mark(b.nlh, mark), 0);
	assert_int_equal(strlen(mark), NFT_MARK_SIZE - 1);
}

static void see_name(void *ctx, const char *name)
{
	unsigned int *n = ctx;

	*n += strlen(name) < sizeof(room);
}

static void read_set(const struct nlmsghdr *nlh, void *arg)
{
	struct nft_naming naming = { .fn = see_name,
				     .ctx = arg,
				     .table = "fastdp-x" };
	const int rc = nft_take_set(nlh, &naming);

	assert_true(rc == 0 || rc == -EPROTO);
}

static void set_message(const char *table, const char *name, size_t size)
{
	begin(NFT_MSG_NEWSET);
	nft_put_text(&b, NFTA_SET_TABLE, table);
	nl_put(&b, NFTA_SET_NAME, name, size);
	assert_int_equal(b.error, 0);
}

static void test_sets(void **state)
{
	unsigned int n = 0;

	(void)state;
	set_message("fastdp-x", "ports-123456", 13);
	read_set(b.nlh, &n);
	assert_int_equal(n, 1);
	nl_read_cut(b.nlh, read_set, &n);
	nl_read_changed(b.nlh, read_set, &n);
	/* Another table's; a name without its end. */
	n = 0;
	set_message("fastdp-y", "ports-123456", 13);
	read_set(b.nlh, &n);
	set_message("fastdp-x", "ports-123456", 12);
	read_set(b.nlh, &n);
	assert_int_equal(n, 0);
}

static void put_expression(const char *name, size_t name_size, uint64_t value)
{
	size_t element, data;

	value = htobe64(value);
	nl_nest_start(&b, NFTA_LIST_ELEM, &element);
	nl_put(&b, NFTA_EXPR_NAME, name, name_size);
	nl_nest_start(&b, NFTA_EXPR_DATA, &data);
	nl_put(&b, NFTA_COUNTER_PACKETS, &value, sizeof(value));
	nl_nest_end(&b, data);
	nl_nest_end(&b, element);
}

static void rule_message(void)
{
	size_t list;

	begin(NFT_MSG_NEWRULE);
	nl_nest_start(&b, NFTA_RULE_EXPRESSIONS, &list);
	put_expression("cmp", 4, 99);
	put_expression("counter", 8, UINT64_C(0x100000002));
	/* Of no counter, though it begins as one. */
	put_expression("counter", 7, 98);
	put_expression("counter", 8, 3);
	put_expression("counter", 8, 4);
	nl_nest_end(&b, list);
	assert_int_equal(b.error, 0);
}

static void read_rule(const struct nlmsghdr *nlh, void *arg)
{
	uint64_t values[2] = { 0 };
	struct nft_counting c = { .ret = values, .n_max = 2 };

	(void)arg;
	(void)!nft_take_rule(nlh, &c);
	assert_true(c.n <= 2);
}

static void test_counters(void **state)
{
	uint64_t values[3] = { 0, 0, 77 };
	struct nft_counting c = { .ret = values, .n_max = 2 };

	(void)state;
	rule_message();
	assert_int_equal(nft_take_rule(b.nlh, &c), 0);
	assert_int_equal(c.n, 2);
	assert_true(values[0] == UINT64_C(0x100000002) && values[1] == 3);
	assert_true(values[2] == 77);
	nl_read_cut(b.nlh, read_rule, NULL);
	nl_read_changed(b.nlh, read_rule, NULL);
}

/* Behind what is in @room already. */
static size_t add_result(size_t at, uint16_t type, uint32_t seq, int error)
{
	struct nlmsghdr *nlh = (void *)((uint8_t *)room + at);

	memset(nlh, 0, sizeof(*nlh));
	nlh->nlmsg_type = type;
	nlh->nlmsg_seq = seq;
	nlh->nlmsg_len = sizeof(*nlh) + sizeof(error);
	memcpy(nlh + 1, &error, sizeof(error));
	return at + nlh->nlmsg_len;
}

static void test_results_of_a_batch(void **state)
{
	struct nft_exchange x = { .first = UINT32_MAX, .last = 1 };
	size_t size = 0;

	(void)state;
	/* Late, of another batch; a failure, a second; no result at all. */
	size = add_result(size, NLMSG_ERROR, UINT32_MAX - 1, -EPERM);
	size = add_result(size, NLMSG_ERROR, 0, -ENOENT);
	size = add_result(size, NLMSG_ERROR, 0, -EEXIST);
	size = add_result(size, NFT_MSG_NEWTABLE, 1, -EBUSY);
	nft_exchange_take(&x, room, size);
	assert_false(x.is_over);
	size = add_result(0, NLMSG_ERROR, 1, 0);
	nft_exchange_take(&x, room, size);
	assert_true(x.is_over);
	assert_int_equal(x.error, -ENOENT);

	/* Refused as a whole. */
	x = (struct nft_exchange){ .first = 5, .last = 9 };
	nft_exchange_take(&x, room, add_result(0, NLMSG_ERROR, 5, -EPERM));
	assert_true(x.is_over);
	assert_int_equal(x.error, -EPERM);

	/* What is no errno, or has no room for one. */
	x = (struct nft_exchange){ .first = 5, .last = 9 };
	nft_exchange_take(&x, room, add_result(0, NLMSG_ERROR, 9, -5000));
	assert_int_equal(x.error, -EBADMSG);
	x = (struct nft_exchange){ .first = 5, .last = 9 };
	nft_exchange_take(&x, room, add_result(0, NLMSG_ERROR, 9, 1));
	assert_int_equal(x.error, -EBADMSG);
}

static int refuse(const struct nlmsghdr *nlh, void *arg)
{
	(void)nlh;
	(void)arg;
	return -EPROTO;
}

static void test_answers_to_a_question(void **state)
{
	struct seen s = { 0 };
	struct nft_each each = { .fn = see, .ctx = &s };
	struct nft_exchange x = {
		.first = SEQ, .last = SEQ, .fn = nft_take_elements, .arg = &each
	};
	const struct nft_exchange fresh = x;
	struct nlmsghdr *nlh = elements_message();

	(void)state;
	nft_exchange_take(&x, room, nlh->nlmsg_len);
	assert_false(x.is_over);
	assert_int_equal(s.n, 2);
	nft_exchange_take(&x, room, add_result(0, NLMSG_DONE, SEQ, 0));
	assert_true(x.is_over);
	assert_int_equal(x.error, 0);

	/* It changed meanwhile: all of it is asked for again. */
	x = fresh;
	nlh = elements_message();
	nlh->nlmsg_flags |= NLM_F_DUMP_INTR;
	nft_exchange_take(&x, room, nlh->nlmsg_len);
	nft_exchange_take(&x, room, add_result(0, NLMSG_DONE, SEQ, 0));
	assert_int_equal(x.error, -EAGAIN);

	/* Of another question; then what the reader refuses. */
	x = fresh;
	s.n = 0;
	nlh = elements_message();
	nlh->nlmsg_seq = SEQ + 1;
	nft_exchange_take(&x, room, nlh->nlmsg_len);
	assert_int_equal(s.n, 0);
	assert_false(x.is_over);
	x.fn = refuse;
	nlh = elements_message();
	nft_exchange_take(&x, room, nlh->nlmsg_len);
	assert_true(x.is_over);
	assert_int_equal(x.error, -EPROTO);
}

/* A datagram that says of itself what is not so. */
static void test_datagrams_that_lie(void **state)
{
	struct seen s = { 0 };
	struct nft_each each = { .fn = see, .ctx = &s };
	struct nlmsghdr *nlh = elements_message();
	const uint32_t true_size = nlh->nlmsg_len;
	uint32_t size;

	(void)state;
	for (size = 0; size <= true_size + 40; size++) {
		struct nft_exchange x = { .first = SEQ,
					  .last = SEQ,
					  .fn = nft_take_elements,
					  .arg = &each };
		void *copy = malloc(true_size);

		assert_non_null(copy);
		nlh->nlmsg_len = size;
		memcpy(copy, room, true_size);
		nft_exchange_take(&x, copy, true_size);
		nft_exchange_take(&x, copy,
				  size < true_size ? size : true_size);
		free(copy);
	}
}

/* Against the kernel */

static struct nft *open_table(void)
{
	struct nft *n = NULL;

	assert_int_equal(nft_open("fastdp-unit", &n), 0);
	return n;
}

static const struct nft_set set_of_ips = { "ips", 4, 7, false };
static const struct nft_step steps[] = {
	{ .type = NFT_STEP_META, .what = NFT_META_IIF, .reg = 0 },
	{ .type = NFT_STEP_NOT_IN, .name = "ips", .reg = 0 },
	{ .type = NFT_STEP_COUNT },
	{ .type = NFT_STEP_DROP },
	{ .type = NFT_STEP_END },
};

static void make_table(struct nft *n, const char *mark)
{
	nft_begin(n);
	nft_delete_table(n);
	nft_add_table(n, mark);
	nft_add_set(n, &set_of_ips);
	nft_add_chain(n, "forward", 2);
	nft_add_rule(n, "forward", steps);
	assert_int_equal(nft_commit(n), 0);
}

static void test_names(void **state)
{
	struct nft *n = NULL;

	(void)state;
	assert_int_equal(nft_open("", &n), -EINVAL);
	assert_int_equal(nft_open("a-name-of-thirty-two-characters-", &n),
			 -EINVAL);
	assert_null(n);
	nft_close(NULL);
}

static void test_table(void **state)
{
	char mark[NFT_MARK_SIZE] = "as before";
	struct nft *n = open_table();
	uint64_t values[2] = { 5, 5 };
	struct seen s = { 0 };

	(void)state;
	assert_int_equal(nft_read_mark(n, mark), -ENOENT);
	assert_string_equal(mark, "as before");
	assert_int_equal(nft_each_element(n, "ips", see, &s), -ENOENT);
	make_table(n, "first");
	assert_int_equal(nft_read_mark(n, mark), 0);
	assert_string_equal(mark, "first");
	make_table(n, "second");
	assert_int_equal(nft_read_mark(n, mark), 0);
	assert_string_equal(mark, "second");
	assert_int_equal(nft_read_counters(n, "forward", values, 2), 0);
	assert_true(!values[0] && !values[1]);
	nft_begin(n);
	nft_delete_table(n);
	assert_int_equal(nft_commit(n), 0);
	assert_int_equal(nft_read_mark(n, mark), -ENOENT);
	nft_close(n);
}

static void test_all_or_nothing(void **state)
{
	static const uint8_t one[4] = { 1 }, two[4] = { 2 };
	struct nft *n = open_table();
	struct seen s = { 0 };

	(void)state;
	make_table(n, "mark");
	nft_begin(n);
	assert_int_equal(nft_commit(n), 0); /* of nothing */
	nft_begin(n);
	nft_put(n, "ips", one, 4);
	nft_put(n, "ips", one, 4); /* once more the same is fine */
	assert_int_equal(nft_commit(n), 0);
	/* The second is not there, so the first stays. */
	nft_begin(n);
	nft_del(n, "ips", one, 4);
	nft_del(n, "ips", two, 4);
	assert_int_equal(nft_commit(n), -ENOENT);
	assert_int_equal(nft_each_element(n, "ips", see, &s), 0);
	assert_int_equal(s.n, 1);
	/* The handle is as good as new after a failure. */
	nft_begin(n);
	nft_del(n, "ips", one, 4);
	nft_put(n, "ips", two, 4);
	assert_int_equal(nft_commit(n), 0);
	s.n = 0;
	assert_int_equal(nft_each_element(n, "ips", see, &s), 0);
	assert_int_equal(s.n, 1);
	nft_close(n);
}

/* While a set still grows into its room, the kernel leaves out some of it. */
static unsigned int count_elements(struct nft *n, unsigned int wanted)
{
	struct seen s = { 0 };
	int i;

	for (i = 0; i < 300 && (!i || s.n < wanted); i++) {
		usleep(i ? 10000 : 0);
		s.n = 0;
		assert_int_equal(nft_each_element(n, "ips", see, &s), 0);
	}
	return s.n;
}

/* More than a batch holds, and than one answer does. */
static void test_many_elements(void **state)
{
	struct nft *n = open_table();
	uint32_t i, n_full = 0;

	(void)state;
	make_table(n, "mark");
	nft_begin(n);
	for (i = 0; i < 20000; i++) {
		if (nft_is_full(n)) {
			assert_int_equal(nft_commit(n), 0);
			nft_begin(n);
			n_full++;
		}
		nft_put(n, "ips", &i, sizeof(i));
	}
	assert_int_equal(nft_commit(n), 0);
	assert_true(n_full > 0);
	assert_int_equal(count_elements(n, 20000), 20000);
	/* Without a look whether there is room: told, and nothing is sent. */
	nft_begin(n);
	for (i = 0; i < 20000; i++)
		nft_del(n, "ips", &i, sizeof(i));
	assert_int_equal(nft_commit(n), -EMSGSIZE);
	assert_int_equal(count_elements(n, 20000), 20000);
	nft_close(n);
}

/* An answer of another process's must not be taken for the kernel's. */
static void test_forged_answer(void **state)
{
	struct sockaddr_nl to = { .nl_family = AF_NETLINK };
	socklen_t size = sizeof(to);
	struct nft *n = open_table();
	char mark[NFT_MARK_SIZE];
	int fd;

	(void)state;
	make_table(n, "true");
	mark_message("false", 5);
	b.nlh->nlmsg_seq = n->seq + 1;
	assert_int_equal(getsockname(n->fd, (struct sockaddr *)&to, &size), 0);
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	assert_true(fd >= 0);
	assert_true(sendto(fd, room, b.nlh->nlmsg_len, 0,
			   (struct sockaddr *)&to, sizeof(to)) > 0);
	assert_int_equal(nft_read_mark(n, mark), 0);
	assert_string_equal(mark, "true");
	close(fd);
	nft_close(n);
}

static int alone(void **state)
{
	(void)state;
	return unshare(CLONE_NEWNET);
}

#define KERNEL_TEST(fn) cmocka_unit_test_setup(fn, alone)

int main(void)
{
	const struct CMUnitTest pure[] = {
		cmocka_unit_test(test_elements),
		cmocka_unit_test(test_mark),
		cmocka_unit_test(test_sets),
		cmocka_unit_test(test_counters),
		cmocka_unit_test(test_results_of_a_batch),
		cmocka_unit_test(test_answers_to_a_question),
		cmocka_unit_test(test_datagrams_that_lie),
	};
	const struct CMUnitTest kernel[] = {
		KERNEL_TEST(test_names),
		KERNEL_TEST(test_table),
		KERNEL_TEST(test_all_or_nothing),
		KERNEL_TEST(test_many_elements),
		KERNEL_TEST(test_forged_answer),
	};
	const int failed = cmocka_run_group_tests(pure, NULL, NULL);

	if (!enter_own_netns(0))
		return failed ? failed : SKIP;
	return failed + cmocka_run_group_tests(kernel, NULL, NULL);
}
