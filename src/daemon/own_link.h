/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OWN_LINK_H
#define OWN_LINK_H

/*
 * How the links that fastdpd makes are known again, by whoever looks at all
 * links of the host: names and kinds of host ends and TAPs, the alias of
 * bridges, the name of the datapath.
 */

#include <inttypes.h>
#include <stdbool.h>

#include "sys/rtnl.h"

/* The host's end of a container's link: 40 random bits. */
#define OWN_HOST_END "fd%010" PRIx64
/* The TAP of a network: the bridge's name, the VNI. */
#define OWN_TAP "%.6s-s%06x"
/* What the alias of a bridge begins with. */
#define OWN_ALIAS "fastdp:"

/* Made by a fastdpd whose --bridge-name is @bridge_name, or by an earlier one
 * of another name. What cannot be read is not. */
bool own_link(struct rtnl *r, const struct rtnl_link *link,
	      const char *bridge_name);

#endif
