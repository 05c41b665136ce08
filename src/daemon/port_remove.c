/* SPDX-License-Identifier: Apache-2.0 */
#include "port_remove.h"

#include <string.h>

#include "hostport.h"
#include "log.h"
#include "state.h"
#include "sys/link_end.h"
#include "turn.h"

void port_remove(struct daemon *d, struct port_record *r)
{
	struct error e = { .code = "" };
	struct rtnl_link link;

	daemon_port_event(d, EVENT_PORT_REMOVED, r);
	daemon_turn(d);
	datapath_remove_port(d->datapath, r->port_no);
	/* Both ends go; it may have gone with its container already. */
	if (rtnl_link_by_name(d->rtnl, r->host_ifname, &link) == 0 &&
	    link_end_delete(d->link_end, d->rtnl, link.ifindex))
		log_warn("cannot delete %s", r->host_ifname);
	log_info("detached %s of %s", r->ifname, r->netns_path);
	portbook_remove(&d->ports, r);
	if (hostport_sync(d, NULL, &e))
		log_warn("%s", e.message);
}

static struct port_record *find(const struct daemon *d,
				const char *container_id, const char *ifname,
				const char *owner)
{
	EACH_RECORD(&d->ports, node)
	{
		struct port_record *r = RECORD_OF(node);

		if (r->port_no != PORT_NO_HOST &&
		    strcmp(r->container_id, container_id) == 0 &&
		    strcmp(r->ifname, ifname) == 0 &&
		    strcmp(r->owner, owner) == 0)
			return r;
	}
	return NULL;
}

void port_remove_of(struct daemon *d, const char *container_id,
		    const char *ifname, const char *owner)
{
	struct port_record *r;

	/* "" is any container that was attached by hand. */
	if (!container_id[0] || !owner[0])
		return;
	while ((r = find(d, container_id, ifname, owner)))
		port_remove(d, r);
}
