/* SPDX-License-Identifier: Apache-2.0 */
#include "result.h"

#include <stdio.h>
#include <string.h>

#include "fail.h"
#include "sys/addr.h"
#include "sys/utf8.h"

static int bad(struct cni_error *e, int code, const char *what,
	       const json_t *value)
{
	const char *text = json_string_value(value);

	return cni_fail(e, code,
			"the result has %s \"%.64s\", which makes no "
			"sense",
			what, text ? text : "?");
}

static bool parse_ip(const json_t *json, struct result_ip *ret)
{
	const char *text = json_string_value(json_object_get(json, "address"));
	const json_t *gateway = json_object_get(json, "gateway");

	memset(ret, 0, sizeof(*ret));
	if (!text || !addr_parse_prefix(text, &ret->ip, &ret->prefix_len) ||
	    addr_ip_is_any(&ret->ip) || addr_ip_is_multicast(&ret->ip))
		return false;
	if (!gateway || json_is_null(gateway))
		return true;
	text = json_string_value(gateway);
	ret->has_gateway = text && text[0];
	return text &&
	       (!text[0] || (addr_parse_ip(text, &ret->gateway) &&
			     ip_is_v4(&ret->gateway) == ip_is_v4(&ret->ip)));
}

static int parse_ips(const json_t *list, int interface, int code,
		     struct result *ret, struct cni_error *e)
{
	const json_t *entry, *index;
	size_t i;

	json_array_foreach(list, i, entry) {
		index = json_object_get(entry, "interface");
		if (interface >= 0 && (!json_is_integer(index) ||
				       json_integer_value(index) != interface))
			continue;
		if (ret->n_ips == MAX_IPS_PER_ENTRY)
			return cni_fail(e, code,
					"the result has more than %u "
					"addresses",
					MAX_IPS_PER_ENTRY);
		if (!parse_ip(entry, &ret->ips[ret->n_ips]))
			return bad(e, code, "the address",
				   json_object_get(entry, "address"));
		ret->n_ips++;
	}
	return 0;
}

static bool parse_number(const json_t *json, const char *key, uint32_t *ret)
{
	const json_t *value = json_object_get(json, key);
	json_int_t number = json_integer_value(value);

	if (!value || json_is_null(value))
		return true;
	if (!json_is_integer(value) || number < 0 || number > UINT32_MAX)
		return false;
	*ret = (uint32_t)number;
	return true;
}

static bool parse_route(const json_t *json, struct route *ret)
{
	const char *text = json_string_value(json_object_get(json, "dst"));
	const json_t *gw = json_object_get(json, "gw");
	const json_t *scope = json_object_get(json, "scope");
	json_int_t number = json_integer_value(scope);

	memset(ret, 0, sizeof(*ret));
	if (!text || !addr_parse_prefix(text, &ret->dst, &ret->prefix_len))
		return false;
	route_mask(&ret->dst, ret->prefix_len);
	text = json_string_value(gw);
	if (gw && !json_is_null(gw) && !text)
		return false;
	if (text && text[0]) {
		if (!addr_parse_ip(text, &ret->gateway) ||
		    ip_is_v4(&ret->gateway) != ip_is_v4(&ret->dst))
			return false;
		ret->has_gateway = true;
	}
	ret->has_scope = json_is_integer(scope);
	ret->scope = (uint8_t)number;
	if (number < 0 || number > UINT8_MAX)
		return false;
	return parse_number(json, "mtu", &ret->mtu) &&
	       parse_number(json, "advmss", &ret->advmss) &&
	       parse_number(json, "priority", &ret->priority) &&
	       parse_number(json, "table", &ret->table);
}

int result_parse(const json_t *json, int interface, int code,
		 struct result *ret, struct cni_error *e)
{
	const json_t *routes = json_object_get(json, "routes");
	const json_t *entry;
	size_t i;

	memset(ret, 0, sizeof(*ret));
	if (parse_ips(json_object_get(json, "ips"), interface, code, ret, e))
		return -1;
	if (json_array_size(routes) > RESULT_MAX_ROUTES)
		return cni_fail(e, code, "the result has more than %u routes",
				RESULT_MAX_ROUTES);
	json_array_foreach(routes, i, entry) {
		if (!parse_route(entry, &ret->routes[i]))
			return bad(e, code, "the route to",
				   json_object_get(entry, "dst"));
		ret->n_routes++;
	}
	return 0;
}

const struct ip *result_gateway(const struct result *r, bool is_v4)
{
	size_t i;

	for (i = 0; i < r->n_ips; i++) {
		if (r->ips[i].has_gateway && ip_is_v4(&r->ips[i].ip) == is_v4)
			return &r->ips[i].gateway;
	}
	return NULL;
}

static json_t *interface_json(enum cni_version version,
			      const struct result_interface *i)
{
	json_t *o = json_object();

	json_object_set_new(o, "name", utf8_to_json(i->ifname));
	if (i->mac)
		json_object_set_new(o, "mac", utf8_to_json(i->mac));
	if (version >= CNI_1_1_0 && i->mtu)
		json_object_set_new(o, "mtu", json_integer(i->mtu));
	if (i->sandbox)
		json_object_set_new(o, "sandbox", utf8_to_json(i->sandbox));
	return o;
}

static json_t *ip_json(enum cni_version version, const struct result_ip *ip,
		       size_t interface)
{
	char text[ADDR_PREFIX_SIZE];
	json_t *o = json_object();

	if (version < CNI_1_0_0)
		json_object_set_new(o, "version",
				    json_string(ip_is_v4(&ip->ip) ? "4" : "6"));
	json_object_set_new(
		o, "address",
		json_string(addr_print_prefix(&ip->ip, ip->prefix_len, text)));
	if (ip->has_gateway)
		json_object_set_new(o, "gateway",
				    json_string(
					    addr_print_ip(&ip->gateway, text)));
	json_object_set_new(o, "interface",
			    json_integer((json_int_t)interface));
	return o;
}

static json_t *route_json(enum cni_version version, const struct route *r)
{
	const struct {
		const char *key;
		uint32_t value;
		bool is_set;
	} numbers[] = {
		{ "mtu", r->mtu, r->mtu != 0 },
		{ "advmss", r->advmss, r->advmss != 0 },
		{ "priority", r->priority, r->priority != 0 },
		{ "table", r->table, r->table != 0 },
		{ "scope", r->scope, r->has_scope },
	};
	char text[ADDR_PREFIX_SIZE];
	json_t *o = json_object();
	size_t i;

	json_object_set_new(
		o, "dst",
		json_string(addr_print_prefix(&r->dst, r->prefix_len, text)));
	if (r->has_gateway)
		json_object_set_new(
			o, "gw", json_string(addr_print_ip(&r->gateway, text)));
	for (i = 0;
	     version >= CNI_1_1_0 && i < sizeof(numbers) / sizeof(numbers[0]);
	     i++) {
		if (numbers[i].is_set)
			json_object_set_new(o, numbers[i].key,
					    json_integer(numbers[i].value));
	}
	return o;
}

/* The list @key of @o, made if it is none. */
static json_t *list_of(json_t *o, const char *key)
{
	json_t *list = json_object_get(o, key);

	if (!json_is_array(list)) {
		list = json_array();
		json_object_set_new(o, key, list);
	}
	return list;
}

json_t *result_json(enum cni_version version, const json_t *previous,
		    const struct result *r,
		    const struct result_interface *outside,
		    const struct result_interface *inside, const json_t *dns)
{
	json_t *o = previous ? json_deep_copy(previous) : json_object();
	json_t *list;
	size_t i, index;

	json_object_set_new(o, "cniVersion",
			    json_string(cni_version_text(version)));
	list = list_of(o, "interfaces");
	json_array_append_new(list, interface_json(version, outside));
	index = json_array_size(list);
	json_array_append_new(list, interface_json(version, inside));
	list = list_of(o, "ips");
	for (i = 0; i < r->n_ips; i++)
		json_array_append_new(list,
				      ip_json(version, &r->ips[i], index));
	if (r->n_routes > 0)
		list = list_of(o, "routes");
	for (i = 0; i < r->n_routes; i++)
		json_array_append_new(list, route_json(version, &r->routes[i]));
	if (json_object_size(dns) > 0)
		json_object_set_new(o, "dns", json_deep_copy(dns));
	else if (!json_object_get(o, "dns"))
		json_object_set_new(o, "dns", json_object());
	return o;
}

int result_find(const json_t *json, const char *ifname, const char *sandbox,
		const json_t **ret)
{
	const json_t *list = json_object_get(json, "interfaces");
	const json_t *entry;
	size_t i;

	json_array_foreach(list, i, entry) {
		const char *name, *where;

		name = json_string_value(json_object_get(entry, "name"));
		where = json_string_value(json_object_get(entry, "sandbox"));
		if (!name || !where || !where[0] || strcmp(name, ifname) != 0)
			continue;
		if (sandbox && strcmp(where, sandbox) != 0)
			continue;
		*ret = entry;
		return (int)i;
	}
	return -1;
}

json_t *result_error(enum cni_version version, const struct cni_error *e)
{
	json_t *o = json_object();

	json_object_set_new(o, "cniVersion",
			    json_string(cni_version_text(version)));
	json_object_set_new(o, "code", json_integer(e->code));
	json_object_set_new(o, "msg", utf8_to_json(e->message));
	if (e->details[0])
		json_object_set_new(o, "details", utf8_to_json(e->details));
	return o;
}
