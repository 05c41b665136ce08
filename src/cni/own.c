/* SPDX-License-Identifier: Apache-2.0 */
#include "own.h"

#include <string.h>
#include <time.h>

#include "args.h"
#include "client/socket.h"
#include "config.h"
#include "fail.h"
#include "freed.h"
#include "port.h"
#include "result.h"
#include "sys/addr.h"
#include "sys/clock.h"
#include "sys/error.h"
#include "valid.h"

static const json_t *ipam_of(const struct cni_config *config)
{
	return json_object_get(config->json, "ipam");
}

static void name_unknown(const struct cni_config *config)
{
	static const char *const known[] = { "type", "routes", "dns" };
	const char *key;
	json_t *value;
	size_t i;

	json_object_foreach((json_t *)ipam_of(config), key, value) {
		for (i = 0; i < 3 && strcmp(known[i], key) != 0; i++)
			;
		if (i == 3)
			cni_log("network %s: the key \"%.64s\" of \"ipam\" is "
				"not known and has no effect",
				config->name, key);
	}
}

static int refuse_ranges(const struct cni_config *config, struct cni_error *e)
{
	const json_t *asked = json_object_get(config->json, "runtimeConfig");

	if (json_array_size(config_member(asked, "ipRanges")) == 0)
		return 0;
	cni_fail(e, CNI_UNSUPPORTED,
		 "\"ipRanges\" does not go with \"ipam\" of type " OWN_TYPE);
	return cni_detail(e, "the ranges are in the daemon's configuration, "
			     "for all hosts; a single address can be had with "
			     "\"ips\"");
}

static json_t *whose(const char *verb, const struct cni_args *args,
		     const struct cni_config *config)
{
	char owner[PORT_OWNER_SIZE];
	json_t *o = port_request(verb);

	json_object_set_new(o, "container_id", json_string(args->container_id));
	json_object_set_new(o, "ifname", json_string(args->ifname));
	json_object_set_new(o, "owner",
			    json_string(port_owner(config->name, owner)));
	return o;
}

static json_t *claim_request(const struct cni_args *args,
			     const struct cni_config *config)
{
	json_t *o = whose("ipam-claim", args, config);
	const json_t *ips = config_asked_ips(config);
	json_t *one;

	json_object_set_new(o, "network", json_string(config->network));
	json_object_set_new(o, "gateway", json_boolean(config->is_gateway));
	if (json_array_size(ips) > 0) {
		json_object_set(o, "addresses", (json_t *)ips);
	} else if (args->ip) {
		one = json_array();
		json_array_append_new(one, json_string(args->ip));
		json_object_set_new(o, "addresses", one);
	}
	return o;
}

/* A daemon that has just started asks for a moment's patience. */
static int claim(struct client *c, const struct cni_args *args,
		 const struct cni_config *config, json_t **ret,
		 struct error *why)
{
	static const struct timespec pause = { .tv_nsec = 100000000 };
	const usec_t deadline = clock_monotonic_us() + PORT_CONNECT_US;

	while (port_call(c, claim_request(args, config), ret, why)) {
		if (strcmp(why->code, "not-yet") != 0 ||
		    clock_monotonic_us() >= deadline)
			return -1;
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int add(struct client *c, const struct cni_args *args,
	       const struct cni_config *config, json_t **ret_reply,
	       struct error *why)
{
	static const char *const keys[] = { "routes", "dns" };
	json_t *reply, *value;
	size_t i;

	if (claim(c, args, config, &reply, why))
		return -1;
	for (i = 0; i < 2; i++) {
		value = json_object_get(ipam_of(config), keys[i]);
		if (value && !json_is_null(value))
			json_object_set(reply, keys[i], value);
	}
	*ret_reply = reply;
	return 0;
}

static int del(struct client *c, const struct cni_args *args,
	       const struct cni_config *config, struct error *why)
{
	return port_call(c, whose("ipam-free", args, config), NULL, why);
}

static int list_leases(struct client *c, json_t **ret, struct error *why)
{
	json_t *reply, *list;

	if (port_call(c, port_request("ipam"), &reply, why))
		return -1;
	list = json_incref(json_object_get(reply, "leases"));
	json_decref(reply);
	if (!json_is_array(list)) {
		json_decref(list);
		return error_set(why, "bad-reply",
				 "the daemon's list of leases is no list");
	}
	*ret = list;
	return 0;
}

static bool has_address(const json_t *lease, const char *want)
{
	const json_t *list = json_object_get(lease, "addresses");
	const json_t *text;
	size_t i;

	json_array_foreach(list, i, text) {
		if (json_string_value(text) &&
		    strcmp(json_string_value(text), want) == 0)
			return true;
	}
	return false;
}

/* What ADD said of our interface, against what the daemon has. */
static int compare(const struct cni_args *args, const struct cni_config *config,
		   const json_t *leases, struct cni_error *e)
{
	const json_t *lease = port_find(leases, config, args->container_id,
					args->ifname);
	const json_t *interface, *ips, *ip;
	char text[ADDR_PREFIX_SIZE];
	int number;
	size_t i;

	number = result_find(config->previous, args->ifname, args->netns,
			     &interface);
	ips = json_object_get(config->previous, "ips");
	if (!lease)
		return cni_fail(e, CNI_NOT_AS_SAID,
				"the daemon knows of no addresses of %s",
				args->ifname);
	json_array_foreach(ips, i, ip) {
		const json_t *at = json_object_get(ip, "interface");
		const char *said =
			json_string_value(json_object_get(ip, "address"));
		struct ip address;
		uint8_t len;

		if (!json_is_integer(at) || json_integer_value(at) != number ||
		    !said || !addr_parse_prefix(said, &address, &len))
			continue;
		if (!has_address(lease, addr_print_prefix(&address, len, text)))
			return cni_fail(e, CNI_NOT_AS_SAID,
					"the daemon does not know that %s has "
					"%.64s",
					args->ifname, said);
	}
	return 0;
}

static int check(struct client *c, const struct cni_args *args,
		 const struct cni_config *config, struct cni_error *e)
{
	struct error why = { 0 };
	json_t *leases;
	int rc;

	if (list_leases(c, &leases, &why))
		return cni_fail_from(e, &why);
	rc = compare(args, config, leases, e);
	json_decref(leases);
	return rc;
}

static int gc(struct client *c, const struct cni_config *config,
	      struct error *why)
{
	static const char *const keys[] = { "container_id", "ifname", "owner" };
	struct error one = { 0 };
	const json_t *lease;
	json_t *leases, *o;
	size_t i, k;
	int rc = 0;

	if (list_leases(c, &leases, why))
		return -1;
	json_array_foreach(leases, i, lease) {
		if (!valid_is_stale(config, lease))
			continue;
		o = port_request("ipam-free");
		for (k = 0; k < 3; k++)
			json_object_set(o, keys[k],
					json_object_get(lease, keys[k]));
		if (port_call(c, o, NULL, &one) == 0)
			continue;
		if (rc == 0)
			*why = one;
		rc = -1;
	}
	json_decref(leases);
	return rc;
}

static int ready(struct client *c, const struct cni_config *config,
		 struct error *why)
{
	json_t *o = port_request("ipam-ready");

	json_object_set_new(o, "network", json_string(config->network));
	return port_call(c, o, NULL, why);
}

/* The daemon learns of it when it is back, unless it is back already. One that
 * does not answer is not asked again: it reads the note when it does. */
static int leave_note(const struct cni_args *args,
		      const struct cni_config *config, struct error *why)
{
	struct error later = { 0 };
	struct client *c;
	char path[FREED_PATH_SIZE];
	int rc;

	if (freed_write(args, config, path))
		return -1; /* @why says that there is no daemon */
	if (config->is_daemon_silent)
		return 0;
	if (port_connect(config->socket, &c, &later))
		return 0;
	rc = del(c, args, config, why);
	client_close(c);
	freed_remove(path);
	return rc;
}

int own_run(const struct cni_args *args, const struct cni_config *config,
	    const char *verb, json_t **ret_reply, struct cni_error *e)
{
	struct error why = { 0 };
	struct client *c = NULL;
	int rc;

	if (strcmp(verb, "ADD") == 0) {
		name_unknown(config);
		if (refuse_ranges(config, e))
			return -1;
	}
	if (config->is_daemon_silent)
		rc = error_set(&why, "timeout",
			       "the daemon did not answer before");
	else
		rc = port_connect(config->socket, &c, &why);
	if (rc && strcmp(verb, "DEL") == 0)
		rc = leave_note(args, config, &why);
	if (rc)
		return cni_fail_from(e, &why);
	if (!c)
		return 0;
	if (strcmp(verb, "ADD") == 0)
		rc = add(c, args, config, ret_reply, &why);
	else if (strcmp(verb, "DEL") == 0)
		rc = del(c, args, config, &why);
	else if (strcmp(verb, "GC") == 0)
		rc = gc(c, config, &why);
	else if (strcmp(verb, "STATUS") == 0)
		rc = ready(c, config, &why);
	else
		rc = check(c, args, config, e);
	client_close(c);
	if (rc && error_is_set(&why))
		cni_fail_from(e, &why);
	return rc ? -1 : 0;
}
