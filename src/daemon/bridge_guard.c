/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge_guard.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "sys/nft.h"

/* Networks whose sets stay when the last port has gone: then all is made anew.
 */
#define MAX_TABLE_NETWORKS (2 * MAX_NETWORKS)
/* Another number for other rules: those of the last life are replaced. */
#define RULES_VERSION 2
#define MARK_SIZE NFT_MARK_SIZE

/* linux/netfilter_bridge.h needs headers that collide with ours. */
#define HOOK_PRE_ROUTING 0
#define HOOK_LOCAL_IN 1
#define HOOK_FORWARD 2
#define HOOK_LOCAL_OUT 3

struct guard {
	struct nft *nft; /* NULL: not open */
	int missing;	 /* 0, or -errno: why there are no rules */
	char name[NFT_NAME_SIZE], mark[MARK_SIZE];
	int error; /* of this transaction */
	/* The next one replaces what is there, and fills it. */
	bool is_stale;
	/* Networks that have their sets and chains in the table. */
	vni_t networks[MAX_TABLE_NETWORKS];
	size_t n_networks;
};

/* nft's numbers of types, and of two in one key: for "nft list". */
#define TYPE_IP4 7U
#define TYPE_IP6 8U
#define TYPE_MAC 9U
#define TYPE_PORT 20U
#define TYPE_OF(a, b) ((a) << 6 | (b))

/* A name that ends so is one of each network. */
#define OF_NETWORK '-'

static const struct nft_set sets[N_FACT_KINDS] = {
	[FACT_PORT] = { "ports-", 4, TYPE_PORT, true },
	[FACT_GUARDED] = { "guarded", 4, TYPE_PORT, true },
	[FACT_CLOSED] = { "closed", 4, TYPE_PORT, true },
	[FACT_SOURCE] = { "sources", 12, TYPE_OF(TYPE_PORT, TYPE_MAC), false },
	[FACT_KNOWN4] = { "known4-", 4, TYPE_IP4, false },
	[FACT_KNOWN6] = { "known6-", 16, TYPE_IP6, false },
	[FACT_OWNER4] = { "owners4", 8, TYPE_OF(TYPE_PORT, TYPE_IP4), false },
	[FACT_OWNER6] = { "owners6", 20, TYPE_OF(TYPE_PORT, TYPE_IP6), false },
	[FACT_HOST4] = { "host4-", 4, TYPE_IP4, false },
	[FACT_HOST6] = { "host6-", 16, TYPE_IP6, false },
};

/* The ports of all networks. */
static const struct nft_set all_ports = { "ports", 4, TYPE_PORT, true };

static const struct {
	const char *name;
	int hook;
} chains[] = {
	{ "sender", -1 },
	{ "container", -1 },
	{ "asked", -1 },
	{ "host", -1 },
	{ "prerouting", HOOK_PRE_ROUTING },
	{ "input", HOOK_LOCAL_IN },
	{ "forward", HOOK_FORWARD },
	{ "output", HOOK_LOCAL_OUT },
};

static const char *const network_chains[] = { "sender-", "asked-", "host-" };

#define LL NFT_PAYLOAD_LL_HEADER
#define NET NFT_PAYLOAD_NETWORK_HEADER
#define TRANSPORT NFT_PAYLOAD_TRANSPORT_HEADER

/* clang-format off */
#define META(k, r) { .type = NFT_STEP_META, .what = NFT_META_##k, .reg = (r) }
#define LOAD(base, at, n, r) \
	{ .type = NFT_STEP_PAYLOAD, .what = (base), .offset = (at), \
	  .size = (n), .reg = (r) }
#define IS(n, r, ...) \
	{ .type = NFT_STEP_EQUAL, .size = (n), .reg = (r), \
	  .data = { __VA_ARGS__ } }
#define AND(n, r, ...) \
	{ .type = NFT_STEP_MASK, .size = (n), .reg = (r), \
	  .data = { __VA_ARGS__ } }
#define IN(set, r) { .type = NFT_STEP_IN, .name = (set), .reg = (r) }
#define NOT_IN(set, r) { .type = NFT_STEP_NOT_IN, .name = (set), .reg = (r) }
#define GOTO(chain) { .type = NFT_STEP_GOTO, .name = (chain) }
#define DROP { .type = NFT_STEP_DROP }, { .type = NFT_STEP_END }
#define REFUSE { .type = NFT_STEP_COUNT }, DROP
#define GO(chain) GOTO(chain), { .type = NFT_STEP_END }

#define ETH_TYPE(a, b) LOAD(LL, 12, 2, 0), IS(2, 0, (a), (b))
#define IS_ARP ETH_TYPE(0x08, 0x06)
/* ICMPv6 right behind IPv6's header: as stacks send neighbour discovery. */
#define IS_ICMP6(t) \
	ETH_TYPE(0x86, 0xdd), LOAD(NET, 6, 1, 0), IS(1, 0, 58), \
	LOAD(NET, 40, 1, 0), IS(1, 0, (t))
/* Wherever it is: what receives it reads past extension headers. */
#define IS_ICMP6_BEHIND(t) \
	ETH_TYPE(0x86, 0xdd), META(L4PROTO, 0), IS(1, 0, 58), \
	LOAD(TRANSPORT, 0, 1, 0), IS(1, 0, (t))
#define IS_GROUP LOAD(LL, 0, 1, 0), AND(1, 0, 1), IS(1, 0, 1)
#define IS_ARP_REQUEST IS_ARP, LOAD(NET, 6, 2, 0), IS(2, 0, 0, 1)
#define ND_SOLICITATION 135
#define ND_ADVERTISEMENT 136
/* Into registers from 1 on: a port goes into 0. */
#define ETH_SRC LOAD(LL, 6, 6, 1)
#define ARP_SHA LOAD(NET, 8, 6, 1)
#define ARP_SPA LOAD(NET, 14, 4, 1)
#define ARP_TPA LOAD(NET, 24, 4, 1)
#define IP6_SRC LOAD(NET, 8, 16, 1)
#define ND_TARGET LOAD(NET, 48, 16, 1)
/* clang-format on */

#define MAX_STEPS 16

struct rule {
	const char *chain;
	struct nft_step steps[MAX_STEPS];
};

static const struct rule rules[] = {
	/* What comes from a port. */
	{ "prerouting", { META(IIF, 0), IN("guarded", 0), GO("container") } },
	{ "prerouting",
	  { META(IIF, 0), IN("ports", 0), ETH_TYPE(0x81, 0x00), REFUSE } },
	{ "prerouting",
	  { META(IIF, 0), IN("ports", 0), ETH_TYPE(0x88, 0xa8), REFUSE } },
	{ "container", { ETH_TYPE(0x81, 0x00), REFUSE } },
	{ "container", { ETH_TYPE(0x88, 0xa8), REFUSE } },
	{ "container",
	  { META(IIF, 0), ETH_SRC, NOT_IN("sources", 0), REFUSE } },
	{ "container",
	  { IS_ARP, META(IIF, 0), ARP_SHA, NOT_IN("sources", 0), REFUSE } },
	{ "container", { IS_ARP, GO("sender") } },
	{ "container", { IS_ICMP6(ND_SOLICITATION), GO("sender") } },
	{ "container", { IS_ICMP6(ND_ADVERTISEMENT), GO("sender") } },
	/* Who hides it means to get past the two before. */
	{ "container", { IS_ICMP6_BEHIND(ND_SOLICITATION), REFUSE } },
	{ "container", { IS_ICMP6_BEHIND(ND_ADVERTISEMENT), REFUSE } },
	/* What leaves through one: from another, or from the host. */
	{ "forward", { IS_GROUP, IS_ARP_REQUEST, GO("asked") } },
	{ "forward", { IS_GROUP, IS_ICMP6(ND_SOLICITATION), GO("asked") } },
	{ "output", { IS_GROUP, IS_ARP_REQUEST, GO("asked") } },
	{ "output", { IS_GROUP, IS_ICMP6(ND_SOLICITATION), GO("asked") } },
	/* What is for the host. */
	{ "input", { META(IIF, 0), IN("closed", 0), DROP } },
	{ "input", { IS_GROUP, IS_ARP_REQUEST, GO("host") } },
	{ "input", { IS_GROUP, IS_ICMP6(ND_SOLICITATION), GO("host") } },
};

static const struct rule network_rules[] = {
	{ "sender", { META(IIF, 0), IN("ports-", 0), GO("sender-") } },
	{ "asked", { META(OIF, 0), IN("ports-", 0), GO("asked-") } },
	{ "host", { META(IIF, 0), IN("ports-", 0), GO("host-") } },
	{ "sender-",
	  { IS_ARP, ARP_SPA, IN("known4-", 1), META(IIF, 0),
	    NOT_IN("owners4", 0), REFUSE } },
	{ "sender-",
	  { IS_ICMP6(ND_SOLICITATION), IP6_SRC, IN("known6-", 1), META(IIF, 0),
	    NOT_IN("owners6", 0), REFUSE } },
	{ "sender-",
	  { IS_ICMP6(ND_ADVERTISEMENT), ND_TARGET, IN("known6-", 1),
	    META(IIF, 0), NOT_IN("owners6", 0), REFUSE } },
	{ "asked-",
	  { IS_ARP, ARP_TPA, IN("known4-", 1), META(OIF, 0),
	    NOT_IN("owners4", 0), DROP } },
	{ "asked-",
	  { IS_ICMP6(ND_SOLICITATION), ND_TARGET, IN("known6-", 1),
	    META(OIF, 0), NOT_IN("owners6", 0), DROP } },
	{ "host-",
	  { IS_ARP, ARP_TPA, IN("known4-", 1), NOT_IN("host4-", 1), DROP } },
	{ "host-",
	  { IS_ICMP6(ND_SOLICITATION), ND_TARGET, IN("known6-", 1),
	    NOT_IN("host6-", 1), DROP } },
};

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

static bool is_of_network(const char *name)
{
	return name[strlen(name) - 1] == OF_NETWORK;
}

/* @name, or what it is in network @vni: in @ret. */
static const char *complete(const char *name, vni_t vni,
			    char ret[NFT_NAME_SIZE])
{
	if (!is_of_network(name))
		return name;
	snprintf(ret, NFT_NAME_SIZE, "%s%06x", name, vni & VNI_PROBE);
	return ret;
}

static void add_set(struct guard *g, const struct nft_set *set, vni_t vni)
{
	char name[NFT_NAME_SIZE];
	struct nft_set named = *set;

	named.name = complete(set->name, vni, name);
	nft_add_set(g->nft, &named);
}

static void add_rule(struct guard *g, const struct rule *rule, vni_t vni)
{
	char chain[NFT_NAME_SIZE], names[MAX_STEPS][NFT_NAME_SIZE];
	struct nft_step steps[MAX_STEPS];
	size_t i;

	memcpy(steps, rule->steps, sizeof(steps));
	for (i = 0; steps[i].type != NFT_STEP_END; i++) {
		if (steps[i].name)
			steps[i].name = complete(steps[i].name, vni, names[i]);
	}
	nft_add_rule(g->nft, complete(rule->chain, vni, chain), steps);
}

/* Within a transaction: in place of one that is there. */
static void add_table(struct guard *g)
{
	size_t i;

	g->n_networks = 0;
	nft_delete_table(g->nft);
	nft_add_table(g->nft, g->mark);
	nft_add_set(g->nft, &all_ports);
	for (i = 0; i < COUNT_OF(sets); i++) {
		if (sets[i].name && !is_of_network(sets[i].name))
			nft_add_set(g->nft, &sets[i]);
	}
	for (i = 0; i < COUNT_OF(chains); i++)
		nft_add_chain(g->nft, chains[i].name, chains[i].hook);
	for (i = 0; i < COUNT_OF(rules); i++)
		add_rule(g, &rules[i], VNI_NONE);
}

static bool has_network(const struct guard *g, vni_t vni)
{
	size_t i;

	for (i = 0; i < g->n_networks; i++) {
		if (g->networks[i] == vni)
			return true;
	}
	return false;
}

/* Within a transaction. */
static void add_network(struct guard *g, vni_t vni)
{
	char chain[NFT_NAME_SIZE];
	size_t i;

	if (has_network(g, vni))
		return;
	if (g->n_networks == MAX_TABLE_NETWORKS) {
		g->error = -ENOSPC;
		return;
	}
	g->networks[g->n_networks++] = vni;
	for (i = 0; i < COUNT_OF(sets); i++) {
		if (sets[i].name && is_of_network(sets[i].name))
			add_set(g, &sets[i], vni);
	}
	for (i = 0; i < COUNT_OF(network_chains); i++)
		nft_add_chain(g->nft, complete(network_chains[i], vni, chain),
			      -1);
	for (i = 0; i < COUNT_OF(network_rules); i++)
		add_rule(g, &network_rules[i], vni);
}

/* Reasons that say nothing of the kernel's abilities. */
static bool may_pass(int error)
{
	switch (-error) {
	case EAGAIN:
	case EBUSY:
	case EINTR:
	case EMFILE:
	case EMSGSIZE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
	case ETIMEDOUT:
		return true;
	default:
		return false;
	}
}

/* Other rules are better than none, until the facts for ours are there. */
static int start(struct guard *g)
{
	char mark[MARK_SIZE];
	int error = g->nft ? 0 : nft_open(g->name, &g->nft);

	if (!error)
		error = nft_read_mark(g->nft, mark);
	if (!error)
		g->is_stale = strcmp(mark, g->mark) != 0;
	if (!g->nft || !error || may_pass(error))
		return error;
	/* None is there: can this kernel have one? */
	nft_begin(g->nft);
	add_table(g);
	return nft_commit(g->nft);
}

static bool is_lost(struct guard *g)
{
	char mark[MARK_SIZE];
	const int error = nft_read_mark(g->nft, mark);

	return error ? !may_pass(error) : strcmp(mark, g->mark) != 0;
}

static void try_start(struct guard *g)
{
	g->missing = start(g);
	if (g->missing && !may_pass(g->missing)) {
		nft_close(g->nft);
		g->nft = NULL;
	}
}

struct guard *guard_open(const char *bridge_name, peer_id_t id)
{
	struct guard *g = core_alloc(sizeof(*g));

	snprintf(g->name, sizeof(g->name), "fastdp-%s", bridge_name);
	snprintf(g->mark, sizeof(g->mark), "fastdp %016" PRIx64 " rules %d", id,
		 RULES_VERSION);
	try_start(g);
	return g;
}

void guard_close(struct guard *g)
{
	if (!g)
		return;
	nft_close(g->nft);
	free(g);
}

void guard_delete(struct guard *g)
{
	if (!g->nft)
		return;
	nft_begin(g->nft);
	nft_delete_table(g->nft);
	/* Gone already is as good. */
	if (nft_commit(g->nft))
		return;
}

bool guard_is_there(const struct guard *g)
{
	return !g->missing;
}

int guard_error(const struct guard *g)
{
	return g->missing;
}

bool guard_is_awaited(const struct guard *g)
{
	return may_pass(g->missing);
}

bool guard_look(struct guard *g)
{
	if (guard_is_awaited(g)) {
		try_start(g);
		return !g->missing;
	}
	if (g->missing || g->is_stale ||
	    (g->n_networks < MAX_TABLE_NETWORKS && !is_lost(g)))
		return false;
	g->is_stale = true;
	return true;
}

bool guard_begin(struct guard *g)
{
	g->error = 0;
	if (g->missing)
		return false;
	nft_begin(g->nft);
	if (g->is_stale)
		add_table(g);
	return g->is_stale;
}

/* A long one is several. */
static void make_room(struct guard *g)
{
	int error;

	if (!nft_is_full(g->nft))
		return;
	error = nft_commit(g->nft);
	if (!g->error)
		g->error = error;
	nft_begin(g->nft);
}

/* An element as it is in the table. */
struct element {
	char name[NFT_NAME_SIZE];
	const char *set;
	const uint8_t *key;
	size_t size;
};

static void element_of(const struct fact *f, struct element *ret)
{
	const struct nft_set *set = &sets[f->kind];
	vni_t vni = f->value;

	ret->key = f->key;
	ret->size = set->key_size;
	if (f->kind != FACT_PORT && is_of_network(set->name)) {
		/* The network is in the name, and not in the key. */
		vni = fact_place(f);
		ret->key += sizeof(vni);
	}
	ret->set = complete(set->name, vni, ret->name);
}

void guard_put(struct guard *g, const struct fact *f)
{
	struct element el;

	if (g->missing)
		return;
	make_room(g);
	if (f->kind == FACT_PORT) {
		add_network(g, f->value);
		nft_put(g->nft, all_ports.name, f->key, all_ports.key_size);
	} else if (is_of_network(sets[f->kind].name)) {
		add_network(g, fact_place(f));
	}
	element_of(f, &el);
	nft_put(g->nft, el.set, el.key, el.size);
}

void guard_del(struct guard *g, const struct fact *f)
{
	struct element el;

	if (g->missing)
		return;
	make_room(g);
	if (f->kind == FACT_PORT)
		nft_del(g->nft, all_ports.name, f->key, all_ports.key_size);
	element_of(f, &el);
	nft_del(g->nft, el.set, el.key, el.size);
}

int guard_commit(struct guard *g)
{
	int error;

	if (g->missing)
		return 0;
	error = nft_commit(g->nft);
	if (!error)
		error = g->error;
	if (!error) {
		g->is_stale = false;
		return 0;
	}
	/* What of it is there is seen when it is read; what is full is made
	 * anew. */
	if (g->error == -ENOSPC)
		g->is_stale = true;
	g->n_networks = 0;
	return error;
}

struct reading {
	struct facts *facts;
	uint8_t kind;
	vni_t vni;
};

static void take_element(void *ctx, const uint8_t *key, size_t size)
{
	const struct reading *r = ctx;
	const bool has_network = is_of_network(sets[r->kind].name);
	const size_t skip = has_network && r->kind != FACT_PORT ? sizeof(r->vni)
								: 0;
	struct fact f;

	memset(&f, 0, sizeof(f));
	if (skip + size > sizeof(f.key))
		return;
	f.kind = r->kind;
	if (skip)
		memcpy(f.key, &r->vni, skip);
	else if (has_network)
		f.value = r->vni;
	memcpy(f.key + skip, key, size);
	facts_add(r->facts, &f);
}

static int read_sets(struct guard *g, vni_t vni, struct facts *ret)
{
	struct reading r = { .facts = ret, .vni = vni };
	char name[NFT_NAME_SIZE];
	size_t i;
	int error = 0;

	for (i = 0; i < COUNT_OF(sets) && !error; i++) {
		r.kind = (uint8_t)i;
		if (sets[i].name &&
		    is_of_network(sets[i].name) == (vni != VNI_NONE))
			error = nft_each_element(
				g->nft, complete(sets[i].name, vni, name),
				take_element, &r);
		/* What is to be replaced need not have it, nor be there. */
		if (error == -ENOENT && g->is_stale)
			error = 0;
	}
	return error;
}

/* A network whose ports are all gone still has its sets, chains and rules. */
static void take_set(void *ctx, const char *name)
{
	const char *ports = sets[FACT_PORT].name;
	struct guard *g = ctx;
	unsigned int vni;

	if (strncmp(name, ports, strlen(ports)) == 0 &&
	    sscanf(name + strlen(ports), "%6x", &vni) == 1 &&
	    !has_network(g, vni) && g->n_networks < MAX_TABLE_NETWORKS)
		g->networks[g->n_networks++] = vni;
}

int guard_read(struct guard *g, struct facts *ret)
{
	int error;

	if (g->missing)
		return 0;
	error = nft_each_set(g->nft, take_set, g);
	return error ? error : read_sets(g, VNI_NONE, ret);
}

int guard_read_network(struct guard *g, vni_t vni, struct facts *ret)
{
	int error;

	if (g->missing)
		return 0;
	error = read_sets(g, vni, ret);
	return error == -ENOENT ? 0 : error; /* it has none yet */
}

static uint64_t count(struct guard *g, const char *chain, size_t from, size_t n)
{
	uint64_t values[8], sum = 0;
	size_t i;

	if (nft_read_counters(g->nft, chain, values, COUNT_OF(values)))
		return 0;
	for (i = from; i < from + n; i++)
		sum += values[i];
	return sum;
}

void guard_counters(struct guard *g, struct guard_counters *ret)
{
	char name[NFT_NAME_SIZE];
	size_t i;

	memset(ret, 0, sizeof(*ret));
	if (g->missing)
		return;
	ret->n_tagged = count(g, "prerouting", 0, 2) +
			count(g, "container", 0, 2);
	ret->n_foreign_macs = count(g, "container", 2, 2);
	ret->n_foreign_senders = count(g, "container", 4, 2);
	for (i = 0; i < g->n_networks; i++)
		ret->n_foreign_senders += count(
			g, complete("sender-", g->networks[i], name), 0, 3);
}
