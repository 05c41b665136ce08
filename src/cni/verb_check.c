/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CHECK: are interface, addresses, routes and port as ADD's result says? Of
 * what later plugins of the chain have added nothing is asked.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "client/socket.h"
#include "config.h"
#include "fail.h"
#include "ipam.h"
#include "port.h"
#include "result.h"
#include "sys/addr.h"
#include "sys/cleanup.h"
#include "sys/error.h"
#include "sys/netns.h"
#include "sys/rtnl.h"
#include "verbs.h"

struct check {
	const struct cni_args *args;
	const struct cni_config *config;
	const json_t *interface; /* of prevResult */
	struct result result;
	struct rtnl *inside;
	struct rtnl_link link;
};

static int differs(struct cni_error *e, const struct check *c, const char *what,
		   const char *which)
{
	return cni_fail(e, CNI_NOT_AS_SAID, "%s in %s: %s %s", c->args->ifname,
			c->args->netns, what, which);
}

static int read_previous(struct check *c, struct cni_error *e)
{
	const json_t *previous = c->config->previous;
	int index;

	if (!previous)
		return cni_fail(e, CNI_CONFIG, "CHECK needs a prevResult");
	index = result_find(previous, c->args->ifname, c->args->netns,
			    &c->interface);
	/* One path of several to the same namespace. */
	if (index < 0)
		index = result_find(previous, c->args->ifname, NULL,
				    &c->interface);
	if (index < 0)
		return cni_fail(e, CNI_CONFIG,
				"prevResult has no interface "
				"%s in a container",
				c->args->ifname);
	return result_parse(previous, index, CNI_CONFIG, &c->result, e);
}

static int check_link(struct check *c, struct cni_error *e)
{
	const char *mac =
		json_string_value(json_object_get(c->interface, "mac"));
	char text[ADDR_MAC_SIZE];
	struct mac want;
	int rc;

	rc = rtnl_link_by_name(c->inside, c->args->ifname, &c->link);
	if (rc == -ENODEV)
		return differs(e, c, "there is", "no such interface");
	if (rc)
		return cni_fail_system(e, rc, "look into", c->args->netns);
	if (strcmp(c->link.kind, "veth") != 0)
		return differs(e, c, "it is no veth but", c->link.kind);
	if (!(c->link.flags & IFF_UP))
		return differs(e, c, "it is", "down");
	if (mac && addr_parse_mac(mac, &want) &&
	    !mac_equal(&want, &c->link.mac))
		return differs(e, c, "its MAC is",
			       addr_print_mac(&c->link.mac, text));
	return 0;
}

static int check_addresses(struct check *c, struct cni_error *e)
{
	CLEAN_FREE struct rtnl_addr *list = NULL;
	char text[ADDR_PREFIX_SIZE];
	size_t i, k, n;
	int rc;

	rc = rtnl_addr_list(c->inside, c->link.ifindex, &list, &n);
	if (rc)
		return cni_fail_system(e, rc, "list the addresses in",
				       c->args->netns);
	for (i = 0; i < c->result.n_ips; i++) {
		const struct result_ip *want = &c->result.ips[i];

		for (k = 0; k < n; k++) {
			if (list[k].prefix_len == want->prefix_len &&
			    ip_equal(&list[k].ip, &want->ip))
				break;
		}
		if (k == n)
			return differs(e, c, "it has lost the address",
				       addr_print_prefix(&want->ip,
							 want->prefix_len,
							 text));
	}
	return 0;
}

/* ADD leaves a route that is there, to another interface too, as it is. */
static bool has_route(const struct check *c, const struct route *want,
		      const struct route *list, size_t n)
{
	const struct ip *gateway =
		want->has_gateway
			? &want->gateway
			: result_gateway(&c->result, ip_is_v4(&want->dst));
	size_t i;

	for (i = 0; i < n; i++) {
		if (list[i].prefix_len != want->prefix_len ||
		    !ip_equal(&list[i].dst, &want->dst))
			continue;
		if (list[i].ifindex != c->link.ifindex || !gateway)
			return true;
		if (list[i].has_gateway && ip_equal(&list[i].gateway, gateway))
			return true;
	}
	return false;
}

static int check_routes(struct check *c, struct cni_error *e)
{
	CLEAN_FREE struct route *list = NULL;
	char text[ADDR_PREFIX_SIZE];
	size_t i, n;
	int rc;

	if (c->result.n_routes == 0)
		return 0;
	rc = route_list(c->inside, &list, &n);
	if (rc)
		return cni_fail_system(e, rc, "list the routes in",
				       c->args->netns);
	for (i = 0; i < c->result.n_routes; i++) {
		const struct route *want = &c->result.routes[i];

		if (!has_route(c, want, list, n))
			return differs(e, c, "it has lost the route to",
				       addr_print_prefix(&want->dst,
							 want->prefix_len,
							 text));
	}
	return 0;
}

static int check_inside(struct check *c, struct cni_error *e)
{
	struct error why = { 0 };
	CLEAN_FD int fd = -1;
	int rc;

	rc = netns_open(c->args->netns, &fd, &why);
	if (rc) {
		cni_fail_from(e, &why);
		e->code = rc == -ENOENT || rc == -ESRCH ? CNI_NO_CONTAINER
							: CNI_ENVIRONMENT;
		return -1;
	}
	rc = rtnl_open_at(fd, &c->inside);
	if (rc)
		return cni_fail_system(e, rc, "work in the namespace",
				       c->args->netns);
	return check_link(c, e) || check_addresses(c, e) || check_routes(c, e)
		       ? -1
		       : 0;
}

static bool has_address(const json_t *port, const char *want)
{
	const json_t *list = json_object_get(port, "addresses");
	const json_t *entry;
	size_t i;

	json_array_foreach(list, i, entry) {
		const char *text = json_string_value(entry);

		if (text && strcmp(text, want) == 0)
			return true;
	}
	return false;
}

/* What the daemon believes is what the network delivers. */
static int check_port(struct check *c, const json_t *port, struct cni_error *e)
{
	const char *mac = json_string_value(json_object_get(port, "mac"));
	char text[ADDR_PREFIX_SIZE];
	struct mac known;
	size_t i;

	if (!port)
		return differs(e, c, "the daemon has", "no such port");
	if (!json_is_true(json_object_get(port, "trust")) &&
	    (!mac || !addr_parse_mac(mac, &known) ||
	     !mac_equal(&known, &c->link.mac)))
		return differs(e, c, "the network lets it send only as",
			       mac ? mac : "another MAC");
	for (i = 0; i < c->result.n_ips; i++) {
		addr_print_prefix(&c->result.ips[i].ip,
				  c->result.ips[i].prefix_len, text);
		if (!has_address(port, text))
			return differs(e, c,
				       "the daemon does not know its "
				       "address",
				       text);
	}
	return 0;
}

/* Of the port's end on the host; 0: cannot be told. */
static uint32_t mtu_outside(struct client *client, const json_t *port)
{
	const char *ifname =
		json_string_value(json_object_get(port, "host_ifname"));
	struct rtnl_link link;
	uint32_t mtu = 0;
	CLEAN_FD int fd = -1;
	struct rtnl *r;

	if (!ifname || client_netns(client, &fd, NULL) || rtnl_open_at(fd, &r))
		return 0;
	if (rtnl_link_by_name(r, ifname, &link) == 0)
		mtu = link.mtu;
	rtnl_close(r);
	return mtu;
}

/*
 * The daemon gives both ends another when what the network carries is another:
 * a link's MTU, a peer on IPv6. The result is as old as the container.
 */
static int check_mtu(const struct check *c, struct client *client,
		     const json_t *port, struct cni_error *e)
{
	json_int_t said =
		json_integer_value(json_object_get(c->interface, "mtu"));

	if (said <= 0 || said == c->link.mtu ||
	    mtu_outside(client, port) == c->link.mtu)
		return 0;
	return differs(e, c, "its MTU is", "not the result's");
}

static int check_daemon(struct check *c, struct cni_error *e)
{
	struct error why = { 0 };
	struct client *client;
	json_t *ports = NULL;
	const json_t *port;
	int rc;

	if (port_connect(c->config->socket, &client, &why))
		return cni_fail_from(e, &why);
	rc = port_list(client, c->args->container_id, &ports, &why);
	if (rc) {
		cni_fail_from(e, &why);
	} else {
		port = port_find(ports, c->config, c->args->container_id,
				 c->args->ifname);
		rc = check_port(c, port, e) || check_mtu(c, client, port, e);
	}
	client_close(client);
	json_decref(ports);
	return rc ? -1 : 0;
}

int verb_check(const struct cni_args *args, struct cni_config *config,
	       struct cni_error *e)
{
	struct check c = { .args = args, .config = config };
	int rc;

	rc = config_check(config, args, e) || read_previous(&c, e) ||
	     ipam_run(args, config, "CHECK", NULL, NULL, e) ||
	     check_inside(&c, e) || check_daemon(&c, e);
	rtnl_close(c.inside);
	return rc ? -1 : 0;
}
