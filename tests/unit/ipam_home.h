/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IPAM_HOME_H
#define IPAM_HOME_H

/*
 * A daemon as far as its addresses go, with a directory of its own and no etcd:
 * what etcd would say is told by hand. Included by one file a program.
 */

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

#define ONE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static const struct ipam_ask container_a = {
	.network = "blue", .container_id = "a", .ifname = "eth0", .owner = ""
};

struct host {
	char directory[32];
	struct daemon *d;
	struct store *s;
	struct ipam i;
	unsigned int n_changed;
	char told[256]; /* of the first block, when it was said to be other */
};

static inline void configure(struct host *h, const char *key, const char *value)
{
	struct error e = { .code = "" };

	assert_int_equal(ipam_settings_network(&h->d->settings.ipam, "blue",
					       key, value, &e),
			 0);
}

static inline void on_changed(void *ctx)
{
	struct host *h = ctx;

	h->n_changed++;
	strcpy(h->told, h->s->held.list[0].reason);
}

static inline void open_store(struct host *h)
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

static inline int set_up(void **state)
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

static inline int tear_down(void **state)
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

static inline struct prefix prefix_of(const char *text)
{
	struct prefix p;

	memset(&p, 0, sizeof(p));
	assert_true(addr_parse_prefix(text, &p.ip, &p.len));
	return p;
}

static inline void view_block(struct host *h, const char *network,
			      const char *text, peer_id_t id)
{
	struct store_block *b = &h->s->view.blocks[h->s->view.n_blocks++];

	memset(b, 0, sizeof(*b));
	strcpy(b->network, network);
	b->prefix = prefix_of(text);
	b->id = id;
	b->rev = 1;
}

static inline void hold(struct host *h, const char *text)
{
	const struct prefix p = prefix_of(text);

	assert_true(store_held_add(&h->s->held, "blue", &p));
}

/* True: a transaction is owed. */
static inline bool plan(struct host *h)
{
	json_t *txn = store_plan(h->s, 1);
	const bool is_owed = txn != NULL;

	json_decref(txn);
	return is_owed;
}

static inline struct lease lease_of(const char *id, const char *ifname,
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

static inline struct lease *add(struct host *h, struct lease l,
				const char *boot)
{
	struct error e = { .code = "" };
	struct lease *kept;

	strcpy(l.boot, boot);
	kept = ipam_book_add(&h->i.book, &l, &e);
	assert_non_null(kept);
	return kept;
}

/* What a container gets now. */
static inline const char *pick(struct host *h)
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

#endif
