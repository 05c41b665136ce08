/* SPDX-License-Identifier: Apache-2.0 */
#include "facts_json.h"

#include <stdlib.h>
#include <string.h>

#include "sys/error.h"
#include "sys/utf8.h"

#define FORMAT "fastdp-facts-1"

/* One table says how a struct is written and how it is read. */

enum kind {
	KIND_TEXT,
	KIND_BOOL,
	KIND_U32,
	KIND_U64,
	KIND_I64,
	KIND_STRUCT,
	KIND_LIST
};

struct shape {
	size_t size;
	const struct field *fields; /* ends with a NULL key */
};

struct field {
	const char *key;
	enum kind kind;
	size_t offset, size; /* of a text: with the zero */
	size_t n_offset;     /* of a list: where its length is */
	const struct shape *shape;
};

#define MEMBER_SIZE(type, member) sizeof(((type *)0)->member)
#define SCALAR(type, member, k)                                                \
	{                                                                      \
		.key = #member, .kind = (k), .offset = offsetof(type, member), \
		.size = MEMBER_SIZE(type, member),                             \
	}
#define TEXT(type, member) SCALAR(type, member, KIND_TEXT)
#define BOOL(type, member) SCALAR(type, member, KIND_BOOL)
#define U32(type, member) SCALAR(type, member, KIND_U32)
#define U64(type, member) SCALAR(type, member, KIND_U64)
#define STRUCT(type, member, s)                                  \
	{                                                        \
		.key = #member, .kind = KIND_STRUCT,             \
		.offset = offsetof(type, member), .shape = &(s), \
	}
#define LIST(type, member, s)                                    \
	{                                                        \
		.key = #member, .kind = KIND_LIST,               \
		.offset = offsetof(type, member), .shape = &(s), \
		.n_offset = offsetof(type, n_##member),          \
	}
#define END                 \
	{                   \
		.key = NULL \
	}
#define SHAPE(name, type, ...)                                            \
	static const struct field name##_fields[] = { __VA_ARGS__, END }; \
	static const struct shape name = { .size = sizeof(type),          \
					   .fields = name##_fields }

SHAPE(module_shape, struct facts_module, TEXT(struct facts_module, name),
      TEXT(struct facts_module, state));

SHAPE(sysctl_shape, struct facts_sysctl, TEXT(struct facts_sysctl, name),
      SCALAR(struct facts_sysctl, value, KIND_I64));

SHAPE(counter_shape, struct facts_counter, TEXT(struct facts_counter, name),
      U64(struct facts_counter, before), U64(struct facts_counter, after));

SHAPE(link_shape, struct facts_link, TEXT(struct facts_link, ifname),
      TEXT(struct facts_link, kind), TEXT(struct facts_link, master),
      TEXT(struct facts_link, lower), TEXT(struct facts_link, peer),
      BOOL(struct facts_link, is_peer_elsewhere),
      BOOL(struct facts_link, is_lower_elsewhere),
      BOOL(struct facts_link, is_up), BOOL(struct facts_link, has_carrier),
      BOOL(struct facts_link, is_loopback), BOOL(struct facts_link, is_hairpin),
      U32(struct facts_link, mtu), U32(struct facts_link, vxlan_port),
      U64(struct facts_link, tx_before), U64(struct facts_link, tx_after),
      U64(struct facts_link, tx_errors), U64(struct facts_link, tx_dropped));

SHAPE(feature_shape, struct facts_feature, TEXT(struct facts_feature, name),
      BOOL(struct facts_feature, is_on), BOOL(struct facts_feature, is_fixed));

SHAPE(nic_shape, struct facts_nic, TEXT(struct facts_nic, ifname),
      TEXT(struct facts_nic, driver), BOOL(struct facts_nic, has_features),
      LIST(struct facts_nic, features, feature_shape));

SHAPE(egress_shape, struct facts_egress, TEXT(struct facts_egress, peer),
      TEXT(struct facts_egress, address), TEXT(struct facts_egress, ifname),
      U32(struct facts_egress, link_mtu), U32(struct facts_egress, route_mtu),
      U32(struct facts_egress, kernel_mtu), BOOL(struct facts_egress, is_local),
      TEXT(struct facts_egress, error));

SHAPE(socket_shape, struct facts_socket, TEXT(struct facts_socket, protocol),
      TEXT(struct facts_socket, address), U32(struct facts_socket, port),
      TEXT(struct facts_socket, owner), BOOL(struct facts_socket, is_ours));

SHAPE(path_shape, struct facts_path, TEXT(struct facts_path, state),
      TEXT(struct facts_path, reason), TEXT(struct facts_path, last_error),
      U32(struct facts_path, plpmtu), TEXT(struct facts_path, search),
      TEXT(struct facts_path, search_reason), TEXT(struct facts_path, ladder),
      U64(struct facts_path, sent_before), U64(struct facts_path, sent_after));

SHAPE(peer_shape, struct facts_peer, TEXT(struct facts_peer, name),
      TEXT(struct facts_peer, nickname), TEXT(struct facts_peer, address),
      TEXT(struct facts_peer, state), TEXT(struct facts_peer, path),
      TEXT(struct facts_peer, reason), TEXT(struct facts_peer, control_reason),
      U32(struct facts_peer, mtu),
      STRUCT(struct facts_peer, fastdp, path_shape),
      STRUCT(struct facts_peer, sleeve, path_shape));

SHAPE(prefix_shape, struct facts_prefix, TEXT(struct facts_prefix, prefix),
      TEXT(struct facts_prefix, ifname));

SHAPE(port_shape, struct facts_port, TEXT(struct facts_port, ifname),
      TEXT(struct facts_port, host_ifname), TEXT(struct facts_port, network),
      TEXT(struct facts_port, container_id),
      U32(struct facts_port, container_mtu),
      LIST(struct facts_port, addresses, prefix_shape));

SHAPE(block_shape, struct facts_block, TEXT(struct facts_block, network),
      TEXT(struct facts_block, block), TEXT(struct facts_block, state),
      TEXT(struct facts_block, reason), U32(struct facts_block, size),
      U32(struct facts_block, used));

SHAPE(note_shape, struct facts_note, TEXT(struct facts_note, text));

SHAPE(daemon_shape, struct facts_daemon, TEXT(struct facts_daemon, state),
      TEXT(struct facts_daemon, message), TEXT(struct facts_daemon, hint),
      TEXT(struct facts_daemon, version), TEXT(struct facts_daemon, name),
      TEXT(struct facts_daemon, datapath_type),
      TEXT(struct facts_daemon, datapath_name),
      TEXT(struct facts_daemon, datapath_reason), U32(struct facts_daemon, mtu),
      BOOL(struct facts_daemon, is_encrypted),
      BOOL(struct facts_daemon, has_details),
      BOOL(struct facts_daemon, is_capped), TEXT(struct facts_daemon, capped),
      TEXT(struct facts_daemon, has_guard),
      TEXT(struct facts_daemon, guard_missing),
      LIST(struct facts_daemon, warnings, note_shape),
      LIST(struct facts_daemon, missing, note_shape),
      TEXT(struct facts_daemon, store), TEXT(struct facts_daemon, store_state),
      TEXT(struct facts_daemon, store_reason),
      LIST(struct facts_daemon, blocks, block_shape));

SHAPE(facts_shape, struct facts, TEXT(struct facts, release),
      TEXT(struct facts, version), TEXT(struct facts, machine),
      TEXT(struct facts, signature), TEXT(struct facts, os_id),
      TEXT(struct facts, os_like), TEXT(struct facts, os_version),
      TEXT(struct facts, os_name), TEXT(struct facts, machine_id),
      TEXT(struct facts, machine_id_state), TEXT(struct facts, container),
      TEXT(struct facts, has_net_admin), TEXT(struct facts, has_tun),
      TEXT(struct facts, has_ipv6), TEXT(struct facts, config_problem),
      TEXT(struct facts, config_hint), BOOL(struct facts, is_config_absent),
      TEXT(struct facts, has_ovs), TEXT(struct facts, has_check_len),
      U32(struct facts, control_port), U32(struct facts, sleeve_port),
      U32(struct facts, vxlan_port), U32(struct facts, config_mtu),
      U32(struct facts, interval_ms), BOOL(struct facts, has_too_many_routes),
      BOOL(struct facts, is_elsewhere),
      STRUCT(struct facts, daemon, daemon_shape),
      LIST(struct facts, modules, module_shape),
      LIST(struct facts, sysctls, sysctl_shape),
      LIST(struct facts, counters, counter_shape),
      LIST(struct facts, links, link_shape),
      LIST(struct facts, nics, nic_shape),
      LIST(struct facts, egress, egress_shape),
      LIST(struct facts, sockets, socket_shape),
      LIST(struct facts, peers, peer_shape),
      LIST(struct facts, ports, port_shape),
      LIST(struct facts, routes, prefix_shape));

static json_t *struct_to_json(const struct shape *shape, const char *base);

static json_t *list_to_json(const struct field *field, const char *base)
{
	const char *items = *(const char *const *)(base + field->offset);
	const size_t n = *(const size_t *)(base + field->n_offset);
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < n; i++)
		json_array_append_new(
			list, struct_to_json(field->shape,
					     items + i * field->shape->size));
	return list;
}

static json_t *number_to_json(const struct field *field, const char *at)
{
	uint32_t u32;
	uint64_t u64;

	if (field->kind == KIND_U32) {
		memcpy(&u32, at, sizeof(u32));
		return json_integer(u32);
	}
	memcpy(&u64, at, sizeof(u64));
	return json_integer((json_int_t)u64);
}

static json_t *field_to_json(const struct field *field, const char *base)
{
	const char *at = base + field->offset;

	switch (field->kind) {
	case KIND_TEXT:
		return utf8_to_json(at);
	case KIND_BOOL:
		return json_boolean(*(const bool *)at);
	case KIND_STRUCT:
		return struct_to_json(field->shape, at);
	case KIND_LIST:
		return list_to_json(field, base);
	case KIND_U32:
	case KIND_U64:
	case KIND_I64:
		break;
	}
	return number_to_json(field, at);
}

static json_t *struct_to_json(const struct shape *shape, const char *base)
{
	const struct field *field;
	json_t *json = json_object();

	for (field = shape->fields; field->key; field++)
		json_object_set_new(json, field->key,
				    field_to_json(field, base));
	return json;
}

json_t *facts_to_json(const struct facts *f)
{
	json_t *json = struct_to_json(&facts_shape, (const char *)f);

	json_object_set_new(json, "format", json_string(FORMAT));
	return json;
}

bool facts_json_is(const json_t *json)
{
	const char *format = json_string_value(json_object_get(json, "format"));

	return format && strcmp(format, FORMAT) == 0;
}

static int wrong(const struct field *field, const char *what, struct error *e)
{
	return error_set(e, "invalid", "\"%s\" %s", field->key, what);
}

static int struct_from_json(const struct shape *shape, const json_t *json,
			    char *base, struct error *e);

static int list_from_json(const struct field *field, const json_t *json,
			  char *base, struct error *e)
{
	void **list = (void **)(void *)(base + field->offset);
	size_t *n = (size_t *)(void *)(base + field->n_offset);
	json_t *item;
	void *at;
	size_t i;

	if (!json_is_array(json))
		return wrong(field, "must be a list", e);
	json_array_foreach(json, i, item) {
		at = facts_append(list, n, field->shape->size);
		if (!at)
			return wrong(field, "is too long a list", e);
		if (struct_from_json(field->shape, item, at, e))
			return error_prefix(e, "%s[%zu]", field->key, i);
	}
	return 0;
}

static int text_from_json(const struct field *field, const json_t *json,
			  char *at, struct error *e)
{
	const char *text = json_string_value(json);

	if (!text)
		return wrong(field, "must be a text", e);
	if (json_string_length(json) >= field->size)
		return wrong(field, "is too long", e);
	facts_set(at, field->size, text);
	return 0;
}

static int number_from_json(const struct field *field, const json_t *json,
			    char *at, struct error *e)
{
	const json_int_t value = json_integer_value(json);
	const uint32_t u32 = (uint32_t)value;

	if (!json_is_integer(json))
		return wrong(field, "must be a whole number", e);
	if (field->kind != KIND_I64 && value < 0)
		return wrong(field, "must not be negative", e);
	if (field->kind == KIND_U32 && value > UINT32_MAX)
		return wrong(field, "is too large", e);
	if (field->kind == KIND_U32)
		memcpy(at, &u32, sizeof(u32));
	else
		memcpy(at, &value, sizeof(value));
	return 0;
}

static int field_from_json(const struct field *field, const json_t *json,
			   char *base, struct error *e)
{
	char *at = base + field->offset;

	switch (field->kind) {
	case KIND_TEXT:
		return text_from_json(field, json, at, e);
	case KIND_BOOL:
		if (!json_is_boolean(json))
			return wrong(field, "must be true or false", e);
		*(bool *)at = json_is_true(json);
		return 0;
	case KIND_STRUCT:
		return struct_from_json(field->shape, json, at, e);
	case KIND_LIST:
		return list_from_json(field, json, base, e);
	case KIND_U32:
	case KIND_U64:
	case KIND_I64:
		break;
	}
	return number_from_json(field, json, at, e);
}

static int struct_from_json(const struct shape *shape, const json_t *json,
			    char *base, struct error *e)
{
	const struct field *field;
	const json_t *value;

	if (!json_is_object(json))
		return error_set(e, "invalid", "an object is expected");
	for (field = shape->fields; field->key; field++) {
		value = json_object_get(json, field->key);
		if (value && field_from_json(field, value, base, e))
			return -1;
	}
	return 0;
}

int facts_from_json(const json_t *json, struct facts *ret, struct error *e)
{
	return struct_from_json(&facts_shape, json, (char *)ret, e);
}
