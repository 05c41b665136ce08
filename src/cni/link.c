/* SPDX-License-Identifier: Apache-2.0 */
#include "link.h"

#include <errno.h>
#include <string.h>

#include "args.h"
#include "client/mark.h"
#include "sys/addr.h"
#include "sys/cleanup.h"
#include "sys/netns.h"
#include "sys/rtnl.h"
#include "sys/rtnl_bridge.h"

bool link_is_host_name(const char *ifname)
{
	return strncmp(ifname, "fd", 2) == 0 && strlen(ifname) == 12 &&
	       strspn(ifname + 2, "0123456789abcdef") == 10;
}

static bool is_a_port(const json_t *ports, const char *host_ifname)
{
	const json_t *port;
	size_t i;

	json_array_foreach(ports, i, port) {
		const char *name =
			json_string_value(json_object_get(port, "host_ifname"));

		if (name && strcmp(name, host_ifname) == 0)
			return true;
	}
	return false;
}

/* 1: both ends say that they are a pair of ours, 0: not, or -errno. */
static int is_pair(const struct rtnl_link *link, const struct link_whose *whose)
{
	struct rtnl_link peer;
	struct rtnl *outside;
	int rc;

	if (strcmp(link->kind, "veth") != 0 || link->peer_ifindex == 0)
		return 0;
	rc = whose->outside_fd < 0 ? rtnl_open(&outside)
				   : rtnl_open_at(whose->outside_fd, &outside);
	if (rc)
		return rc;
	rc = rtnl_link_by_index(outside, link->peer_ifindex, &peer);
	rtnl_close(outside);
	if (rc)
		return rc == -ENODEV ? 0 : rc;
	return strcmp(peer.kind, "veth") == 0 &&
	       peer.peer_ifindex == link->ifindex &&
	       link_is_host_name(peer.ifname) &&
	       !(whose->is_known && is_a_port(whose->ports, peer.ifname));
}

/* By what the interface says of itself, which an older version's does not. */
static bool is_ours(const struct rtnl_link *link, const char *alias,
		    const struct link_whose *whose)
{
	struct mac want;

	if (mark_is_one(alias) && strcmp(alias, whose->mark) != 0)
		return false;
	if (whose->is_known)
		return true;
	if (whose->mac && addr_parse_mac(whose->mac, &want))
		return mac_equal(&want, &link->mac);
	return mark_is_one(alias);
}

static int remove_in(struct rtnl *inside, const char *ifname,
		     const struct link_whose *whose)
{
	char alias[RTNL_ALIAS_SIZE];
	struct rtnl_link link;
	int rc;

	rc = rtnl_link_by_name(inside, ifname, &link);
	if (rc)
		return rc == -ENODEV ? 0 : rc;
	rc = is_pair(&link, whose);
	if (rc <= 0)
		return rc;
	rc = rtnl_link_alias(inside, link.ifindex, alias);
	if (!rc && !is_ours(&link, alias, whose))
		return 1;
	if (!rc)
		rc = rtnl_link_delete(inside, link.ifindex);
	return rc == -ENODEV ? 0 : rc;
}

int link_remove_left(const struct cni_args *args,
		     const struct link_whose *whose)
{
	struct rtnl *inside;
	CLEAN_FD int fd = -1;
	int rc;

	/* No namespace, or none any more: its links have gone with it. */
	if (!args->netns || !strchr(args->netns, '/') ||
	    netns_open(args->netns, &fd, NULL))
		return 0;
	rc = rtnl_open_at(fd, &inside);
	if (rc)
		return rc;
	rc = remove_in(inside, args->ifname, whose);
	rtnl_close(inside);
	return rc;
}
