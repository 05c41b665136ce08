/* SPDX-License-Identifier: Apache-2.0 */
/* Ports: plan, attach, detach; the host's own: expose, hide. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api.h"
#include "core/alloc.h"
#include "hostport.h"
#include "log.h"
#include "own_link.h"
#include "port_remove.h"
#include "state.h"
#include "sys/addr.h"
#include "sys/cleanup.h"
#include "sys/clock.h"
#include "turn.h"

static int copy_text(const json_t *request, const char *key, char *ret,
		     size_t size, struct error *e)
{
	const json_t *value = json_object_get(request, key);
	const char *text = json_string_value(value);

	ret[0] = '\0';
	if (!value || json_is_null(value))
		return 0;
	if (!text || strlen(text) >= size ||
	    strlen(text) != json_string_length(value))
		return error_set(e, "invalid",
				 "\"%s\" must be a text of less than %zu bytes",
				 key, size);
	strcpy(ret, text);
	return 0;
}

static int get_network(const struct daemon *d, const json_t *request,
		       struct port_record *r, struct error *e)
{
	if (copy_text(request, "network", r->network, sizeof(r->network), e))
		return -1;
	if (!r->network[0])
		strcpy(r->network, DEFAULT_NETWORK);
	r->vni = settings_vni(&d->settings, r->network);
	if (r->vni == VNI_NONE) {
		error_set(e, "invalid", "\"%s\" is no name for a network",
			  r->network);
		return error_hint(e, "1 to 63 letters, digits, '_', '.', ':' "
				     "or '-'");
	}
	EACH_RECORD(&d->ports, node)
	{
		const struct port_record *other = RECORD_OF(node);

		if (other->vni != r->vni)
			continue;
		/* What holds for one of a VNI's ports holds for all. */
		if (strcmp(other->network, r->network) == 0)
			break;
		error_set(e, "in-use", "networks %s and %s would share VNI %u",
			  r->network, other->network, r->vni);
		return error_hint(e,
				  "give one of them a VNI of its own on every "
				  "host: [network %s] vni = N",
				  r->network);
	}
	return 0;
}

static int get_addresses(const json_t *request, struct port_record *r,
			 struct error *e)
{
	const json_t *list = json_object_get(request, "addresses");
	const char *text;
	size_t i;

	if (list && !json_is_array(list))
		return error_set(e, "invalid", "\"addresses\" must be a list");
	if (json_array_size(list) > MAX_ADDRESSES)
		return error_set(e, "limit", "at most %u addresses a port",
				 MAX_ADDRESSES);
	for (i = 0; i < json_array_size(list); i++) {
		text = json_string_value(json_array_get(list, i));
		if (!text ||
		    !addr_parse_prefix(text, &r->ips[i], &r->prefix_lens[i]) ||
		    addr_ip_is_any(&r->ips[i]) ||
		    addr_ip_is_multicast(&r->ips[i])) {
			error_set(e, "invalid",
				  "'%.60s' is not an address with a length",
				  text ? text : "?");
			return error_hint(e, "write it as 10.32.0.1/24 or "
					     "fd00::1/64");
		}
		r->n_addresses++;
	}
	return 0;
}

/* Addresses of the host's own that the container has as gateways. */
static int get_gateways(const json_t *request, struct port_record *r,
			struct error *e)
{
	const json_t *list = json_object_get(request, "gateways");
	size_t i;

	if (list &&
	    (!json_is_array(list) || json_array_size(list) > PORT_MAX_GATEWAYS))
		return error_set(e, "invalid",
				 "\"gateways\" must be a list of at most %u",
				 PORT_MAX_GATEWAYS);
	for (i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));

		if (!text ||
		    !addr_parse_prefix(text, &r->gateways[i],
				       &r->gateway_lens[i]) ||
		    addr_ip_is_any(&r->gateways[i]) ||
		    addr_ip_is_multicast(&r->gateways[i]))
			return error_set(e, "invalid",
					 "'%.60s' is not an address with a "
					 "length",
					 text ? text : "?");
		r->n_gateways++;
	}
	return 0;
}

static int get_mac(const json_t *request, struct port_record *r,
		   struct error *e)
{
	char text[ADDR_MAC_SIZE + 16];

	if (copy_text(request, "mac", text, sizeof(text), e))
		return -1;
	if (!text[0]) {
		if (clock_random(r->mac.b, sizeof(r->mac.b)))
			return error_set(e, "system", "no random numbers");
		/* Locally administered, one station (IEEE 802). */
		r->mac.b[0] = (uint8_t)((r->mac.b[0] & 0xfc) | 0x02);
		return 0;
	}
	if (!addr_parse_mac(text, &r->mac) || mac_is_group(&r->mac) ||
	    mac_is_zero(&r->mac)) {
		error_set(e, "invalid", "'%s' is no MAC for an interface",
			  text);
		return error_hint(e, "write it as 02:00:00:00:00:01; it must "
				     "not be a group address");
	}
	return 0;
}

/* What plan and attach both say, into @r. */
static int get_record(const struct daemon *d, const json_t *request,
		      struct port_record *r, struct error *e)
{
	memset(r, 0, sizeof(*r));
	list_init(&r->all);
	if (get_network(d, request, r, e) || get_addresses(request, r, e) ||
	    get_gateways(request, r, e) || get_mac(request, r, e) ||
	    copy_text(request, "ifname", r->ifname, sizeof(r->ifname), e) ||
	    copy_text(request, "netns", r->netns, sizeof(r->netns), e) ||
	    copy_text(request, "netns_path", r->netns_path,
		      sizeof(r->netns_path), e) ||
	    copy_text(request, "container_id", r->container_id,
		      sizeof(r->container_id), e) ||
	    copy_text(request, "owner", r->owner, sizeof(r->owner), e) ||
	    copy_text(request, "host_ifname", r->host_ifname,
		      sizeof(r->host_ifname), e))
		return -1;
	r->is_trusted = json_is_true(json_object_get(request, "trust"));
	r->is_masqueraded =
		json_is_true(json_object_get(request, "masquerade"));
	if (!rtnl_ifname_is_valid(r->ifname))
		return error_set(e, "invalid",
				 "\"%s\" is no name for an interface",
				 r->ifname);
	return 0;
}

static int in_use(const char *what, const struct port_record *other,
		  struct error *e)
{
	error_set(e, "in-use", "%s is in use on this host, by %s of %s", what,
		  other->ifname, other->netns_path);
	return error_hint(e,
			  "detach that first: fastdpctl detach --netns %s "
			  "--ifname %s",
			  other->netns_path, other->ifname);
}

/*
 * On this host nothing is declared twice. What another host has may be a
 * container that moves: the directory decides by revision.
 */
static int check_free(const struct daemon *d, const struct port_record *r,
		      struct error *e)
{
	const struct port_record *other;
	char text[ADDR_PREFIX_SIZE];
	size_t i;

	other = portbook_find_interface(&d->ports, r->netns, r->ifname);
	if (other)
		return in_use("that interface", other, e);
	other = portbook_find_mac(&d->ports, r->vni, &r->mac);
	if (other)
		return in_use(addr_print_mac(&r->mac, text), other, e);
	for (i = 0; i < r->n_addresses; i++) {
		other = portbook_find_ip(&d->ports, r->vni, &r->ips[i]);
		if (other)
			return in_use(addr_print_ip(&r->ips[i], text), other,
				      e);
	}
	if (d->ports.n >= MAX_PORTS)
		return error_set(e, "limit", "this host has %u ports already",
				 d->ports.n);
	return 0;
}

json_t *api_plan(struct daemon *d, const json_t *request, struct error *e)
{
	struct port_record r;
	char mac[ADDR_MAC_SIZE];
	uint64_t random;

	if (get_record(d, request, &r, e) || check_free(d, &r, e))
		return NULL;
	if (clock_random(&random, sizeof(random))) {
		error_set(e, "system", "no random numbers");
		return NULL;
	}
	snprintf(r.host_ifname, sizeof(r.host_ifname), OWN_HOST_END,
		 random & UINT64_C(0xffffffffff));
	return json_pack("{s:s, s:s, s:I, s:s, s:I}", "host_ifname",
			 r.host_ifname, "mac", addr_print_mac(&r.mac, mac),
			 "mtu", (json_int_t)daemon_mtu(d), "network", r.network,
			 "vni", (json_int_t)r.vni);
}

static int next_port_no(struct daemon *d, port_no_t *ret, struct error *e)
{
	port_no_t n;

	for (n = 0; n <= PORT_NO_LAST - PORT_NO_FIRST; n++) {
		const port_no_t port_no = d->next_port_no++;

		if (d->next_port_no > PORT_NO_LAST)
			d->next_port_no = PORT_NO_FIRST;
		if (port_no < PORT_NO_FIRST ||
		    portbook_find(&d->ports, port_no))
			continue;
		*ret = port_no;
		return 0;
	}
	return error_set(e, "limit", "no port number is free");
}

/* The host end is a wire, not an interface of the host's: no address of its
 * own, so no neighbour discovery into the container. */
static void quiet(struct daemon *d, const struct rtnl_link *link)
{
	int error = rtnl_link_set_no_address(d->rtnl, link->ifindex);

	/* A kernel without IPv6 makes none. */
	if (error && error != -EAFNOSUPPORT)
		log_debug("%s: %s", link->ifname, strerror(-error));
}

static int check_link(struct daemon *d, const char *ifname,
		      struct rtnl_link *ret, struct error *e)
{
	int error = rtnl_link_by_name(d->rtnl, ifname, ret);

	if (error) {
		error_set(e, "not-found",
			  "no link %s in the daemon's network namespace",
			  ifname);
		return error_hint(e, "attach with fastdpctl, which makes it");
	}
	if (strcmp(ret->kind, "veth") || ret->master_ifindex ||
	    strncmp(ifname, "fd", 2))
		return error_set(e, "in-use",
				 "%s is not a link that was made for this",
				 ifname);
	return 0;
}

static struct port_record *attach(struct daemon *d, struct port_record *r,
				  struct error *e)
{
	struct rtnl_link link;
	struct port_record *kept;
	struct port port;
	int error;

	if (check_link(d, r->host_ifname, &link, e) ||
	    next_port_no(d, &r->port_no, e))
		return NULL;
	quiet(d, &link);
	error = rtnl_link_set_up(d->rtnl, link.ifindex, true);
	if (error) {
		error_set(e, "system", "cannot set %s up: %s", r->host_ifname,
			  strerror(-error));
		return NULL;
	}
	/* The record first: a port without one could not be adopted. */
	kept = portbook_add(&d->ports, r, e);
	if (!kept)
		return NULL;
	port_record_value(kept, &port);
	if (datapath_add_port(d->datapath, &port, e)) {
		portbook_remove(&d->ports, kept);
		return NULL;
	}
	return kept;
}

json_t *api_attach(struct daemon *d, const json_t *request, struct error *e)
{
	struct port_record r, *kept;

	if (get_record(d, request, &r, e))
		return NULL;
	if (!json_object_get(request, "mac")) {
		error_set(e, "invalid", "attach needs the MAC of the plan");
		return NULL;
	}
	if (check_free(d, &r, e))
		return NULL;
	kept = attach(d, &r, e);
	if (!kept)
		return NULL;
	daemon_port_event(d, EVENT_PORT_ADDED, kept);
	if (hostport_sync(d, kept, e)) {
		port_remove(d, kept);
		return NULL;
	}
	daemon_turn(d);
	log_info("attached %s of %s to network %s as %s", kept->ifname,
		 kept->netns_path, kept->network, kept->host_ifname);
	return json_pack("{s:o, s:I}", "port", port_record_json(kept), "mtu",
			 (json_int_t)daemon_mtu(d));
}

static bool is_asked_for(const struct port_record *r,
			 const struct port_record *asked)
{
	if (r->port_no == PORT_NO_HOST)
		return false;
	if (asked->host_ifname[0])
		return strcmp(r->host_ifname, asked->host_ifname) == 0;
	if (strcmp(r->ifname, asked->ifname))
		return false;
	if (asked->netns[0] && strcmp(r->netns, asked->netns) == 0)
		return true;
	/* The namespace may have gone: then its path is all that is known. */
	return !asked->netns[0] && asked->netns_path[0] &&
	       strcmp(r->netns_path, asked->netns_path) == 0;
}

json_t *api_detach(struct daemon *d, const json_t *request, struct error *e)
{
	struct port_record asked;
	struct list *node;
	unsigned int n = 0;

	if (get_record(d, request, &asked, e))
		return NULL;
	node = d->ports.all.next;
	while (node != &d->ports.all) {
		if (!is_asked_for(RECORD_OF(node), &asked)) {
			node = node->next;
			continue;
		}
		/* The host's own port may go with it. */
		port_remove(d, RECORD_OF(node));
		node = d->ports.all.next;
		n++;
	}
	return json_pack("{s:I}", "detached", (json_int_t)n);
}

static int parse_prefix(const json_t *request, struct ip *ret_ip,
			uint8_t *ret_len, struct error *e)
{
	const char *text = api_text(request, "address");

	if (text && addr_parse_prefix(text, ret_ip, ret_len) &&
	    !addr_ip_is_any(ret_ip) && !addr_ip_is_multicast(ret_ip))
		return 0;
	error_set(e, "invalid", "'%.60s' is not an address with a length",
		  text ? text : "?");
	return error_hint(e, "write it as 10.32.0.254/24 or fd00::254/64");
}

json_t *api_expose(struct daemon *d, const json_t *request, struct error *e)
{
	char text[ADDR_PREFIX_SIZE];
	struct ip ip;
	uint8_t len = 0;
	int rc;

	if (parse_prefix(request, &ip, &len, e))
		return NULL;
	rc = hostport_expose(d, &ip, len, true, e);
	if (rc < 0)
		return NULL;
	return api_done(rc ? "%s is exposed on %s already"
			   : "%s is exposed on %s",
			addr_print_prefix(&ip, len, text),
			daemon_host_ifname(d));
}

json_t *api_hide(struct daemon *d, const json_t *request, struct error *e)
{
	char text[ADDR_PREFIX_SIZE];
	struct ip ip;
	uint8_t len = 0;
	int rc;

	if (parse_prefix(request, &ip, &len, e))
		return NULL;
	rc = hostport_hide(d, &ip, len, e);
	if (rc < 0)
		return NULL;
	return api_done(rc ? "%s is hidden" : "%s is not exposed",
			addr_print_prefix(&ip, len, text));
}
