/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam.h"

#include "core/alloc.h"
#include "ipam/claims.h"
#include "ipam_block.h"
#include "ipam_dispute.h"
#include "ipam_memory.h"
#include "ipam_peers.h"
#include "ipam_state.h"
#include "state.h"
#include "store.h"

const struct ipam_book *ipam_leases(const struct ipam *i)
{
	return &i->book;
}

const struct claims *ipam_claims(const struct ipam *i)
{
	return ipam_peers_claims(i->peers);
}

struct store *ipam_store(const struct ipam *i)
{
	return i->store;
}

/* The blocks are others, by the settings or by the store. */
static void take_blocks(struct ipam *i)
{
	ipam_block_reload(i);
	ipam_dispute_announce(i);
	ipam_dispute_judge(i);
}

void ipam_reload(struct ipam *i)
{
	if (i->store)
		store_reload(i->store);
	take_blocks(i);
}

static void on_store(void *ctx)
{
	take_blocks(ctx);
}

static int open_store(struct ipam *i, struct error *e)
{
	if (i->d->settings.ipam.store != IPAM_ETCD)
		return 0;
	i->store = store_open(i->d, ipam_peers_claims(i->peers), on_store, i,
			      e);
	if (!i->store)
		return -1;
	/* Counted on over restarts, whatever was given back meanwhile. */
	if (store_serial(i->store) > i->book.serial)
		i->book.serial = store_serial(i->store);
	else
		store_note(i->store, i->book.serial);
	return 0;
}

struct ipam *ipam_open(struct daemon *d, struct error *e)
{
	struct ipam *i = core_alloc(sizeof(*i));

	i->d = d;
	list_init(&i->blocks);
	ipam_memory_boot(i->boot);
	i->peers = ipam_peers_new(d);
	i->memory = ipam_memory_open(d->loop, ipam_peers_claims(i->peers),
				     d->settings.state_dir);
	if (ipam_book_open(&i->book, d->settings.state_dir, e) ||
	    open_store(i, e)) {
		ipam_close(i);
		return NULL;
	}
	ipam_reload(i);
	return i;
}

void ipam_close(struct ipam *i)
{
	if (!i)
		return;
	ipam_block_close(i);
	store_close(i->store);
	ipam_memory_close(i->memory);
	ipam_book_close(&i->book);
	ipam_peers_free(i->peers);
	free(i);
}

void ipam_event(struct ipam *i, const struct event *ev)
{
	if (ipam_peers_event(i->peers, ev))
		ipam_dispute_judge(i);
}

bool ipam_talks(const struct ipam *i, peer_id_t id)
{
	return ipam_peers_talk(i->peers, id);
}

bool ipam_forget(struct ipam *i, peer_id_t id)
{
	if (ipam_peers_talk(i->peers, id))
		return false;
	claims_forget(ipam_peers_claims(i->peers), id);
	ipam_dispute_judge(i);
	return true;
}
