/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam_dispute.h"

#include <stdio.h>
#include <string.h>

#include "core/message.h"
#include "ipam_block.h"
#include "ipam_memory.h"
#include "ipam_peers.h"
#include "ipam_state.h"
#include "log.h"
#include "state.h"
#include "sys/addr.h"

static const char *print_block(const struct ipam_block *b,
			       char ret[ADDR_PREFIX_SIZE])
{
	const struct prefix *p = pool_block(b->pool);

	return addr_print_prefix(&p->ip, p->len, ret);
}

static void judge(struct ipam *i, struct ipam_block *b)
{
	char ours[ADDR_PREFIX_SIZE], theirs[ADDR_PREFIX_SIZE];
	const bool was_disputed = b->is_disputed;
	struct claim claim;

	print_block(b, ours);
	if (b->store_reason[0]) {
		b->is_disputed = true;
		strcpy(b->reason, b->store_reason);
		return;
	}
	b->is_disputed = claims_find(ipam_peers_claims(i->peers), b->vni,
				     pool_block(b->pool), &claim);
	b->reason[0] = '\0';
	if (b->is_disputed)
		snprintf(b->reason, sizeof(b->reason),
			 "%s of %s and %s of %s overlap in network %s: neither "
			 "host gives out addresses of it",
			 ours, i->d->settings.nickname,
			 addr_print_prefix(&claim.block.ip,
					   claim.block.prefix_len, theirs),
			 claim.nickname, b->network);
	if (b->is_disputed && !was_disputed)
		log_error("%s", b->reason);
	else if (!b->is_disputed && was_disputed)
		log_info("nobody else claims %s of network %s any more", ours,
			 b->network);
}

/* A dispute is remembered at once: a restart must not forget it. */
void ipam_dispute_judge(struct ipam *i)
{
	bool is_worse = false;

	EACH_BLOCK(i, node)
	{
		const bool was_disputed = BLOCK_OF(node)->is_disputed;

		judge(i, BLOCK_OF(node));
		is_worse |= BLOCK_OF(node)->is_disputed && !was_disputed;
	}
	if (is_worse)
		ipam_memory_save(i->memory);
	else
		ipam_memory_changed(i->memory);
}

/* Addresses in use of a block that is ours no more are still in use. */
void ipam_dispute_announce(struct ipam *i)
{
	struct block list[MESSAGE_MAX_BLOCKS];
	uint32_t n = 0;
	size_t k;

	memset(list, 0, sizeof(list));
	EACH_BLOCK(i, node)
	{
		const struct ipam_block *b = BLOCK_OF(node);
		const struct prefix *p = pool_block(b->pool);

		if (n == MESSAGE_MAX_BLOCKS)
			break;
		list[n].vni = b->vni;
		list[n].ip = p->ip;
		list[n++].prefix_len = p->len;
	}
	EACH_LEASE(&i->book, node)
	{
		const struct lease *l = LEASE_OF(node);
		const vni_t vni = settings_vni(&i->d->settings, l->network);

		for (k = 0; k < l->n_ips && n < MESSAGE_MAX_BLOCKS; k++) {
			if (ipam_block_find(i, vni, &l->ips[k]))
				continue;
			list[n].vni = vni;
			list[n].ip = l->ips[k];
			list[n++].prefix_len = ip_is_v4(&l->ips[k]) ? 32 : 128;
		}
	}
	ipam_peers_announce(i->peers, list, n);
}
