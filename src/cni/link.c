/* SPDX-License-Identifier: Apache-2.0 */
#include "link.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
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

/* ---- meanwhile */

struct link_removal {
	struct rtnl *inside;
	uint32_t ifindex;
	pthread_t thread;
};

static void *remove_link(void *arg)
{
	struct link_removal *r = arg;

	/* The daemon looks whether it has gone. */
	if (rtnl_link_delete(r->inside, r->ifindex))
		return NULL;
	return r;
}

/* The one that the daemon speaks of, and no other of that name. */
static bool is_that_port(const json_t *port, int fd, struct rtnl *inside,
			 const char *ifname, uint32_t *ret_ifindex)
{
	const char *netns = json_string_value(json_object_get(port, "netns"));
	const char *text = json_string_value(json_object_get(port, "mac"));
	char id[NETNS_ID_SIZE];
	struct rtnl_link link;
	struct mac mac;

	if (!netns || netns_id(fd, id) || strcmp(id, netns) != 0 || !text ||
	    !addr_parse_mac(text, &mac) ||
	    rtnl_link_by_name(inside, ifname, &link))
		return false;
	*ret_ifindex = link.ifindex;
	return strcmp(link.kind, "veth") == 0 && mac_equal(&link.mac, &mac);
}

struct link_removal *link_remove_begin(const struct cni_args *args,
				       const json_t *port)
{
	struct link_removal *r;
	CLEAN_FD int fd = -1;

	if (!args->netns || !strchr(args->netns, '/') ||
	    netns_open(args->netns, &fd, NULL))
		return NULL;
	r = calloc(1, sizeof(*r));
	if (!r || rtnl_open_at(fd, &r->inside)) {
		free(r);
		return NULL;
	}
	if (is_that_port(port, fd, r->inside, args->ifname, &r->ifindex) &&
	    !pthread_create(&r->thread, NULL, remove_link, r))
		return r;
	rtnl_close(r->inside);
	free(r);
	return NULL;
}

void link_remove_end(struct link_removal *r)
{
	if (!r)
		return;
	pthread_join(r->thread, NULL);
	rtnl_close(r->inside);
	free(r);
}
