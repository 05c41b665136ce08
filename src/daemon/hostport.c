/* SPDX-License-Identifier: Apache-2.0 */
#include "hostport.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "log.h"
#include "masq_ports.h"
#include "state.h"
#include "sys/addr.h"

static struct port_record *host_record(struct daemon *d, struct error *e)
{
	struct port_record *kept = portbook_find(&d->ports, PORT_NO_HOST);
	struct port_record r;
	struct rtnl_link link;

	if (kept)
		return kept;
	memset(&r, 0, sizeof(r));
	list_init(&r.all);
	r.port_no = PORT_NO_HOST;
	strcpy(r.netns_path, "the host");
	strcpy(r.network, DEFAULT_NETWORK);
	r.vni = settings_vni(&d->settings, r.network);
	if (datapath_host_link(d->datapath, r.vni, r.host_ifname, e))
		return NULL;
	strcpy(r.ifname, r.host_ifname);
	if (rtnl_link_by_name(d->rtnl, r.host_ifname, &link)) {
		error_set(e, "not-found", "the link %s has gone",
			  r.host_ifname);
		return NULL;
	}
	r.mac = link.mac;
	return portbook_add(&d->ports, &r, e);
}

static size_t find_address(const struct port_record *r, const struct ip *ip,
			   uint8_t len)
{
	size_t i;

	for (i = 0; i < r->n_addresses; i++) {
		if (ip_equal(&r->ips[i], ip) && r->prefix_lens[i] == len)
			break;
	}
	return i;
}

/* @ret_was_there: the kernel had the address. */
static int set_up_host(struct daemon *d, const struct port_record *r,
		       const struct ip *ip, uint8_t len, bool *ret_was_there,
		       struct error *e)
{
	struct rtnl_link link;
	int error = rtnl_link_by_name(d->rtnl, r->host_ifname, &link);

	if (!error && link.mtu != daemon_mtu(d))
		error = rtnl_link_set_mtu(d->rtnl, link.ifindex, daemon_mtu(d));
	if (!error)
		error = rtnl_link_set_up(d->rtnl, link.ifindex, true);
	if (!error)
		error = rtnl_addr_add(d->rtnl, link.ifindex, ip, len, true);
	*ret_was_there = error == -EEXIST;
	if (!error || error == -EEXIST)
		return 0;
	return error_set(e, error_code_of(-error),
			 "cannot give %s the address: %s", r->host_ifname,
			 strerror(-error));
}

static int check_free(const struct daemon *d, const struct port_record *r,
		      const struct ip *ip, struct error *e)
{
	char text[ADDR_IP_SIZE];
	size_t i;

	EACH_RECORD(&d->ports, node)
	{
		const struct port_record *other = RECORD_OF(node);

		for (i = 0; i < other->n_addresses; i++) {
			if (other == r || other->vni != r->vni ||
			    !ip_equal(&other->ips[i], ip))
				continue;
			error_set(e, "in-use",
				  "%s is in use on this host, by %s of %s",
				  addr_print_ip(ip, text), other->ifname,
				  other->netns_path);
			return error_hint(e, "give the host an address that "
					     "no container has");
		}
	}
	return r->n_addresses < MAX_ADDRESSES
		       ? 0
		       : error_set(e, "limit", "at most %u addresses a port",
				   MAX_ADDRESSES);
}

/* Nothing exposed: the host has no port. */
static void drop_empty_host(struct daemon *d, struct port_record *r)
{
	struct rtnl_link link;

	if (r->n_addresses)
		return;
	daemon_port_event(d, EVENT_PORT_REMOVED, r);
	datapath_remove_port(d->datapath, PORT_NO_HOST);
	/* A bridge that is down forwards nothing. */
	if (!datapath_is_bridge(d->datapath) &&
	    rtnl_link_by_name(d->rtnl, r->host_ifname, &link) == 0 &&
	    rtnl_link_set_up(d->rtnl, link.ifindex, false))
		log_debug("cannot set %s down", r->host_ifname);
	portbook_remove(&d->ports, r);
}

static void set_by_hand(struct port_record *r, size_t i, bool is_by_hand)
{
	const uint32_t bit = UINT32_C(1) << i;

	r->by_hand = is_by_hand ? r->by_hand | bit : r->by_hand & ~bit;
}

/* With the first address of a subnet the kernel takes the others of it. */
static void put_back(struct daemon *d, const struct port_record *r,
		     uint32_t ifindex)
{
	size_t i;
	int error;

	for (i = 0; i < r->n_addresses; i++) {
		error = rtnl_addr_add(d->rtnl, ifindex, &r->ips[i],
				      r->prefix_lens[i], true);
		if (error && error != -EEXIST)
			log_warn("%s has lost an address: %s", r->host_ifname,
				 strerror(-error));
	}
}

/* From the kernel; those of @r stay. 0 or -errno. */
static int take_away(struct daemon *d, const struct port_record *r,
		     const struct ip *ip, uint8_t len)
{
	struct rtnl_link link;
	int error = rtnl_link_by_name(d->rtnl, r->host_ifname, &link);

	if (error)
		return error == -ENODEV ? 0 : error;
	error = rtnl_addr_delete(d->rtnl, link.ifindex, ip, len);
	put_back(d, r, link.ifindex);
	return error == -EADDRNOTAVAIL ? 0 : error;
}

/* Kernel, book and engine have it, or none of them. */
static int add_address(struct daemon *d, struct port_record *r,
		       const struct ip *ip, uint8_t len, bool is_by_hand,
		       struct error *e)
{
	struct port_record now = *r;
	bool was_there = false;
	struct port port;

	port_record_value(r, &port);
	set_by_hand(&now, now.n_addresses, is_by_hand);
	now.ips[now.n_addresses] = *ip;
	now.prefix_lens[now.n_addresses++] = len;
	now.revision = 0; /* a new one: the word on it has changed */
	if (!set_up_host(d, r, ip, len, &was_there, e) &&
	    !datapath_add_port(d->datapath, &port, e) &&
	    !portbook_save(&d->ports, r, &now, e)) {
		daemon_port_event(d, EVENT_PORT_ADDED, r);
		return 0;
	}
	if (!was_there && take_away(d, r, ip, len))
		log_warn("%s keeps an address that is not exposed",
			 r->host_ifname);
	return -1;
}

int hostport_expose(struct daemon *d, const struct ip *ip, uint8_t len,
		    bool is_by_hand, struct error *e)
{
	struct port_record *r = host_record(d, e);
	struct port_record now;
	size_t i;

	if (!r)
		return -1;
	i = find_address(r, ip, len);
	if (i < r->n_addresses) {
		if (!is_by_hand || r->by_hand >> i & 1)
			return 1;
		now = *r;
		set_by_hand(&now, i, true);
		return portbook_save(&d->ports, r, &now, e) ? -1 : 1;
	}
	if (!check_free(d, r, ip, e) &&
	    !add_address(d, r, ip, len, is_by_hand, e))
		return 0;
	drop_empty_host(d, r);
	return -1;
}

static void remove_address(struct port_record *r, size_t i)
{
	r->n_addresses--;
	r->ips[i] = r->ips[r->n_addresses];
	r->prefix_lens[i] = r->prefix_lens[r->n_addresses];
	set_by_hand(r, i, r->by_hand >> r->n_addresses & 1);
	set_by_hand(r, r->n_addresses, false);
	r->revision = 0;
}

static int hide_failed(struct daemon *d, struct port_record *r,
		       const struct port_record *was, int error,
		       struct error *e)
{
	struct error why = { .code = "" };
	struct rtnl_link link;

	if (portbook_save(&d->ports, r, was, &why))
		log_warn("%s", why.message);
	/* That no answer came does not say that nothing was done. */
	if (rtnl_link_by_name(d->rtnl, r->host_ifname, &link) == 0)
		put_back(d, was, link.ifindex);
	error_set(e, error_code_of(-error),
		  "cannot take the address from %s: %s", r->host_ifname,
		  strerror(-error));
	return error_hint(e, "try again");
}

int hostport_hide(struct daemon *d, const struct ip *ip, uint8_t len,
		  struct error *e)
{
	struct port_record *r = portbook_find(&d->ports, PORT_NO_HOST);
	const size_t i = r ? find_address(r, ip, len) : 0;
	struct port_record was, now;
	int error;

	if (!r || i == r->n_addresses)
		return 0;
	was = now = *r;
	remove_address(&now, i);
	/* What cannot be written must not be done: a restart would undo it.
	 * With the last one the record goes. */
	if (now.n_addresses && portbook_save(&d->ports, r, &now, e))
		return -1;
	error = take_away(d, &now, ip, len);
	if (error)
		return hide_failed(d, r, &was, error, e);
	r->n_addresses = now.n_addresses;
	if (r->n_addresses)
		daemon_port_event(d, EVENT_PORT_ADDED, r);
	else
		drop_empty_host(d, r);
	return 1;
}

static bool is_a_gateway(const struct daemon *d, const struct ip *ip,
			 uint8_t len)
{
	size_t i;

	EACH_RECORD(&d->ports, node)
	{
		const struct port_record *r = RECORD_OF(node);

		for (i = 0; i < r->n_gateways; i++) {
			if (ip_equal(&r->gateways[i], ip) &&
			    r->gateway_lens[i] == len)
				return true;
		}
	}
	return false;
}

static int hide_unused(struct daemon *d, struct error *e)
{
	const struct port_record *r = portbook_find(&d->ports, PORT_NO_HOST);
	size_t i = 0;

	while (r && i < r->n_addresses) {
		const struct ip ip = r->ips[i];

		if (r->by_hand >> i & 1 ||
		    is_a_gateway(d, &ip, r->prefix_lens[i])) {
			i++;
			continue;
		}
		if (hostport_hide(d, &ip, r->prefix_lens[i], e) < 0)
			return -1;
		/* With its last address the record has gone. */
		r = portbook_find(&d->ports, PORT_NO_HOST);
	}
	return 0;
}

static int expose_gateways(struct daemon *d, const struct port_record *r,
			   struct error *e)
{
	size_t i;

	for (i = 0; i < r->n_gateways; i++) {
		if (hostport_expose(d, &r->gateways[i], r->gateway_lens[i],
				    false, e) < 0)
			return -1;
	}
	return 0;
}

int hostport_sync(struct daemon *d, const struct port_record *r,
		  struct error *e)
{
	if (r && expose_gateways(d, r, e))
		return -1;
	if (hide_unused(d, e))
		return -1;
	return masq_ports_sync(d->masq, e);
}

/* What an earlier life of the daemon has set, on a link that may be new. */
static int set_up_again(struct daemon *d, struct error *e)
{
	const struct port_record *r = portbook_find(&d->ports, PORT_NO_HOST);
	bool was_there;
	size_t i;

	for (i = 0; r && i < r->n_addresses; i++) {
		if (set_up_host(d, r, &r->ips[i], r->prefix_lens[i], &was_there,
				e))
			return -1;
	}
	return 0;
}

int hostport_restore(struct daemon *d, struct error *e)
{
	int rc = set_up_again(d, e);

	EACH_RECORD(&d->ports, node)
	{
		const struct port_record *r = RECORD_OF(node);

		/* One that fails must not cost the others theirs. */
		if (r->n_gateways && expose_gateways(d, r, e))
			rc = -1;
	}
	return hostport_sync(d, NULL, e) || rc ? -1 : 0;
}
