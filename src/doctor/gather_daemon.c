/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gatherers.h"

/*
 * What is absent or of another type is not known; what has no name is
 * nothing.
 */

static const char *text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static uint32_t number(const json_t *object, const char *key)
{
	const json_int_t n = json_integer_value(json_object_get(object, key));

	return n < 0 || n > UINT32_MAX ? 0 : (uint32_t)n;
}

static uint64_t counter(const json_t *object, const char *key)
{
	const json_int_t n = json_integer_value(json_object_get(object, key));

	return n < 0 ? 0 : (uint64_t)n;
}

/* Sizes as they were tried; what was lost has a '-'. */
static void take_ladder(const json_t *json, struct facts_path *ret)
{
	size_t i, n = 0;
	json_t *rung;
	int more;

	json_array_foreach(json, i, rung) {
		more = snprintf(ret->ladder + n, sizeof(ret->ladder) - n,
				"%s%u%s", n ? " " : "", number(rung, "size"),
				json_is_true(json_object_get(rung, "acked"))
					? ""
					: "-");
		n += more > 0 ? (size_t)more : 0;
		if (n >= sizeof(ret->ladder))
			return;
	}
}

static void take_path(const json_t *json, struct facts_path *ret)
{
	const json_t *search = json_object_get(json, "pmtu");

	FACTS_SET(ret->search, text(search, "state"));
	FACTS_SET(ret->search_reason, text(search, "reason"));
	take_ladder(json_object_get(search, "ladder"), ret);
	FACTS_SET(ret->state, text(json, "state"));
	FACTS_SET(ret->reason, text(json, "reason"));
	FACTS_SET(ret->last_error, text(json, "last_error"));
	ret->plpmtu = number(json, "plpmtu");
	ret->sent_before = ret->sent_after = counter(json, "sent");
}

static void take_peer(const json_t *json, struct facts_peer *ret)
{
	const json_t *paths = json_object_get(json, "paths");
	const json_t *control = json_object_get(json, "control");

	FACTS_SET(ret->name, text(json, "name"));
	FACTS_SET(ret->nickname, text(json, "nickname"));
	FACTS_SET(ret->address, text(json, "address"));
	FACTS_SET(ret->state, text(json, "state"));
	FACTS_SET(ret->path, text(json, "path"));
	FACTS_SET(ret->reason, text(json, "reason"));
	FACTS_SET(ret->control_reason, text(control, "reason"));
	ret->mtu = number(json, "mtu");
	take_path(json_object_get(paths, "fastdp"), &ret->fastdp);
	take_path(json_object_get(paths, "sleeve"), &ret->sleeve);
}

static void take_addresses(const json_t *json, struct facts_port *ret)
{
	struct facts_prefix *item;
	json_t *address;
	size_t i;

	json_array_foreach(json, i, address) {
		item = FACTS_ADD(ret, addresses);
		if (!item)
			return;
		FACTS_SET(item->prefix, json_string_value(address));
	}
}

static void take_port(const json_t *json, struct facts_port *ret)
{
	const char *path = text(json, "netns_path"), *id = text(json, "netns");

	FACTS_SET(ret->ifname, text(json, "ifname"));
	FACTS_SET(ret->host_ifname, text(json, "host_ifname"));
	FACTS_SET(ret->network, text(json, "network"));
	FACTS_SET(ret->container_id, text(json, "container_id"));
	if (path && path[0] == '/' && id)
		ret->container_mtu = gather_container_mtu(path, id,
							  ret->ifname);
	take_addresses(json_object_get(json, "addresses"), ret);
}

static void take_notes(const json_t *json, struct facts_note **list, size_t *n)
{
	struct facts_note *item;
	json_t *note;
	size_t i;

	json_array_foreach(json, i, note) {
		if (!json_string_length(note))
			continue;
		item = facts_append((void **)(void *)list, n, sizeof(*item));
		if (!item)
			return;
		FACTS_SET(item->text, json_string_value(note));
	}
}

static void take_head(const json_t *reply, struct facts_daemon *ret)
{
	const json_t *datapath = json_object_get(reply, "datapath");

	FACTS_SET(ret->state, "up");
	FACTS_SET(ret->version, text(reply, "version"));
	FACTS_SET(ret->name, text(reply, "name"));
	FACTS_SET(ret->datapath_type, text(datapath, "type"));
	FACTS_SET(ret->datapath_name, text(datapath, "name"));
	FACTS_SET(ret->datapath_reason, text(datapath, "reason"));
	ret->mtu = number(reply, "mtu");
	ret->is_encrypted = json_is_true(json_object_get(reply, "encryption"));
	take_notes(json_object_get(reply, "warnings"), &ret->warnings,
		   &ret->n_warnings);
	take_notes(json_object_get(datapath, "missing"), &ret->missing,
		   &ret->n_missing);
}

void gather_status(const json_t *reply, struct facts *ret)
{
	struct facts_peer *peer;
	struct facts_port *port;
	json_t *item;
	size_t i;

	take_head(reply, &ret->daemon);
	json_array_foreach(json_object_get(reply, "peers"), i, item) {
		if (!text(item, "name"))
			continue;
		peer = FACTS_ADD(ret, peers);
		if (peer)
			take_peer(item, peer);
	}
	json_array_foreach(json_object_get(reply, "ports"), i, item) {
		if (!text(item, "ifname"))
			continue;
		port = FACTS_ADD(ret, ports);
		if (port)
			take_port(item, port);
	}
}

static void take_sent(const json_t *json, struct facts *ret)
{
	const json_t *paths = json_object_get(json, "paths");
	const char *name = text(json, "name");
	size_t i;

	for (i = 0; name && i < ret->n_peers; i++) {
		struct facts_peer *peer = &ret->peers[i];

		if (strcmp(peer->name, name) != 0)
			continue;
		peer->fastdp.sent_after =
			counter(json_object_get(paths, "fastdp"), "sent");
		peer->sleeve.sent_after =
			counter(json_object_get(paths, "sleeve"), "sent");
	}
}

void gather_status_again(const json_t *reply, struct facts *ret)
{
	json_t *item;
	size_t i;

	json_array_foreach(json_object_get(reply, "peers"), i, item)
		take_sent(item, ret);
}

static const char *yes_no(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_boolean(value))
		return "unknown";
	return json_is_true(value) ? "yes" : "no";
}

void gather_details(const json_t *reply, struct facts *ret)
{
	if (!json_is_object(reply))
		return;
	ret->daemon.has_details = true;
	ret->control_port = number(reply, "control_port");
	ret->sleeve_port = number(reply, "sleeve_port");
	ret->vxlan_port = number(reply, "vxlan_port");
	ret->config_mtu = number(reply, "mtu_wanted");
	/* It runs, by options or by what the file was. */
	ret->config_problem[0] = ret->config_hint[0] = '\0';
	ret->is_config_absent = false;
	FACTS_SET(ret->has_check_len, yes_no(reply, "check_pkt_len"));
	ret->daemon.is_capped = json_is_true(json_object_get(reply, "capped"));
	FACTS_SET(ret->daemon.capped, text(reply, "capped_reason"));
	FACTS_SET(ret->daemon.has_guard, yes_no(reply, "icmp_guard"));
	FACTS_SET(ret->daemon.guard_missing, text(reply, "icmp_guard_missing"));
}

static void take_block(const json_t *json, struct facts_block *ret)
{
	FACTS_SET(ret->network, text(json, "network"));
	FACTS_SET(ret->block, text(json, "block"));
	FACTS_SET(ret->state, text(json, "state"));
	FACTS_SET(ret->reason, text(json, "reason"));
	ret->size = number(json, "size");
	ret->used = number(json, "used");
}

void gather_blocks(const json_t *reply, struct facts *ret)
{
	struct facts_block *block;
	json_t *item;
	size_t i;

	FACTS_SET(ret->daemon.store, text(reply, "store"));
	FACTS_SET(ret->daemon.store_state, text(reply, "store_state"));
	FACTS_SET(ret->daemon.store_reason, text(reply, "reason"));
	json_array_foreach(json_object_get(reply, "blocks"), i, item) {
		if (!text(item, "block"))
			continue;
		block = FACTS_ADD(&ret->daemon, blocks);
		if (block)
			take_block(item, block);
	}
}

void gather_metrics(const json_t *reply, struct facts *ret)
{
	json_t *metrics = json_object_get(reply, "metrics"), *value;
	char name[64];
	const char *key;

	json_object_foreach(metrics, key, value) {
		if (!json_is_integer(value) || json_integer_value(value) < 0)
			continue;
		snprintf(name, sizeof(name), "daemon.%.50s", key);
		facts_count(ret, name, (uint64_t)json_integer_value(value));
	}
}
