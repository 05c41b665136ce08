/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam_ask.h"

#include <string.h>

#include "ipam_block.h"
#include "ipam_lease.h"
#include "ipam_peers.h"
#include "ipam_pick.h"
#include "ipam_state.h"
#include "state.h"
#include "store.h"
#include "sys/clock.h"
#include "sys/error.h"

static int not_yet(const struct ipam *i, struct error *e)
{
	if (clock_monotonic_us() >= i->d->started_at + IPAM_SETTLE_US ||
	    ipam_peers_have_said(i->peers))
		return 0;
	error_set(e, "not-yet",
		  "the daemon has just started, and waits for other hosts to "
		  "say which addresses are theirs");
	return error_hint(e, "try again in a few seconds");
}

static bool is_what_was_asked(const struct lease *l, const struct ipam_ask *ask)
{
	size_t k;

	if (strcmp(l->network, ask->network) != 0)
		return false;
	for (k = 0; k < ask->n_ips; k++) {
		if (!ip_is_among(&ask->ips[k], l->ips, l->n_ips))
			return false;
	}
	return true;
}

static int has_others(const struct lease *l, struct error *e)
{
	error_set(e, "in-use",
		  "%s of %s has other addresses already, of network %s",
		  l->ifname, l->container_id, l->network);
	return error_hint(e,
			  "give these back first: fastdpctl ipam free %s "
			  "%s%s%s",
			  l->container_id, l->ifname,
			  l->owner[0] ? " --owner " : "", l->owner);
}

/*
 * Of an earlier life of the host: it is given out anew. While the host was away
 * its block may have become another's. False: it is not to be had any more.
 */
static bool is_to_be_had(const struct ipam *i, const struct lease *l)
{
	const vni_t vni = settings_vni(&i->d->settings, l->network);
	size_t k;

	for (k = 0; k < l->n_ips; k++) {
		if (!ipam_pick_is_ours(i, vni, &l->ips[k]))
			return false;
	}
	return true;
}

/* It is of this life of the host from now on. */
static const struct lease *renew(struct ipam *i, struct lease *l,
				 struct error *e)
{
	char old[IPAM_MAX_BOOT];

	if (strcmp(l->boot, i->boot) == 0)
		return l;
	strcpy(old, l->boot);
	strcpy(l->boot, i->boot);
	if (ipam_book_save(&i->book, l, e) == 0)
		return l;
	strcpy(l->boot, old); /* the next try saves it, too */
	return NULL;
}

static int ensure_gateway(struct ipam *i, const char *network, vni_t vni,
			  struct error *e)
{
	struct lease *kept = ipam_lease_gateway(i, network);
	struct lease lease;

	if (kept && (strcmp(kept->boot, i->boot) == 0 || is_to_be_had(i, kept)))
		return renew(i, kept, e) ? 0 : -1;
	if (kept && ipam_lease_drop(i, kept, e))
		return -1;
	ipam_lease_fill_gateway(i, &lease, network);
	if (ipam_pick_any(i, &lease, vni, e) == 0 &&
	    ipam_book_add(&i->book, &lease, e))
		return 0;
	ipam_block_give_back(i, &lease);
	return -1;
}

static const struct lease *claim_new(struct ipam *i, const struct ipam_ask *ask,
				     vni_t vni, struct error *e)
{
	struct lease lease, *kept = NULL;

	ipam_lease_fill(i, &lease, ask->network, ask->container_id, ask->ifname,
			ask->owner);
	if ((ask->n_ips
		     ? ipam_pick_these(i, &lease, vni, ask->ips, ask->n_ips, e)
		     : ipam_pick_any(i, &lease, vni, e)) == 0)
		kept = ipam_book_add(&i->book, &lease, e);
	if (kept && i->store)
		store_note(i->store, i->book.serial);
	if (!kept) {
		ipam_block_give_back(i, &lease);
		ipam_lease_drop_gateway(i, ask->network);
	}
	return kept;
}

const struct lease *ipam_ask_claim(struct ipam *i, const struct ipam_ask *ask,
				   struct error *e)
{
	const vni_t vni = settings_vni(&i->d->settings, ask->network);
	struct lease *kept;

	kept = ipam_book_find(&i->book, ask->container_id, ask->ifname,
			      ask->owner);
	if (kept && !is_what_was_asked(kept, ask)) {
		has_others(kept, e);
		return NULL;
	}
	if (kept && !ipam_lease_is_stale(i, kept))
		return renew(i, kept, e);
	if (not_yet(i, e) || (i->store && store_check(i->store, e)))
		return NULL;
	if (kept && !is_to_be_had(i, kept) && ipam_lease_drop(i, kept, e))
		return NULL;
	if (ask->has_gateway && ensure_gateway(i, ask->network, vni, e))
		return NULL;
	/* The gateway may have had no other address than this one's. */
	kept = ipam_book_find(&i->book, ask->container_id, ask->ifname,
			      ask->owner);
	return kept ? renew(i, kept, e) : claim_new(i, ask, vni, e);
}

int ipam_ask_free(struct ipam *i, const char *container_id, const char *ifname,
		  const char *owner, struct error *e)
{
	struct lease *l = ipam_book_find(&i->book, container_id, ifname, owner);

	if (!l)
		return 0;
	if (ipam_lease_has_port(i, l))
		return error_set(e, "in-use",
				 "%s of %s is attached: its addresses are in "
				 "use",
				 ifname, container_id);
	return ipam_lease_drop(i, l, e) ? -1 : 1;
}

int ipam_ask_ready(struct ipam *i, const char *network, struct error *e)
{
	const vni_t vni = settings_vni(&i->d->settings, network);
	unsigned int family, n = 0;

	if (not_yet(i, e) || (i->store && store_check(i->store, e)))
		return -1;
	for (family = 0; family < 2; family++) {
		if (!ipam_pick_wants(i, network, vni, family == 0))
			continue;
		n++;
		if (ipam_pick_has_free(i, vni, family == 0) ||
		    ipam_lease_has_stale(i, vni))
			continue;
		if (!i->store)
			return ipam_pick_nothing_left(i, vni, family == 0,
						      network, e);
		/* Under way is well: ADD waits for it. */
		if (store_want(i->store, network, family == 0, e))
			return -1;
	}
	return n ? 0 : ipam_pick_no_block(network, e);
}

bool ipam_ask_gateway(const struct ipam *i, const char *network, bool is_host,
		      const struct ip *ip, struct ip *ret)
{
	const struct ipam_network *n = ipam_settings_find(&i->d->settings.ipam,
							  network);
	const struct lease *l = is_host ? ipam_lease_gateway(i, network) : NULL;
	const size_t count = is_host ? (l ? l->n_ips : 0)
				     : (n ? n->n_gateways : 0);
	const struct ip *list = is_host ? (l ? l->ips : NULL)
					: (n ? n->gateways : NULL);
	size_t k;

	for (k = 0; k < count; k++) {
		if (ip_is_v4(&list[k]) == ip_is_v4(ip)) {
			*ret = list[k];
			return true;
		}
	}
	return false;
}
