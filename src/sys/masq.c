/* SPDX-License-Identifier: Apache-2.0 */
#include "masq.h"

#include <ctype.h>
#include <errno.h>
#include <nftables/libnftables.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "cleanup.h"
#include "error.h"
#include "nft.h"

/* In the chain, as masq_replace() writes them. */
#define N_RULES 6U

struct masq {
	struct nft_ctx *nft;
	struct nft *look; /* at the same table, without a parser; or NULL */
	char table[64], ifname[64];
};

struct masq *masq_open(const char *table, const char *but_ifname)
{
	struct masq *m = calloc(1, sizeof(*m));
	char *p;

	if (!m)
		return NULL;
	m->nft = nft_ctx_new(NFT_CTX_DEFAULT);
	if (!m->nft) {
		free(m);
		return NULL;
	}
	nft_ctx_buffer_output(m->nft);
	nft_ctx_buffer_error(m->nft);
	/* The prefix, because a name begins with a letter. */
	snprintf(m->table, sizeof(m->table), "masq_%s", table);
	for (p = m->table; *p; p++) {
		if (!isalnum((unsigned char)*p))
			*p = '_';
	}
	/* Between quotes: all but a quote and a backslash stand for themselves. */
	snprintf(m->ifname, sizeof(m->ifname), "%s", but_ifname);
	for (p = m->ifname; *p; p++) {
		if (*p == '"' || *p == '\\' || *p == '*')
			*p = '_';
	}
	return m;
}

void masq_close(struct masq *m)
{
	if (!m)
		return;
	nft_ctx_free(m->nft);
	nft_close(m->look);
	free(m);
}

static int run(struct masq *m, const char *text, struct error *e)
{
	const char *why;
	size_t size;

	if (nft_run_cmd_from_buffer(m->nft, text) == 0)
		return 0;
	why = nft_ctx_get_error_buffer(m->nft);
	if (!why || !why[0])
		why = "nftables does not say why";
	size = strcspn(why, "\n");
	error_set(e, "not-supported", "cannot masquerade: %.*s",
		  size < 300 ? (int)size : 300, why);
	return error_hint(e, "this takes a kernel with nf_tables and NAT "
			     "('modprobe nft_masq'); 'nft list tables' shows "
			     "whether it has them");
}

static const char *set_of(const struct ip *ip)
{
	return ip_is_v4(ip) ? "from4" : "from6";
}

static void put_elements(FILE *f, const char *name, const char *type,
			 const struct ip *ips, size_t n, bool is_v4)
{
	char text[ADDR_IP_SIZE];
	const char *before = "elements = { ";
	size_t i;

	fprintf(f, "set %s { type %s\n", name, type);
	for (i = 0; i < n; i++) {
		if (ip_is_v4(&ips[i]) != is_v4)
			continue;
		fprintf(f, "%s%s", before, addr_print_ip(&ips[i], text));
		before = ", ";
	}
	fprintf(f, "%s}\n", before[0] == ',' ? " }\n" : "");
}

int masq_replace(struct masq *m, const struct ip *ips, size_t n,
		 struct error *e)
{
	CLEAN_FREE char *text = NULL;
	size_t size = 0;
	FILE *f;

	if (n > MASQ_MAX_IPS)
		return error_set(e, "limit", "more than %u addresses",
				 MASQ_MAX_IPS);
	f = open_memstream(&text, &size);
	if (!f)
		return error_set(e, "system", "out of memory");
	/* One transaction: at no moment is a packet let through unchanged. */
	fprintf(f,
		"add table inet %s\ndelete table inet %s\n"
		"table inet %s {\n",
		m->table, m->table, m->table);
	put_elements(f, "from4", "ipv4_addr", ips, n, true);
	put_elements(f, "from6", "ipv6_addr", ips, n, false);
	fprintf(f,
		"chain leave { type nat hook postrouting priority srcnat\n"
		"oifname \"%s\" return\noifname \"lo\" return\n"
		"ip daddr 224.0.0.0/4 return\nip6 daddr ff00::/8 return\n"
		"ip saddr @from4 masquerade\nip6 saddr @from6 masquerade\n"
		"}\n}\n",
		m->ifname);
	if (fclose(f))
		return error_set(e, "system", "out of memory");
	return run(m, text, e);
}

static int change(struct masq *m, const char *verb, const struct ip *ip,
		  struct error *e)
{
	char text[ADDR_IP_SIZE], line[256];

	snprintf(line, sizeof(line), "%s element inet %s %s { %s }", verb,
		 m->table, set_of(ip), addr_print_ip(ip, text));
	return run(m, line, e);
}

int masq_add(struct masq *m, const struct ip *ip, struct error *e)
{
	return change(m, "add", ip, e);
}

int masq_delete(struct masq *m, const struct ip *ip, struct error *e)
{
	return change(m, "delete", ip, e);
}

struct comparison {
	const struct ip *ips;
	size_t n;
	bool *is_there; /* of each */
	bool has_others;
};

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct ip));
}

static void take_element(void *ctx, const uint8_t *key, size_t size)
{
	struct comparison *c = ctx;
	const struct ip *found = NULL;
	struct ip ip;

	if (size == sizeof(ip)) {
		ip = ip_from_v6(key);
		found = bsearch(&ip, c->ips, c->n, sizeof(ip), compare);
	} else if (size == 4) {
		ip = ip_from_v4(key);
		found = bsearch(&ip, c->ips, c->n, sizeof(ip), compare);
	}
	if (found)
		c->is_there[found - c->ips] = true;
	else
		c->has_others = true;
}

int masq_check(struct masq *m, const struct ip *ips, size_t n, bool *ret)
{
	CLEAN_FREE bool *is_there = calloc(n + 1, sizeof(*is_there));
	struct comparison c = { .ips = ips, .n = n, .is_there = is_there };
	uint32_t n_rules = 0;
	size_t i;
	int error;

	if (!is_there)
		return -ENOMEM;
	error = m->look ? 0 : nft_open_foreign(m->table, &m->look);
	if (!error)
		error = nft_each_element(m->look, "from4", take_element, &c);
	if (!error)
		error = nft_each_element(m->look, "from6", take_element, &c);
	if (!error)
		error = nft_count_rules(m->look, "leave", &n_rules);
	if (error && error != -ENOENT)
		return error;
	for (i = 0; i < n && is_there[i]; i++)
		;
	*ret = !error && i == n && !c.has_others && n_rules == N_RULES;
	return 0;
}

int masq_remove(struct masq *m, struct error *e)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "add table inet %s\ndelete table inet %s\n", m->table,
		 m->table);
	return run(m, text, e);
}
