/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ADD: look whether it can be done, get addresses, make the interface, give it
 * its routes, tell. A step that fails undoes those before it.
 */
#include <errno.h>
#include <string.h>

#include "args.h"
#include "client/iface.h"
#include "client/socket.h"
#include "config.h"
#include "fail.h"
#include "ipam.h"
#include "lock.h"
#include "port.h"
#include "result.h"
#include "sys/addr.h"
#include "sys/cleanup.h"
#include "sys/error.h"
#include "sys/netns.h"
#include "sys/rtnl.h"
#include "verbs.h"

#define MIN_MTU_V6 1280U
#define MAX_GATEWAYS 4U /* that the daemon keeps with a port */

struct add {
	const struct cni_args *args;
	const struct cni_config *config;
	struct client *client;
	int netns_fd;
	char netns_id[NETNS_ID_SIZE];
	struct rtnl *inside;
	struct result result;
	json_t *lease;	    /* what the IPAM plugin gave */
	json_t *reply;	    /* what the daemon said of the port */
	const json_t *port; /* in it */
	uint32_t ifindex, mtu;
};

/* The container, opened once: its path may lead elsewhere a moment later. */
static int enter(struct add *a, struct cni_error *e)
{
	const char *path = a->args->netns;
	struct error why = { 0 };
	struct rtnl_link link;
	int rc;

	rc = netns_open(path, &a->netns_fd, &why);
	if (rc) {
		cni_fail_from(e, &why);
		e->code = rc == -ENOENT || rc == -ESRCH ? CNI_NO_CONTAINER
							: CNI_ENVIRONMENT;
		return -1;
	}
	rc = netns_id(a->netns_fd, a->netns_id);
	if (!rc)
		rc = rtnl_open_at(a->netns_fd, &a->inside);
	if (rc)
		return cni_fail_system(e, rc, "work in the namespace", path);
	rc = rtnl_link_by_name(a->inside, a->args->ifname, &link);
	if (rc == 0)
		return cni_fail(e, CNI_IN_USE, "%s has an interface %s already",
				path, a->args->ifname);
	return rc == -ENODEV ? 0 : cni_fail_system(e, rc, "look into", path);
}

static int connect_to(struct add *a, struct cni_error *e)
{
	struct error why = { 0 };

	return port_connect(a->config->socket, &a->client, &why)
		       ? cni_fail_from(e, &why)
		       : 0;
}

/* Not a container: the namespace that the daemon itself is in. */
static int refuse_host(struct add *a, struct cni_error *e)
{
	char id[NETNS_ID_SIZE];
	struct error why = { 0 };
	CLEAN_FD int fd = -1;

	if (client_netns(a->client, &fd, &why))
		return cni_fail_from(e, &why);
	if (netns_id(fd, id) || strcmp(id, a->netns_id) != 0)
		return 0;
	return cni_fail(e, CNI_ENVIRONMENT,
			"CNI_NETNS %s is the network namespace of the host",
			a->args->netns);
}

/* Before anything is done: would the daemon do it? */
static int ask_plan(struct add *a, struct cni_error *e)
{
	struct error why = { 0 };

	if (connect_to(a, e) || refuse_host(a, e))
		return -1;
	if (port_plan(a->client, a->config, a->netns_id, a->args->ifname,
		      &a->mtu, &why))
		return cni_fail_from(e, &why);
	/* The IPAM plugin may take its time, and connections are few. */
	client_close(a->client);
	a->client = NULL;
	if (a->config->mtu > a->mtu)
		return cni_fail(e, CNI_CONFIG,
				"\"mtu\" is %u, and the "
				"network carries no more than %u",
				a->config->mtu, a->mtu);
	return 0;
}

static void give_back(struct add *a)
{
	struct cni_error e = { 0 };

	if (ipam_run(a->args, a->config, "DEL", NULL, NULL, &e))
		cni_log("%s %s: while undoing: %s", a->args->container_id,
			a->args->ifname, e.message);
}

/* Told, not refused: what an IPAM plugin gives is its business. */
static void compare_asked(const struct add *a)
{
	const char *text = config_asked_ip(a->config, a->args);
	struct ip ip;
	uint8_t len;
	size_t i;

	if (!text ||
	    (!addr_parse_ip(text, &ip) && !addr_parse_prefix(text, &ip, &len)))
		return;
	for (i = 0; i < a->result.n_ips; i++) {
		if (ip_equal(&a->result.ips[i].ip, &ip))
			return;
	}
	cni_log("%s %s: the address %.64s was asked for, and IPAM plugin %s "
		"gave another",
		a->args->container_id, a->args->ifname, text,
		a->config->ipam_type);
}

/* RFC 8200 section 5: below it the kernel takes IPv6 off the link. */
static int check_mtu(const struct add *a, struct cni_error *e)
{
	size_t i;

	for (i = 0; i < a->result.n_ips; i++) {
		if (a->config->mtu && a->config->mtu < MIN_MTU_V6 &&
		    !ip_is_v4(&a->result.ips[i].ip))
			return cni_fail(e, CNI_CONFIG,
					"\"mtu\" is %u, and IPv6 needs %u",
					a->config->mtu, MIN_MTU_V6);
	}
	return 0;
}

static int get_addresses(struct add *a, struct cni_error *e)
{
	bool is_unsure;

	if (ipam_run(a->args, a->config, "ADD", &a->lease, &is_unsure, e)) {
		if (is_unsure)
			give_back(a);
		return -1;
	}
	if (result_parse(a->lease, -1, CNI_IPAM, &a->result, e))
		return cni_detail(e, "IPAM plugin %s", a->config->ipam_type);
	if (a->result.n_ips == 0)
		return cni_fail(e, CNI_IPAM, "IPAM plugin %s gave no address",
				a->config->ipam_type);
	compare_asked(a);
	return check_mtu(a, e);
}

/* Those that the host is to have; each once. */
static size_t list_gateways(const struct add *a,
			    char texts[MAX_GATEWAYS][ADDR_PREFIX_SIZE],
			    const char *ret[MAX_GATEWAYS])
{
	size_t i, k, n = 0;

	for (i = 0; a->config->is_gateway && i < a->result.n_ips; i++) {
		const struct result_ip *ip = &a->result.ips[i];

		if (!ip->has_gateway || n == MAX_GATEWAYS)
			continue;
		addr_print_prefix(&ip->gateway, ip->prefix_len, texts[n]);
		for (k = 0; k < n && strcmp(texts[k], texts[n]) != 0; k++)
			;
		ret[n] = texts[n];
		n += k == n;
	}
	return n;
}

static int attach(struct add *a, struct cni_error *e)
{
	char texts[MAX_IPS_PER_ENTRY][ADDR_PREFIX_SIZE];
	char gateway_texts[MAX_GATEWAYS][ADDR_PREFIX_SIZE];
	const char *addresses[MAX_IPS_PER_ENTRY], *gateways[MAX_GATEWAYS];
	char owner[PORT_OWNER_SIZE];
	struct iface_request request = {
		.netns = a->args->netns,
		.ifname = a->args->ifname,
		.addresses = addresses,
		.n_addresses = a->result.n_ips,
		.mac = a->config->mac,
		.network = a->config->network,
		.container_id = a->args->container_id,
		.owner = port_owner(a->config->name, owner),
		.gateways = gateways,
		.n_gateways = list_gateways(a, gateway_texts, gateways),
		.is_masqueraded = a->config->masquerades,
	};
	struct error why = { 0 };
	size_t i;

	for (i = 0; i < a->result.n_ips; i++)
		addresses[i] = addr_print_prefix(&a->result.ips[i].ip,
						 a->result.ips[i].prefix_len,
						 texts[i]);
	if (connect_to(a, e))
		return -1;
	if (iface_attach(a->client, &request, &a->reply, &why))
		return cni_fail_from(e, &why);
	a->port = json_object_get(a->reply, "port");
	return 0;
}

/* The same namespace as the one that was opened first, and its link. */
static int find_link(struct add *a, struct cni_error *e)
{
	const char *netns =
		json_string_value(json_object_get(a->port, "netns"));
	struct rtnl_link link;
	int rc;

	if (!netns || strcmp(netns, a->netns_id) != 0)
		return cni_fail(e, CNI_NO_CONTAINER,
				"%s has become another namespace meanwhile",
				a->args->netns);
	rc = rtnl_link_by_name(a->inside, a->args->ifname, &link);
	if (rc)
		return cni_fail_system(e, rc, "find the new interface",
				       a->args->ifname);
	a->ifindex = link.ifindex;
	a->mtu = link.mtu;
	if (!a->config->mtu || a->config->mtu == link.mtu)
		return 0;
	/* The path may have become narrower since the plan. */
	rc = a->config->mtu > link.mtu
		     ? -EINVAL
		     : rtnl_link_set_mtu(a->inside, link.ifindex,
					 a->config->mtu);
	a->mtu = a->config->mtu;
	return rc ? cni_fail_system(e, rc, "set the MTU of", a->args->ifname)
		  : 0;
}

static int add_routes(struct add *a, struct cni_error *e)
{
	char text[ADDR_PREFIX_SIZE];
	const struct ip *gateway;
	struct route route;
	size_t i;
	int rc;

	for (i = 0; i < a->result.n_routes; i++) {
		route = a->result.routes[i];
		gateway = result_gateway(&a->result, ip_is_v4(&route.dst));
		if (!route.has_gateway && gateway) {
			route.has_gateway = true;
			route.gateway = *gateway;
		}
		rc = route_add(a->inside, a->ifindex, &route);
		addr_print_prefix(&route.dst, route.prefix_len, text);
		/* The container's first network may have it. */
		if (rc == -EEXIST)
			cni_log("%s %s: there is a route to %s already",
				a->args->container_id, a->args->ifname, text);
		else if (rc)
			return cni_fail_system(e, rc, "add the route to", text);
	}
	return 0;
}

/* The capability has words of its own for what a result has. */
static json_t *asked_dns(const struct add *a)
{
	static const char *const words[][2] = { { "servers", "nameservers" },
						{ "searches", "search" },
						{ "options", "options" } };
	const json_t *asked = config_asked_dns(a->config);
	json_t *dns = json_object(), *value;
	size_t i;

	for (i = 0; json_is_object(asked) && i < 3; i++) {
		value = config_member(asked, words[i][0]);
		if (json_array_size(value) > 0)
			json_object_set(dns, words[i][1], value);
	}
	return dns;
}

/* The runtime's word on names goes before the configuration's, and that before
 * the IPAM plugin's. */
static json_t *dns_of(const struct add *a)
{
	json_t *configured = json_object_get(a->config->json, "dns");
	json_t *dns = asked_dns(a);

	if (json_object_size(dns) > 0)
		return dns;
	json_decref(dns);
	return json_incref(json_object_size(configured) > 0
				   ? configured
				   : json_object_get(a->lease, "dns"));
}

/* Of the host end; absent when it cannot be told. */
static void describe_outside(struct add *a, char mac[ADDR_MAC_SIZE],
			     struct result_interface *ret)
{
	struct rtnl_link link;
	CLEAN_FD int fd = -1;
	struct rtnl *r;

	ret->ifname =
		json_string_value(json_object_get(a->port, "host_ifname"));
	if (!ret->ifname)
		ret->ifname = "";
	if (client_netns(a->client, &fd, NULL) || rtnl_open_at(fd, &r))
		return;
	if (rtnl_link_by_name(r, ret->ifname, &link) == 0) {
		ret->mac = addr_print_mac(&link.mac, mac);
		ret->mtu = link.mtu;
	}
	rtnl_close(r);
}

static int tell(struct add *a, struct cni_error *e)
{
	struct result_interface outside = { 0 }, inside = { 0 };
	char mac[ADDR_MAC_SIZE];
	json_t *dns = dns_of(a), *json;
	int rc;

	describe_outside(a, mac, &outside);
	inside.ifname = a->args->ifname;
	inside.mac = json_string_value(json_object_get(a->port, "mac"));
	inside.mtu = a->mtu;
	inside.sandbox = a->args->netns;
	json = result_json(a->config->version, a->config->previous, &a->result,
			   &outside, &inside, dns);
	json_decref(dns);
	rc = cni_print(json);
	json_decref(json);
	return rc ? cni_fail(e, CNI_IO, "cannot write to stdout: %s",
			     strerror(-rc))
		  : 0;
}

/* Last made, first taken away; the address is free when nobody has it. */
static void undo(struct add *a)
{
	struct error why = { 0 };

	if (a->port && port_detach(a->client, a->port, &why))
		cni_log("%s %s: while undoing: %s", a->args->container_id,
			a->args->ifname, why.message);
	/* The daemon sees its end go, should it not have heard of it. */
	if (a->ifindex && rtnl_link_delete(a->inside, a->ifindex) == 0)
		cni_log("%s %s: the interface was taken away again",
			a->args->container_id, a->args->ifname);
	if (a->lease)
		give_back(a);
}

int verb_add(const struct cni_args *args, struct cni_config *config,
	     struct cni_error *e)
{
	struct add a = { .args = args, .config = config, .netns_fd = -1 };
	CLEAN_FD int lock = -1;
	int rc;

	rc = config_check(config, args, e);
	if (!rc) {
		lock = lock_take(args, config);
		(void)lock; /* held until we return */
		rc = enter(&a, e);
	}
	if (!rc)
		rc = ask_plan(&a, e);
	if (!rc)
		rc = get_addresses(&a, e);
	if (!rc)
		rc = attach(&a, e);
	if (!rc)
		rc = find_link(&a, e);
	if (!rc)
		rc = add_routes(&a, e);
	if (!rc)
		rc = tell(&a, e);
	if (rc)
		undo(&a);
	json_decref(a.lease);
	json_decref(a.reply);
	client_close(a.client);
	rtnl_close(a.inside);
	if (a.netns_fd >= 0)
		close(a.netns_fd);
	return rc ? -1 : 0;
}
