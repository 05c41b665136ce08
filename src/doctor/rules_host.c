/* SPDX-License-Identifier: Apache-2.0 */

/* Who this host is, and whether addresses mean one thing only. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "judges.h"
#include "sys/addr.h"

#define MAX_RANGES 256U

struct range {
	struct ip ip;
	uint8_t len; /* of 128: IPv4 is mapped */
};

static bool parse_range(const char *text, struct range *ret)
{
	uint8_t len;

	if (!addr_parse_prefix(text, &ret->ip, &len))
		return false;
	ret->len = ip_is_v4(&ret->ip) ? (uint8_t)(len + 96) : len;
	return true;
}

static bool parse_address(const char *text, struct range *ret)
{
	ret->len = 128;
	return addr_parse_ip(text, &ret->ip);
}

static bool is_same(const struct ip *a, const struct ip *b, unsigned int len)
{
	const unsigned int bytes = len / 8;
	const unsigned int mask = 0xff00U >> len % 8 & 0xff;

	if (memcmp(a->b, b->b, bytes) != 0)
		return false;
	return bytes == sizeof(a->b) ||
	       ((unsigned int)(a->b[bytes] ^ b->b[bytes]) & mask) == 0;
}

static bool overlaps(const struct range *a, const struct range *b)
{
	if (ip_is_v4(&a->ip) != ip_is_v4(&b->ip))
		return false;
	return is_same(&a->ip, &b->ip, a->len < b->len ? a->len : b->len);
}

static void add_range(struct range *list, size_t *n, const struct range *range)
{
	size_t i;

	for (i = 0; i < *n; i++) {
		if (list[i].len == range->len &&
		    is_same(&list[i].ip, &range->ip, range->len))
			return;
	}
	if (*n < MAX_RANGES)
		list[(*n)++] = *range;
}

/* The one network that the host itself can have an address in: expose. */
#define HOST_NETWORK "default"

static bool is_in_host_network(const struct facts_port *port)
{
	return !port->network[0] || strcmp(port->network, HOST_NETWORK) == 0;
}

static size_t container_ranges(const struct facts *f, struct range *ret)
{
	struct range range;
	size_t i, j, n = 0;

	for (i = 0; i < f->n_ports; i++) {
		if (!is_in_host_network(&f->ports[i]))
			continue;
		for (j = 0; j < f->ports[i].n_addresses; j++) {
			if (parse_range(f->ports[i].addresses[j].prefix,
					&range))
				add_range(ret, &n, &range);
		}
	}
	return n;
}

static const char *print(const struct range *r, char text[ADDR_PREFIX_SIZE])
{
	return addr_print_prefix(&r->ip,
				 ip_is_v4(&r->ip) ? (uint8_t)(r->len - 96)
						  : r->len,
				 text);
}

static void judge_route(const struct facts *f, const struct range *range,
			const struct facts_prefix *route, struct findings *ret)
{
	char text[ADDR_PREFIX_SIZE];
	struct range other;
	struct finding *item;

	/* Of the host's own port in the network. */
	if (strcmp(route->ifname, f->daemon.datapath_name) == 0 ||
	    !parse_range(route->prefix, &other) || !overlaps(range, &other))
		return;
	item = findings_add(ret, GROUP_HOST, SEVERITY_WARNING, "range-route",
			    route->prefix);
	finding_title(item,
		      "containers' addresses %s are routed elsewhere, too",
		      print(range, text));
	finding_evidence(item, "this host has a route %s by %s", route->prefix,
			 route->ifname);
	finding_consequence(item, "this host and what it forwards for do not "
				  "reach those containers, or containers do "
				  "not reach what is there");
	/* No command: who needs the route cannot be seen from here, and one
	 * too many takes this host off its network. */
	finding_remedy(item,
		       "give containers a range that no route has; a route "
		       "by %s that nothing needs any more goes where it "
		       "was set up",
		       route->ifname);
}

static void judge_underlay(const struct range *range,
			   const struct facts_peer *peer, struct findings *ret)
{
	char text[ADDR_PREFIX_SIZE];
	struct range other;
	struct finding *item;

	if (!parse_address(peer->address, &other) || !overlaps(range, &other))
		return;
	item = findings_add(ret, GROUP_HOST, SEVERITY_ERROR, "range-underlay",
			    peer->address);
	finding_title(item,
		      "the peer %s has an address of the containers' "
		      "range",
		      peer->nickname[0] ? peer->nickname : peer->name);
	finding_evidence(item, "%s is in %s", peer->address,
			 print(range, text));
	finding_consequence(item, "as soon as the host is in that network "
				  "(expose), packets of the tunnel go into the "
				  "tunnel");
	finding_remedy(item, "give containers a range that no host is in");
}

static void judge_ranges(const struct facts *f, struct findings *ret)
{
	struct range *ranges = calloc(MAX_RANGES, sizeof(*ranges));
	struct finding *item;
	size_t i, j, n, n_before = ret->n;

	if (!ranges)
		abort();
	n = container_ranges(f, ranges);
	for (i = 0; i < n; i++) {
		for (j = 0; j < f->n_routes; j++)
			judge_route(f, &ranges[i], &f->routes[j], ret);
		for (j = 0; j < f->n_peers; j++)
			judge_underlay(&ranges[i], &f->peers[j], ret);
	}
	free(ranges);
	if (!n || ret->n != n_before)
		return;
	item = findings_add(ret, GROUP_HOST, SEVERITY_OK, "ranges", NULL);
	finding_title(item, "the containers' addresses are nobody else's");
	finding_evidence(item, "%zu range%s, %zu route%s%s", n,
			 n == 1 ? "" : "s", f->n_routes,
			 f->n_routes == 1 ? "" : "s",
			 f->has_too_many_routes ? ", not all" : "");
}

static bool is_block(const struct facts_block *block, const char *state)
{
	return strcmp(block->state, state) == 0;
}

static bool is_v4_block(const struct facts_block *block)
{
	return !strchr(block->block, ':');
}

/* Another block that new containers get what they asked this one for of. */
static bool has_room(const struct facts *f, const struct facts_block *full)
{
	size_t i;

	for (i = 0; i < f->daemon.n_blocks; i++) {
		const struct facts_block *other = &f->daemon.blocks[i];

		if (is_block(other, "up") &&
		    strcmp(other->network, full->network) == 0 &&
		    is_v4_block(other) == is_v4_block(full))
			return true;
	}
	return false;
}

static void say_block(const struct facts *f, const struct facts_block *block,
		      struct finding *item)
{
	finding_title(item, "this host's block of addresses %s is %s",
		      block->block, block->state);
	finding_evidence(item, "network %s, %u of %u given, store %s%s%s",
			 block->network, block->used, block->size,
			 f->daemon.store, block->reason[0] ? "; " : "",
			 block->reason);
}

/* The daemon leases blocks as they are needed: a full one is no fault. */
static void judge_full(const struct facts *f, const struct facts_block *block,
		       struct findings *ret)
{
	const bool is_leased = strcmp(f->daemon.store, "etcd") == 0;
	struct finding *item;

	if (has_room(f, block))
		return;
	item = findings_add(ret, GROUP_HOST,
			    is_leased ? SEVERITY_NOTE : SEVERITY_WARNING,
			    "block-full", block->block);
	say_block(f, block, item);
	if (is_leased) {
		finding_consequence(item, "a further block is leased when the "
					  "next container asks, as long as the "
					  "network's range has one");
		finding_remedy(item, "nothing; when the range has none left, "
				     "'fastdpctl ipam reclaim HOST' for hosts "
				     "that are gone for good, or a larger "
				     "range in fastdpd.conf(5)");
		return;
	}
	finding_consequence(item, "new containers here get no address of "
				  "this network");
	finding_remedy(item, "declare a further block for this host in "
			     "fastdpd.conf(5) and 'fastdpctl reload', or take "
			     "containers away that are not needed");
}

static void judge_block(const struct facts *f, const struct facts_block *block,
			struct findings *ret)
{
	struct finding *item;

	if (is_block(block, "up"))
		return;
	if (is_block(block, "full")) {
		judge_full(f, block, ret);
		return;
	}
	item = findings_add(ret, GROUP_HOST, SEVERITY_ERROR, "block",
			    block->block);
	say_block(f, block, item);
	finding_consequence(item, "new containers here get no address of it");
	finding_remedy(item, "'fastdpctl ipam list' on the hosts that are "
			     "named; let one of them have it");
}

/* Of the store that blocks are leased from. */
static const struct {
	const char *state;
	enum severity severity;
	const char *title, *consequence, *remedy;
} store_states[] = {
	{ "starting", SEVERITY_WARNING, "etcd has not answered yet",
	  "new containers here get no address until it does",
	  "see that etcd runs, and that the endpoints in "
	  "fastdpd.conf are reached from here" },
	{ "unreachable", SEVERITY_WARNING, "etcd is out of reach",
	  "no further block is leased, and soon nothing is given out",
	  "see that etcd runs and is reached from here" },
	{ "expired", SEVERITY_ERROR, "etcd has been out of reach for too long",
	  "new containers here get no address; those that run keep "
	  "theirs",
	  "see that etcd runs and is reached from here; the rest "
	  "follows by itself" },
	{ "new", SEVERITY_WARNING, "etcd is new, or has lost its data",
	  "no block is leased until hosts have told it theirs",
	  "wait for half of lease-time; when it had lost its data, "
	  "see that fastdpd runs on every host that had a block" },
	{ "cloned", SEVERITY_ERROR,
	  "another host leases blocks with this host's identity",
	  "new containers here get no address",
	  "on the clone: stop fastdpd, empty its state directory, "
	  "start it" },
	{ "old", SEVERITY_ERROR, "this host's state directory is an old copy",
	  "new containers here get no address",
	  "stop fastdpd, empty its state directory, start it; if this "
	  "host is the only one of its name, 'fastdpctl ipam reclaim' "
	  "on another host gives its blocks back" },
};

/* Where blocks are leased, and why it may give none, in the daemon's words. */
static void judge_store(const struct facts *f, struct findings *ret)
{
	struct finding *item;
	size_t i;

	for (i = 0; i < sizeof(store_states) / sizeof(store_states[0]); i++) {
		if (strcmp(f->daemon.store_state, store_states[i].state) != 0)
			continue;
		item = findings_add(ret, GROUP_HOST, store_states[i].severity,
				    "block-store", store_states[i].state);
		finding_title(item, "%s", store_states[i].title);
		finding_evidence(item, "%s", f->daemon.store_reason);
		finding_consequence(item, "%s", store_states[i].consequence);
		finding_remedy(item, "%s", store_states[i].remedy);
	}
}

static void judge_machine_id(const struct facts *f, struct findings *ret)
{
	struct finding *item;

	if (strcmp(f->machine_id_state, "absent") != 0 &&
	    strcmp(f->machine_id_state, "malformed") != 0)
		return;
	item = findings_add(ret, GROUP_HOST, SEVERITY_NOTE, "machine-id", NULL);
	finding_title(item, "/etc/machine-id is %s", f->machine_id_state);
	finding_evidence(item, "machine-id(5) wants 32 hexadecimal digits");
	finding_consequence(item, "an image with no identity of its own; MACs "
				  "that others derive from it repeat on its "
				  "clones");
	finding_remedy(item, "systemd-machine-id-setup");
}

/* Two hosts with one name: a clone, that took the identity along. */
static void judge_clones(const struct facts *f, struct findings *ret)
{
	struct finding *item;
	size_t i;

	for (i = 0; i < f->n_peers; i++) {
		if (!f->daemon.name[0] ||
		    strcmp(f->peers[i].name, f->daemon.name) != 0)
			continue;
		item = findings_add(ret, GROUP_HOST, SEVERITY_ERROR, "identity",
				    f->peers[i].address);
		finding_title(item, "%s has the identity of this host",
			      f->peers[i].address);
		finding_evidence(item, "both are %s", f->daemon.name);
		finding_consequence(item, "one of them was cloned with its "
					  "state; they refuse each other");
		finding_remedy(item, "on the clone: stop fastdpd, remove "
				     "/var/lib/fastdp/identity, start it");
	}
}

void rules_host(const struct facts *f, struct findings *ret)
{
	size_t i;

	for (i = 0; i < f->daemon.n_blocks; i++)
		judge_block(f, &f->daemon.blocks[i], ret);
	judge_store(f, ret);
	judge_machine_id(f, ret);
	judge_clones(f, ret);
	judge_ranges(f, ret);
}
