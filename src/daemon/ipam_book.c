/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam_book.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "files.h"
#include "log.h"
#include "sys/addr.h"
#include "sys/error.h"
#include "sys/rtnl.h"

json_t *lease_json(const struct lease *l)
{
	json_t *list = json_array();
	char text[ADDR_PREFIX_SIZE];
	size_t i;

	for (i = 0; i < l->n_ips; i++) {
		addr_print_prefix(&l->ips[i], l->prefix_lens[i], text);
		json_array_append_new(list, json_string(text));
	}
	return json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:o}", "serial",
			 (json_int_t)l->serial, "network", l->network,
			 "container_id", l->container_id, "ifname", l->ifname,
			 "owner", l->owner, "boot", l->boot, "addresses", list);
}

static bool copy(const json_t *json, const char *key, char *ret, size_t size)
{
	const char *text = json_string_value(json_object_get(json, key));

	if (!text || strlen(text) >= size)
		return false;
	strcpy(ret, text);
	return true;
}

static bool parse_lease(const json_t *json, struct lease *ret)
{
	const json_t *list = json_object_get(json, "addresses");
	const json_int_t serial =
		json_integer_value(json_object_get(json, "serial"));
	const size_t n = json_array_size(list);
	size_t i;

	memset(ret, 0, sizeof(*ret));
	if (serial < 1 || n < 1 || n > IPAM_MAX_IPS ||
	    !copy(json, "network", ret->network, sizeof(ret->network)) ||
	    !copy(json, "container_id", ret->container_id,
		  sizeof(ret->container_id)) ||
	    !copy(json, "ifname", ret->ifname, sizeof(ret->ifname)) ||
	    !copy(json, "owner", ret->owner, sizeof(ret->owner)) ||
	    !copy(json, "boot", ret->boot, sizeof(ret->boot)) ||
	    !name_is_valid(ret->network) || !rtnl_ifname_is_valid(ret->ifname))
		return false;
	ret->serial = (uint64_t)serial;
	for (i = 0; i < n; i++) {
		const char *text = json_string_value(json_array_get(list, i));

		if (!text || !addr_parse_prefix(text, &ret->ips[i],
						&ret->prefix_lens[i]))
			return false;
	}
	ret->n_ips = (uint8_t)n;
	return true;
}

static uint64_t hash_of(const char *container_id, const char *ifname,
			const char *owner)
{
	const uint64_t id = core_hash(container_id, strlen(container_id), 0);

	return core_hash(owner, strlen(owner),
			 core_hash(ifname, strlen(ifname), id));
}

/*
 * Names of containers may be anything: a file's name is a hash of them. With a
 * slash in the first, others parts with slashes would give the same text; no
 * name has a zero byte.
 */
static int path_of(const struct ipam_book *b, const struct lease *l,
		   char ret[PATH_MAX])
{
	char key[2 * LEASE_MAX_TEXT + sizeof(l->ifname) + 4];
	const char between = strchr(l->container_id, '/') ? '\0' : '/';
	const int n = snprintf(key, sizeof(key), "%s%c%s%c%s", l->container_id,
			       between, l->ifname, between, l->owner);

	return snprintf(ret, PATH_MAX, "%s/%016" PRIx64 "%016" PRIx64 ".json",
			b->directory, core_hash(key, (size_t)n, 1),
			core_hash(key, (size_t)n, 2));
}

/* Sorted by serial, so that the turn of the pools goes on where it was. */
static void insert(struct ipam_book *b, const struct lease *lease)
{
	struct lease *kept = core_alloc(sizeof(*kept));
	struct list *node = b->all.prev;

	*kept = *lease;
	list_init(&kept->all);
	while (node != &b->all && LEASE_OF(node)->serial > kept->serial)
		node = node->prev;
	kept->all.prev = node;
	kept->all.next = node->next;
	node->next->prev = &kept->all;
	node->next = &kept->all;
	table_add(&b->table, &kept->node,
		  hash_of(kept->container_id, kept->ifname, kept->owner));
	b->n++;
	if (kept->serial > b->serial)
		b->serial = kept->serial;
}

static void put_aside(struct ipam_book *b, const char *path,
		      const struct error *e)
{
	b->n_damaged++;
	log_error("%s: %s; put aside as %s.bad: its addresses count as free "
		  "unless a port of this host has them",
		  path, error_is_set(e) ? e->message : "no lease", path);
	if (!files_put_aside(path))
		log_error("cannot rename %s", path);
}

static void read_one(void *ctx, const char *path)
{
	struct ipam_book *b = ctx;
	struct error e = { .code = "" };
	struct lease lease;
	json_t *json = files_read(path, &e);

	if (json && parse_lease(json, &lease) && b->n < IPAM_MAX_LEASES &&
	    !ipam_book_find(b, lease.container_id, lease.ifname, lease.owner))
		insert(b, &lease);
	else
		put_aside(b, path, &e);
	json_decref(json);
}

int ipam_book_open(struct ipam_book *b, const char *state_dir, struct error *e)
{
	list_init(&b->all);
	snprintf(b->directory, sizeof(b->directory), "%.4000s/leases",
		 state_dir);
	if (files_make_directory(b->directory, e))
		return -1;
	return files_each(b->directory, read_one, b, e);
}

static void free_one(struct ipam_book *b, struct lease *lease)
{
	list_remove(&lease->all);
	table_remove(&b->table, &lease->node);
	b->n--;
	free(lease);
}

void ipam_book_close(struct ipam_book *b)
{
	if (!b->all.next)
		return;
	while (!list_is_empty(&b->all))
		free_one(b, LEASE_OF(b->all.next));
	table_free(&b->table);
}

struct lease *ipam_book_find(const struct ipam_book *b,
			     const char *container_id, const char *ifname,
			     const char *owner)
{
	struct table_node *node =
		table_first(&b->table, hash_of(container_id, ifname, owner));

	for (; node; node = table_next(node)) {
		struct lease *l = CONTAINER_OF(node, struct lease, node);

		if (strcmp(l->container_id, container_id) == 0 &&
		    strcmp(l->ifname, ifname) == 0 &&
		    strcmp(l->owner, owner) == 0)
			return l;
	}
	return NULL;
}

int ipam_book_save(struct ipam_book *b, const struct lease *lease,
		   struct error *e)
{
	char path[PATH_MAX];
	json_t *json;
	int rc;

	path_of(b, lease, path);
	json = lease_json(lease);
	rc = json ? files_write(path, json, e)
		  : error_set(e, "invalid", "a name in the lease is no text");
	json_decref(json);
	return rc ? -1 : files_sync_directory(b->directory, e);
}

struct lease *ipam_book_add(struct ipam_book *b, const struct lease *lease,
			    struct error *e)
{
	struct lease numbered = *lease;
	struct error quiet = { .code = "" };
	char path[PATH_MAX];

	if (b->n >= IPAM_MAX_LEASES) {
		error_set(e, "limit", "%u interfaces have addresses already",
			  b->n);
		return NULL;
	}
	numbered.serial = b->serial + 1;
	if (ipam_book_save(b, &numbered, e)) {
		path_of(b, &numbered, path);
		if (files_remove(path, &quiet))
			log_warn("%s", quiet.message);
		return NULL;
	}
	insert(b, &numbered);
	return LEASE_OF(b->all.prev);
}

int ipam_book_remove(struct ipam_book *b, struct lease *lease, struct error *e)
{
	char path[PATH_MAX];

	path_of(b, lease, path);
	if (files_remove(path, e))
		return -1;
	/* A lease that comes back after a power cut is not lost: GC takes it. */
	free_one(b, lease);
	return 0;
}
