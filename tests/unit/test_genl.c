/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The waiting side of src/sys/genl, fed with answers that a kernel would give
 * and with such as none would.
 */

#include "sys/genl.h"

#include <assert.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dice.h"
#include "sys/nl.h"

/* Room for messages, aligned for their headers. */
#define MESSAGE(name, size) \
	uint8_t name[size] __attribute__((aligned(8))) = { 0 }

static void *copy_of(const void *data, size_t size)
{
	void *p = malloc(size ? size : 1);

	assert_non_null(p);
	if (size)
		memcpy(p, data, size);
	return p;
}

struct heard {
	int replies[4];
	int errors[4];
	int reply;
};

static int hear_reply(void *arg, uint32_t index, const struct nlmsghdr *nlh)
{
	struct heard *h = arg;

	(void)nlh;
	assert_true(index < 4);
	h->replies[index]++;
	return h->reply;
}

static void hear_error(void *arg, uint32_t index, int error)
{
	struct heard *h = arg;

	assert_true(index < 4);
	h->errors[index] = error;
}

static struct nlmsghdr *add_message(uint8_t *buf, size_t *size, uint16_t type,
				    uint32_t seq, uint16_t flags)
{
	struct nlmsghdr *nlh = (void *)(buf + *size);

	memset(nlh, 0, sizeof(*nlh) + 4);
	nlh->nlmsg_len = sizeof(*nlh) + 4;
	nlh->nlmsg_type = type;
	nlh->nlmsg_seq = seq;
	nlh->nlmsg_flags = flags;
	*size += nlh->nlmsg_len;
	return nlh;
}

static void add_error(uint8_t *buf, size_t *size, uint32_t seq, int error,
		      const char *text)
{
	struct nlmsghdr *nlh = (void *)(buf + *size);
	struct nlmsgerr e = { .error = error,
			      .msg = { .nlmsg_len = 1000, .nlmsg_seq = seq } };
	struct nlattr attr = { .nla_type = NLMSGERR_ATTR_MSG };
	size_t n = text ? strlen(text) + 1 : 0;

	memset(nlh, 0, sizeof(*nlh));
	nlh->nlmsg_type = NLMSG_ERROR;
	nlh->nlmsg_seq = seq;
	nlh->nlmsg_flags = NLM_F_CAPPED;
	nlh->nlmsg_len = sizeof(*nlh) + sizeof(e);
	memcpy(nlh + 1, &e, sizeof(e));
	if (text) {
		nlh->nlmsg_flags |= NLM_F_ACK_TLVS;
		attr.nla_len = (uint16_t)(sizeof(attr) + n);
		memcpy((uint8_t *)nlh + nlh->nlmsg_len, &attr, sizeof(attr));
		memcpy((uint8_t *)nlh + nlh->nlmsg_len + sizeof(attr), text, n);
		nlh->nlmsg_len += (uint32_t)NL_ALIGN(sizeof(attr) + n);
	}
	*size += nlh->nlmsg_len;
}

static void test_exchange(void **state)
{
	char text[GENL_EXT_ACK_SIZE] = "";
	struct heard h = { 0 };
	struct genl_exchange x = { .first_seq = UINT32_MAX - 1,
				   .n = 4,
				   .reply = hear_reply,
				   .on_result = hear_error,
				   .arg = &h,
				   .ext_ack = text };
	MESSAGE(buf, 1024);
	size_t size = 0;

	(void)state;
	/* Late replies, a failure in the middle, and the numbers wrap. */
	add_error(buf, &size, UINT32_MAX - 2, -EPERM, NULL);
	add_message(buf, &size, 30, 2, 0);
	add_message(buf, &size, 30, UINT32_MAX - 1, 0);
	add_error(buf, &size, UINT32_MAX, -EINVAL, "no such thing");
	assert_int_equal(genl_exchange_take(&x, buf, size), 0);
	assert_false(x.is_done);
	assert_int_equal(h.replies[0], 1);
	assert_int_equal(h.errors[0], 0);
	assert_int_equal(h.errors[1], -EINVAL);
	assert_string_equal(text, "no such thing");
	size = 0;
	add_error(buf, &size, 1, 0, NULL);
	assert_int_equal(genl_exchange_take(&x, buf, size), 0);
	assert_true(x.is_done);
	assert_int_equal(x.last_error, 0);
	assert_string_equal(text, "no such thing");
}

static void test_exchange_dump(void **state)
{
	struct heard h = { .reply = -ECANCELED };
	struct genl_exchange x = { .first_seq = 5,
				   .n = 1,
				   .is_dump = true,
				   .reply = hear_reply,
				   .arg = &h };
	MESSAGE(buf, 1024);
	size_t size = 0;

	(void)state;
	add_message(buf, &size, 30, 5, NLM_F_MULTI);
	add_message(buf, &size, 30, 5, NLM_F_MULTI | NLM_F_DUMP_INTR);
	add_message(buf, &size, NLMSG_DONE, 5, NLM_F_MULTI);
	assert_int_equal(genl_exchange_take(&x, buf, size), 0);
	assert_true(x.is_done);
	assert_true(x.is_interrupted);
	assert_int_equal(x.reply_error, -ECANCELED);
	assert_int_equal(h.replies[0], 1);
}

static int take_one(const uint8_t *data, size_t size, bool is_dump)
{
	char text[GENL_EXT_ACK_SIZE];
	struct heard h = { 0 };
	struct genl_exchange x = { .first_seq = 5,
				   .n = 2,
				   .is_dump = is_dump,
				   .reply = hear_reply,
				   .on_result = hear_error,
				   .arg = &h,
				   .ext_ack = text };
	uint8_t *p = copy_of(data, size);
	int r;

	r = genl_exchange_take(&x, p, size);
	assert_true(r == 0 || r == -EPROTO);
	assert_true(x.last_error <= 0 && h.errors[0] <= 0);
	free(p);
	return r;
}

static void test_exchange_hostile(void **state)
{
	MESSAGE(buf, 1024);
	MESSAGE(mutated, 1024);
	size_t cut, size = 0;
	struct nlmsgerr *e;
	uint32_t i, k;

	(void)state;
	add_error(buf, &size, 5, 1, NULL);
	assert_int_equal(take_one(buf, size, false), -EPROTO);
	size = 0;
	add_error(buf, &size, 5, INT32_MIN, NULL);
	assert_int_equal(take_one(buf, size, false), -EPROTO);
	size = 0;
	add_message(buf, &size, NLMSG_DONE, 5, 0);
	assert_int_equal(take_one(buf, size, false), -EPROTO);
	/* The request that it quotes would end behind the message. */
	size = 0;
	add_error(buf, &size, 5, -EINVAL, "text");
	e = (void *)(buf + sizeof(struct nlmsghdr));
	e->msg.nlmsg_len = (uint32_t)(size - sizeof(struct nlmsghdr));
	((struct nlmsghdr *)(void *)buf)->nlmsg_flags = NLM_F_ACK_TLVS;
	assert_int_equal(take_one(buf, size, false), 0);
	size = 0;
	add_message(buf, &size, 30, 5, 0);
	add_error(buf, &size, 5, -EINVAL, "text");
	((struct nlmsghdr *)(void *)(buf + 20))->nlmsg_flags &=
		(uint16_t)~NLM_F_CAPPED;
	add_message(buf, &size, NLMSG_ERROR, 9, 0);
	add_error(buf, &size, 6, 0, NULL);
	assert_int_equal(take_one(buf, size, false), 0);
	for (cut = 0; cut < size; cut++)
		(void)take_one(buf, cut, false);
	for (i = 0; i < 20000; i++) {
		memcpy(mutated, buf, size);
		for (k = 0; k <= random_below(4); k++)
			mutated[random_below((uint32_t)size)] =
				(uint8_t)random_below(256);
		(void)take_one(mutated, size, i % 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exchange),
		cmocka_unit_test(test_exchange_dump),
		cmocka_unit_test(test_exchange_hostile),
	};

	return cmocka_run_group_tests_name("genl", tests, NULL, NULL);
}
