/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge_net.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "own_link.h"
#include "sys/cleanup.h"
#include "sys/clock.h"

/* Of MACs that trusted ports have learnt. */
#define AGEING_S 60U
#define MTU 1500U
#define ALIAS OWN_ALIAS "%016" PRIx64 ":%06x"
#define ALIAS_SCAN OWN_ALIAS "%16" SCNx64 ":%6" SCNx32 "%n"

/* False: not a bridge of fastdp's. */
static bool read_alias(struct rtnl *r, uint32_t ifindex, peer_id_t *ret_id,
		       vni_t *ret_vni)
{
	char alias[RTNL_ALIAS_SIZE];
	int n = 0;

	return rtnl_link_alias(r, ifindex, alias) == 0 &&
	       sscanf(alias, ALIAS_SCAN, ret_id, ret_vni, &n) == 2 &&
	       alias[n] == '\0' && *ret_vni != VNI_NONE && *ret_vni <= VNI_MAX;
}

bool bridge_nets_are_there(struct rtnl *r)
{
	CLEAN_FREE struct rtnl_link *list = NULL;
	size_t i, n = 0;
	peer_id_t id;
	vni_t vni;

	if (rtnl_link_list(r, &list, &n))
		return false;
	for (i = 0; i < n; i++) {
		if (strcmp(list[i].kind, "bridge") == 0 &&
		    read_alias(r, list[i].ifindex, &id, &vni))
			return true;
	}
	return false;
}

static struct bridge_net *add(struct bridges *b, vni_t vni,
			      const struct rtnl_link *link)
{
	struct bridge_net *net = bridge_net_find(b, VNI_NONE);

	if (!net)
		return NULL;
	memset(net, 0, sizeof(*net));
	net->vni = vni;
	net->ifindex = link->ifindex;
	snprintf(net->ifname, sizeof(net->ifname), "%s", link->ifname);
	return net;
}

int bridge_nets_adopt(struct bridges *b)
{
	CLEAN_FREE struct rtnl_link *list = NULL;
	size_t i, n = 0;
	peer_id_t id;
	vni_t vni;
	int error = rtnl_link_list(b->rtnl, &list, &n);

	for (i = 0; !error && i < n; i++) {
		if (strcmp(list[i].kind, "bridge") ||
		    !read_alias(b->rtnl, list[i].ifindex, &id, &vni) ||
		    id != b->id || bridge_net_find(b, vni))
			continue;
		if (!add(b, vni, &list[i]))
			return -ENOSPC;
		error = rtnl_link_set_up(b->rtnl, list[i].ifindex, true);
		b->base.is_adopted = true;
	}
	return error;
}

struct bridge_net *bridge_net_find(struct bridges *b, vni_t vni)
{
	size_t i;

	for (i = 0; i < MAX_NETWORKS; i++) {
		if (b->nets[i].vni == vni)
			return &b->nets[i];
	}
	return NULL;
}

struct bridge_net *bridge_net_by_index(struct bridges *b, uint32_t ifindex)
{
	EACH_NET(b, net)
	{
		if (net->ifindex == ifindex)
			return net;
	}
	return NULL;
}

struct bridge_port *bridge_net_tap(struct bridges *b,
				   const struct bridge_net *net)
{
	uint32_t i;

	for (i = 0; i < b->n_ports; i++) {
		if (b->ports[i].net == net && b->ports[i].is_tap)
			return &b->ports[i];
	}
	return NULL;
}

bool bridge_net_has_port(struct bridges *b, const struct bridge_net *net)
{
	uint32_t i;

	for (i = 0; i < b->n_ports; i++) {
		if (b->ports[i].net == net)
			return true;
	}
	return net->is_exposed;
}

static vni_t default_vni(const struct bridges *b)
{
	return settings_vni(b->settings, DEFAULT_NETWORK);
}

bool bridge_net_is_default(const struct bridges *b,
			   const struct bridge_net *net)
{
	return net->vni == default_vni(b);
}

static int make_failed(const char *ifname, int error, struct error *e)
{
	switch (-error) {
	case EEXIST:
		error_set(e, "in-use",
			  "the link %s exists and is not a bridge of ours",
			  ifname);
		return error_hint(e,
				  "choose another name with --bridge-name, or "
				  "remove the link: ip link delete %s",
				  ifname);
	case EOPNOTSUPP:
		error_set(e, "no-bridge",
			  "this kernel has no bridge.ko loaded, and could not "
			  "load it");
		return error_hint(e, "run 'modprobe bridge' (CONFIG_BRIDGE)");
	case EPERM:
		error_set(e, "no-permission",
			  "the kernel does not allow making a bridge");
		return error_hint(e, "run fastdpd as root, or give it "
				     "CAP_NET_ADMIN");
	default:
		return error_set(e, error_code_of(-error),
				 "cannot make the bridge %s: %s", ifname,
				 strerror(-error));
	}
}

/* Its frames are the containers': the host itself is silent there. */
static int set_up(struct bridges *b, vni_t vni, uint32_t ifindex)
{
	char alias[RTNL_ALIAS_SIZE];
	int error;

	snprintf(alias, sizeof(alias), ALIAS, b->id, vni);
	error = rtnl_link_set_alias(b->rtnl, ifindex, alias);
	if (!error)
		error = rtnl_link_set_silent(b->rtnl, ifindex);
	if (!error)
		error = rtnl_link_set_arp(b->rtnl, ifindex, false);
	if (!error)
		error = rtnl_link_set_up(b->rtnl, ifindex, true);
	return error;
}

/*
 * The bridge of what was the default network keeps the plain name as long as
 * it has ports: whoever is in it must not be cut off.
 */
static bool has_plain_name(struct bridges *b)
{
	EACH_NET(b, net)
	{
		if (strcmp(net->ifname, b->settings->bridge_name) == 0)
			return true;
	}
	return false;
}

static void name_of(struct bridges *b, vni_t vni, char ret[MAX_IFNAME])
{
	if (vni == default_vni(b) && !has_plain_name(b))
		snprintf(ret, MAX_IFNAME, "%s", b->settings->bridge_name);
	else
		snprintf(ret, MAX_IFNAME, "%.6s-n%06x",
			 b->settings->bridge_name, vni & VNI_PROBE);
}

static int make(struct bridges *b, vni_t vni, const char *ifname,
		struct rtnl_link *ret)
{
	struct rtnl_bridge config = { .ifname = ifname,
				      .mtu = MTU,
				      .ageing_s = AGEING_S,
				      .max_learnt = MAX_LEARNT_PER_PORT *
						    MAX_NETWORKS };
	int error;

	error = clock_random(config.mac.b, sizeof(config.mac.b));
	if (error)
		return error;
	/* Locally administered, one station (IEEE 802). */
	config.mac.b[0] = (uint8_t)((config.mac.b[0] & 0xfc) | 0x02);
	error = rtnl_bridge_create(b->rtnl, &config);
	if (error)
		return error;
	error = rtnl_link_by_name(b->rtnl, ifname, ret);
	if (!error)
		error = set_up(b, vni, ret->ifindex);
	if (error && rtnl_link_delete(b->rtnl, ret->ifindex))
		log_warn("the bridge %s stays, half made", ifname);
	return error;
}

struct bridge_net *bridge_net_get(struct bridges *b, vni_t vni, struct error *e)
{
	struct bridge_net *net = bridge_net_find(b, vni);
	struct rtnl_link link = { .ifindex = 0 };
	char ifname[MAX_IFNAME];
	int error;

	if (net)
		return net;
	if (!bridge_net_find(b, VNI_NONE)) {
		error_set(e, "limit", "more than %u networks", MAX_NETWORKS);
		return NULL;
	}
	name_of(b, vni, ifname);
	error = make(b, vni, ifname, &link);
	if (!error)
		return add(b, vni, &link);
	make_failed(ifname, error, e);
	return NULL;
}

void bridge_net_delete(struct bridges *b, struct bridge_net *net)
{
	const uint32_t ifindex = net->ifindex;

	/* First: that it goes is no news then. */
	net->vni = VNI_NONE;
	if (rtnl_link_delete(b->rtnl, ifindex))
		log_debug("the bridge %s had gone", net->ifname);
}

bool bridge_net_has_link(struct bridges *b, const struct bridge_net *net)
{
	CLEAN_FREE struct rtnl_link *list = NULL;
	size_t i, n = 0;

	/* No answer is no reason to take a bridge from under a container. */
	if (rtnl_link_list(b->rtnl, &list, &n))
		return true;
	for (i = 0; i < n; i++) {
		if (list[i].master_ifindex == net->ifindex &&
		    strcmp(list[i].kind, "tun"))
			return true;
	}
	return false;
}

void bridge_net_drop_if_empty(struct bridges *b, struct bridge_net *net)
{
	if (!bridge_net_is_default(b, net) && !bridge_net_has_port(b, net) &&
	    !bridge_net_has_link(b, net))
		bridge_net_delete(b, net);
}

static void each_tap(struct bridges *b, const struct bridge_net *net,
		     void (*fn)(struct bridges *b, const struct rtnl_link *link,
				void *arg),
		     void *arg)
{
	CLEAN_FREE struct rtnl_link *list = NULL;
	size_t i, n = 0;

	if (rtnl_link_list(b->rtnl, &list, &n))
		return;
	for (i = 0; i < n; i++) {
		if (list[i].master_ifindex == net->ifindex &&
		    strcmp(list[i].kind, "tun") == 0)
			fn(b, &list[i], arg);
	}
}

static void take_tap(struct bridges *b, const struct rtnl_link *link, void *arg)
{
	struct bridge_net *net = arg;

	(void)b;
	net->old_tap = link->ifindex;
}

void bridge_net_find_tap(struct bridges *b, struct bridge_net *net)
{
	each_tap(b, net, take_tap, net);
}

static void delete_tap(struct bridges *b, const struct rtnl_link *link,
		       void *arg)
{
	(void)arg;
	if (rtnl_link_delete(b->rtnl, link->ifindex))
		log_warn("cannot delete %s", link->ifname);
}

void bridge_net_delete_taps(struct bridges *b, const struct bridge_net *net)
{
	each_tap(b, net, delete_tap, NULL);
}
