/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of one host: what it holds of etcd, its book, what it gives out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/ipam_ask.h"
#include "daemon/ipam_block.h"
#include "daemon/ipam_freed.h"
#include "daemon/ipam_lease.h"
#include "daemon/ipam_peers.h"
#include "daemon/ipam_pick.h"
#include "daemon/ipam_state.h"
#include "daemon/state.h"
#include "daemon/store.h"
#include "daemon/store_plan.h"
#include "daemon/store_state.h"
#include "ipam/claims.h"
#include "sys/addr.h"

#define US 42U
#define THEM 43U

/* A daemon as far as its addresses go, in a directory of its own. */
struct host {
	char directory[32];
	struct daemon *d;
	struct store *s;
	struct ipam i;
	unsigned int n_changed;
	char told[256]; /* of the first block, when it was said to be other */
};

static void configure(struct host *h, const char *key, const char *value)
{
	struct error e = { .code = "" };

	assert_int_equal(ipam_settings_network(&h->d->settings.ipam, "blue",
					       key, value, &e),
			 0);
}

static void on_changed(void *ctx)
{
	struct host *h = ctx;

	h->n_changed++;
	strcpy(h->told, h->s->held.list[0].reason);
}

static void open_store(struct host *h)
{
	struct store *s = h->s = core_alloc(sizeof(*s));

	s->d = h->d;
	s->settings = &h->d->settings.ipam;
	s->claims = ipam_peers_claims(h->i.peers);
	s->changed = on_changed;
	s->ctx = h;
	s->step = STEP_READ; /* no timer is there to be set */
	s->lease = 5;
	s->lease_us = 60 * USEC_PER_SEC;
	snprintf(s->held.path, sizeof(s->held.path), "%s/blocks.json",
		 h->directory);
	s->view.hosts = core_alloc(sizeof(*s->view.hosts));
	s->view.hosts[0] = (struct store_host){ .id = US,
						.nickname = "host1",
						.is_alive = true,
						.instance = 7,
						.lease = 5 };
	s->view.n_hosts = 1;
	s->view.blocks =
		core_alloc(2 * STORE_MAX_HELD * sizeof(*s->view.blocks));
	s->view.is_ready = true;
}

static int set_up(void **state)
{
	static const struct engine_config config = { .id = US,
						     .instance = 7,
						     .heartbeat_interval_us =
							     USEC_PER_SEC,
						     .hold_us = USEC_PER_SEC };
	struct host *h = core_alloc(sizeof(*h));
	struct error e = { .code = "" };

	strcpy(h->directory, "/tmp/fastdp-XXXXXX");
	if (!mkdtemp(h->directory))
		return -1;
	h->d = core_alloc(sizeof(*h->d));
	h->d->id = US;
	h->d->instance = 7;
	strcpy(h->d->settings.nickname, "host1");
	list_init(&h->d->ports.all);
	h->d->engine = engine_new(&config, 0);
	h->i.d = h->d;
	list_init(&h->i.blocks);
	strcpy(h->i.boot, "now");
	h->i.peers = ipam_peers_new(h->d);
	open_store(h);
	*state = h;
	return ipam_book_open(&h->i.book, h->directory, &e);
}

static int tear_down(void **state)
{
	struct host *h = *state;
	char command[64];

	ipam_block_close(&h->i);
	ipam_book_close(&h->i.book);
	ipam_peers_free(h->i.peers);
	engine_free(h->d->engine);
	store_keys_release(&h->s->view);
	snprintf(command, sizeof(command), "rm -r %s", h->directory);
	assert_int_equal(system(command), 0);
	free(h->s);
	free(h->d);
	free(h);
	return 0;
}

static struct prefix prefix_of(const char *text)
{
	struct prefix p;

	memset(&p, 0, sizeof(p));
	assert_true(addr_parse_prefix(text, &p.ip, &p.len));
	return p;
}

static void view_block(struct host *h, const char *network, const char *text,
		       peer_id_t id)
{
	struct store_block *b = &h->s->view.blocks[h->s->view.n_blocks++];

	memset(b, 0, sizeof(*b));
	strcpy(b->network, network);
	b->prefix = prefix_of(text);
	b->id = id;
	b->rev = 1;
}

static void hold(struct host *h, const char *text)
{
	const struct prefix p = prefix_of(text);

	assert_true(store_held_add(&h->s->held, "blue", &p));
}

/* True: a transaction is owed. */
static bool plan(struct host *h)
{
	json_t *txn = store_plan(h->s, 1);
	const bool is_owed = txn != NULL;

	json_decref(txn);
	return is_owed;
}

static struct lease lease_of(const char *id, const char *ifname,
			     const char *owner, const char *ip)
{
	const struct prefix p = prefix_of(ip);
	struct lease l;

	memset(&l, 0, sizeof(l));
	strcpy(l.network, "blue");
	strcpy(l.container_id, id);
	strcpy(l.ifname, ifname);
	strcpy(l.owner, owner);
	strcpy(l.boot, "now");
	l.n_ips = 1;
	l.ips[0] = p.ip;
	l.prefix_lens[0] = p.len;
	return l;
}

static struct lease *add(struct host *h, struct lease l, const char *boot)
{
	struct error e = { .code = "" };
	struct lease *kept;

	strcpy(l.boot, boot);
	kept = ipam_book_add(&h->i.book, &l, &e);
	assert_non_null(kept);
	return kept;
}

/* What a container gets now. */
static const char *pick(struct host *h)
{
	const vni_t vni = settings_vni(&h->d->settings, "blue");
	static char text[ADDR_IP_SIZE];
	struct error e = { .code = "" };
	struct lease l;

	ipam_lease_fill(&h->i, &l, "blue", "new", "eth0", "");
	return ipam_pick_any(&h->i, &l, vni, &e) == 0
		       ? addr_print_ip(&l.ips[0], text)
		       : "none";
}

/* ---- what etcd says that we have */

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

/* ---- what is given out */

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
	const struct ipam_ask ask = { .network = "blue",
				      .container_id = "a",
				      .ifname = "eth0",
				      .owner = "" };
	const struct prefix other = prefix_of("10.32.6.1/32");
	struct error e = { .code = "" };
	const struct lease *l;

	configure(h, "block", "10.32.5.0/29 10.32.6.0/29");
	ipam_block_reload(&h->i);
	add(h, lease_of("a", "eth0", "", "10.32.5.2/29"), "before");
	BLOCK_OF(h->i.blocks.next)->is_disputed = true;
	l = ipam_ask_claim(&h->i, &ask, &e);
	assert_non_null(l);
	assert_true(ip_equal(&l->ips[0], &other.ip));
	assert_int_equal(h->i.book.n, 1);
	/* Of this life it keeps what it has. */
	BLOCK_OF(h->i.blocks.next->next)->is_disputed = true;
	l = ipam_ask_claim(&h->i, &ask, &e);
	assert_non_null(l);
	assert_true(ip_equal(&l->ips[0], &other.ip));
}

/* Nor is it given while the store does not say that the host is heard. */
static void test_stale_without_store(void **state)
{
	struct host *h = *state;
	const struct ipam_ask ask = { .network = "blue",
				      .container_id = "a",
				      .ifname = "eth0",
				      .owner = "" };
	struct error e = { .code = "" };

	configure(h, "range", "10.32.0.0/16");
	hold(h, "10.32.5.0/24");
	h->i.store = h->s;
	ipam_block_reload(&h->i);
	add(h, lease_of("a", "eth0", "", "10.32.5.2/16"), "before");
	h->s->state = STORE_OLD;
	assert_null(ipam_ask_claim(&h->i, &ask, &e));
	assert_string_equal(e.code, "cloned");
	h->s->state = STORE_UP;
	h->s->safe_until = USEC_NEVER;
	assert_non_null(ipam_ask_claim(&h->i, &ask, &e));
}

/* ---- the book */

static void test_boot_that_is_not_saved(void **state)
{
	struct host *h = *state;
	const struct ipam_ask ask = { .network = "blue",
				      .container_id = "a",
				      .ifname = "eth0",
				      .owner = "" };
	struct error e = { .code = "" };
	char aside[64];

	configure(h, "block", "10.32.5.0/24");
	add(h, lease_of("a", "eth0", "", "10.32.5.2/24"), "before");
	ipam_block_reload(&h->i);
	snprintf(aside, sizeof(aside), "%s/aside", h->directory);
	assert_int_equal(rename(h->i.book.directory, aside), 0);
	assert_null(ipam_ask_claim(&h->i, &ask, &e));
	assert_null(ipam_ask_claim(&h->i, &ask, &e));
	assert_int_equal(rename(aside, h->i.book.directory), 0);
	assert_non_null(ipam_ask_claim(&h->i, &ask, &e));
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

#define ONE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

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
		ONE(test_gateway_by_reload),
		ONE(test_others_hint),
		ONE(test_ready_beside_foreign),
		ONE(test_ready_without_etcd),
		ONE(test_stale_makes_way),
		ONE(test_stale_of_another),
		ONE(test_stale_without_store),
		ONE(test_boot_that_is_not_saved),
		ONE(test_file_of_each),
		ONE(test_note_that_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
