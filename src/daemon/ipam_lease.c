/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam_lease.h"

#include <stdio.h>
#include <string.h>

#include "ipam_block.h"
#include "ipam_dispute.h"
#include "ipam_state.h"
#include "log.h"
#include "state.h"
#include "sys/error.h"

/* Of the leases for this host itself. */
#define GATEWAY_OWNER "gateway:"
#define GATEWAY_IFNAME "gateway"

void ipam_lease_fill(const struct ipam *i, struct lease *ret,
		     const char *network, const char *container_id,
		     const char *ifname, const char *owner)
{
	memset(ret, 0, sizeof(*ret));
	strcpy(ret->network, network);
	strcpy(ret->container_id, container_id);
	strcpy(ret->ifname, ifname);
	strcpy(ret->owner, owner);
	strcpy(ret->boot, i->boot);
}

bool ipam_lease_has_port(const struct ipam *i, const struct lease *l)
{
	EACH_RECORD(&i->d->ports, node)
	{
		const struct port_record *r = RECORD_OF(node);

		if (strcmp(r->container_id, l->container_id) == 0 &&
		    strcmp(r->ifname, l->ifname) == 0 &&
		    strcmp(r->owner, l->owner) == 0)
			return true;
	}
	return false;
}

static bool is_gateway(const struct lease *l)
{
	return strncmp(l->owner, GATEWAY_OWNER, strlen(GATEWAY_OWNER)) == 0;
}

bool ipam_lease_is_stale(const struct ipam *i, const struct lease *l)
{
	return !is_gateway(l) && strcmp(l->boot, i->boot) != 0 &&
	       !ipam_lease_has_port(i, l);
}

bool ipam_lease_has_stale(const struct ipam *i, vni_t vni)
{
	EACH_LEASE(&i->book, node)
	{
		const struct lease *l = LEASE_OF(node);

		if (settings_vni(&i->d->settings, l->network) == vni &&
		    ipam_lease_is_stale(i, l))
			return true;
	}
	return false;
}

static void gateway_owner(const char *network, char ret[LEASE_MAX_TEXT])
{
	snprintf(ret, LEASE_MAX_TEXT, GATEWAY_OWNER "%s", network);
}

void ipam_lease_fill_gateway(const struct ipam *i, struct lease *ret,
			     const char *network)
{
	char owner[LEASE_MAX_TEXT];

	gateway_owner(network, owner);
	ipam_lease_fill(i, ret, network, "", GATEWAY_IFNAME, owner);
}

struct lease *ipam_lease_gateway(const struct ipam *i, const char *network)
{
	char owner[LEASE_MAX_TEXT];

	gateway_owner(network, owner);
	return ipam_book_find(&i->book, "", GATEWAY_IFNAME, owner);
}

static bool has_others(const struct ipam *i, const struct lease *gateway)
{
	EACH_LEASE(&i->book, node)
	{
		const struct lease *l = LEASE_OF(node);

		if (l != gateway && strcmp(l->network, gateway->network) == 0)
			return true;
	}
	return false;
}

/* The host's own gateway goes with the last container of the network. */
void ipam_lease_drop_gateway(struct ipam *i, const char *network)
{
	struct lease *gateway = ipam_lease_gateway(i, network), gone;
	struct error e = { .code = "" };

	if (!gateway || has_others(i, gateway))
		return;
	gone = *gateway;
	if (ipam_book_remove(&i->book, gateway, &e))
		log_warn("%s", e.message);
	else
		ipam_block_give_back(i, &gone);
}

/* Its network's gateway stays. */
static int drop_one(struct ipam *i, struct lease *l, struct error *e)
{
	struct lease gone = *l;

	if (ipam_book_remove(&i->book, l, e))
		return -1;
	ipam_block_give_back(i, &gone);
	return 0;
}

int ipam_lease_drop(struct ipam *i, struct lease *l, struct error *e)
{
	char network[MAX_NAME];

	strcpy(network, l->network);
	if (drop_one(i, l, e))
		return -1;
	ipam_lease_drop_gateway(i, network);
	ipam_dispute_announce(i);
	return 0;
}

/* The lease that this one makes way for is not in the book yet: the gateway
 * of @network must not go, or the container would get its address. */
static bool drop_for(struct ipam *i, struct lease *l, const char *network)
{
	struct error e = { .code = "" };
	char old[MAX_NAME];

	strcpy(old, l->network);
	log_info("the addresses of %s, that this host had before it was "
		 "booted, are free",
		 l->container_id);
	if (drop_one(i, l, &e)) {
		log_warn("%s", e.message);
		return false;
	}
	if (strcmp(old, network) != 0)
		ipam_lease_drop_gateway(i, old);
	ipam_dispute_announce(i);
	return true;
}

/*
 * Containers do not outlive their host's reboot. What they had is kept for
 * them in case that they come back, as long as there is enough.
 */
bool ipam_lease_drop_stale(struct ipam *i, const char *network, bool is_v4)
{
	const vni_t vni = settings_vni(&i->d->settings, network);

	EACH_LEASE(&i->book, node)
	{
		struct lease *l = LEASE_OF(node);
		size_t k;

		if (settings_vni(&i->d->settings, l->network) != vni ||
		    !ipam_lease_is_stale(i, l))
			continue;
		for (k = 0; k < l->n_ips; k++) {
			if (ip_is_v4(&l->ips[k]) == is_v4 &&
			    ipam_block_find(i, vni, &l->ips[k]))
				return drop_for(i, l, network);
		}
	}
	return false;
}
