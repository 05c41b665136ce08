/* SPDX-License-Identifier: Apache-2.0 */
#include "portbook.h"

#include <assert.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/alloc.h"
#include "files.h"
#include "log.h"
#include "sys/addr.h"
#include "sys/rtnl.h"

/* Number, host's interface, container's interface, MAC, and addresses. */
#define MAX_KEYS (4U + MAX_ADDRESSES)

/* Of whatever kind: who looks for one compares. */
struct port_key {
	struct table_node node;
	struct port_record *record;
};

/* A record of the book's. */
struct kept {
	struct port_record record;
	struct port_key keys[MAX_KEYS];
	size_t n_keys;
};

#define EACH_LIKE(b, hash, node)                                              \
	for (struct table_node *node = table_first(&(b)->keys, (hash)); node; \
	     node = table_next(node))

static json_t *prefixes_json(const struct ip *ips, const uint8_t *lens,
			     size_t n)
{
	char prefix[ADDR_PREFIX_SIZE];
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < n; i++)
		json_array_append_new(list, json_string(addr_print_prefix(
						    &ips[i], lens[i], prefix)));
	return list;
}

json_t *port_record_json(const struct port_record *r)
{
	char mac[ADDR_MAC_SIZE];

	return json_pack(
		"{s:s, s:s, s:s, s:o, s:s, s:I, s:s, s:s, s:s, s:s, "
		"s:I, s:b, s:I, s:o, s:b, s:I}",
		"ifname", r->ifname, "host_ifname", r->host_ifname, "mac",
		addr_print_mac(&r->mac, mac), "addresses",
		prefixes_json(r->ips, r->prefix_lens, r->n_addresses),
		"network", r->network, "vni", (json_int_t)r->vni,
		"container_id", r->container_id, "owner", r->owner, "netns",
		r->netns, "netns_path", r->netns_path, "port_no",
		(json_int_t)r->port_no, "trust", r->is_trusted, "revision",
		(json_int_t)r->revision, "gateways",
		prefixes_json(r->gateways, r->gateway_lens, r->n_gateways),
		"masquerade", r->is_masqueraded, "by_hand",
		(json_int_t)r->by_hand);
}

static bool get_text(const json_t *json, const char *key, char *ret,
		     size_t size)
{
	const json_t *value = json_object_get(json, key);

	if (!value) {
		ret[0] = '\0';
		return true;
	}
	if (!json_is_string(value) || json_string_length(value) >= size ||
	    strlen(json_string_value(value)) != json_string_length(value))
		return false;
	strcpy(ret, json_string_value(value));
	return true;
}

static bool get_prefixes(const json_t *list, size_t max, struct ip *ips,
			 uint8_t *lens, uint8_t *ret_n)
{
	const char *text;
	size_t i;

	if (!json_is_array(list) || json_array_size(list) > max)
		return false;
	for (i = 0; i < json_array_size(list); i++) {
		text = json_string_value(json_array_get(list, i));
		if (!text || !addr_parse_prefix(text, &ips[i], &lens[i]))
			return false;
		(*ret_n)++;
	}
	return true;
}

/* Records of an earlier version have less: all was by hand. */
static bool get_more(const json_t *json, struct port_record *r)
{
	const json_t *gateways = json_object_get(json, "gateways");
	const json_t *by_hand = json_object_get(json, "by_hand");

	r->is_masqueraded = json_is_true(json_object_get(json, "masquerade"));
	r->by_hand = by_hand ? (uint32_t)json_integer_value(by_hand)
			     : UINT32_MAX;
	return !gateways ||
	       get_prefixes(gateways, PORT_MAX_GATEWAYS, r->gateways,
			    r->gateway_lens, &r->n_gateways);
}

bool port_record_parse(const json_t *json, struct port_record *ret)
{
	struct port_record r;
	char mac[ADDR_MAC_SIZE];
	json_int_t number;

	memset(&r, 0, sizeof(r));
	if (!json_is_object(json) ||
	    !get_text(json, "host_ifname", r.host_ifname,
		      sizeof(r.host_ifname)) ||
	    !get_text(json, "ifname", r.ifname, sizeof(r.ifname)) ||
	    !get_text(json, "network", r.network, sizeof(r.network)) ||
	    !get_text(json, "container_id", r.container_id,
		      sizeof(r.container_id)) ||
	    !get_text(json, "owner", r.owner, sizeof(r.owner)) ||
	    !get_text(json, "netns", r.netns, sizeof(r.netns)) ||
	    !get_text(json, "netns_path", r.netns_path, sizeof(r.netns_path)) ||
	    !get_text(json, "mac", mac, sizeof(mac)) ||
	    !addr_parse_mac(mac, &r.mac) ||
	    !get_prefixes(json_object_get(json, "addresses"), MAX_ADDRESSES,
			  r.ips, r.prefix_lens, &r.n_addresses) ||
	    !get_more(json, &r))
		return false;
	number = json_integer_value(json_object_get(json, "vni"));
	r.vni = number > 0 && number <= VNI_MAX ? (vni_t)number : VNI_NONE;
	number = json_integer_value(json_object_get(json, "port_no"));
	r.port_no = number >= 0 && number <= PORT_NO_LAST ? (port_no_t)number
							  : PORT_NO_NONE;
	number = json_integer_value(json_object_get(json, "revision"));
	r.revision = number > 0 ? (uint64_t)number : 0;
	r.is_trusted = json_is_true(json_object_get(json, "trust"));
	list_init(&r.all);
	*ret = r;
	return rtnl_ifname_is_valid(r.host_ifname) && !mac_is_group(&r.mac) &&
	       !mac_is_zero(&r.mac);
}

static void path_of(const struct portbook *b, const char *host_ifname,
		    char ret[PATH_MAX])
{
	snprintf(ret, PATH_MAX, "%s/%s.json", b->directory, host_ifname);
}

static uint64_t number_hash(port_no_t port_no)
{
	return core_hash(&port_no, sizeof(port_no), 0);
}

static uint64_t text_hash(const char *text, uint64_t seed)
{
	return core_hash(text, strlen(text), seed);
}

static uint64_t mac_hash(vni_t vni, const struct mac *mac)
{
	return core_hash(mac->b, sizeof(mac->b), vni);
}

static uint64_t ip_hash(vni_t vni, const struct ip *ip)
{
	return core_hash(ip->b, sizeof(ip->b), vni);
}

static struct kept *kept_of(struct port_record *record)
{
	return CONTAINER_OF(record, struct kept, record);
}

static struct port_record *record_of(struct table_node *node)
{
	return CONTAINER_OF(node, struct port_key, node)->record;
}

static void add_key(struct portbook *b, struct kept *k, uint64_t hash)
{
	struct port_key *key = &k->keys[k->n_keys++];

	assert(k->n_keys <= MAX_KEYS);
	key->record = &k->record;
	table_add(&b->keys, &key->node, hash);
}

static void add_keys(struct portbook *b, struct kept *k)
{
	const struct port_record *r = &k->record;
	size_t i;

	add_key(b, k, number_hash(r->port_no));
	add_key(b, k, text_hash(r->host_ifname, 0));
	if (r->netns[0])
		add_key(b, k, text_hash(r->ifname, text_hash(r->netns, 0)));
	add_key(b, k, mac_hash(r->vni, &r->mac));
	for (i = 0; i < r->n_addresses; i++)
		add_key(b, k, ip_hash(r->vni, &r->ips[i]));
}

static void remove_keys(struct portbook *b, struct kept *k)
{
	while (k->n_keys)
		table_remove(&b->keys, &k->keys[--k->n_keys].node);
}

static struct port_record *keep(struct portbook *b,
				const struct port_record *record)
{
	struct kept *k = core_alloc(sizeof(*k));

	k->record = *record;
	list_init(&k->record.all);
	list_append(&b->all, &k->record.all);
	add_keys(b, k);
	b->n++;
	b->n_masqueraded += record->is_masqueraded;
	return &k->record;
}

/* What cannot be read now is not damaged: its container is there. */
static int load(struct portbook *b, const char *file, struct error *e)
{
	char path[PATH_MAX], aside[PATH_MAX + 8];
	struct error why = { .code = "" };
	struct port_record r;
	json_t *json;

	snprintf(path, sizeof(path), "%s/%s", b->directory, file);
	json = files_read(path, &why);
	if (!json && !error_is_set(&why))
		return 0;
	if (!json && strcmp(why.code, "invalid")) {
		*e = why;
		return error_hint(e, "start again; if it stays so, move the "
				     "file away: its container is then taken "
				     "off the network");
	}
	if (json && port_record_parse(json, &r) && r.vni != VNI_NONE &&
	    r.port_no != PORT_NO_NONE && b->n < MAX_PORTS &&
	    !portbook_find_host(b, r.host_ifname)) {
		keep(b, &r);
	} else {
		snprintf(aside, sizeof(aside), "%s.bad", path);
		log_warn("%s is damaged: put aside as %s", path, aside);
		rename(path, aside);
	}
	json_decref(json);
	return 0;
}

int portbook_open(struct portbook *b, const char *run_dir, struct error *e)
{
	struct dirent *entry;
	const char *dot;
	int result = 0;
	DIR *dir;

	memset(b, 0, sizeof(*b));
	list_init(&b->all);
	snprintf(b->directory, sizeof(b->directory), "%s/ports", run_dir);
	if (files_make_directory(b->directory, e))
		return -1;
	dir = opendir(b->directory);
	if (!dir)
		return error_set(e, "system", "cannot read %s", b->directory);
	while (!result && (entry = readdir(dir))) {
		dot = strrchr(entry->d_name, '.');
		if (dot && strcmp(dot, ".json") == 0)
			result = load(b, entry->d_name, e);
	}
	closedir(dir);
	return result;
}

void portbook_close(struct portbook *b)
{
	struct list *node, *next;

	for (node = b->all.next; node && node != &b->all; node = next) {
		next = node->next;
		free(kept_of(RECORD_OF(node)));
	}
	table_free(&b->keys);
	memset(b, 0, sizeof(*b));
}

static int write_file(const struct portbook *b,
		      const struct port_record *record, struct error *e)
{
	char path[PATH_MAX];
	json_t *json = port_record_json(record);
	int result;

	path_of(b, record->host_ifname, path);
	result = files_write(path, json, e);
	json_decref(json);
	return result;
}

int portbook_save(struct portbook *b, struct port_record *record,
		  const struct port_record *changed, struct error *e)
{
	const struct list all = record->all;

	if (write_file(b, changed, e))
		return -1;
	remove_keys(b, kept_of(record));
	b->n_masqueraded -= record->is_masqueraded;
	*record = *changed;
	record->all = all;
	b->n_masqueraded += record->is_masqueraded;
	add_keys(b, kept_of(record));
	return 0;
}

struct port_record *portbook_add(struct portbook *b,
				 const struct port_record *record,
				 struct error *e)
{
	if (b->n >= MAX_PORTS) {
		error_set(e, "limit", "this host has %u ports, no more fit",
			  MAX_PORTS);
		return NULL;
	}
	return write_file(b, record, e) ? NULL : keep(b, record);
}

void portbook_remove(struct portbook *b, struct port_record *record)
{
	char path[PATH_MAX];

	path_of(b, record->host_ifname, path);
	unlink(path);
	list_remove(&record->all);
	remove_keys(b, kept_of(record));
	b->n--;
	b->n_masqueraded -= record->is_masqueraded;
	free(kept_of(record));
}

struct port_record *portbook_find(const struct portbook *b, port_no_t port_no)
{
	EACH_LIKE(b, number_hash(port_no), node)
	{
		if (record_of(node)->port_no == port_no)
			return record_of(node);
	}
	return NULL;
}

struct port_record *portbook_find_host(const struct portbook *b,
				       const char *host_ifname)
{
	EACH_LIKE(b, text_hash(host_ifname, 0), node)
	{
		if (strcmp(record_of(node)->host_ifname, host_ifname) == 0)
			return record_of(node);
	}
	return NULL;
}

struct port_record *portbook_find_interface(const struct portbook *b,
					    const char *netns,
					    const char *ifname)
{
	if (!netns[0])
		return NULL;
	EACH_LIKE(b, text_hash(ifname, text_hash(netns, 0)), node)
	{
		struct port_record *r = record_of(node);

		if (strcmp(r->netns, netns) == 0 &&
		    strcmp(r->ifname, ifname) == 0)
			return r;
	}
	return NULL;
}

struct port_record *portbook_find_mac(const struct portbook *b, vni_t vni,
				      const struct mac *mac)
{
	EACH_LIKE(b, mac_hash(vni, mac), node)
	{
		struct port_record *r = record_of(node);

		if (r->vni == vni && mac_equal(&r->mac, mac))
			return r;
	}
	return NULL;
}

struct port_record *portbook_find_ip(const struct portbook *b, vni_t vni,
				     const struct ip *ip)
{
	EACH_LIKE(b, ip_hash(vni, ip), node)
	{
		struct port_record *r = record_of(node);

		if (r->vni == vni && ip_is_among(ip, r->ips, r->n_addresses))
			return r;
	}
	return NULL;
}

void port_record_value(const struct port_record *r, struct port *ret)
{
	size_t i;

	memset(ret, 0, sizeof(*ret));
	ret->port_no = r->port_no;
	strcpy(ret->ifname, r->host_ifname);
	ret->vni = r->vni;
	ret->mac = r->mac;
	ret->is_trusted = r->is_trusted;
	ret->n_ips = r->n_addresses;
	for (i = 0; i < r->n_addresses; i++)
		ret->ips[i] = r->ips[i];
	ret->revision = r->revision;
}
