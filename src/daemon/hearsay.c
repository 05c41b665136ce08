/* SPDX-License-Identifier: Apache-2.0 */
#include "hearsay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/quoted.h"
#include "log.h"
#include "state.h"
#include "sys/nflog.h"
#include "sys/nft.h"

/* What is said more often is dropped unheard: each is a probe at most. */
#define HEARD_PER_SEC 100U
#define PACKETS_AT_ONCE 64U
#define MAX_PLACES (2U * MAX_PEERS)
/* Of the quoted packet, behind the ICMP header. */
#define QUOTED 8U
#define ECHO_REPLY 0
#define IP4_PLAIN 0x45 /* version 4, no options */
#define MAX_STEPS 9

struct places {
	struct ip list[MAX_PLACES]; /* sorted, each once */
	size_t n;
};

struct hearsay {
	struct daemon *daemon;
	void (*turn)(struct daemon *d);
	struct nft *nft; /* NULL: not on guard */
	struct nflog *log;
	struct loop_io *io;
	struct places places; /* in the kernel */
	uint64_t n_heard;
	char missing[160];
};

#define LOAD(at, n)                                                   \
	{                                                             \
		.type = NFT_STEP_PAYLOAD,                             \
		.what = NFT_PAYLOAD_TRANSPORT_HEADER, .offset = (at), \
		.size = (n)                                           \
	}
#define IS(...)                                                             \
	{                                                                   \
		.type = NFT_STEP_EQUAL,                                     \
		.size = sizeof((const uint8_t[]){ __VA_ARGS__ }), .data = { \
			__VA_ARGS__                                         \
		}                                                           \
	}
#define PROTO                                                   \
	{                                                       \
		.type = NFT_STEP_META, .what = NFT_META_L4PROTO \
	}
#define FAMILY                                                  \
	{                                                       \
		.type = NFT_STEP_META, .what = NFT_META_NFPROTO \
	}
#define TO_PEER(set)                               \
	{                                          \
		.type = NFT_STEP_IN, .name = (set) \
	}
#define GOTO(chain)                                    \
	{                                              \
		.type = NFT_STEP_GOTO, .name = (chain) \
	}
#define END                          \
	{                            \
		.type = NFT_STEP_END \
	}
#define SET4 "peers4"
#define SET6 "peers6"

struct rule {
	const char *chain;
	struct nft_step steps[MAX_STEPS];
};

/* "Too big" about a packet to a peer. An error message of IPv6 fits into any
 * packet: who cuts it hides what it quotes. */
static const struct rule entry[] = {
	{ "input",
	  { FAMILY, IS(NFPROTO_IPV4), PROTO, IS(IPPROTO_ICMP), LOAD(0, 2),
	    IS(3, 4), LOAD(QUOTED + 16, 4), TO_PEER(SET4), GOTO("quoted4") } },
	{ "input",
	  { FAMILY, IS(NFPROTO_IPV6), PROTO, IS(IPPROTO_ICMPV6), LOAD(0, 1),
	    IS(2), GOTO("whole6"), END } },
	{ "whole6",
	  { { .type = NFT_STEP_HAS_HEADER, .what = IPPROTO_FRAGMENT },
	    IS(1),
	    { .type = NFT_STEP_DROP },
	    END } },
	{ "whole6",
	  { LOAD(QUOTED + 24, 16), TO_PEER(SET6), GOTO("quoted6"), END } },
};

/* Which of them; behind the rules for ports. Our own have no options. */
static const struct rule others[] = {
	{ "quoted4",
	  { LOAD(QUOTED + 9, 1), IS(IPPROTO_ICMP), LOAD(QUOTED, 1),
	    IS(IP4_PLAIN), LOAD(QUOTED + 20, 1), IS(ECHO_REPLY), GOTO("ours"),
	    END } },
	{ "quoted4",
	  { LOAD(QUOTED, 1),
	    IS(IP4_PLAIN),
	    { .type = NFT_STEP_ACCEPT },
	    END } },
	{ "quoted4",
	  { LOAD(QUOTED + 9, 1), IS(IPPROTO_UDP), GOTO("ours"), END } },
	{ "quoted4",
	  { LOAD(QUOTED + 9, 1), IS(IPPROTO_ICMP), GOTO("ours"), END } },
	{ "ours",
	  { { .type = NFT_STEP_LIMIT, .what = HEARD_PER_SEC },
	    { .type = NFT_STEP_LOG },
	    END } },
	{ "ours", { { .type = NFT_STEP_DROP }, END } },
};

static void add_rules(struct hearsay *h, const struct rule *rules, size_t n)
{
	struct nft_step steps[MAX_STEPS + 1];
	size_t i, k;

	for (i = 0; i < n; i++) {
		memcpy(steps, rules[i].steps, sizeof(rules[i].steps));
		steps[MAX_STEPS].type = NFT_STEP_END;
		for (k = 0; k < MAX_STEPS; k++) {
			if (steps[k].type == NFT_STEP_LOG)
				steps[k].what = h->daemon->settings.vxlan_port;
		}
		nft_add_rule(h->nft, rules[i].chain, steps);
	}
}

/* UDP with one of our ports: @at 0 the source's, 2 the target's. */
static void add_port(struct hearsay *h, uint16_t port, uint8_t at)
{
	const uint8_t high = (uint8_t)(port >> 8), low = (uint8_t)port;
	const struct rule rules[] = {
		{ "quoted4",
		  { LOAD(QUOTED + 9, 1), IS(IPPROTO_UDP), LOAD(QUOTED, 1),
		    IS(IP4_PLAIN), LOAD((uint8_t)(QUOTED + 20 + at), 2),
		    IS(high, low), GOTO("ours"), END } },
		{ "quoted6",
		  { LOAD(QUOTED + 6, 1), IS(IPPROTO_UDP),
		    LOAD((uint8_t)(QUOTED + 40 + at), 2), IS(high, low),
		    GOTO("ours"), END } },
		{ "quoted6",
		  { LOAD(QUOTED + 6, 1), IS(IPPROTO_FRAGMENT),
		    LOAD(QUOTED + 40, 1), IS(IPPROTO_UDP),
		    LOAD((uint8_t)(QUOTED + 48 + at), 2), IS(high, low),
		    GOTO("ours"), END } },
	};

	add_rules(h, rules, 3);
}

/* Over IPv6: believed by the kernel without a socket, or what hides that. */
static void add_next(struct hearsay *h, uint8_t next)
{
	const struct rule rules[] = {
		{ "quoted6",
		  { LOAD(QUOTED + 6, 1), IS(IPPROTO_FRAGMENT),
		    LOAD(QUOTED + 40, 1), IS(next), GOTO("ours"), END } },
		{ "quoted6",
		  { LOAD(QUOTED + 6, 1), IS(next), GOTO("ours"), END } },
	};

	/* Fragments of others' UDP are none of ours. */
	add_rules(h, rules, next == IPPROTO_FRAGMENT ? 1 : 2);
}

static int make_table(struct hearsay *h)
{
	static const struct nft_set sets[] = { { SET4, 4, 7, false },
					       { SET6, 16, 8, false } };
	static const char *const chains[] = { "ours", "quoted4", "quoted6",
					      "whole6" };
	static const uint8_t nexts[] = { IPPROTO_ICMPV6,  IPPROTO_HOPOPTS,
					 IPPROTO_ROUTING, IPPROTO_FRAGMENT,
					 IPPROTO_AH,	  IPPROTO_DSTOPTS };
	const struct settings *s = &h->daemon->settings;
	size_t i;

	nft_begin(h->nft);
	nft_add_table(h->nft, "fastdp");
	for (i = 0; i < 2; i++)
		nft_add_set(h->nft, &sets[i]);
	for (i = 0; i < sizeof(chains) / sizeof(chains[0]); i++)
		nft_add_chain(h->nft, chains[i], -1);
	nft_add_chain(h->nft, "input", NF_INET_LOCAL_IN);
	add_rules(h, entry, sizeof(entry) / sizeof(entry[0]));
	add_port(h, s->vxlan_port, 0);
	add_port(h, s->vxlan_port, 2);
	add_port(h, s->sleeve_port, 0);
	for (i = 0; i < sizeof(nexts); i++)
		add_next(h, nexts[i]);
	add_rules(h, others, sizeof(others) / sizeof(others[0]));
	return nft_commit(h->nft);
}

/* One more change: the sets hold @want afterwards, or what they held. */
static int apply_places(struct hearsay *h, const struct places *want)
{
	const struct places *there = &h->places;
	size_t i = 0, k = 0;

	nft_begin(h->nft);
	while (i < want->n || k < there->n) {
		const int order = i == want->n	  ? 1
				  : k == there->n ? -1
						  : memcmp(&want->list[i],
							   &there->list[k],
							   sizeof(struct ip));
		const struct ip *ip = order <= 0 ? &want->list[i]
						 : &there->list[k];
		const bool is_v4 = ip_is_v4(ip);
		const uint8_t *key = is_v4 ? ip->b + 12 : ip->b;

		if (order < 0)
			nft_put(h->nft, is_v4 ? SET4 : SET6, key,
				is_v4 ? 4 : 16);
		if (order > 0)
			nft_del(h->nft, is_v4 ? SET4 : SET6, key,
				is_v4 ? 4 : 16);
		i += order <= 0;
		k += order >= 0;
	}
	return nft_commit(h->nft);
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct ip));
}

static void add_place(struct places *p, const struct ip *ip)
{
	if (p->n < MAX_PLACES && !ip_is_zero(ip))
		p->list[p->n++] = *ip;
}

static void collect(const struct daemon *d, struct places *ret)
{
	struct sleeve_place place;
	struct peer_view view;
	size_t i, n = 0, pos = 0;

	ret->n = 0;
	while (engine_each_peer(d->engine, &pos, &view))
		add_place(ret, &view.remote.ip);
	pos = 0;
	while (engine_each_place(d->engine, &pos, &place))
		add_place(ret, &place.endpoint.ip);
	if (ret->n)
		qsort(ret->list, ret->n, sizeof(ret->list[0]), compare);
	for (i = 0; i < ret->n; i++) {
		if (n == 0 || compare(&ret->list[n - 1], &ret->list[i]) != 0)
			ret->list[n++] = ret->list[i];
	}
	ret->n = n;
}

void hearsay_follow(struct hearsay *h)
{
	struct places want;
	int error;

	if (!h || !h->nft)
		return;
	collect(h->daemon, &want);
	if (want.n == h->places.n && memcmp(want.list, h->places.list,
					    want.n * sizeof(want.list[0])) == 0)
		return;
	error = apply_places(h, &want);
	if (error)
		log_warn("the guard against forged ICMP does not know all "
			 "peers: %s",
			 strerror(-error));
	else
		h->places = want;
}

static void take(struct hearsay *h, const uint8_t *packet, size_t size)
{
	struct quoted q;
	struct event ev;

	if (!quoted_parse(packet, size, &q))
		return;
	memset(&ev, 0, sizeof(ev));
	ev.type = EVENT_HINT_TOO_BIG;
	ev.hint.ip = q.to;
	ev.hint.path = q.source_port == h->daemon->settings.sleeve_port
			       ? PATH_SLEEVE
			       : PATH_FASTDP;
	ev.hint.mtu = q.mtu;
	h->n_heard++;
	daemon_event(h->daemon, &ev);
}

static void on_packet(void *ctx, int fd, unsigned int events)
{
	struct hearsay *h = ctx;
	const uint8_t *packet;
	size_t size;
	unsigned int n;

	(void)fd;
	(void)events;
	/* Some that were lost are no matter: that there were some counts. */
	for (n = 0;
	     n < PACKETS_AT_ONCE && nflog_next(h->log, &packet, &size) == 1;
	     n++)
		take(h, packet, size);
	h->turn(h->daemon);
}

static const char *explain(int error, const char *what, char ret[160])
{
	switch (-error) {
	case EOPNOTSUPP:
	case EPROTONOSUPPORT:
	case EAFNOSUPPORT:
	case ENOENT:
	case EINVAL:
		snprintf(ret, 160,
			 "this kernel cannot (%s; it takes nf_tables "
			 "for inet, nfnetlink_log and Linux 5.12)",
			 what);
		break;
	case EBUSY:
	case EEXIST:
	case EPERM:
		snprintf(ret, 160, "another program has our %s", what);
		break;
	default:
		snprintf(ret, 160, "%s: %s", what, strerror(-error));
	}
	return ret;
}

static void start(struct hearsay *h)
{
	const uint16_t group = h->daemon->settings.vxlan_port;
	const char *what = "group of nfnetlink_log";
	char name[NFT_NAME_SIZE];
	int error = nflog_open(group, &h->log);

	if (!error) {
		what = "table of nf_tables";
		snprintf(name, sizeof(name), "fastdp-icmp-%u", group);
		error = nft_open_inet(name, &h->nft);
	}
	if (!error)
		error = make_table(h);
	if (!error) {
		h->io = loop_io_new(h->daemon->loop, nflog_fd(h->log),
				    LOOP_READ, on_packet, h);
		return;
	}
	log_info("forged ICMP (\"too big\") may mislead the kernel for a "
		 "moment: %s",
		 explain(error, what, h->missing));
	nft_close(h->nft);
	nflog_close(h->log);
	h->nft = NULL;
	h->log = NULL;
}

struct hearsay *hearsay_new(struct daemon *d, void (*turn)(struct daemon *d))
{
	struct hearsay *h = core_alloc(sizeof(*h));

	h->daemon = d;
	h->turn = turn;
	start(h);
	return h;
}

void hearsay_free(struct hearsay *h)
{
	if (!h)
		return;
	loop_io_free(h->io);
	nft_close(h->nft);
	nflog_close(h->log);
	free(h);
}

uint64_t hearsay_n_heard(const struct hearsay *h)
{
	return h ? h->n_heard : 0;
}

const char *hearsay_missing(const struct hearsay *h)
{
	return h && h->missing[0] ? h->missing : NULL;
}
