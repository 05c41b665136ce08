/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam_settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sys/addr.h"
#include "sys/error.h"

#define SEPARATORS " \t,"

static int bad(struct error *e, const char *key, const char *value,
	       const char *wanted)
{
	error_set(e, "invalid", "%s: '%.100s' is not %s", key, value, wanted);
	return error_hint(e, "see fastdpd.conf(5)");
}

static struct ipam_network *find_or_add(struct ipam_settings *s,
					const char *name, struct error *e)
{
	struct ipam_network *n;
	unsigned int i;

	for (i = 0; i < s->n_networks; i++) {
		if (strcmp(s->networks[i].name, name) == 0)
			return &s->networks[i];
	}
	if (s->n_networks == IPAM_MAX_NETWORKS) {
		error_set(e, "limit", "more than %u networks have addresses",
			  IPAM_MAX_NETWORKS);
		return NULL;
	}
	n = &s->networks[s->n_networks++];
	memset(n, 0, sizeof(*n));
	snprintf(n->name, sizeof(n->name), "%s", name);
	return n;
}

/* Cuts the next word of @text out into @ret. False: there is none, or it is
 * too long, and then @ret is not empty. */
static bool next_word(const char **text, char ret[IPAM_MAX_URL])
{
	size_t size;

	ret[0] = '\0';
	*text += strspn(*text, SEPARATORS);
	size = strcspn(*text, SEPARATORS);
	if (size == 0)
		return false;
	snprintf(ret, IPAM_MAX_URL, "%.*s", (int)size, *text);
	*text += size;
	return size < IPAM_MAX_URL;
}

static int parse_prefix(const char *key, const char *text, struct prefix *ret,
			struct error *e)
{
	struct prefix p;

	if (!addr_parse_prefix(text, &p.ip, &p.len) || addr_ip_is_any(&p.ip) ||
	    addr_ip_is_multicast(&p.ip))
		return bad(e, key, text, "ADDR/LEN, as in 10.32.5.0/24");
	if (!prefix_is_valid(&p)) {
		char wanted[ADDR_PREFIX_SIZE + 64], range[ADDR_PREFIX_SIZE];

		prefix_mask(&p);
		addr_print_prefix(&p.ip, p.len, range);
		snprintf(wanted, sizeof(wanted),
			 "the first address of %s: write that", range);
		return bad(e, key, text, wanted);
	}
	*ret = p;
	return 0;
}

static int set_blocks(struct ipam_network *n, const char *value,
		      struct error *e)
{
	char word[IPAM_MAX_URL];

	while (next_word(&value, word)) {
		struct prefix p;

		if (parse_prefix("block", word, &p, e))
			return -1;
		if (prefix_size(&p) == 0)
			return bad(e, "block", word,
				   "a block of at most 65536 addresses (/16, "
				   "or /112 of IPv6)");
		if (n->n_blocks == IPAM_MAX_BLOCKS)
			return error_set(e, "limit",
					 "a network has at most %u blocks on "
					 "one host",
					 IPAM_MAX_BLOCKS);
		n->blocks[n->n_blocks++] = p;
	}
	return n->n_blocks && !word[0] ? 0 : bad(e, "block", word, "a block");
}

static int set_ranges(struct ipam_network *n, const char *value,
		      struct error *e)
{
	char word[IPAM_MAX_URL];

	while (next_word(&value, word)) {
		struct prefix p;

		if (parse_prefix("range", word, &p, e))
			return -1;
		if (n->n_ranges == 2 || ipam_network_range(n, &p.ip))
			return bad(e, "range", word,
				   "the only range of its family");
		n->ranges[n->n_ranges++] = p;
	}
	return n->n_ranges && !word[0] ? 0 : bad(e, "range", word, "a range");
}

static int set_gateways(struct ipam_network *n, const char *value,
			struct error *e)
{
	char word[IPAM_MAX_URL];
	unsigned int i;

	while (next_word(&value, word)) {
		struct ip ip;

		if (!addr_parse_ip(word, &ip) || addr_ip_is_any(&ip) ||
		    addr_ip_is_multicast(&ip))
			return bad(e, "gateway", word, "an address");
		for (i = 0; i < n->n_gateways; i++) {
			if (ip_is_v4(&n->gateways[i]) == ip_is_v4(&ip))
				return bad(e, "gateway", word,
					   "the only gateway of its family");
		}
		n->gateways[n->n_gateways++] = ip;
	}
	return n->n_gateways && !word[0]
		       ? 0
		       : bad(e, "gateway", word, "an address");
}

static int parse_number(const char *key, const char *value, unsigned long min,
			unsigned long max, unsigned long *ret, struct error *e)
{
	char wanted[64];
	char *end;
	unsigned long n = strtoul(value, &end, 10);

	if (end != value && !*end && *value != '-' && n >= min && n <= max) {
		*ret = n;
		return 0;
	}
	snprintf(wanted, sizeof(wanted), "a number from %lu to %lu", min, max);
	return bad(e, key, value, wanted);
}

int ipam_settings_network(struct ipam_settings *s, const char *network,
			  const char *key, const char *value, struct error *e)
{
	static const char *const keys[] = { "block", "range", "gateway",
					    "block-length" };
	struct ipam_network *n;
	unsigned long len;
	size_t which;

	for (which = 0; which < 4; which++) {
		if (strcmp(keys[which], key) == 0)
			break;
	}
	if (which == 4)
		return 1;
	n = find_or_add(s, network, e);
	if (!n)
		return -1;
	switch (which) {
	case 0:
		return set_blocks(n, value, e);
	case 1:
		return set_ranges(n, value, e);
	case 2:
		return set_gateways(n, value, e);
	default:
		if (parse_number(key, value, 16, 128, &len, e))
			return -1;
		n->block_len = (uint8_t)len;
		return 0;
	}
}

static int set_endpoints(struct ipam_settings *s, const char *value,
			 struct error *e)
{
	char word[IPAM_MAX_URL];

	while (next_word(&value, word)) {
		if (strncmp(word, "http://", 7) && strncmp(word, "https://", 8))
			return bad(e, "endpoints", word,
				   "an URL, as in http://192.0.2.1:2379");
		if (s->n_endpoints == IPAM_MAX_ENDPOINTS)
			return error_set(e, "limit", "more than %u endpoints",
					 IPAM_MAX_ENDPOINTS);
		strcpy(s->endpoints[s->n_endpoints++], word);
	}
	return s->n_endpoints && !word[0] ? 0
					  : bad(e, "endpoints", word, "an URL");
}

static int set_store(struct ipam_settings *s, const char *value,
		     struct error *e)
{
	if (strcmp(value, "declared") == 0)
		s->store = IPAM_DECLARED;
	else if (strcmp(value, "etcd") == 0)
		s->store = IPAM_ETCD;
	else
		return bad(e, "store", value, "'declared' or 'etcd'");
	return 0;
}

static int set_key_prefix(struct ipam_settings *s, const char *value,
			  struct error *e)
{
	if (value[0] != '/' || !value[1] || strlen(value) >= sizeof(s->prefix))
		return bad(e, "key-prefix", value,
			   "a path of less than 64 characters, as in /fastdp");
	strcpy(s->prefix, value);
	return 0;
}

static int set_file(char ret[IPAM_MAX_URL], const char *key, const char *value,
		    struct error *e)
{
	if (value[0] != '/' || strlen(value) >= IPAM_MAX_URL)
		return bad(e, key, value, "an absolute path of a file");
	strcpy(ret, value);
	return 0;
}

int ipam_settings_line(struct ipam_settings *s, const char *key,
		       const char *value, struct error *e)
{
	unsigned long n;

	if (strcmp(key, "store") == 0)
		return set_store(s, value, e);
	if (strcmp(key, "endpoints") == 0)
		return set_endpoints(s, value, e);
	if (strcmp(key, "key-prefix") == 0)
		return set_key_prefix(s, value, e);
	if (strcmp(key, "lease-time") == 0) {
		if (parse_number(key, value, 5, 86400, &n, e))
			return -1;
		s->lease_s = (uint32_t)n;
		return 0;
	}
	if (strcmp(key, "ca-file") == 0)
		return set_file(s->ca_file, key, value, e);
	if (strcmp(key, "cert-file") == 0)
		return set_file(s->cert_file, key, value, e);
	if (strcmp(key, "key-file") == 0)
		return set_file(s->key_file, key, value, e);
	error_set(e, "invalid", "[ipam] has an unknown key '%.50s'", key);
	return error_hint(e, "it has store, endpoints, key-prefix, lease-time, "
			     "ca-file, cert-file and key-file");
}

const struct ipam_network *ipam_settings_find(const struct ipam_settings *s,
					      const char *network)
{
	unsigned int i;

	for (i = 0; i < s->n_networks; i++) {
		if (strcmp(s->networks[i].name, network) == 0)
			return &s->networks[i];
	}
	return NULL;
}

const struct prefix *ipam_network_range(const struct ipam_network *n,
					const struct ip *ip)
{
	unsigned int i;

	for (i = 0; i < n->n_ranges; i++) {
		if (ip_is_v4(&n->ranges[i].ip) == ip_is_v4(ip))
			return &n->ranges[i];
	}
	return NULL;
}

bool ipam_settings_has(const struct ipam_settings *s, const char *network,
		       const struct prefix *block)
{
	const struct ipam_network *n = ipam_settings_find(s, network);
	const struct prefix *range = n ? ipam_network_range(n, &block->ip)
				       : NULL;

	return range && prefix_is_within(block, range) &&
	       prefix_size(block) > 0;
}

static int check_blocks(const struct ipam_network *n, struct error *e)
{
	char a[ADDR_PREFIX_SIZE], b[ADDR_PREFIX_SIZE];
	unsigned int i, k;

	for (i = 0; i < n->n_blocks; i++) {
		const struct prefix *p = &n->blocks[i];
		const struct prefix *range = ipam_network_range(n, &p->ip);

		addr_print_prefix(&p->ip, p->len, a);
		if (range && !prefix_is_within(p, range))
			return error_set(e, "invalid",
					 "[network %s] block %s is not within "
					 "the range %s",
					 n->name, a,
					 addr_print_prefix(&range->ip,
							   range->len, b));
		for (k = 0; k < i; k++) {
			if (prefix_overlaps(p, &n->blocks[k]))
				return error_set(
					e, "invalid",
					"[network %s] block %s overlaps block "
					"%s",
					n->name, a,
					addr_print_prefix(&n->blocks[k].ip,
							  n->blocks[k].len, b));
		}
	}
	return 0;
}

static bool is_gateway_within(const struct ipam_network *n, const struct ip *ip)
{
	const struct prefix *range = ipam_network_range(n, ip);
	unsigned int i;

	for (i = 0; !range && i < n->n_blocks; i++) {
		if (prefix_contains(&n->blocks[i], ip))
			return true;
	}
	return range && prefix_contains(range, ip);
}

uint8_t ipam_network_block_len(const struct ipam_network *n,
			       const struct prefix *range)
{
	const uint8_t bits = ip_is_v4(&range->ip) ? 32 : 128;

	return n->block_len && n->n_ranges == 1 ? n->block_len
						: (uint8_t)(bits - 8);
}

static int check_leased(const struct ipam_network *n, struct error *e)
{
	unsigned int i;

	if (n->n_blocks) {
		error_set(e, "invalid",
			  "[network %s] declares a block, and the blocks are "
			  "leased from etcd",
			  n->name);
		return error_hint(e, "give the range alone, on every host the "
				     "same, or store = declared");
	}
	for (i = 0; i < n->n_ranges; i++) {
		const struct prefix *range = &n->ranges[i];
		const unsigned int bits = ip_is_v4(&range->ip) ? 32 : 128;
		const unsigned int len = n->block_len && n->n_ranges == 1
						 ? n->block_len
						 : bits - 8;

		if (len < range->len || len > bits || len + 16 < bits ||
		    len - range->len > 16)
			return error_set(e, "invalid",
					 "[network %s] blocks of /%u do not go "
					 "into a range of /%u",
					 n->name, len, range->len);
	}
	return 0;
}

int ipam_settings_check(const struct ipam_settings *s, struct error *e)
{
	char ip[ADDR_IP_SIZE];
	unsigned int i, k;

	if (s->store == IPAM_ETCD && s->n_endpoints == 0)
		return error_set(e, "invalid",
				 "[ipam] store = etcd needs endpoints");
	for (i = 0; i < s->n_networks; i++) {
		const struct ipam_network *n = &s->networks[i];

		if (check_blocks(n, e) ||
		    (s->store == IPAM_ETCD && check_leased(n, e)))
			return -1;
		for (k = 0; k < n->n_gateways; k++) {
			if (is_gateway_within(n, &n->gateways[k]))
				continue;
			return error_set(e, "invalid",
					 "[network %s] the gateway %s is not "
					 "within the range",
					 n->name,
					 addr_print_ip(&n->gateways[k], ip));
		}
	}
	return 0;
}
