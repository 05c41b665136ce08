/* SPDX-License-Identifier: Apache-2.0 */
/* Which blocks a host has, and how it keeps them. */
#include "ipam_home.h"

static void test_adopt(void **state)
{
	struct host *h = *state;

	configure(h, "range", "10.32.0.0/12");
	h->s->is_idle = true;
	view_block(h, "blue", "10.32.1.0/24", US);
	view_block(h, "blue", "10.32.0.0/12", US); /* larger than a pool */
	view_block(h, "blue", "10.32.1.0/25", US);
	view_block(h, "blue", "10.32.0.0/23", US);
	view_block(h, "blue", "10.48.1.0/24", US); /* beyond the range */
	view_block(h, "blue", "fd00::/112", US);
	view_block(h, "red", "10.32.2.0/24", US);
	view_block(h, "blue", "10.32.3.0/24", THEM);
	assert_false(plan(h));
	assert_int_equal(h->s->held.n, 1);
	assert_true(h->s->is_held_sure);
	/* Narrowed by a reload: it stays held, and nothing is given of it. */
	h->i.store = h->s;
	ipam_block_reload(&h->i);
	assert_string_equal(pick(h), "10.32.1.1");
	h->d->settings.ipam.networks[0].ranges[0] = prefix_of("10.33.0.0/16");
	ipam_block_reload(&h->i);
	assert_true(list_is_empty(&h->i.blocks));
}

static void test_file_of_blocks(void **state)
{
	static const char *const lines =
		"{\"blocks\": [{\"network\": \"blue\", \"block\": "
		"\"10.32.1.0/24\"}, {\"network\": \"blue\", \"block\": "
		"\"10.32.0.0/16\"}, {\"network\": \"blue\", \"block\": "
		"\"10.0.0.0/8\"}, {\"network\": \"red\", \"block\": "
		"\"10.32.1.0/24\"}], \"serial\": \"3\"}";
	struct store_held_list *l = core_alloc(sizeof(*l));
	struct host *h = *state;
	struct error e = { .code = "" };
	FILE *f = fopen(h->s->held.path, "w");

	assert_non_null(f);
	assert_true(fputs(lines, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(store_held_load(l, h->directory, &e), 0);
	assert_int_equal(l->n, 2);
	assert_string_equal(l->list[0].network, "blue");
	assert_int_equal(l->list[0].prefix.len, 24);
	assert_string_equal(l->list[1].network, "red");
	assert_int_equal(l->serial, 3);
	free(l);
}

/* The first must be told to etcd; that the second is lost is seen at once. */
static void test_rivals(void **state)
{
	struct host *h = *state;

	configure(h, "range", "10.32.0.0/16");
	hold(h, "10.32.1.0/24");
	hold(h, "10.32.2.0/24");
	view_block(h, "blue", "10.32.2.128/25", THEM);
	assert_true(plan(h));
	assert_true(h->s->is_registered);
	assert_false(h->s->is_held_sure);
	assert_true(h->s->is_changed);
	assert_string_equal(h->s->held.list[0].reason, "");
	assert_non_null(strstr(h->s->held.list[1].reason, "is leased to"));
	view_block(h, "blue", "10.32.1.0/24", US);
	assert_false(plan(h));
	assert_true(h->s->is_held_sure);
}

static bool is_used(void *ctx, const struct prefix *p)
{
	(void)ctx;
	(void)p;
	return false;
}

static void test_release(void **state)
{
	struct host *h = *state;
	struct error e = { .code = "" };

	configure(h, "range", "10.32.0.0/16");
	hold(h, "10.32.1.0/24");
	assert_int_equal(store_release(h->s, "blue", is_used, NULL, &e), 1);
	assert_int_equal(h->n_changed, 1);
	assert_string_equal(h->told, "10.32.1.0/24 is being given back");
}

/* Given back though it overlaps another's: so the dispute ends. */
static void test_release_of_disputed(void **state)
{
	struct host *h = *state;
	struct error e = { .code = "" };

	configure(h, "range", "10.32.0.0/16");
	hold(h, "10.32.1.0/24");
	view_block(h, "blue", "10.32.1.0/24", US);
	view_block(h, "blue", "10.32.1.128/25", THEM);
	assert_false(plan(h));
	assert_non_null(strstr(h->s->held.list[0].reason, "is leased to"));
	assert_int_equal(store_release(h->s, "blue", is_used, NULL, &e), 1);
	assert_true(plan(h));
	h->s->view.blocks[0] = h->s->view.blocks[1];
	h->s->view.n_blocks = 1;
	assert_false(plan(h));
	assert_int_equal(h->s->held.n, 0);
}

static void test_no_room(void **state)
{
	struct host *h = *state;
	struct error e = { .code = "" };
	char text[ADDR_PREFIX_SIZE];
	unsigned int n;

	configure(h, "range", "10.32.0.0/14");
	for (n = 0; n <= STORE_MAX_HELD; n++) {
		snprintf(text, sizeof(text), "10.%u.%u.0/24", 32 + n / 256,
			 n % 256);
		view_block(h, "blue", text, US);
	}
	/* One more of ours than can be kept; on the disk as they come. */
	for (n = 0; n < STORE_MAX_HELD; n++) {
		h->s->held.list[n].prefix = h->s->view.blocks[n].prefix;
		strcpy(h->s->held.list[n].network, "blue");
	}
	h->s->held.n = STORE_MAX_HELD - 1;
	h->s->wishes[0][0].is_wanted = true;
	assert_false(plan(h));
	assert_int_equal(h->s->held.n, STORE_MAX_HELD);
	assert_int_equal(store_want(h->s, "blue", true, &e), -1);
	assert_string_equal(e.code, "exhausted");
	store_reload(h->s);
	assert_int_equal(store_want(h->s, "blue", true, &e), 0);
}

/* Many ask while the answer is on its way: one block is enough. */
static void test_asked_once(void **state)
{
	struct host *h = *state;
	struct error e = { .code = "" };

	configure(h, "range", "10.32.0.0/16");
	assert_true(plan(h));
	assert_int_equal(store_want(h->s, "blue", true, &e), 0);
	view_block(h, "blue", "10.32.1.0/24", US);
	assert_false(plan(h));
	assert_int_equal(h->s->held.n, 1);
	assert_int_equal(store_want(h->s, "blue", true, &e), 0);
	assert_true(plan(h));
}

static void test_disk_full(void **state)
{
	struct host *h = *state;

	configure(h, "range", "10.32.0.0/16");
	assert_true(plan(h)); /* the first one, unasked */
	view_block(h, "blue", "10.32.1.0/24", US);
	snprintf(h->s->held.path, sizeof(h->s->held.path), "%s/none/blocks",
		 h->directory);
	assert_false(plan(h));
	assert_int_equal(h->s->held.n, 0);
}

/* ---- the book */

static void test_boot_that_is_not_saved(void **state)
{
	struct host *h = *state;
	struct error e = { .code = "" };
	char aside[64];

	configure(h, "block", "10.32.5.0/24");
	add(h, lease_of("a", "eth0", "", "10.32.5.2/24"), "before");
	ipam_block_reload(&h->i);
	snprintf(aside, sizeof(aside), "%s/aside", h->directory);
	assert_int_equal(rename(h->i.book.directory, aside), 0);
	assert_null(ipam_ask_claim(&h->i, &container_a, &e));
	assert_null(ipam_ask_claim(&h->i, &container_a, &e));
	assert_int_equal(rename(aside, h->i.book.directory), 0);
	assert_non_null(ipam_ask_claim(&h->i, &container_a, &e));
	ipam_book_close(&h->i.book);
	assert_int_equal(ipam_book_open(&h->i.book, h->directory, &e), 0);
	assert_string_equal(LEASE_OF(h->i.book.all.next)->boot, "now");
}

static void test_file_of_each(void **state)
{
	static const char *const names[][3] = {
		{ "a/eth0", "c", "x" },
		{ "a", "eth0", "c/x" },
		{ "a/eth0/c", "x", "" },
		{ "a/eth0", "c", "x/" },
	};
	struct host *h = *state;
	struct error e = { .code = "" };
	size_t i;

	for (i = 0; i < 4; i++)
		add(h,
		    lease_of(names[i][0], names[i][1], names[i][2],
			     "10.32.5.2/24"),
		    "now");
	ipam_book_close(&h->i.book);
	assert_int_equal(ipam_book_open(&h->i.book, h->directory, &e), 0);
	assert_int_equal(h->i.book.n, 4);
}

/* Refused while the interface is attached, and served with the next start. */
static void test_note_that_is_refused(void **state)
{
	struct port_record *r = core_alloc(sizeof(*r));
	struct host *h = *state;
	char socket[64], note[64];
	FILE *f;

	add(h, lease_of("a", "eth0", "", "10.32.5.2/24"), "now");
	strcpy(r->container_id, "a");
	strcpy(r->ifname, "eth0");
	list_init(&r->all);
	list_append(&h->d->ports.all, &r->all);
	snprintf(socket, sizeof(socket), "%s/socket", h->directory);
	snprintf(note, sizeof(note), "%s/freed", h->directory);
	assert_int_equal(mkdir(note, 0700), 0);
	snprintf(note, sizeof(note), "%s/freed/1.json", h->directory);
	f = fopen(note, "w");
	assert_non_null(f);
	assert_true(fputs("{\"container_id\": \"a\", \"ifname\": \"eth0\"}",
			  f) >= 0);
	assert_int_equal(fclose(f), 0);
	ipam_freed_read(&h->i, socket);
	assert_int_equal(h->i.book.n, 1);
	assert_int_equal(access(note, F_OK), 0);
	list_remove(&r->all);
	free(r);
	ipam_freed_read(&h->i, socket);
	assert_int_equal(h->i.book.n, 0);
	assert_int_equal(access(note, F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(test_adopt),
		ONE(test_file_of_blocks),
		ONE(test_rivals),
		ONE(test_release),
		ONE(test_release_of_disputed),
		ONE(test_no_room),
		ONE(test_asked_once),
		ONE(test_disk_full),
		ONE(test_boot_that_is_not_saved),
		ONE(test_file_of_each),
		ONE(test_note_that_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
