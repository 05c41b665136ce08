/* SPDX-License-Identifier: Apache-2.0 */
#include "store_keys.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "sys/addr.h"

/* ---- base64 (RFC 4648 section 4), as the gateway writes bytes */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			     "abcdefghijklmnopqrstuvwxyz0123456789+/";

static json_t *encode(const char *text)
{
	const size_t size = strlen(text);
	char *out = core_alloc(size / 3 * 4 + 5), *p = out;
	json_t *json;
	size_t i;

	for (i = 0; i < size; i += 3) {
		const size_t left = size - i;
		uint32_t n = (uint32_t)(unsigned char)text[i] << 16;

		if (left > 1)
			n |= (uint32_t)(unsigned char)text[i + 1] << 8;
		if (left > 2)
			n |= (unsigned char)text[i + 2];
		*p++ = digits[n >> 18];
		*p++ = digits[n >> 12 & 63];
		*p++ = left > 1 ? digits[n >> 6 & 63] : '=';
		*p++ = left > 2 ? digits[n & 63] : '=';
	}
	json = json_string(out);
	free(out);
	return json;
}

/* False: it is none, too long, or has a zero byte. */
static bool decode(const json_t *json, char *ret, size_t size)
{
	const char *text = json_string_value(json);
	uint32_t bits = 0;
	size_t n = 0;
	unsigned int have = 0;

	for (; text && *text && *text != '='; text++) {
		const char *at = strchr(digits, *text);

		if (!at)
			return false;
		bits = bits << 6 | (uint32_t)(at - digits);
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		if (n + 1 >= size || !(bits >> have & 0xff))
			return false;
		ret[n++] = (char)(bits >> have & 0xff);
	}
	ret[n] = '\0';
	return text != NULL;
}

uint64_t store_keys_number(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	const char *text = json_string_value(value);

	if (text)
		return strtoull(text, NULL, 10);
	return json_integer_value(value) > 0
		       ? (uint64_t)json_integer_value(value)
		       : 0;
}

/* ---- reading */

static struct store_host *host_of(struct store_view *v, peer_id_t id)
{
	size_t i;

	for (i = 0; i < v->n_hosts; i++) {
		if (v->hosts[i].id == id)
			return &v->hosts[i];
	}
	if (v->n_hosts == STORE_MAX_HOSTS)
		return NULL;
	v->hosts = core_realloc(v->hosts, v->n_hosts + 1, sizeof(*v->hosts));
	memset(&v->hosts[v->n_hosts], 0, sizeof(*v->hosts));
	v->hosts[v->n_hosts].id = id;
	return &v->hosts[v->n_hosts++];
}

static bool parse_id(const char *text, peer_id_t *ret)
{
	return strlen(text) == 16 && strspn(text, "0123456789abcdef") == 16 &&
	       sscanf(text, "%" SCNx64, ret) == 1 && *ret != PEER_ID_NONE;
}

static void take_host(struct store_view *v, const char *id_text,
		      const json_t *value)
{
	const char *name =
		json_string_value(json_object_get(value, "nickname"));
	struct store_host *h;
	peer_id_t id;

	if (!parse_id(id_text, &id) || !name || !name_is_valid(name))
		return;
	h = host_of(v, id);
	if (!h)
		return;
	strcpy(h->nickname, name);
	h->serial = store_keys_number(value, "serial");
}

static void take_alive(struct store_view *v, const char *id_text,
		       const json_t *value, const json_t *kv)
{
	const char *instance =
		json_string_value(json_object_get(value, "instance"));
	struct store_host *h;
	peer_id_t id;

	if (!parse_id(id_text, &id) || !instance)
		return;
	h = host_of(v, id);
	if (!h)
		return;
	h->is_alive = true;
	h->instance = strtoull(instance, NULL, 16);
	h->alive_rev = store_keys_number(kv, "mod_revision");
	h->lease = store_keys_number(kv, "lease");
}

/* "NETWORK/10.32.5.0-24" */
static void take_block(struct store_view *v, char *key, const json_t *value,
		       const json_t *kv)
{
	const char *id = json_string_value(json_object_get(value, "id"));
	char *slash = strchr(key, '/'), *dash = strrchr(key, '-');
	struct store_block b;

	memset(&b, 0, sizeof(b));
	if (!slash || !dash || dash < slash || !id || !parse_id(id, &b.id) ||
	    v->n_blocks == STORE_MAX_BLOCKS)
		return;
	*slash = '\0';
	*dash = '/';
	if (!name_is_valid(key) ||
	    !addr_parse_prefix(slash + 1, &b.prefix.ip, &b.prefix.len) ||
	    !prefix_is_valid(&b.prefix))
		return;
	strcpy(b.network, key);
	b.rev = store_keys_number(kv, "mod_revision");
	if ((v->n_blocks & (v->n_blocks - 1)) == 0)
		v->blocks = core_realloc(v->blocks, v->n_blocks * 2 + 1,
					 sizeof(*v->blocks));
	v->blocks[v->n_blocks++] = b;
}

static void take(struct store_view *v, char *key, const json_t *kv)
{
	char text[1024];
	json_t *value;

	if (!decode(json_object_get(kv, "value"), text, sizeof(text)))
		return;
	value = json_loads(text, 0, NULL);
	if (strncmp(key, "hosts/", 6) == 0)
		take_host(v, key + 6, value);
	else if (strncmp(key, "alive/", 6) == 0)
		take_alive(v, key + 6, value, kv);
	else if (strncmp(key, "blocks/", 7) == 0)
		take_block(v, key + 7, value, kv);
	else if (strcmp(key, "new") == 0)
		v->is_new = true;
	else if (strcmp(key, "ready") == 0)
		v->is_ready = true;
	json_decref(value);
}

bool store_keys_read(const json_t *reply, const char *prefix,
		     struct store_view *ret)
{
	const json_t *header = json_object_get(reply, "header"), *kv;
	const size_t size = strlen(prefix);
	struct store_view v = { .n_hosts = 0 };
	char key[STORE_MAX_KEY];
	size_t i;

	/* A member that is not of a quorum, or no etcd at all. */
	if (!json_is_object(header) || json_object_get(reply, "error"))
		return false;
	v.cluster = store_keys_number(header, "cluster_id");
	json_array_foreach(json_object_get(reply, "kvs"), i, kv) {
		if (decode(json_object_get(kv, "key"), key, sizeof(key)) &&
		    strncmp(key, prefix, size) == 0 && key[size] == '/')
			take(&v, key + size + 1, kv);
	}
	*ret = v;
	return true;
}

void store_keys_release(struct store_view *v)
{
	free(v->hosts);
	free(v->blocks);
	memset(v, 0, sizeof(*v));
}

const struct store_host *store_keys_host(const struct store_view *v,
					 peer_id_t id)
{
	size_t i;

	for (i = 0; i < v->n_hosts; i++) {
		if (v->hosts[i].id == id)
			return &v->hosts[i];
	}
	return NULL;
}

/* ---- writing */

static json_t *full_key(const char *prefix, const char *key)
{
	char text[STORE_MAX_KEY + 72];

	snprintf(text, sizeof(text), "%s/%s", prefix, key);
	return encode(text);
}

json_t *store_keys_range(const char *prefix)
{
	char end[72];

	/* '0' is what comes after '/'. */
	snprintf(end, sizeof(end), "%s0", prefix);
	return json_pack("{s:o, s:o}", "key", full_key(prefix, ""), "range_end",
			 encode(end));
}

json_t *store_keys_txn(void)
{
	return json_pack("{s:[], s:[]}", "compare", "success");
}

static json_t *number(uint64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, n);
	return json_string(text);
}

void store_keys_if(json_t *txn, const char *prefix, const char *key,
		   bool is_mod, uint64_t revision)
{
	json_array_append_new(
		json_object_get(txn, "compare"),
		json_pack("{s:o, s:s, s:s, s:o}", "key", full_key(prefix, key),
			  "target", is_mod ? "MOD" : "CREATE", "result",
			  "EQUAL", is_mod ? "mod_revision" : "create_revision",
			  number(revision)));
}

void store_keys_put(json_t *txn, const char *prefix, const char *key,
		    json_t *value, uint64_t lease)
{
	char *text = json_dumps(value, JSON_COMPACT);
	json_t *put = json_pack("{s:o, s:o}", "key", full_key(prefix, key),
				"value", encode(text ? text : ""));

	if (lease)
		json_object_set_new(put, "lease", number(lease));
	json_array_append_new(json_object_get(txn, "success"),
			      json_pack("{s:o}", "request_put", put));
	free(text);
	json_decref(value);
}

void store_keys_delete(json_t *txn, const char *prefix, const char *key)
{
	json_array_append_new(json_object_get(txn, "success"),
			      json_pack("{s:{s:o}}", "request_delete_range",
					"key", full_key(prefix, key)));
}

const char *store_keys_block(const char *network, const struct prefix *p,
			     char ret[STORE_MAX_KEY])
{
	char text[ADDR_IP_SIZE];

	snprintf(ret, STORE_MAX_KEY, "blocks/%s/%s-%u", network,
		 addr_print_ip(&p->ip, text), p->len);
	return ret;
}
