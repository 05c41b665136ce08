/* SPDX-License-Identifier: Apache-2.0 */
#include "own_link.h"

#include <string.h>

#include "sys/rtnl_bridge.h"

static bool is_hex(const char *text, size_t size)
{
	return strlen(text) == size && strspn(text, "0123456789abcdef") == size;
}

static bool is_tap_name(const char *ifname)
{
	const char *dash = strrchr(ifname, '-');

	return dash && dash[1] == 's' && is_hex(dash + 2, 6);
}

static bool has_alias(struct rtnl *r, uint32_t ifindex)
{
	char alias[RTNL_ALIAS_SIZE];

	return rtnl_link_alias(r, ifindex, alias) == 0 &&
	       strncmp(alias, OWN_ALIAS, strlen(OWN_ALIAS)) == 0;
}

bool own_link(struct rtnl *r, const struct rtnl_link *link,
	      const char *bridge_name)
{
	const char *kind = link->kind, *ifname = link->ifname;

	if (strcmp(kind, "veth") == 0)
		return strncmp(ifname, "fd", 2) == 0 && is_hex(ifname + 2, 10);
	if (strcmp(kind, "tun") == 0)
		return is_tap_name(ifname);
	if (strcmp(kind, "bridge") == 0)
		return has_alias(r, link->ifindex);
	return strcmp(kind, "openvswitch") == 0 &&
	       strcmp(ifname, bridge_name) == 0;
}
