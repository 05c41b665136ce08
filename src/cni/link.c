/* SPDX-License-Identifier: Apache-2.0 */
#include "link.h"

#include <errno.h>
#include <string.h>

#include "args.h"
#include "sys/addr.h"
#include "sys/cleanup.h"
#include "sys/netns.h"
#include "sys/rtnl.h"

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
static int is_left(const struct rtnl_link *link, int outside_fd,
		   const json_t *ports)
{
	struct rtnl_link peer;
	struct rtnl *outside;
	int rc;

	if (strcmp(link->kind, "veth") != 0 || link->peer_ifindex == 0)
		return 0;
	rc = outside_fd < 0 ? rtnl_open(&outside)
			    : rtnl_open_at(outside_fd, &outside);
	if (rc)
		return rc;
	rc = rtnl_link_by_index(outside, link->peer_ifindex, &peer);
	rtnl_close(outside);
	if (rc)
		return rc == -ENODEV ? 0 : rc;
	return strcmp(peer.kind, "veth") == 0 &&
	       peer.peer_ifindex == link->ifindex &&
	       link_is_host_name(peer.ifname) && !is_a_port(ports, peer.ifname);
}

static int remove_in(struct rtnl *inside, const char *ifname, int outside_fd,
		     const json_t *ports, const char *mac)
{
	struct rtnl_link link;
	struct mac want;
	int rc;

	rc = rtnl_link_by_name(inside, ifname, &link);
	if (rc)
		return rc == -ENODEV ? 0 : rc;
	if (mac && addr_parse_mac(mac, &want) && !mac_equal(&want, &link.mac))
		return 0;
	rc = is_left(&link, outside_fd, ports);
	if (rc <= 0)
		return rc;
	rc = rtnl_link_delete(inside, link.ifindex);
	return rc == -ENODEV ? 0 : rc;
}

int link_remove_left(const struct cni_args *args, int outside_fd,
		     const json_t *ports, const char *mac)
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
	rc = remove_in(inside, args->ifname, outside_fd, ports, mac);
	rtnl_close(inside);
	return rc;
}
