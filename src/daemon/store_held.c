/* SPDX-License-Identifier: Apache-2.0 */
#include "store_held.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "files.h"
#include "log.h"
#include "store_keys.h"
#include "sys/addr.h"

bool store_held_save(const struct store_held_list *l)
{
	char text[ADDR_PREFIX_SIZE], serial[24], cluster[24];
	struct error e = { .code = "" };
	json_t *list = json_array(), *json;
	size_t i;
	int rc;

	for (i = 0; i < l->n; i++) {
		const struct store_held *h = &l->list[i];

		json_array_append_new(
			list,
			json_pack("{s:s, s:s}", "network", h->network, "block",
				  addr_print_prefix(&h->prefix.ip,
						    h->prefix.len, text)));
	}
	snprintf(serial, sizeof(serial), "%" PRIu64, l->serial);
	snprintf(cluster, sizeof(cluster), "%" PRIu64, l->cluster);
	json = json_pack("{s:o, s:s, s:s}", "blocks", list, "serial", serial,
			 "cluster", cluster);
	rc = files_write(l->path, json, &e);
	json_decref(json);
	if (rc)
		log_error("%s: no block is leased", e.message);
	return rc == 0;
}

static bool parse_held(const json_t *json, struct store_held *ret)
{
	const char *network =
		json_string_value(json_object_get(json, "network"));
	const char *text = json_string_value(json_object_get(json, "block"));

	memset(ret, 0, sizeof(*ret));
	if (!network || !name_is_valid(network) || !text ||
	    !addr_parse_prefix(text, &ret->prefix.ip, &ret->prefix.len) ||
	    !prefix_is_valid(&ret->prefix) || prefix_size(&ret->prefix) == 0)
		return false;
	strcpy(ret->network, network);
	return true;
}

/* Two pools of one address would give it out twice. */
static void take_held(struct store_held_list *l, const json_t *json)
{
	struct store_held h;

	if (l->n == STORE_MAX_HELD || !parse_held(json, &h) ||
	    store_held_overlaps(l, h.network, &h.prefix)) {
		log_error("%s: a block in it is none, overlaps another, or is "
			  "one too many: it is left out",
			  l->path);
		return;
	}
	l->list[l->n++] = h;
}

int store_held_load(struct store_held_list *l, const char *state_dir,
		    struct error *e)
{
	json_t *json, *one;
	size_t i;

	snprintf(l->path, sizeof(l->path), "%.4000s/blocks.json", state_dir);
	json = files_read(l->path, e);
	if (error_is_set(e))
		return error_hint(e, "it says which blocks this host has; "
				     "without it nothing is given out");
	json_array_foreach(json_object_get(json, "blocks"), i, one)
		take_held(l, one);
	l->serial = store_keys_number(json, "serial");
	l->cluster = store_keys_number(json, "cluster");
	json_decref(json);
	return 0;
}

bool store_held_overlaps(const struct store_held_list *l, const char *network,
			 const struct prefix *p)
{
	size_t i;

	for (i = 0; i < l->n; i++) {
		if (prefix_overlaps(&l->list[i].prefix, p) &&
		    strcmp(l->list[i].network, network) == 0)
			return true;
	}
	return false;
}

bool store_held_add(struct store_held_list *l, const char *network,
		    const struct prefix *p)
{
	struct store_held *h;

	if (l->n == STORE_MAX_HELD)
		return false;
	h = &l->list[l->n++];
	memset(h, 0, sizeof(*h));
	strcpy(h->network, network);
	h->prefix = *p;
	if (store_held_save(l))
		return true;
	l->n--;
	return false;
}

void store_held_drop(struct store_held_list *l, size_t i)
{
	l->list[i] = l->list[--l->n];
	store_held_save(l);
}
