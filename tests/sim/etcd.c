/* SPDX-License-Identifier: Apache-2.0 */
#include "etcd.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_KEYS 4096U
#define MAX_LEASES 1024U
#define MAX_OPERATIONS 128U

/* Key and value as the gateway writes them, in base64. */
struct pair {
	char *key, *value;
	uint64_t created, changed, lease;
};

struct grant {
	uint64_t id;
	usec_t ttl, until;
};

struct etcd {
	struct sim *sim;
	struct pair keys[MAX_KEYS];
	size_t n_keys;
	struct grant leases[MAX_LEASES];
	size_t n_leases;
	uint64_t revision, cluster, last_lease, n_requests;
};

struct etcd *etcd_new(struct sim *sim)
{
	struct etcd *e = sim_alloc(sizeof(*e));

	e->sim = sim;
	e->revision = 1;
	e->cluster = 1;
	return e;
}

static void drop(struct etcd *e, size_t i)
{
	free(e->keys[i].key);
	free(e->keys[i].value);
	e->keys[i] = e->keys[--e->n_keys];
}

void etcd_lose_data(struct etcd *e)
{
	while (e->n_keys)
		drop(e, e->n_keys - 1);
	e->n_leases = 0;
	e->revision = 1;
	e->cluster++;
}

void etcd_free(struct etcd *e)
{
	if (!e)
		return;
	etcd_lose_data(e);
	free(e);
}

/* Keys go with the lease that has run out. */
static void expire(struct etcd *e)
{
	size_t i, k;

	for (i = 0; i < e->n_leases; i++) {
		if (e->leases[i].until > e->sim->now)
			continue;
		e->revision++;
		for (k = 0; k < e->n_keys; k++) {
			if (e->keys[k].lease == e->leases[i].id)
				drop(e, k--);
		}
		e->leases[i--] = e->leases[--e->n_leases];
	}
}

static struct grant *find_lease(struct etcd *e, uint64_t id)
{
	size_t i;

	for (i = 0; i < e->n_leases; i++) {
		if (e->leases[i].id == id)
			return &e->leases[i];
	}
	return NULL;
}

static struct pair *find_key(struct etcd *e, const char *key)
{
	size_t i;

	for (i = 0; i < e->n_keys; i++) {
		if (strcmp(e->keys[i].key, key) == 0)
			return &e->keys[i];
	}
	return NULL;
}

/* etcd writes its numbers as text. */
static json_t *number(uint64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, n);
	return json_string(text);
}

static json_t *header(const struct etcd *e)
{
	return json_pack("{s:o, s:o}", "cluster_id", number(e->cluster),
			 "revision", number(e->revision));
}

static json_t *refuse(const char *why)
{
	return json_pack("{s:s, s:i}", "error", why, "code", 3);
}

static json_t *lease_json(const struct etcd *e, uint64_t id, usec_t ttl)
{
	json_t *json = json_pack("{s:o, s:o}", "header", header(e), "ID",
				 number(id));

	if (ttl) /* a zero is left out */
		json_object_set_new(json, "TTL", number(ttl / USEC_PER_SEC));
	return json;
}

static json_t *grant(struct etcd *e, const json_t *body)
{
	const uint64_t ttl = store_keys_number(body, "TTL");
	struct grant *l;

	if (!ttl || e->n_leases == MAX_LEASES)
		return refuse("no lease");
	l = &e->leases[e->n_leases++];
	/* Never used again, by another cluster neither. */
	l->id = ++e->last_lease;
	l->ttl = ttl * USEC_PER_SEC;
	l->until = e->sim->now + l->ttl;
	return lease_json(e, l->id, l->ttl);
}

static json_t *keep_alive(struct etcd *e, const json_t *body)
{
	const uint64_t id = store_keys_number(body, "ID");
	struct grant *l = find_lease(e, id);

	if (l)
		l->until = e->sim->now + l->ttl;
	return json_pack("{s:o}", "result", lease_json(e, id, l ? l->ttl : 0));
}

static json_t *range(const struct etcd *e)
{
	json_t *list = json_array(), *json;
	size_t i;

	for (i = 0; i < e->n_keys; i++) {
		const struct pair *p = &e->keys[i];

		json = json_pack("{s:s, s:s, s:o, s:o}", "key", p->key, "value",
				 p->value, "create_revision",
				 number(p->created), "mod_revision",
				 number(p->changed));
		if (p->lease)
			json_object_set_new(json, "lease", number(p->lease));
		json_array_append_new(list, json);
	}
	return json_pack("{s:o, s:o}", "header", header(e), "kvs", list);
}

static bool holds(struct etcd *e, const json_t *compare)
{
	const char *key = json_string_value(json_object_get(compare, "key"));
	const char *target =
		json_string_value(json_object_get(compare, "target"));
	const struct pair *p = key ? find_key(e, key) : NULL;

	if (!key || !target)
		return false;
	if (strcmp(target, "MOD") == 0)
		return store_keys_number(compare, "mod_revision") ==
		       (p ? p->changed : 0);
	return store_keys_number(compare, "create_revision") ==
	       (p ? p->created : 0);
}

static void put(struct etcd *e, const json_t *request)
{
	const char *key = json_string_value(json_object_get(request, "key"));
	const char *value =
		json_string_value(json_object_get(request, "value"));
	struct pair *p = find_key(e, key);

	if (!p && e->n_keys == MAX_KEYS) {
		sim_fail(e->sim, "etcd has %zu keys", e->n_keys);
		return;
	}
	if (!p) {
		p = &e->keys[e->n_keys++];
		memset(p, 0, sizeof(*p));
		p->key = strdup(key);
		p->created = e->revision;
	}
	free(p->value);
	p->value = strdup(value);
	p->changed = e->revision;
	p->lease = store_keys_number(request, "lease");
}

static void apply(struct etcd *e, const json_t *operation)
{
	const json_t *request = json_object_get(operation, "request_put");
	struct pair *p;

	if (request) {
		put(e, request);
		return;
	}
	request = json_object_get(operation, "request_delete_range");
	p = find_key(e, json_string_value(json_object_get(request, "key")));
	if (p)
		drop(e, (size_t)(p - e->keys));
}

static bool has_lost_lease(struct etcd *e, const json_t *operations)
{
	const json_t *json;
	size_t i;

	json_array_foreach(operations, i, json) {
		const uint64_t lease = store_keys_number(
			json_object_get(json, "request_put"), "lease");

		if (lease && !find_lease(e, lease))
			return true;
	}
	return false;
}

static json_t *transaction(struct etcd *e, const json_t *body)
{
	const json_t *success = json_object_get(body, "success"), *json;
	const json_t *compare = json_object_get(body, "compare");
	size_t i;

	if (json_array_size(success) > MAX_OPERATIONS)
		return refuse("etcdserver: too many operations in txn request");
	json_array_foreach(compare, i, json) {
		if (!holds(e, json))
			return json_pack("{s:o}", "header", header(e));
	}
	if (has_lost_lease(e, success))
		return refuse("etcdserver: requested lease not found");
	e->revision++;
	json_array_foreach(success, i, json)
		apply(e, json);
	return json_pack("{s:o, s:b}", "header", header(e), "succeeded", 1);
}

json_t *etcd_ask(struct etcd *e, const char *path, const json_t *body)
{
	e->n_requests++;
	expire(e);
	if (strcmp(path, "/v3/lease/grant") == 0)
		return grant(e, body);
	if (strcmp(path, "/v3/lease/keepalive") == 0)
		return keep_alive(e, body);
	if (strcmp(path, "/v3/kv/range") == 0)
		return range(e);
	if (strcmp(path, "/v3/kv/txn") == 0)
		return transaction(e, body);
	return refuse("not found");
}

void etcd_view(struct etcd *e, struct store_view *ret)
{
	json_t *json;

	expire(e);
	json = range(e);
	if (!store_keys_read(json, "/fastdp", ret))
		abort();
	json_decref(json);
}

uint64_t etcd_n_requests(const struct etcd *e)
{
	return e->n_requests;
}

size_t etcd_n_keys(const struct etcd *e)
{
	return e->n_keys;
}
